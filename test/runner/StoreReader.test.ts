// Tasks of a store and the readers that run them: what is tried again and when, what is cancelled where, what goes back.
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as FiberRunner from "effect-strand/FiberRunner"
import * as StoreReader from "effect-strand/StoreReader"
import * as StoreRunner from "effect-strand/StoreRunner"
import * as MemoryStore from "effect-strand/MemoryStore"
import { TaskQueue } from "effect-strand/TaskQueue"
import { type TaskRecord, TaskStore } from "effect-strand/TaskStore"
import * as Task from "effect-strand/Task"
import { TaskContext } from "effect-strand/TaskContext"
import { StoreFailure } from "effect-strand/TaskError"
import { TaskRunner } from "effect-strand/TaskRunner"
import {
  assertFails,
  assertInterrupted,
  defectOf,
  errorOf,
  settled,
  until,
  untilEffect
} from "../../src/testing/Subject.ts"
import * as Leaks from "../helpers/leaks.ts"

Leaks.check()

class Denied extends Schema.TaggedError<Denied>()("Denied", { attempt: Schema.Int }) {}

const add = Task.make("add", { payload: { a: Schema.Int, b: Schema.Int }, success: Schema.Int })
const fail = Task.make("fail", { payload: { times: Schema.Int }, success: Schema.Int, error: Denied })
const patient = Task.make("patient", {
  payload: { times: Schema.Int },
  success: Schema.Int,
  error: Denied,
  retry: { times: 3, schedule: Schedule.exponential("10 millis"), while: (e) => (e as Denied).attempt !== 2 }
})
const hold = Task.make("hold", { success: Schema.String })
const die = Task.make("die")
const say = Task.make("say")

/** Handlers that a test looks into. */
const makeHandlers = () => {
  const starts: Array<number> = []
  const stops: Array<string> = []
  const gate = Latch.makeUnsafe(false)
  const failing = ({ times }: { readonly times: number }) =>
    Effect.flatMap(TaskContext, ({ attempt }) => {
      starts.push(attempt)
      return attempt <= times ? Effect.fail(new Denied({ attempt })) : Effect.succeed(attempt)
    })
  const layer = Layer.mergeAll(
    add.toLayer(({ a, b }) => Effect.succeed(a + b)),
    fail.toLayer(failing),
    patient.toLayer(failing),
    hold.toLayer(() =>
      Effect.flatMap(TaskContext, ({ attempt, id }) => {
        starts.push(attempt)
        return gate.await.pipe(
          Effect.as("held"),
          Effect.onInterrupt(() => Effect.sync(() => void stops.push(id)))
        )
      })
    ),
    die.toLayer(() => Effect.die(new TypeError("of a type"))),
    say.toLayer(() => Effect.logInfo("said"))
  )
  return { starts, stops, gate, layer }
}

type Handlers = ReturnType<typeof makeHandlers>

const reader = (handlers: Handlers, options: Partial<StoreReader.Options> = {}) =>
  StoreReader.layer({ tasks: [add, fail, patient, hold, die, say], shutdownGrace: 0, ...options }).pipe(
    Layer.provide(Layer.fresh(FiberRunner.layer(handlers.layer)))
  )

/** Starts a reader, and gives what ends it. */
const start = (handlers: Handlers, options?: Partial<StoreReader.Options>) =>
  Effect.gen(function* () {
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    yield* Layer.buildWithScope(Layer.fresh(reader(handlers, options)), scope)
    return Scope.close(scope, Exit.void)
  })

const test = <E>(
  name: string,
  body: Effect.Effect<unknown, E, TaskRunner | TaskStore | TaskQueue | Scope.Scope>
): void => {
  it.live(name, () =>
    body.pipe(Effect.provide(Layer.provideMerge(StoreRunner.layer, MemoryStore.layer())), Effect.scoped)
  )
}

const record = (id: string): Effect.Effect<TaskRecord, unknown, TaskStore> =>
  Effect.flatMap(TaskStore, (store) => Effect.map(store.get(id), Option.getOrThrow))

describe("trying again", () => {
  test(
    "a number of retries at the call",
    Effect.gen(function* () {
      const handlers = makeHandlers()
      yield* start(handlers)
      assert.strictEqual(yield* fail.run({ times: 2 }, { retry: 2 }), 3)
      assertFails(yield* Effect.exit(fail.run({ times: 2 }, { retry: 1 })), "Denied", { attempt: 2 })
      assertFails(yield* Effect.exit(fail.run({ times: 2 }, { retry: 0 })), "Denied", { attempt: 1 })
      assertFails(yield* Effect.exit(fail.run({ times: 2 })), "Denied", { attempt: 1 })
      assert.deepStrictEqual(handlers.starts, [1, 2, 3, 1, 2, 1, 1])
    })
  )

  test(
    "a Schedule at the call is worked out when the task is stored",
    Effect.gen(function* () {
      const handlers = makeHandlers()
      const schedule = Schedule.max([Schedule.exponential("10 millis"), Schedule.recurs(3)])
      const fiber = yield* fail.fork({ times: 9 }, { retry: schedule })
      const { maxAttempts, retryDelays } = yield* record(fiber.taskId)
      assert.deepStrictEqual(retryDelays, [10, 20, 40])
      assert.strictEqual(maxAttempts, 4)
      const twice = yield* fail.fork({ times: 9 }, { retry: { schedule: Schedule.forever, times: 2 } })
      assert.deepStrictEqual((yield* record(twice.taskId)).retryDelays, [0, 0])
      const endless = yield* fail.fork({ times: 9 }, { retry: Schedule.spaced("1 second"), maxAttempts: 7 })
      assert.strictEqual((yield* record(endless.taskId)).retryDelays?.length, 100)
      assert.strictEqual((yield* record(endless.taskId)).maxAttempts, 7)
      yield* Fiber.interrupt(endless)
      yield* start(handlers)
      assertFails(yield* Fiber.await(fiber), "Denied", { attempt: 4 })
      assertFails(yield* Fiber.await(twice), "Denied", { attempt: 3 })
    })
  )

  test(
    "the definition's policy is the reader's, function and all",
    Effect.gen(function* () {
      const handlers = makeHandlers()
      yield* start(handlers)
      const fiber = yield* patient.fork({ times: 9 })
      assert.isUndefined((yield* record(fiber.taskId)).retryDelays)
      assertFails(yield* Fiber.await(fiber), "Denied", { attempt: 2 })
      assert.strictEqual(yield* patient.run({ times: 1 }), 2)
    })
  )

  test(
    "a function at the call cannot be kept",
    Effect.gen(function* () {
      const exit = yield* Effect.exit(fail.fork({ times: 1 }, { retry: { times: 1, while: () => true } }))
      assertFails(exit, "TaskRejected", { task: "fail" })
      assert.match(errorOf(exit).message, /definition/)
      assertFails(yield* Effect.exit(fail.fork({ times: 1 }, { maxAttempts: 0 })), "TaskRejected")
    })
  )

  test(
    "maxAttempts alone waits longer and longer",
    Effect.gen(function* () {
      const handlers = makeHandlers()
      const ten = yield* fail.forkDiscard({ times: 9 }, { maxAttempts: 10 })
      assert.deepStrictEqual(
        (yield* record(ten)).retryDelays,
        [1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1000)
      )
      yield* start(handlers)
      assertFails(yield* Effect.exit(fail.run({ times: 9 }, { maxAttempts: 1 })), "Denied", { attempt: 1 })
      yield* untilEffect(
        "the first attempt",
        Effect.map(record(ten), ({ status }) => status === "scheduled")
      )
      const { failure, runAt } = yield* record(ten)
      assert.isAbove(runAt, (yield* Clock.currentTimeMillis) + 500)
      assert.match(JSON.stringify(failure), /Denied/)
    })
  )

  test(
    "defects are final",
    Effect.gen(function* () {
      yield* start(makeHandlers())
      const fiber = yield* die.fork(undefined, { retry: 5 })
      assert.deepInclude(defectOf(yield* Fiber.await(fiber)), { name: "TypeError", message: "of a type" })
      assert.strictEqual((yield* record(fiber.taskId)).attempts, 1)
    })
  )

  test(
    "attempts go on at another reader",
    Effect.gen(function* () {
      const first = makeHandlers()
      const second = makeHandlers()
      const stop = yield* start(first)
      const fiber = yield* fail.fork({ times: 2 }, { retry: Schedule.spaced("300 millis") })
      yield* until("the first attempt", () => first.starts.length === 1)
      yield* stop
      yield* start(second)
      assert.strictEqual(yield* Fiber.join(fiber), 3)
      assert.deepStrictEqual([...first.starts, ...second.starts], [1, 2, 3])
    })
  )
})

describe("cancelling", () => {
  test(
    "a task that waits is over at once, without a reader",
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      const cancelled = yield* hold.fork()
      const interrupted = yield* hold.fork(undefined, { delay: "1 hour" })
      assert.strictEqual(yield* interrupted.status, "scheduled")
      assert.isTrue(yield* runner.cancel(cancelled.taskId))
      assertFails(yield* Fiber.await(cancelled), "TaskCancelled", { taskId: cancelled.taskId })
      yield* Fiber.interrupt(interrupted)
      assert.strictEqual((yield* record(interrupted.taskId)).status, "cancelled")
      assert.isFalse(yield* runner.cancel(cancelled.taskId))
      assert.isFalse(yield* runner.cancel("nobody"))
    })
  )

  test(
    "a task whose handler cancels it counts as cancelled",
    Effect.gen(function* () {
      const quit = Task.make("quit")
      const layer = FiberRunner.layer(quit.toLayer(() => Effect.flatMap(TaskContext, ({ cancel }) => cancel)))
      yield* Layer.build(StoreReader.layer({ tasks: [quit] }).pipe(Layer.provide(layer)))
      const fiber = yield* quit.fork(undefined, { retry: 3 })
      assertFails(yield* Fiber.await(fiber), "TaskCancelled", { taskId: fiber.taskId })
      assert.deepInclude(yield* record(fiber.taskId), { status: "cancelled", attempts: 1 })
    })
  )

  test(
    "a running task is stopped by another runner, which waits for it",
    Effect.gen(function* () {
      const handlers = makeHandlers()
      yield* start(handlers)
      const fiber = yield* hold.fork()
      yield* until("the start", () => handlers.starts.length === 1)
      const other = yield* Layer.build(Layer.fresh(StoreRunner.layer))
      const cancelled = Effect.provideContext(
        Effect.flatMap(TaskRunner, (runner) => runner.cancel(fiber.taskId)),
        other
      )
      assert.isTrue(yield* cancelled)
      assert.deepStrictEqual(handlers.stops, [fiber.taskId])
      assertFails(yield* Fiber.await(fiber), "TaskCancelled")
      assert.strictEqual((yield* record(fiber.taskId)).status, "cancelled")
    })
  )

  test(
    "a time limit ends a task that nobody reads",
    Effect.gen(function* () {
      const fiber = yield* add.fork({ a: 1, b: 2 }, { timeout: "30 millis" })
      assertFails(yield* Fiber.await(fiber), "TaskTimeout", { taskId: fiber.taskId, timeout: 30 })
      const delayed = yield* Effect.exit(add.run({ a: 1, b: 2 }, { timeout: "20 millis", delay: "30 millis" }))
      assertFails(delayed, "TaskTimeout", { timeout: 20 })
      yield* start(makeHandlers())
      assertFails(yield* Effect.flatMap(add.attach(fiber.taskId), Fiber.await), "TaskTimeout", { timeout: 30 })
      assert.strictEqual(yield* add.run({ a: 1, b: 2 }), 3)
    })
  )

  test(
    "a reader does not start what is too late",
    Effect.gen(function* () {
      const handlers = makeHandlers()
      const id = yield* hold.forkDiscard(undefined, { timeout: "1 millis" })
      yield* untilEffect(
        "its time to be over",
        Effect.flatMap(record(id), ({ deadline }) => Effect.map(Clock.currentTimeMillis, (now) => now > deadline!))
      )
      yield* start(handlers)
      const fiber = yield* hold.attach(id)
      assertFails(yield* Fiber.await(fiber), "TaskTimeout", { taskId: id, timeout: 1 })
      assert.deepStrictEqual(handlers.starts, [])
    })
  )
})

describe("taking a task up again", () => {
  test(
    "a handle lives and is over, in this runner and in another",
    Effect.gen(function* () {
      const handlers = makeHandlers()
      const first = yield* hold.fork(undefined, { tags: ["x"], priority: 3 })
      yield* start(handlers)
      const other = yield* Layer.build(Layer.fresh(StoreRunner.layer))
      const second = yield* Effect.provideContext(hold.attach(first.taskId), other)
      assert.deepStrictEqual(second.metadata, first.metadata)
      yield* until("the start", () => handlers.starts.length === 1)
      yield* untilEffect(
        "the status",
        Effect.map(second.status, (status) => status === "running")
      )
      yield* handlers.gate.open
      assert.deepStrictEqual(yield* Fiber.joinAll([first, second]), ["held", "held"])
      const third = yield* hold.attach(first.taskId)
      assert.strictEqual(yield* Fiber.join(third), "held")
      assert.strictEqual(yield* third.status, "completed")
    })
  )

  test(
    "interrupting it cancels the task",
    Effect.gen(function* () {
      const handlers = makeHandlers()
      yield* start(handlers)
      const first = yield* hold.fork()
      const second = yield* hold.attach(first.taskId)
      yield* until("the start", () => handlers.starts.length === 1)
      yield* Fiber.interrupt(second)
      assert.deepStrictEqual(handlers.stops, [first.taskId])
      assertInterrupted(yield* Fiber.await(second))
      assertFails(yield* Fiber.await(first), "TaskCancelled")
    })
  )

  test(
    "what is not there, or is another task, is refused",
    Effect.gen(function* () {
      const nobody = yield* Effect.exit(hold.attach("nobody"))
      assertFails(nobody, "TaskNotFound", { task: "hold", taskId: "nobody" })
      assert.match(errorOf(nobody).message, /No task with id nobody/)
      const id = yield* say.forkDiscard()
      const other = yield* Effect.exit(hold.attach(id))
      assertFails(other, "TaskRejected", { task: "hold" })
      assert.match(errorOf(other).message, /"say"/)
    })
  )

  test(
    "a handle whose record is removed ends",
    Effect.gen(function* () {
      const fiber = yield* hold.fork()
      yield* Effect.flatMap(TaskStore, (store) => store.remove(fiber.taskId))
      assertFails(yield* Fiber.await(fiber), "TaskCancelled")
    })
  )

  test(
    "calls with one idempotency key are one task, also when it is over",
    Effect.gen(function* () {
      const handlers = makeHandlers()
      const options = { idempotencyKey: "once" }
      const first = yield* hold.fork(undefined, options)
      const second = yield* hold.fork(undefined, options)
      assert.strictEqual(second.taskId, first.taskId)
      assert.strictEqual(yield* hold.forkDiscard(undefined, options), first.taskId)
      assert.notStrictEqual(yield* say.forkDiscard(undefined, options), first.taskId)
      yield* start(handlers)
      yield* handlers.gate.open
      assert.deepStrictEqual(yield* Fiber.joinAll([first, second]), ["held", "held"])
      assert.strictEqual(yield* hold.run(undefined, options), "held")
      assert.deepStrictEqual(handlers.starts, [1])
    })
  )

  test(
    "the end of a runner lets its handles go, and not their tasks",
    Effect.gen(function* () {
      const handlers = makeHandlers()
      const scope = yield* Scope.make()
      const own = yield* Layer.buildWithScope(Layer.fresh(StoreRunner.layer), scope)
      const fiber = yield* Effect.provideContext(add.fork({ a: 1, b: 2 }), own)
      yield* Scope.close(scope, Exit.void)
      assertInterrupted(yield* Fiber.await(fiber))
      const refused = [
        Effect.asVoid(add.fork({ a: 1, b: 2 })),
        Effect.asVoid(add.forkDiscard({ a: 1, b: 2 })),
        Effect.asVoid(add.attach(fiber.taskId))
      ]
      for (const call of refused) assertFails(yield* Effect.exit(Effect.provideContext(call, own)), "RunnerClosed")
      yield* start(handlers)
      assert.strictEqual(yield* Effect.flatMap(add.attach(fiber.taskId), Fiber.join), 3)
    })
  )
})

describe("a reader", () => {
  test(
    "gives back what it has not finished, and the attempt does not count",
    Effect.gen(function* () {
      const first = makeHandlers()
      const second = makeHandlers()
      const stop = yield* start(first, { concurrency: 2, batchSize: 10 })
      const fibers = yield* Task.forkAll(hold, Array.from({ length: 6 }))
      yield* until("two starts", () => first.starts.length === 2)
      yield* stop
      assert.strictEqual(first.stops.length, 2)
      for (const { taskId } of fibers) {
        assert.deepInclude(yield* record(taskId), { status: "pending", attempts: 0, worker: undefined })
      }
      yield* second.gate.open
      yield* start(second)
      assert.deepStrictEqual(new Set(yield* Fiber.joinAll(fibers)), new Set(["held"]))
      assert.deepStrictEqual(second.starts, [1, 1, 1, 1, 1, 1])
    })
  )

  test(
    "waits for what runs, within its grace",
    Effect.gen(function* () {
      const handlers = makeHandlers()
      const stop = yield* start(handlers, { shutdownGrace: "20 seconds" })
      const fiber = yield* hold.fork()
      yield* until("the start", () => handlers.starts.length === 1)
      const stopping = yield* Effect.forkChild(stop, { startImmediately: true })
      yield* settled(() => 0)
      assert.isUndefined(stopping.pollUnsafe())
      yield* handlers.gate.open
      yield* Fiber.join(stopping)
      assert.strictEqual(yield* Fiber.join(fiber), "held")
    })
  )

  test(
    "keeps no short task waiting behind a long one",
    Effect.gen(function* () {
      const handlers = makeHandlers()
      yield* start(handlers, { concurrency: 1 })
      // Many short ones, so that the reader takes them ahead.
      yield* Task.forEach(
        add,
        Array.from({ length: 2000 }, (_, n) => ({ a: n, b: 1 })),
        { discard: true }
      )
      const long = yield* hold.fork()
      const short = yield* Task.forkAll(
        add,
        Array.from({ length: 200 }, (_, n) => ({ a: n, b: 1 }))
      )
      yield* until("the long one", () => handlers.starts.length === 1)
      yield* start(makeHandlers(), { concurrency: 1 })
      yield* Fiber.joinAll(short)
      yield* handlers.gate.open
      assert.strictEqual(yield* Fiber.join(long), "held")
    })
  )

  test(
    "reports the tasks that nobody knows, once for each name, and leaves them",
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
      const strange = Task.make("strange")
      const portable = Task.portable("increment", (n: number) => n + 1)
      const first = yield* strange.fork()
      yield* strange.fork()
      const second = yield* portable.fork(1)
      yield* Effect.provide(start(makeHandlers()), Logger.layer([logger]))
      yield* until("two lines", () => lines.length === 2)
      assert.match(lines.toSorted()[0]!, /1 functions of Task\.portable/)
      assert.match(lines.toSorted()[1]!, /2 tasks named "strange"/)
      assert.strictEqual(yield* add.run({ a: 1, b: 2 }), 3)
      assert.strictEqual(yield* first.status, "pending")
      assert.strictEqual(yield* second.status, "pending")
      assert.strictEqual(second.metadata.name, "increment")
      const runner = yield* TaskRunner
      assert.strictEqual(Option.getOrThrow(yield* runner.get(second.taskId)).name, "increment")
      yield* start(makeHandlers(), { allowPortable: true })
      assert.strictEqual(yield* Fiber.join(second), 2)
      assert.strictEqual(yield* Effect.flatMap(portable.attach(second.taskId), Fiber.join), 2)
    })
  )

  test(
    "has the lines that handlers log",
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
      yield* Effect.provide(start(makeHandlers()), Logger.layer([logger]))
      yield* say.run()
      assert.deepStrictEqual(lines, ["said"])
    })
  )

  test(
    "takes from its queues alone",
    Effect.gen(function* () {
      yield* start(makeHandlers(), { queues: ["mail"] })
      const other = yield* add.fork({ a: 1, b: 2 })
      assert.strictEqual(yield* add.run({ a: 1, b: 2 }, { queue: "mail" }), 3)
      assert.strictEqual(yield* other.status, "pending")
    })
  )

  test(
    "makes an error of a result that the store cannot write",
    Effect.gen(function* () {
      const odd = Task.fn(
        "odd",
        () =>
          new (class Odd {
            n = 1
          })()
      )
      yield* Layer.build(
        StoreReader.layer({ tasks: [odd] }).pipe(
          Layer.provide(FiberRunner.layer(odd.layer)),
          Layer.provide(Logger.layer([]))
        )
      )
      assertFails(yield* Effect.exit(odd.run()), "NotTransferable", { task: "odd" })
    })
  )

  test(
    "writes a result again that the store has failed to write",
    Effect.gen(function* () {
      const queue = yield* TaskQueue
      let failures = 2
      const failing = TaskQueue.of({
        ...queue,
        consume: (options) =>
          Effect.map(queue.consume(options), (consumer) => ({
            worker: consumer.worker,
            claim: (limit) => consumer.claim(limit),
            progress: (claim, value) => consumer.progress(claim, value),
            settle: (claim, settlement) =>
              Effect.suspend(() =>
                failures-- > 0
                  ? Effect.fail(new StoreFailure({ operation: "settle", cause: new Error("disk full") }))
                  : consumer.settle(claim, settlement)
              ),
            unknown: consumer.unknown
          }))
      })
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))
      yield* start(makeHandlers()).pipe(
        Effect.provideService(TaskQueue, failing),
        Effect.provide(Logger.layer([logger]))
      )
      assert.strictEqual(yield* add.run({ a: 1, b: 2 }), 3)
      assert.strictEqual(lines.length, 1)
      assert.match(lines[0]!, /could not be written, and is tried again.*disk full/)
    })
  )

  test(
    "fails a payload that its definition does not understand",
    Effect.gen(function* () {
      yield* start(makeHandlers())
      const older = Task.make("add", { payload: { a: Schema.String }, success: Schema.Int })
      assertFails(yield* Effect.exit(older.run({ a: "one" })), "PayloadInvalid", { task: "add" })
    })
  )
})

describe("a runner", () => {
  test(
    "stores many tasks at once, all or none",
    Effect.gen(function* () {
      const store = yield* TaskStore
      const ids = yield* Task.forkAllDiscard(add, [
        { a: 1, b: 1 },
        { a: 2, b: 2 }
      ])
      assert.strictEqual(yield* store.size({ name: "add", status: "pending" }), 2)
      const payloads = [
        { a: 1, b: 1 },
        { a: "two" as unknown as number, b: 2 }
      ]
      assertFails(yield* Effect.exit(Task.forkAllDiscard(add, payloads)), "PayloadInvalid")
      assert.strictEqual(yield* store.size({ name: "add" }), 2)
      assert.deepStrictEqual(yield* Task.forkAllDiscard(add, []), [])
      yield* start(makeHandlers())
      assert.strictEqual(yield* Effect.flatMap(add.attach(ids[1]!), Fiber.join), 4)
    })
  )

  test(
    "writes down what a call asks for",
    Effect.gen(function* () {
      const id = yield* add.forkDiscard(
        { a: 1, b: 2 },
        { concurrencyKey: "k", queue: "q", timeToLive: "1 minute", tags: ["t"], priority: 2, timeout: "1 hour" }
      )
      const stored = yield* record(id)
      assert.deepInclude(stored, { concurrencyKey: "k", queue: "q", timeToLive: 60_000, tags: ["t"], priority: 2 })
      assert.strictEqual(stored.deadline, stored.createdAt + 3_600_000)
      assert.strictEqual(stored.maxAttempts, 10)
    })
  )

  test(
    "that reads itself ends when its reader has, and its handles hear of that",
    Effect.gen(function* () {
      const handlers = makeHandlers()
      const scope = yield* Scope.make()
      const own = yield* Layer.buildWithScope(
        StoreRunner.layerReading({
          runner: Layer.fresh(FiberRunner.layer(handlers.layer)),
          tasks: [hold],
          concurrency: 1,
          shutdownGrace: "20 seconds"
        }),
        scope
      )
      const [running, waiting] = yield* Effect.provideContext(Task.forkAll(hold, [undefined, undefined]), own)
      yield* until("the start", () => handlers.starts.length === 1)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* settled(() => 0)
      assert.isUndefined(closing.pollUnsafe())
      yield* handlers.gate.open
      yield* Fiber.join(closing)
      assert.strictEqual(yield* Fiber.join(running!), "held")
      assertInterrupted(yield* Fiber.await(waiting!))
      assert.strictEqual((yield* record(waiting!.taskId)).status, "pending")
    })
  )

  test(
    "refuses streams",
    Effect.gen(function* () {
      const numbers = Task.stream("numbers", { success: Schema.Int })
      const exit = yield* Effect.exit(Stream.runDrain(numbers.stream()))
      assertFails(exit, "TaskRejected", { task: "numbers" })
    })
  )
})

describe("a runner without a store", () => {
  it.live("gives a handle of a task that lives", () => {
    const handlers = makeHandlers()
    return Effect.gen(function* () {
      const first = yield* hold.fork()
      const second = yield* hold.attach(first.taskId)
      assert.strictEqual(second.taskId, first.taskId)
      const third = yield* hold.attach(first.taskId)
      yield* Fiber.interrupt(third)
      assert.deepStrictEqual(handlers.stops, [first.taskId])
      assertFails(yield* Fiber.await(first), "TaskCancelled")
      assertFails(yield* Fiber.await(second), "TaskCancelled")
      assertFails(yield* Effect.exit(hold.attach(first.taskId)), "TaskNotFound", { taskId: first.taskId })
      const other = yield* hold.fork()
      assertFails(yield* Effect.exit(add.attach(other.taskId)), "TaskRejected")
      yield* handlers.gate.open
      assert.strictEqual(yield* Fiber.join(other), "held")
    }).pipe(Effect.provide(FiberRunner.layer(handlers.layer)))
  })
})
