/**
 * Random operations of several clients and consumers: a store does what the model does, step by step.
 *
 * @since 0.2.0
 */
import { assert, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { isDeepStrictEqual } from "node:util"
import type { Claim, Settlement } from "../../store/TaskQueue.ts"
import type { TaskRecord } from "../../store/TaskStore.ts"
import { StoreFailure } from "../../TaskError.ts"
import { until } from "../Subject.ts"
import { byTask, listen } from "./listening.ts"
import { Model, type ModelReader, type ModelTask } from "./model.ts"
import * as Subject from "./StoreSubject.ts"

// --- operations ----------------------------------------------------------------------------------------------------

const below = (bound: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: bound - 1 }))
const from1 = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 1, maximum }))
const maybe = <S extends Schema.Top>(schema: S) => Schema.Union([Schema.Undefined, schema])
const operation = <Tag extends string, F extends Schema.Struct.Fields>(tag: Tag, fields: F) =>
  Schema.Struct({ _tag: Schema.Literal(tag), client: below(2), ...fields })

const name = Schema.Literals(["a", "b"])
const queue = Schema.Literals(["p", "q"])
const how = Schema.Literals(["completed", "failed", "cancelled", "again", "later", "release"])

// `pick` chooses among the tasks, or claims, that there have been so far.
const pick = below(1000)

const Offer = operation("Offer", {
  tasks: Schema.Array(
    Schema.Struct({
      name,
      queue,
      priority: below(3),
      later: Schema.Literals([false, false, false, true]),
      idempotencyKey: maybe(Schema.Literals(["i", "j"])),
      concurrencyKey: Schema.Union([Schema.Literals(["x", "x", "y"]), maybe(Schema.Literal("x"))]),
      duplicate: Schema.Literals([false, false, false, false, false, false, true])
    })
  ).check(Schema.isMinLength(1), Schema.isMaxLength(6))
})
const Take = operation("Claim", { reader: below(3), limit: below(8) })
const Settle = operation("Settle", { pick, stale: Schema.Literals([false, false, true]), how })

// What holds for a queue.
const Limits = Schema.Struct({ concurrency: maybe(from1(4)), concurrencyPerKey: maybe(from1(2)) })

const Operation = Schema.Union([
  Offer,
  Take,
  Settle,
  operation("Cancel", { pick }),
  operation("Retry", { pick }),
  operation("Remove", { pick }),
  operation("Pause", { queue, paused: Schema.Boolean }),
  operation("Limit", { queue, limits: Limits }),
  operation("Leave", { reader: below(3) }),
  operation("Clear", {})
])
type Operation = typeof Operation.Type

// The life of tasks is mostly this, and the rest disturbs it.
const Common = Schema.Union([Offer, Take, Settle])
const operations = Arbitrary.map(
  Arbitrary.array(
    Arbitrary.all([Arbitrary.schema(Operation), Arbitrary.schema(Common), Arbitrary.schema(Schema.Boolean)])
  ),
  (all): ReadonlyArray<Operation> => all.map(([any, common, rare]) => (rare ? any : common))
)

const hour = 3_600_000

const settlementOf = (how: (typeof Settle.Type)["how"], step: number): Settlement => {
  switch (how) {
    case "completed":
      return Subject.done(step)
    case "failed":
    case "cancelled":
      return Subject.ended(how, step)
    case "again":
      return Subject.again(0, step)
    case "later":
      return Subject.again(Date.now() + hour, step)
    case "release":
      return Subject.release
  }
}

// --- a run ---------------------------------------------------------------------------------------------------------

const readers: ReadonlyArray<ModelReader & { readonly client: 0 | 1 }> = [
  { client: 0, tasks: ["a"], queues: undefined },
  { client: 1, tasks: ["a", "b"], queues: ["p"] },
  { client: 1, tasks: ["a", "b"], queues: undefined }
]

/** A store beside its model. */
class Run {
  readonly model = new Model()
  readonly clients: readonly [Subject.Client, Subject.Client]
  readonly readers: Array<Subject.Reader> = []
  /** The ids of all tasks that were ever offered, and all claims that were ever given, each with its consumer. */
  readonly ids: Array<string> = ["nobody"]
  readonly claims: Array<{ readonly claim: Claim; readonly reader: number }> = []

  constructor(clients: readonly [Subject.Client, Subject.Client]) {
    this.clients = clients
  }

  connect = Effect.fnUntraced(function* (this: Run, n: number) {
    const { client, ...options } = readers[n]!
    this.readers[n] = yield* Subject.reader(this.clients[client], options)
  })

  claim = Effect.fnUntraced(function* (this: Run, n: number, limit: number) {
    const claims = yield* this.readers[n]!.claim(limit)
    const expected = this.model.claim(n, readers[n]!, limit)
    assert.deepStrictEqual(
      claims.map(({ attempt, id, token }) => ({ id, attempt, token })),
      expected.map(({ attempts, task, token }) => ({ id: task.id, attempt: attempts, token })),
      `the claims (${Subject.idsOf(claims).join()}, not ${expected.map(({ task }) => task.id).join()})`
    )
    for (const claim of claims) this.claims.push({ claim, reader: n })
    return claims
  })

  /** Whether somebody else than its holder may try to settle a claim. */
  private isHeld = ({ claim, reader }: { readonly claim: Claim; readonly reader: number }): boolean => {
    const entry = this.model.tasks.get(claim.id)
    return entry?.status === "running" && entry.token === claim.token && entry.holder === reader
  }

  step = Effect.fnUntraced(function* (this: Run, op: Operation, step: number) {
    const { model } = this
    const { queue, store } = this.clients[op.client as 0 | 1]
    const id = "pick" in op ? this.ids[op.pick % this.ids.length]! : ""
    switch (op._tag) {
      case "Offer":
        return yield* this.offer(op)
      case "Claim":
        return yield* this.claim(op.reader, op.limit)
      case "Settle": {
        const from = op.stale ? this.claims : this.claims.filter(this.isHeld)
        const chosen = from[op.pick % from.length]
        if (chosen === undefined) return
        const settlement = settlementOf(op.how, step)
        const counted = yield* this.readers[chosen.reader]!.settle(chosen.claim, settlement)
        return assert.strictEqual(counted, model.settle(chosen.claim, settlement), `the settlement of ${id}`)
      }
      case "Cancel": {
        assert.strictEqual(yield* queue.cancel(id), model.cancel(id), `the cancellation of ${id}`)
        const held = this.claims.find((all) => all.claim.id === id && this.isHeld(all))
        if (held !== undefined) yield* this.readers[held.reader]!.told("Cancel", held.claim)
        return
      }
      case "Retry":
        return assert.strictEqual(yield* queue.retry(id), model.retry(id), `the retry of ${id}`)
      case "Remove":
        return assert.strictEqual(yield* store.remove(id), model.remove(id), `the removal of ${id}`)
      case "Pause":
        model.limits(op.queue).paused = op.paused
        return yield* op.paused ? queue.pause(op.queue) : queue.resume(op.queue)
      case "Limit":
        return yield* this.limit(op.queue, op.limits)
      case "Leave":
        yield* this.readers[op.reader]!.leave
        model.leave(op.reader)
        return yield* this.connect(op.reader)
      case "Clear":
        return assert.strictEqual(yield* store.clear(), model.clear(), "what was cleared")
    }
  })

  private offer = Effect.fnUntraced(function* (this: Run, { client, tasks }: typeof Offer.Type) {
    const offered = tasks.map(({ duplicate, later, ...fields }) => {
      const last = this.ids.at(-1)!
      const task = Subject.task({ ...fields, ...(duplicate && this.model.tasks.has(last) ? { id: last } : {}) })
      this.ids.push(task.id)
      return later ? { ...task, runAt: task.createdAt + hour } : task
    })
    const exit = yield* Effect.exit(this.clients[client as 0 | 1].queue.offer(offered))
    const expected = this.model.offer(offered)
    if (expected === "fails") {
      const error = Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined
      return assert.instanceOf(error, StoreFailure, "an id that is there twice")
    }
    assert.deepStrictEqual(yield* exit, expected, "what was offered")
  })

  /** Compares all that can be seen. */
  compare = Effect.fnUntraced(function* (this: Run, client: Subject.Client) {
    const records = yield* Subject.list(client)
    const [found, expected] = [records.map(ofRecord), [...this.model.tasks.values()].map(ofModel)]
    const index = [...found, ...expected].findIndex((_, n) => !isDeepStrictEqual(found[n], expected[n]))
    if (index >= 0) {
      assert.fail(`record ${index} is ${JSON.stringify(found[index])}, not ${JSON.stringify(expected[index])}`)
    }
    assert.strictEqual(yield* client.store.size(), records.length)
  })

  limit = Effect.fnUntraced(function* (this: Run, queue: string, limits: typeof Limits.Type) {
    Object.assign(this.model.limits(queue), limits)
    yield* this.clients[0].queue.configure(queue, limits)
  })

  private finishAll = Effect.fnUntraced(function* (this: Run) {
    for (const { claim, reader } of this.claims.splice(0).filter(this.isHeld)) {
      assert.isTrue(yield* this.readers[reader]!.settle(claim, Subject.done("drained")))
      this.model.settle(claim, Subject.done("drained"))
    }
  })

  /** Lets all tasks go that can, and ends them: within the limits that there are, and then without. */
  drain = Effect.fnUntraced(function* (this: Run) {
    for (const limited of [true, false]) {
      for (const queue of ["p", "q"]) {
        this.model.limits(queue).paused = false
        yield* this.clients[0].queue.resume(queue)
        if (!limited) yield* this.limit(queue, { concurrency: undefined, concurrencyPerKey: undefined })
      }
      // Those that take little come first: nothing that they can take may hide behind what they cannot.
      for (const n of readers.keys()) {
        do yield* this.finishAll()
        while ((yield* this.claim(n, 3)).length > 0)
      }
      yield* this.compare(this.clients[0])
    }
  })
}

const ofRecord = (record: TaskRecord) => ({
  id: record.id,
  status: record.status,
  attempts: record.attempts,
  token: record.token,
  cancelRequested: record.cancelRequested,
  held: record.worker !== undefined,
  over: record.finishedAt !== undefined,
  exit: JSON.stringify(record.exit)?.includes("TaskCancelled") ? "TaskCancelled" : record.exit
})

const ofModel = (entry: ModelTask) => ({
  id: entry.task.id,
  status: entry.status,
  attempts: entry.attempts,
  token: entry.token,
  cancelRequested: entry.cancelRequested,
  held: entry.holder !== undefined,
  over: entry.exit !== undefined,
  exit: entry.exit
})

/** Runs operations, and says at which step store and model part. */
const conforms = Effect.fnUntraced(function* (
  subject: Subject.StoreSubject,
  limits: readonly [typeof Limits.Type, typeof Limits.Type],
  all: ReadonlyArray<Operation>
) {
  const world = yield* Subject.makeWorld(subject)
  const client = yield* world.open()
  const run = new Run([client, subject.capabilities.clients ? yield* world.open() : client])
  const events = yield* listen(run.clients[1])
  for (const n of readers.keys()) yield* run.connect(n)
  yield* run.limit("p", limits[0])
  yield* run.limit("q", limits[1])
  const at = (what: string) => (cause: Cause.Cause<unknown>) => Effect.fail(`${what}: ${Cause.pretty(cause)}`)
  for (const [step, operation] of all.entries()) {
    yield* Effect.andThen(run.step(operation, step), run.compare(run.clients[step % 2 === 0 ? 0 : 1])).pipe(
      Effect.catchCause(at(`step ${step}, ${JSON.stringify(operation)}`))
    )
  }
  yield* Effect.catchCause(run.drain(), at("the rest"))
  const lives = () => {
    const heard = byTask(events())
    return [...run.model.tasks.values()].map(({ life, task }) => ({
      id: task.id,
      life,
      heard: heard.get(task.id) ?? []
    }))
  }
  yield* until("the events", () => lives().every(({ heard, life }) => heard.length >= life.length)).pipe(
    Effect.catchCause(at("the events"))
  )
  for (const { heard, id, life } of lives()) {
    if (heard.join() !== life.join()) return yield* Effect.fail(`events of ${id}: ${heard.join()}, not ${life.join()}`)
  }
  return true
})

/** Tests of random operations. */
export const random = (subject: Subject.StoreSubject): void => {
  const { replay, runs = 100 } = subject.random ?? {}
  it.live.prop(
    "a store does what its model does",
    [Limits, Limits, operations],
    ([p, q, all]) => conforms(subject, [p, q], all),
    {
      timeout: 300_000,
      arbitrary: { runs, size: 60, maxShrinks: 300, replay }
    }
  )
}
