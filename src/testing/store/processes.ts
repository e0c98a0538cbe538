/**
 * Other processes: they see the same tasks, and when one of them is killed or stands still, nothing is lost.
 *
 * @since 0.2.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ChildProcess, fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { NewTask, Offered, Settlement, ConsumerSignal } from "../../store/TaskQueue.ts"
import type { TaskRecord } from "../../store/TaskStore.ts"
import { until, untilEffect } from "../Subject.ts"
import * as Subject from "./StoreSubject.ts"

/** What a process may be told to do. */
export type Command =
  | { readonly _tag: "Offer"; readonly tasks: ReadonlyArray<NewTask> }
  | { readonly _tag: "Claim"; readonly limit: number }
  | { readonly _tag: "Settle"; readonly id: string; readonly settlement: Settlement }
  | { readonly _tag: "Put"; readonly record: TaskRecord }
  | { readonly _tag: "Cancel"; readonly id: string }
  /** Offers bulks of this size without end. */
  | { readonly _tag: "Flood"; readonly task: NewTask; readonly size: number }

/** What a process says. */
export type Report =
  | { readonly ready: string }
  | { readonly signal: ConsumerSignal }
  | { readonly flooded: ReadonlyArray<string> }
  | { readonly number: number; readonly answer: unknown }
  | { readonly number: number; readonly error: string }

/** A process with the store open and a consumer. */
interface Other {
  readonly worker: string
  readonly signals: ReadonlyArray<ConsumerSignal>
  readonly flooded: ReadonlyArray<string>
  readonly tell: (command: Command) => Effect.Effect<unknown>
  readonly kill: Effect.Effect<void>
  readonly signal: (signal: "SIGSTOP" | "SIGCONT") => Effect.Effect<void>
}

interface Reports {
  worker: string | undefined
  failure: string | undefined
  readonly signals: Array<ConsumerSignal>
  readonly flooded: Array<string>
  readonly answers: Map<number, { readonly answer?: unknown; readonly error?: string }>
}

const gather = (child: ChildProcess): Reports => {
  const reports: Reports = { worker: undefined, failure: undefined, signals: [], flooded: [], answers: new Map() }
  child.on("message", (report: Report) => {
    if ("ready" in report) reports.worker = report.ready
    else if ("signal" in report) reports.signals.push(report.signal)
    else if ("flooded" in report) for (const id of report.flooded) reports.flooded.push(id)
    else reports.answers.set(report.number, report)
  })
  child.stderr!.on("data", (data) => (reports.failure = `${reports.failure ?? ""}${String(data)}`))
  return reports
}

const isGone = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null

/** Starts a process, and kills it when the test is over. */
const start = (
  subject: Subject.StoreSubject,
  world: Subject.World,
  lease = 60_000
): Effect.Effect<Other, never, Scope.Scope> =>
  Effect.gen(function* () {
    const file = new URL(import.meta.url.endsWith(".ts") ? "./process.ts" : "./process.js", import.meta.url)
    const child = yield* Effect.sync(() =>
      fork(fileURLToPath(file), [JSON.stringify([subject.module!.href, world.options, lease])], {
        execArgv: [],
        stdio: ["ignore", "inherit", "pipe", "ipc"]
      })
    )
    const kill = Effect.andThen(
      Effect.sync(() => child.kill("SIGKILL")),
      until("the death of the process", () => isGone(child))
    )
    yield* Effect.addFinalizer(() => kill)
    const reports = gather(child)
    yield* until("the process", () => reports.worker !== undefined || isGone(child))
    if (reports.worker === undefined) return yield* Effect.die(new Error(`The process ended: ${reports.failure}`))
    let number = 0
    const tell = Effect.fnUntraced(function* (command: Command) {
      const mine = ++number
      child.send({ command, number: mine })
      yield* until(`the answer to ${command._tag}`, () => reports.answers.has(mine) || isGone(child))
      const answer = reports.answers.get(mine)
      if (answer === undefined || "error" in answer) {
        return yield* Effect.die(new Error(answer?.error ?? `The process ended: ${reports.failure}`))
      }
      return answer.answer
    })
    return {
      worker: reports.worker,
      signals: reports.signals,
      flooded: reports.flooded,
      tell,
      kill,
      signal: (signal) => Effect.sync(() => child.kill(signal))
    }
  })

const isWork = ({ _tag }: ConsumerSignal) => _tag === "Work"

/** Tests of other processes that live. */
const together = (subject: Subject.StoreSubject): void => {
  const test = Subject.testWith(subject)

  test("a process takes what another one offers, and hears of it at once", (client, _other, world) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const process = yield* start(subject, world)
      assert.notStrictEqual(process.worker, reader.worker)
      assert.deepStrictEqual(yield* process.tell({ _tag: "Claim", limit: 1 }), [])
      const before = process.signals.length
      const id = yield* Subject.offer(client)
      yield* until("work", () => process.signals.slice(before).some(isWork))
      assert.deepStrictEqual(yield* process.tell({ _tag: "Claim", limit: 1 }), [{ id, token: 1 }])
      assert.deepInclude(yield* Subject.record(client, id), { status: "running", worker: process.worker })
      assert.deepStrictEqual(yield* reader.claim(1), [])
      yield* client.queue.cancel(id)
      yield* until("Cancel", () => process.signals.some((signal) => signal._tag === "Cancel" && signal.id === id))
      assert.isTrue(yield* process.tell({ _tag: "Settle", id, settlement: Subject.ended("cancelled") }))
      assert.strictEqual((yield* Subject.record(client, id)).status, "cancelled")
      const task = Subject.task()
      const [claim] = yield* Effect.all([reader.one, process.tell({ _tag: "Offer", tasks: [task] })], {
        concurrency: 2
      })
      assert.strictEqual(claim.id, task.id)
      yield* process.tell({ _tag: "Cancel", id: task.id })
      yield* reader.told("Cancel", claim)
    }))

  test("two processes that offer one key have one task", (client, _other, world) =>
    Effect.gen(function* () {
      const processes = [yield* start(subject, world), yield* start(subject, world)]
      const keys = Subject.range(50).map((n) => `k${n}`)
      const answers = yield* Effect.forEach(
        processes,
        (process) =>
          Effect.forEach(
            keys,
            (idempotencyKey) => process.tell({ _tag: "Offer", tasks: [Subject.task({ idempotencyKey })] }),
            { concurrency: 10 }
          ),
        { concurrency: 2 }
      )
      const [first, second] = answers.map((answer) => answer.flat() as ReadonlyArray<Offered>)
      assert.deepStrictEqual(Subject.idsOf(first!), Subject.idsOf(second!))
      for (const n of keys.keys()) assert.notStrictEqual(first![n]!.created, second![n]!.created)
      assert.strictEqual(yield* client.store.size(), 50)
    }))

  test("heartbeats keep a claim beyond its lease", (client, other) =>
    Effect.gen(function* () {
      const [holding, waiting] = [
        yield* Subject.reader(client, { lease: 400 }),
        yield* Subject.reader(other, { lease: 400 })
      ]
      const id = yield* Subject.offer(client)
      const claim = yield* holding.one
      const first = (yield* Subject.record(other, id)).leaseUntil!
      yield* until("three leases", () => Date.now() > first + 800)
      assert.deepStrictEqual(yield* waiting.claim(1), [])
      assert.isAbove((yield* Subject.record(other, id)).leaseUntil!, first)
      assert.isTrue(yield* holding.settle(claim, Subject.done()))
      assert.isEmpty(holding.signals.filter(({ _tag }) => _tag === "Lost"))
    }))
}

/** Tests of other processes that die. */
const apart = (subject: Subject.StoreSubject): void => {
  const test = Subject.testWith(subject)

  test("what a killed process had goes to another at once, and its attempt counts", (client, _other, world) =>
    Effect.gen(function* () {
      const process = yield* start(subject, world)
      const ids = Subject.idsOf(yield* client.queue.offer(Subject.tasks(3)))
      yield* process.tell({ _tag: "Claim", limit: 2 })
      assert.isTrue(yield* process.tell({ _tag: "Settle", id: ids[0]!, settlement: Subject.done("kept") }))
      const reader = yield* Subject.reader(client)
      assert.deepStrictEqual(Subject.idsOf(yield* reader.claim(5)), [ids[2]!])
      yield* process.kill
      const claim = yield* reader.one
      assert.deepInclude(claim, { id: ids[1]!, attempt: 2, token: 2 })
      assert.isTrue(yield* reader.settle(claim, Subject.done("again")))
      assert.deepStrictEqual((yield* Subject.record(client, ids[0]!)).exit, Subject.success("kept"))
    }))

  test("a task whose attempts are used up by dying processes fails", (client, _other, world) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const id = yield* Subject.offer(client, { maxAttempts: 2 })
      for (const _ of [1, 2]) {
        const process = yield* start(subject, world)
        yield* untilEffect(
          "a claim",
          Effect.map(
            process.tell({ _tag: "Claim", limit: 1 }),
            (claims) => (claims as ReadonlyArray<unknown>).length === 1
          )
        )
        yield* process.kill
      }
      yield* Subject.awaitStatus(client, id, "failed")
      const record = yield* Subject.record(client, id)
      assert.deepInclude(record, { attempts: 2, worker: undefined })
      Subject.assertExit(record, "WorkerCrashed")
      assert.deepStrictEqual(yield* reader.claim(1), [])
    }))

  test("a task that was to be cancelled is, when its process is killed", (client, _other, world) =>
    Effect.gen(function* () {
      const process = yield* start(subject, world)
      const id = yield* Subject.offer(client)
      yield* process.tell({ _tag: "Claim", limit: 1 })
      const reader = yield* Subject.reader(client)
      assert.isTrue(yield* client.queue.cancel(id))
      yield* process.kill
      yield* Subject.awaitStatus(client, id, "cancelled")
      Subject.assertExit(yield* Subject.record(client, id), "TaskCancelled")
      assert.deepStrictEqual(yield* reader.claim(1), [])
    }))

  test("a process that stands still loses its claims, and cannot settle them later", (client, _other, world) =>
    Effect.gen(function* () {
      const process = yield* start(subject, world, 500)
      const id = yield* Subject.offer(client)
      yield* process.tell({ _tag: "Claim", limit: 1 })
      const reader = yield* Subject.reader(client)
      yield* process.signal("SIGSTOP")
      const claim = yield* reader.one
      assert.deepInclude(claim, { id, attempt: 2, token: 2 })
      yield* process.signal("SIGCONT")
      assert.isFalse(yield* process.tell({ _tag: "Settle", id, settlement: Subject.done("too late") }))
      yield* until("Lost", () => process.signals.some((signal) => signal._tag === "Lost" && signal.id === id))
      assert.deepInclude(yield* Subject.record(client, id), { status: "running", worker: reader.worker })
      assert.isTrue(yield* reader.settle(claim, Subject.done("in time")))
      assert.isFalse(yield* process.tell({ _tag: "Settle", id, settlement: Subject.done("much too late") }))
      assert.deepStrictEqual((yield* Subject.record(client, id)).exit, Subject.success("in time"))
      const next = yield* Subject.offer(client)
      assert.deepStrictEqual(yield* process.tell({ _tag: "Claim", limit: 1 }), [{ id: next, token: 1 }])
    }))

  test("a limit that a killed process had used up is free again", (client, _other, world) =>
    Effect.gen(function* () {
      yield* client.queue.configure("default", { concurrency: 2, concurrencyPerKey: 1 })
      const process = yield* start(subject, world)
      const keys = ["x", "y", "x", "y"]
      const tasks = keys.map((concurrencyKey) => Subject.task({ concurrencyKey, maxAttempts: 1 }))
      yield* client.queue.offer(tasks)
      yield* process.tell({ _tag: "Claim", limit: 4 })
      const reader = yield* Subject.reader(client)
      assert.deepStrictEqual(yield* reader.claim(4), [])
      yield* process.kill
      assert.deepStrictEqual(Subject.idsOf(yield* reader.take(2)), Subject.idsOf(tasks.slice(2)))
    }))

  test("a written record that runs counts as failed once its process is gone", (client, _other, world) =>
    Effect.gen(function* () {
      const process = yield* start(subject, world)
      const reader = yield* Subject.reader(client)
      const model = yield* Subject.record(client, yield* Subject.offer(client, { queue: "model" }))
      const id = "written"
      yield* process.tell({ _tag: "Put", record: { ...model, id, status: "running", attempts: 1, timeToLive: 1e9 } })
      assert.strictEqual((yield* Subject.record(client, id)).status, "running")
      yield* process.kill
      yield* Subject.awaitStatus(client, id, "failed")
      Subject.assertExit(yield* Subject.record(client, id), "WorkerCrashed")
      assert.deepStrictEqual(Subject.idsOf(yield* reader.claim(5)), [model.id])
    }))

  for (const moment of [1, 2, 3]) {
    test(`all that was accepted is there when its process is killed, ${moment}`, (client, _other, world) =>
      Effect.gen(function* () {
        const process = yield* start(subject, world)
        const size = 10 ** moment
        yield* Effect.forkScoped(process.tell({ _tag: "Flood", task: Subject.task(), size }))
        yield* until("the flood", () => process.flooded.length >= 1000 * moment)
        yield* process.kill
        const records = yield* Subject.list(client)
        const ids = new Set(Subject.idsOf(records))
        assert.isEmpty(process.flooded.filter((id) => !ids.has(id)))
        assert.strictEqual(records.length % size, 0, "a bulk is all or nothing")
        const reader = yield* Subject.reader(client)
        assert.deepStrictEqual(Subject.idsOf(yield* reader.claim(1e6)), Subject.idsOf(records))
      }))
  }
}

/** Tests of other processes. */
export const processes = (subject: Subject.StoreSubject): void => {
  together(subject)
  apart(subject)
}
