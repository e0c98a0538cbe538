/**
 * What the conformance suite of stores tests, and the means to test it: fresh stores, several clients of one store,
 * consumers whose signals are kept, tasks that need few words.
 *
 * @since 0.2.0
 */
import { assert, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import * as Queues from "../../store/TaskQueue.ts"
import { type EncodedExit, type EntriesOptions, type TaskRecord, TaskStore } from "../../store/TaskStore.ts"
import * as Task from "../../Task.ts"
import * as TaskExit from "../../internal/values/TaskExit.ts"
import { StoreFailure } from "../../TaskError.ts"
import { assertFails, until, untilEffect } from "../Subject.ts"

/**
 * What a test asks of the store that is opened for it. The same `folder` and `name` mean the same data.
 *
 * @category models
 * @since 0.2.0
 */
export interface StoreOptions {
  /** An empty folder, for a store that keeps files. The suite removes it. */
  readonly folder: string
  /** Letters, digits and hyphens, used by no other store: for a store that shares a server with others. */
  readonly name: string
  /** How long records are kept once their tasks are over, in milliseconds; undefined for the store's default. */
  readonly timeToLive?: number | undefined
  /** Whether the store itself removes expired records from time to time. Most tests do that themselves. */
  readonly autoCleanup?: boolean | undefined
}

/**
 * What a store can do beyond what every store does. Tests of what it cannot are not registered.
 *
 * @category models
 * @since 0.2.0
 */
export interface StoreCapabilities {
  /** Its data is there again when it is opened again. */
  readonly persistent: boolean
  /** Several Layers may be open on the same data, and see of each other what happens. */
  readonly clients: boolean
}

/**
 * The store to test.
 *
 * @category models
 * @since 0.2.0
 */
export interface StoreSubject {
  /** Opens the store with these options: a new client of the same data at each call. */
  readonly make: (options: StoreOptions) => Layer.Layer<TaskStore | Queues.TaskQueue, unknown>
  readonly capabilities: StoreCapabilities
  /**
   * A file whose default export is `make`, for a store that several processes may open at once. The suite starts Node
   * with it, and kills what it has started.
   */
  readonly module?: URL | undefined
  /** Removes the data of a store that is not in its folder. */
  readonly dispose?: ((options: StoreOptions) => Effect.Effect<void, unknown>) | undefined
  /** The random tests: how many runs of each, and the text behind `Replay:` of one that failed. */
  readonly random?: { readonly runs?: number | undefined; readonly replay?: string | undefined } | undefined
}

/** A store that is open. */
export interface Client {
  readonly store: TaskStore["Service"]
  readonly queue: Queues.TaskQueue["Service"]
  /** Closes it before the test is over. */
  readonly close: Effect.Effect<void>
}

/** The data of one test. */
export interface World {
  readonly options: StoreOptions
  /** Opens the store once more. */
  readonly open: (options?: Partial<StoreOptions>) => Effect.Effect<Client, unknown, Scope.Scope>
}

/** Opens a store until the scope ends. */
const open = (subject: StoreSubject, options: StoreOptions): Effect.Effect<Client, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const close = Scope.close(scope, Exit.void)
    yield* Effect.addFinalizer(() => close)
    const context = yield* Layer.buildWithScope(subject.make(options), scope)
    return { store: Context.get(context, TaskStore), queue: Context.get(context, Queues.TaskQueue), close }
  })

/** A place for the data of a test, which is gone afterwards. */
export const makeWorld = (
  subject: StoreSubject,
  options: Partial<StoreOptions> = {}
): Effect.Effect<World, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-strand-"))),
      (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
    )
    const name = basename(folder).replaceAll(/[^a-zA-Z0-9]+/g, "-")
    const all: StoreOptions = { autoCleanup: false, ...options, folder, name }
    if (subject.dispose !== undefined) yield* Effect.addFinalizer(() => Effect.orDie(subject.dispose!(all)))
    return { options: all, open: (more) => open(subject, { ...all, ...more }) }
  })

/** The body of a test. */
export type Body = (client: Client, other: Client, world: World) => Effect.Effect<unknown, unknown, Scope.Scope>

/**
 * Registers tests with a store of their own. `other` is a second client of it, or the first one where a store has no
 * more: what a test says of two clients must hold within one all the more.
 */
export const testWith =
  (subject: StoreSubject) =>
  (name: string, ...args: [body: Body] | [options: Partial<StoreOptions>, body: Body]): void => {
    const [options, body] = args.length === 1 ? [{}, args[0]] : args
    it.live(name, () =>
      Effect.gen(function* () {
        const world = yield* makeWorld(subject, options)
        const client = yield* world.open()
        const other = subject.capabilities.clients && body.length > 1 ? yield* world.open() : client
        yield* body(client, other, world)
      })
    )
  }

// --- tasks ---------------------------------------------------------------------------------------------------------

const idPrefix = `${process.pid.toString(36)}-${Date.now().toString(36)}`
let counter = 0

/** A task to offer, with an id of its own. */
export const task = (fields: Partial<Queues.NewTask> = {}): Queues.NewTask => {
  const now = Date.now()
  return {
    id: `${idPrefix}-${++counter}`,
    name: "work",
    queue: Queues.defaultQueue,
    payload: null,
    text: true,
    priority: 10,
    createdAt: now,
    runAt: now,
    maxAttempts: Queues.defaultMaxAttempts,
    ...fields
  }
}

/** Several tasks alike, the oldest first. */
export const tasks = (count: number, fields: Partial<Queues.NewTask> = {}): ReadonlyArray<Queues.NewTask> =>
  range(count).map(() => task(fields))

/** Offers one task and gives its id. */
export const offer = (client: Client, fields: Partial<Queues.NewTask> = {}): Effect.Effect<string, StoreFailure> =>
  Effect.map(
    Effect.suspend(() => client.queue.offer([task(fields)])),
    (offered) => offered[0]!.id
  )

/** The numbers from 0. */
export const range = (length: number): ReadonlyArray<number> => Array.from({ length }, (_, index) => index)

/** The ids of records, claims or tasks. */
export const idsOf = (all: ReadonlyArray<{ readonly id: string }>): ReadonlyArray<string> => all.map(({ id }) => id)

/** The record of a task that has one. */
export const record = (client: Client, id: string): Effect.Effect<TaskRecord, StoreFailure> =>
  Effect.map(
    client.store.get(id),
    Option.getOrThrowWith(() => new Error(`There is no record of ${id}`))
  )

/** All records that options name. */
export const list = (
  client: Client,
  options?: EntriesOptions
): Effect.Effect<ReadonlyArray<TaskRecord>, StoreFailure> => Stream.runCollect(client.store.entries(options))

/** Waits until a task has a status. */
export const awaitStatus = (client: Client, id: string, status: string): Effect.Effect<void, StoreFailure> =>
  untilEffect(
    `${id} is ${status}`,
    Effect.map(client.store.get(id), (found) => Option.isSome(found) && found.value.status === status)
  )

// --- ends ----------------------------------------------------------------------------------------------------------

/** A settlement: the task is completed with a value. */
export const done = (...[value, text = true]: [value?: unknown, text?: boolean]): Queues.Settlement => ({
  _tag: "Done",
  status: "completed",
  exit: success(value === undefined && text ? null : value),
  text
})

/** A settlement: the task failed for good, or was cancelled. */
export const ended = (status: "failed" | "cancelled", cause: unknown = [status]): Queues.Settlement => ({
  _tag: "Done",
  status,
  exit: { _tag: "Failure", cause },
  text: true
})

/** A settlement: the attempt failed, and there is another one. */
export const again = (runAt = 0, cause: unknown = ["again"]): Queues.Settlement => ({
  _tag: "Retry",
  runAt,
  cause,
  text: true
})

/** A settlement: somebody else may run it. */
export const release: Queues.Settlement = { _tag: "Release" }

/** How a task ends well. */
export const success = (value: unknown): EncodedExit => ({ _tag: "Success", value })

const anyTask = Task.make("any", { error: Schema.String })

/** Checks that a stored exit is one of the errors that a store gives tasks: a task's own codec must read it. */
export const assertExit = (
  record: Pick<TaskRecord, "id" | "name" | "exit">,
  tag: "TaskCancelled" | "WorkerCrashed"
): void => {
  if (record.exit?._tag !== "Failure") {
    return assert.fail(`${record.id} has the exit ${JSON.stringify(record.exit)} instead of ${tag}`)
  }
  const exit = TaskExit.decode(anyTask, record.exit)
  assertFails(exit, tag, { task: record.name, taskId: record.id })
}

/** Checks that an operation fails with a StoreFailure, and in no other way. */
export const assertStoreFails = <A>(effect: Effect.Effect<A, StoreFailure>): Effect.Effect<void> =>
  Effect.map(Effect.exit(effect), (exit) => {
    if (Exit.isSuccess(exit)) return assert.fail(`Expected a StoreFailure, got the value ${JSON.stringify(exit.value)}`)
    const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
    assert.instanceOf(error, StoreFailure, Cause.pretty(exit.cause))
  })

// --- consumers -----------------------------------------------------------------------------------------------------

/** A consumer for tests. */
export interface Reader extends Queues.Consumer {
  /** What it has been told so far. */
  readonly signals: ReadonlyArray<Queues.ConsumerSignal>
  /** How often it has been told of work. */
  readonly works: () => number
  /** Claims so many tasks. Waits for them, led by its signals alone. */
  readonly take: (count: number) => Effect.Effect<ReadonlyArray<Queues.Claim>, StoreFailure>
  /** Claims one task, and waits for it. */
  readonly one: Effect.Effect<Queues.Claim, StoreFailure>
  /** Waits to be told to stop a task, or that it has lost it. */
  readonly told: (signal: "Cancel" | "Lost", claim: Queues.Claim) => Effect.Effect<void>
  /** Ends its scope. */
  readonly leave: Effect.Effect<void>
}

/** How often the consumers of tests look by themselves: never, as tests go. */
const pollInterval = 600_000

/** Connects a consumer. */
export const reader = (
  client: Client,
  options: Partial<Omit<Queues.ConsumerOptions, "onSignal">> = {}
): Effect.Effect<Reader, StoreFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const signals: Array<Queues.ConsumerSignal> = []
    const scope = yield* Scope.make()
    const leave = Scope.close(scope, Exit.void)
    yield* Effect.addFinalizer(() => leave)
    const consumer = yield* Scope.provide(
      client.queue.consume({
        tasks: ["work"],
        lease: 60_000,
        pollInterval,
        ...options,
        onSignal: (signal) => signals.push(signal)
      }),
      scope
    )
    const works = () => signals.filter((signal) => signal._tag === "Work").length
    const take = Effect.fnUntraced(function* (count: number) {
      const claims: Array<Queues.Claim> = []
      while (claims.length < count) {
        const before = works()
        const more = yield* consumer.claim(count - claims.length)
        claims.push(...more)
        if (more.length === 0) {
          yield* until(`work, beyond ${claims.length} of ${count} tasks`, () => works() > before)
        }
      }
      return claims
    })
    return {
      worker: consumer.worker,
      claim: (limit) => consumer.claim(limit),
      settle: (claim, settlement) => consumer.settle(claim, settlement),
      progress: (claim, value) => consumer.progress(claim, value),
      unknown: Effect.suspend(() => consumer.unknown),
      signals,
      works,
      take,
      one: Effect.map(take(1), (claims) => claims[0]!),
      told: (tag, { id, token }) =>
        until(`${tag} of ${id}`, () =>
          signals.some((signal) => signal._tag === tag && signal.id === id && signal.token === token)
        ),
      leave
    }
  })

/** Claims a task and settles it. */
export const run = (
  reader: Reader,
  settlement: Queues.Settlement = done()
): Effect.Effect<Queues.Claim, StoreFailure> =>
  Effect.gen(function* () {
    const claim = yield* reader.one
    assert.isTrue(yield* reader.settle(claim, settlement), `settles ${claim.id}`)
    return claim
  })
