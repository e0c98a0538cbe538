// The rows of the guide's table for people who come from PyMultiTasking: pools, decorated functions, limiters.
import { afterAll, assert, beforeAll } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { threadId } from "node:worker_threads"
import { Limiter, Strand, Task, TaskFiber, TaskRouter, TaskRunner, ThreadRunner } from "effect-strand"
import * as tasks from "../../src/testing/definitions.ts"
import { assertFails, makeNotes, type Notes, settled, until, untilEffect } from "../../src/testing/Subject.ts"
import * as Leaks from "../helpers/leaks.ts"
import { table } from "./rows.ts"

// The threads of `asTask` end by themselves, after ten seconds without work.
let before: ReturnType<typeof Leaks.snapshot>
beforeAll(() => {
  before = Leaks.snapshot()
})
afterAll(async () => {
  assert.deepStrictEqual(await Leaks.awaitNone(before, 25_000), [], "left behind by this test file")
}, 30_000)

const module = new URL("../../src/testing/tasks.ts", import.meta.url)
const now = { startImmediately: true } as const

/** Gives a test a pool, what can be seen of it, and files to steer its tasks by. */
const onPool =
  (
    options: ThreadRunner.Options,
    body: (
      runner: TaskRunner.TaskRunner["Service"],
      notes: Notes
    ) => Effect.Effect<unknown, unknown, TaskRunner.TaskRunner>
  ) =>
  () =>
    Effect.gen(function* () {
      const notes = yield* makeNotes
      const used = Effect.flatMap(TaskRunner.TaskRunner, (runner) => body(runner, notes))
      return yield* Effect.provide(used, ThreadRunner.layer({ module, ...options }))
    })

/** Starts tasks that run until the gate of the notes is open. */
const hold = (notes: Notes, ...names: ReadonlyArray<string>) =>
  Effect.forEach(names, (name) => tasks.hold.fork({ ...notes, name }))

const awaitStarted = (notes: Notes, ...names: ReadonlyArray<string>) =>
  Effect.forEach(names, (name) => notes.awaitLine(`${name} started`))

const currentThread = () => process.getBuiltinModule("node:worker_threads").threadId

const { check, row } = table("PyMultiTasking")

// --- pools -----------------------------------------------------------------------------------------------------------

row(
  "`pool = Pool(maxWorkers=2)`",
  onPool({ maxSize: 2, idleTimeout: "50 millis" }, (runner, notes) =>
    Effect.gen(function* () {
      assert.deepStrictEqual((yield* runner.stats).workers, [])
      const fibers = yield* hold(notes, "a", "b", "c")
      yield* awaitStarted(notes, "a", "b")
      const { queued, workers } = yield* runner.stats
      assert.deepStrictEqual([workers.length, queued], [2, 1])
      yield* notes.open()
      yield* Fiber.joinAll(fibers)
      yield* untilEffect(
        "the workers to end",
        Effect.map(runner.stats, ({ workers }) => workers.length === 0)
      )
    })
  )
)

row(
  "`task = pool.submit(fn, a=1, b=2)`",
  onPool({ size: 1 }, () =>
    Effect.gen(function* () {
      const fiber = yield* tasks.add.fork({ a: 1, b: 2 })
      assert.strictEqual(yield* Fiber.join(fiber), 3)
      const failing = yield* tasks.fail.fork({ how: "denied" })
      assertFails(yield* Fiber.await(failing), "Denied")
    })
  )
)

row(
  "`task.wait(10)`, `task.results`",
  onPool({ size: 1 }, (_, notes) =>
    Effect.gen(function* () {
      const fiber = yield* tasks.hold.fork({ ...notes, name: "a" })
      assert.deepStrictEqual(yield* Effect.timeoutOption(Fiber.join(fiber), "30 millis"), Option.none())
      assert.isUndefined(fiber.pollUnsafe())
      yield* notes.open()
      assert.deepStrictEqual(yield* Effect.timeoutOption(Fiber.join(fiber), "10 seconds"), Option.some("a"))
      assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed("a"))
    })
  )
)

row(
  '`pool.submit(partial(fn, "Hello", name="Ada"))`',
  onPool({ size: 1 }, () =>
    Effect.gen(function* () {
      const greet = Task.portable("greet", (greeting: string, name: string) => `${greeting}, ${name}`)
      const fiber = yield* greet.partial(["Hello"]).fork(["Ada"])
      assert.strictEqual(yield* Fiber.join(fiber), "Hello, Ada")
      assert.strictEqual(yield* tasks.add.partial({ a: 1 }).run({ b: 2 }), 3)
      assert.strictEqual(yield* tasks.add.partial({ a: 1, b: 1 }).run(), 2)
    })
  )
)

row(
  "`pool.submit(fn, submit_task_priority=100)`",
  onPool({ size: 1 }, (_, notes) =>
    Effect.gen(function* () {
      const note = (name: string, options?: Task.RunOptions) => tasks.note.fork({ ...notes, name }, options)
      yield* tasks.hold.fork({ ...notes, name: "first" })
      yield* notes.awaitLine("first started")
      const fibers = [yield* note("low", { priority: 100 }), yield* note("a"), yield* note("b")]
      fibers.push(yield* note("high", { priority: 1 }))
      yield* notes.open()
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(notes.lines().slice(2), ["high", "a", "b", "low"])
    })
  )
)

row(
  "`pool.map(fn, items, chunksize=0)`",
  onPool({ size: 4 }, (_, notes) =>
    Effect.gen(function* () {
      const names = ["1", "2", "3", "4", "5", "6"]
      const items = names.map((name) => ({ file: notes.file, gate: notes.gate, name }))
      const all = yield* Effect.forkChild(Task.forEach(tasks.hold, items, { chunkSize: 0, concurrency: 2 }), now)
      yield* awaitStarted(notes, "1", "4")
      yield* settled(() => notes.lines().length)
      assert.deepStrictEqual(notes.lines().toSorted(), ["1 started", "4 started"])
      yield* notes.open()
      assert.deepStrictEqual(yield* Fiber.join(all), names)
      const attempts = [1, 9, 1].map((attempt) => ({ attempt }))
      const results = yield* Task.forEach(tasks.succeedOnAttempt, attempts, { chunkSize: 3, mode: "result" })
      assert.deepStrictEqual(results.map(Result.isSuccess), [true, false, true])
    })
  )
)

row(
  "`pool.wait_completion(10)`",
  onPool({ size: 2 }, (runner, notes) =>
    Effect.gen(function* () {
      const fiber = yield* tasks.hold.fork({ ...notes, name: "a" })
      assert.deepStrictEqual(yield* Effect.timeoutOption(runner.awaitIdle(), "30 millis"), Option.none())
      assert.isUndefined(fiber.pollUnsafe())
      yield* notes.open()
      assert.isTrue(Option.isSome(yield* Effect.timeoutOption(runner.awaitIdle(), "10 seconds")))
      assert.strictEqual(yield* Fiber.join(fiber), "a")
    })
  )
)

row(
  "`pool.wait_completion(10, block=True)`",
  onPool({ size: 2 }, (runner, notes) =>
    Effect.gen(function* () {
      yield* tasks.hold.fork({ ...notes, name: "first" })
      yield* notes.awaitLine("first started")
      const idle = yield* Effect.forkChild(runner.awaitIdle({ block: true }), now)
      const submitting = yield* Effect.forkChild(tasks.note.fork({ ...notes, name: "second" }), now)
      yield* settled(() => notes.lines().length)
      assert.isUndefined(submitting.pollUnsafe())
      assert.deepStrictEqual(notes.lines(), ["first started"])
      yield* notes.open()
      yield* Fiber.join(idle)
      yield* Fiber.join(yield* Fiber.join(submitting))
      assert.deepStrictEqual(notes.lines(), ["first started", "first ended", "second"])
    })
  )
)

row(
  "`for task in Pool.as_completed(tasks)`",
  onPool({ size: 2 }, (_, notes) =>
    Effect.gen(function* () {
      const hold = (name: string) => tasks.hold.fork({ file: notes.file, name, gate: notes.path(name) })
      const fibers = [yield* hold("a"), yield* hold("b")]
      const ends: Array<unknown> = []
      const reading = yield* Effect.forkChild(
        Stream.runForEach(TaskFiber.asCompleted(fibers), ({ exit, fiber }) =>
          Effect.sync(() => void ends.push(exit, fibers.indexOf(fiber)))
        )
      )
      yield* notes.open("b")
      yield* until("the first end", () => ends.length === 2)
      yield* notes.open("a")
      yield* Fiber.join(reading)
      assert.deepStrictEqual(ends, [Exit.succeed("b"), 1, Exit.succeed("a"), 0])
    })
  )
)

row(
  "`pool.set_max_workers(n)`",
  onPool({ size: 1 }, (runner, notes) =>
    Effect.gen(function* () {
      const fibers = yield* hold(notes, "a", "b")
      yield* awaitStarted(notes, "a")
      yield* runner.resize(2)
      yield* notes.awaitLine("b started")
      yield* runner.resize(1)
      const third = yield* tasks.note.fork({ ...notes, name: "c" })
      yield* settled(() => notes.lines().length)
      assert.deepStrictEqual(notes.lines(), ["a started", "b started"])
      yield* notes.open()
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), ["a", "b"])
      yield* Fiber.join(third)
    })
  )
)

row(
  "`pool.add_worker()`",
  onPool({ size: 1 }, (runner, notes) =>
    Effect.gen(function* () {
      const fibers = yield* hold(notes, "a", "b")
      yield* awaitStarted(notes, "a")
      const { workers } = yield* runner.stats
      yield* runner.resize(workers.length + 1)
      yield* notes.awaitLine("b started")
      assert.strictEqual((yield* runner.stats).workers.length, 2)
      yield* notes.open()
      yield* Fiber.joinAll(fibers)
    })
  )
)

row(
  "`pool.remove_worker()`",
  onPool({ size: 2 }, (runner, notes) =>
    Effect.gen(function* () {
      const fibers = yield* hold(notes, "a", "b")
      yield* awaitStarted(notes, "a", "b")
      const { workers } = yield* runner.stats
      yield* runner.resize(workers.length - 1)
      yield* notes.open()
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), ["a", "b"])
      yield* untilEffect(
        "one worker less",
        Effect.map(runner.stats, ({ workers }) => workers.length === 1)
      )
      assert.strictEqual(yield* tasks.add.run({ a: 1, b: 2 }), 3)
    })
  )
)

/** Two named pools. */
const Pools = TaskRouter.layer({
  images: ThreadRunner.layer({ module, size: 1 }),
  sums: ThreadRunner.layer({ module, size: 1 }),
  default: "images"
})

row('`Pool(name="images")`, `Pool.get_pool_by_name("images")`', () =>
  Effect.gen(function* () {
    const router = yield* TaskRouter.TaskRouter
    const images = yield* router.get("images")
    assert.strictEqual(yield* router.get("images"), images)
    const byDefault = yield* tasks.where.run()
    assert.deepStrictEqual(yield* tasks.where.run(undefined, { runner: "images" }), byDefault)
    assert.notStrictEqual((yield* tasks.where.run(undefined, { runner: "sums" })).thread, byDefault.thread)
    assert.strictEqual((yield* images.stats).completed, 2)
    assertFails(yield* Effect.exit(router.get("texts")), "RunnerUnavailable")
  }).pipe(Effect.provide(Pools))
)

row("`Pool.get_pools()`", () =>
  Effect.gen(function* () {
    const router = yield* TaskRouter.TaskRouter
    assert.deepStrictEqual(router.names, ["images", "sums"])
    assert.deepStrictEqual(yield* router.opened, [])
    yield* tasks.add.run({ a: 1, b: 2 }, { runner: "sums" })
    assert.deepStrictEqual(yield* router.opened, ["sums"])
  }).pipe(Effect.provide(Pools))
)

row("`Pool.join_pools(60)`", () =>
  Effect.gen(function* () {
    const router = yield* TaskRouter.TaskRouter
    const notes = yield* makeNotes
    const fibers = yield* Effect.forEach(["images", "sums"], (runner) =>
      tasks.hold.fork({ ...notes, name: runner }, { runner })
    )
    yield* notes.open()
    assert.isTrue(Option.isSome(yield* Effect.timeoutOption(router.awaitIdle({ close: true }), "60 seconds")))
    for (const fiber of fibers) assert.strictEqual(yield* fiber.status, "completed")
    assertFails(yield* Effect.exit(tasks.add.run({ a: 1, b: 2 })), "RunnerClosed")
  }).pipe(Effect.provide(Pools))
)

row("`with Pool() as pool`, `pool.shutdown(timeout=60)`", () =>
  Effect.gen(function* () {
    const notes = yield* makeNotes
    const program = Effect.gen(function* () {
      const fiber = yield* tasks.hold.fork({ ...notes, name: "a" })
      yield* awaitStarted(notes, "a")
      yield* Effect.forkDetach(Effect.delay(notes.open(), "50 millis"))
      return fiber
    })
    const ended = yield* Effect.provide(program, ThreadRunner.layer({ module, shutdownGrace: "60 seconds" }))
    assert.deepStrictEqual(ended.pollUnsafe(), Exit.succeed("a"))
    const endless = tasks.hold.fork({ ...notes, gate: notes.path("never"), name: "b" })
    const stopped = yield* Effect.provide(endless, ThreadRunner.layer({ module, shutdownGrace: 0 }))
    assertFails(yield* Fiber.await(stopped), "TaskCancelled")
  })
)

// --- decorated functions -----------------------------------------------------------------------------------------------

row("`@Threaded`", () =>
  Effect.gen(function* () {
    const cube = Strand.asTask((n: number) => n ** 3, { runner: "thread" })
    const fiber = yield* Effect.forkChild(cube(3))
    assert.strictEqual(yield* Fiber.join(fiber), 27)
    assert.notStrictEqual(yield* Strand.asTask(currentThread, { runner: "thread" })(), threadId)
    const fail = Strand.asTask((reason: string) => {
      throw new RangeError(reason)
    })
    const exit = yield* Effect.exit(fail("too large"))
    assert.strictEqual(Exit.isFailure(exit) && String(Cause.squash(exit.cause)), "RangeError: too large")
  })
)

row(
  "`@Threaded(daemon=True)`",
  onPool({ size: 1 }, (_, notes) =>
    Effect.gen(function* () {
      const fibers = yield* hold(notes, "a", "b")
      yield* awaitStarted(notes, "a")
      yield* settled(() => notes.lines().length)
      assert.deepStrictEqual(notes.lines(), ["a started"])
      yield* notes.open()
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(notes.lines(), ["a started", "a ended", "b started", "b ended"])
      const { thread } = yield* tasks.where.run()
      assert.strictEqual((yield* tasks.where.run()).thread, thread)
      // A worker that has crashed is replaced.
      assertFails(yield* Effect.exit(tasks.crash.run({ ...notes, name: "c", how: "exit" })), "WorkerCrashed")
      assert.notStrictEqual((yield* tasks.where.run()).thread, thread)
    })
  )
)

row("`@Threaded(pool=True, _pool_maxWorkers=1)`", () =>
  Effect.gen(function* () {
    const own = Strand.asTask(currentThread, { runner: ThreadRunner.layer({ maxSize: 1 }) })
    const other = Strand.asTask(currentThread, { runner: ThreadRunner.layer({ maxSize: 1 }) })
    const [first, second, third] = yield* Effect.all([own(), own(), other()], { concurrency: "unbounded" })
    assert.strictEqual(first, second)
    assert.notStrictEqual(first, third)
  })
)

row('`@Threaded(pool_name="images", _pool_maxWorkers=1)`', () =>
  Effect.gen(function* () {
    const images = ThreadRunner.layer({ maxSize: 1 })
    const f = Strand.asTask(currentThread, { runner: images })
    const g = Strand.asTask(currentThread, { runner: images })
    const [first, second] = yield* Effect.all([f(), g()], { concurrency: "unbounded" })
    assert.strictEqual(first, second)
    assert.notStrictEqual(first, threadId)
  })
)

row("`@Threaded(callback_func=cb)`", () =>
  Effect.gen(function* () {
    const seen: Array<unknown> = []
    const root = Strand.asTask(
      (n: number) => {
        if (n < 0) throw new RangeError("negative")
        return Math.sqrt(n)
      },
      { onEnd: (result) => seen.push(result, currentThread()) }
    )
    assert.strictEqual(yield* root(9), 3)
    yield* Effect.exit(root(-1))
    assert.deepStrictEqual(seen, [3, threadId])
  })
)

row(
  "`def f(TaskObject=None)`",
  onPool({ size: 1 }, () =>
    Effect.gen(function* () {
      const fiber = yield* tasks.context.fork(undefined, { tags: ["mine"] })
      const seen = yield* Fiber.join(fiber)
      assert.deepInclude(seen, { id: fiber.taskId, name: "context", attempt: 1, tags: ["mine"] })
    })
  )
)

row(
  "`f(_task_store_return=False)`",
  onPool({ size: 1 }, () =>
    Effect.gen(function* () {
      const ends: Array<unknown> = []
      const options = { discardResult: true, onEnd: (value: void) => ends.push(value) } as const
      const fiber = yield* tasks.add.fork({ a: 1, b: 2 }, options)
      assert.isUndefined(yield* Fiber.join(fiber))
      assert.deepStrictEqual(ends, [undefined])
      assert.strictEqual(yield* Effect.asVoid(tasks.add.run({ a: 1, b: 2 }, { onEnd: (n) => ends.push(n) })), undefined)
      assert.deepStrictEqual(ends, [undefined, 3])
    })
  )
)

// --- limits and killing --------------------------------------------------------------------------------------------------

row("`@Limiter(2)`", () =>
  Effect.gen(function* () {
    const limiter = yield* Limiter.make({ permits: 2 })
    const gate = yield* Deferred.make<void>()
    let inside = 0
    const f = limiter.wrap((n: number) =>
      Effect.as(
        Effect.andThen(
          Effect.sync(() => inside++),
          Deferred.await(gate)
        ),
        n
      )
    )
    const calls = yield* Effect.forkChild(Effect.forEach([1, 2, 3], f, { concurrency: "unbounded" }), now)
    assert.deepStrictEqual([inside, yield* limiter.waiting()], [2, 1])
    yield* Deferred.succeed(gate, undefined)
    assert.deepStrictEqual(yield* Fiber.join(calls), [1, 2, 3])
    assert.strictEqual(yield* limiter.available(), 2)
  })
)

row(
  "`@Limiter(2, blocking=False)`, `@Threaded`",
  onPool({ size: 4 }, (_, notes) =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 2 })
      const call = (name: string) => Effect.forkChild(limiter.run(tasks.hold.run({ ...notes, name })), now)
      const fibers = yield* Effect.forEach(["a", "b", "c"], call)
      const last = yield* Effect.forkChild(limiter.forkTask(tasks.hold.fork({ ...notes, name: "d" })), now)
      yield* awaitStarted(notes, "a", "b")
      yield* settled(() => notes.lines().length)
      assert.deepStrictEqual(notes.lines().toSorted(), ["a started", "b started"])
      assert.strictEqual(yield* limiter.waiting(), 2)
      yield* notes.open()
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), ["a", "b", "c"])
      assert.strictEqual(yield* Fiber.join(yield* Fiber.join(last)), "d")
      assert.strictEqual(yield* limiter.available(), 2)
    })
  )
)

row(
  "`task.worker.kill()`",
  onPool({ size: 1, forceKillAfter: 0 }, (runner, notes) =>
    Effect.gen(function* () {
      const { thread } = yield* tasks.where.run()
      const busy = yield* tasks.spin.fork({ ...notes, name: "busy", millis: 60_000 })
      yield* notes.awaitLine("busy started")
      yield* Fiber.interrupt(busy)
      assert.notStrictEqual((yield* tasks.where.run()).thread, thread)
      const next = yield* tasks.spin.fork({ ...notes, name: "next", millis: 60_000 })
      yield* notes.awaitLine("next started")
      assert.isTrue(yield* runner.cancel(next.taskId))
      assertFails(yield* Fiber.await(next), "TaskCancelled")
      assert.isFalse(yield* runner.cancel(next.taskId))
    })
  )
)

check()
