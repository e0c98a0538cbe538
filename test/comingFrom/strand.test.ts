// The rows of the guide about strand, each as a program. The runners of `asTask` live as long as the program, so nothing is
// said here of what a test leaves behind.
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { spawn } from "node:child_process"
import { threadId } from "node:worker_threads"
import { afterAll } from "vitest"
import {
  Dispatcher,
  FiberRunner,
  Middleware,
  ProcessRunner,
  StoreReader,
  StoreRunner,
  Strand,
  Task,
  TaskRouter,
  type TaskRunner,
  TaskStore,
  ThreadRunner
} from "effect-strand"
import { runProcess } from "effect-strand/BackgroundProcess"
import * as MemoryStore from "effect-strand/MemoryStore"
import * as SqliteStore from "effect-strand/SqliteStore"
import { inMadeUpTime } from "../helpers/madeUpTime.ts"
import { table } from "./rows.ts"
import handlers, { add, count, greet, half, hold, letters, Odd, where } from "./strandTasks.ts"

const { check, row } = table("strand")

const module = new URL("./strandTasks.ts", import.meta.url)
const fibers = FiberRunner.layer(handlers)
const threads = ManagedRuntime.make(ThreadRunner.layer({ module, size: 1 }))
const processes = ManagedRuntime.make(ProcessRunner.layer({ module, size: 1 }))
afterAll(() => Promise.all([threads.dispose(), processes.dispose()]))

/** Runs a program on a runner that several tests share. */
const on = <A, E, R>(
  runtime: ManagedRuntime.ManagedRuntime<TaskRunner.TaskRunner, unknown>,
  program: Effect.Effect<A, E, R | TaskRunner.TaskRunner>
) => Effect.flatMap(runtime.contextEffect, (context) => Effect.provideContext(program, context))

const here = { pid: process.pid, thread: threadId }
const log = "none" as const
const shell = (script: string) => ({ command: "sh", args: ["-c", script], log })

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

// Taskrunner

row("`Taskrunner(func)`", () => {
  let runs = 0
  const double = Task.fn("double", (n: number) => {
    runs++
    return n * 2
  })
  return Effect.gen(function* () {
    const call = double.run(4)
    assert.strictEqual(runs, 0)
    assert.deepStrictEqual([yield* call, yield* call, runs], [8, 8, 2])
  }).pipe(Effect.provide(FiberRunner.layer(double.layer)))
})

row("`Taskrunner(func)(x)`", () =>
  Effect.gen(function* () {
    const ids: Array<number | undefined> = []
    const task = Task.make("task")
    const id = Effect.sync(() => void ids.push(Fiber.getCurrent()?.id))
    const inline = FiberRunner.layerInline(task.toLayer(() => id))
    yield* Effect.provide(Effect.andThen(id, task.run()), inline)
    // In the very fiber of the caller.
    assert.strictEqual(ids[0], ids[1])
  })
)

row("`Taskrunner(func, 1, x=1)(2, y=2)`", () =>
  Effect.gen(function* () {
    assert.strictEqual(yield* add.partial([1]).run([2]), 3)
    const hello = greet.partial({ greeting: "hello" })
    assert.strictEqual(yield* hello.run({ name: "Ada" }), "hello, Ada")
    assert.strictEqual(yield* hello.run({ name: "Ada", greeting: "bye" }), "bye, Ada")
  }).pipe(Effect.provide(fibers))
)

row("`Taskrunner(func, on_iter=f)`", () => {
  const seen: Array<number | string> = []
  const onIter = (element: number | string) => void seen.push(element)
  return on(
    threads,
    Effect.gen(function* () {
      yield* count.run(2, { onIter })
      yield* letters.run("ab", { onIter })
      assert.deepStrictEqual(seen, [1, 2, "a", "b"])
      // The elements before an error have been delivered.
      assert.deepStrictEqual(yield* Effect.flip(count.run(3, { onIter })), new Odd({ n: 3 }))
      assert.deepStrictEqual(seen.slice(4), [1, 2, 3])
    })
  )
})

row("`Taskrunner(func, on_end=f)`", () => {
  const seen: Array<unknown> = []
  return on(
    threads,
    Effect.gen(function* () {
      yield* letters.run("ab", { onIter: (letter) => seen.push(letter), onEnd: (all) => seen.push(all) })
      assert.deepStrictEqual(seen, ["a", "b", ["a", "b"]])
      yield* Effect.tap(half.run(4), (n) => Effect.sync(() => seen.push(n)))
      yield* Effect.exit(half.run(3, { onEnd: () => seen.push("never") }))
      assert.deepStrictEqual(seen.slice(3), [2])
    })
  )
})

row("`Taskrunner(func, on_error=f)`", () => {
  const seen: Array<unknown> = []
  const f = (cause: Cause.Cause<unknown>) => void seen.push(Cause.squash(cause))
  return on(
    threads,
    Effect.gen(function* () {
      const error = new Odd({ n: 3 })
      assert.deepStrictEqual(yield* Effect.flip(half.run(3, { onError: f })), error)
      assert.isUndefined(yield* Effect.catchCause(half.run(3), (cause) => Effect.sync(() => f(cause))))
      assert.deepStrictEqual(seen, [error, error])
      // What `onEnd` throws is told to `onError`.
      const broken = half.run(4, { onEnd: () => assert.fail("no"), onError: f })
      assert.isTrue(Exit.isFailure(yield* Effect.exit(broken)))
      assert.strictEqual((seen[2] as Error).message, "no")
    })
  )
})

row("`ThreadTaskrunner(func)(x)`", () =>
  on(
    threads,
    Effect.gen(function* () {
      const fiber = yield* where.fork()
      const there = yield* Fiber.join(fiber)
      assert.strictEqual(there.pid, here.pid)
      assert.notStrictEqual(there.thread, here.thread)
    })
  )
)

row("`MultiprocessTaskrunner(func)(x)`", () => {
  const seen: Array<number> = []
  return on(
    processes,
    Effect.gen(function* () {
      const fiber = yield* where.fork(undefined, { onEnd: () => seen.push(process.pid) })
      assert.notStrictEqual((yield* Fiber.join(fiber)).pid, here.pid)
      // The hook was called in this process, whose memory it can change.
      assert.deepStrictEqual(seen, [here.pid])
    })
  )
})

/** How many turns the event loop has while a stream of 200 elements runs. */
const turns = (yieldOnIter: number | undefined) =>
  Effect.gen(function* () {
    let turns = 0
    let timer = setImmediate(function tick() {
      turns++
      timer = setImmediate(tick)
    })
    let elements = 0
    yield* count.run(200, { onIter: () => elements++ })
    clearImmediate(timer)
    assert.strictEqual(elements, 200)
    return turns
  }).pipe(Effect.provide(FiberRunner.layer(handlers, { yieldOnIter })))

row("`CoroutineTaskrunner(func, on_iter=f)(x)`", () =>
  Effect.gen(function* () {
    assert.isAtLeast(yield* turns(1), 150)
  })
)

row("`CoroutineTaskrunner(func, on_iter=f, yield_on_iter=False)`", () =>
  Effect.gen(function* () {
    assert.isAtMost(yield* turns(Infinity), 10)
  })
)

row("`await runner.acall(x)`, `runner.get_coro(x)`", () =>
  Effect.gen(function* () {
    assert.strictEqual(yield* Effect.provide(half.run(4), fibers), 2)
    const strand = Strand.start({ runner: "fiber", handlers })
    assert.strictEqual(yield* Effect.promise(() => strand.run(half, 4)), 2)
    yield* Effect.promise(() => strand.close())
  })
)

// as_task

const place = () => ({
  pid: process.pid,
  thread: process.getBuiltinModule("node:worker_threads").threadId
})

row("`@as_task('sync')`", () =>
  Effect.gen(function* () {
    let outside = 1
    const next = Strand.asTask(() => ++outside, { runner: "inline" })
    assert.strictEqual(yield* next(), 2)
    assert.strictEqual(outside, 2)
  })
)

row("`@as_task('thread', on_end=f)`", () =>
  Effect.gen(function* () {
    const seen: Array<unknown> = []
    const there = yield* Strand.asTask(place, { runner: "thread", onEnd: (result) => seen.push(result) })()
    assert.strictEqual(there.pid, here.pid)
    assert.notStrictEqual(there.thread, here.thread)
    assert.deepStrictEqual(seen, [there])
  })
)

row("`@as_task('process')`", () =>
  Effect.gen(function* () {
    assert.notStrictEqual((yield* Strand.asTask(place, { runner: "process" })()).pid, here.pid)
  })
)

row("`@as_task('coroutine')`", () =>
  Effect.gen(function* () {
    const slow = Strand.asTask(async (n: number) => Promise.resolve(n + 1), { runner: "fiber" })
    assert.deepStrictEqual(yield* Effect.all([slow(1), slow(2)], { concurrency: "unbounded" }), [2, 3])
  })
)

row("`@as_task('store', store=s, pickle_func=True)`", () =>
  Effect.gen(function* () {
    const store = StoreRunner.layerReading({ tasks: [], allowPortable: true, runner: FiberRunner.layer(Layer.empty) })
    const double = Strand.asTask((n: number) => n * 2, { runner: store.pipe(Layer.provide(MemoryStore.layer())) })
    assert.strictEqual(yield* double(21), 42)
  })
)

row("`@as_task(MyRunner)`", () =>
  Effect.gen(function* () {
    const seen: Array<string> = []
    const mine = Middleware.make((request, next) => {
      seen.push(request.name)
      return next
    }).pipe(Layer.provide(FiberRunner.layer(Layer.empty)))
    assert.strictEqual(yield* Strand.asTask((n: number) => n * 2, { runner: mine, name: "double" })(4), 8)
    assert.deepStrictEqual(seen, ["double"])
  })
)

row("`@as_task('thread', x=1)`", () =>
  Effect.gen(function* () {
    const addOne = Strand.asTask((x: number, y: number) => x + y, { runner: "thread", given: [1] })
    assert.strictEqual(yield* addOne(2), 3)
  })
)

// TaskDispatcher

row("`TaskDispatcher(target='thread')`", () =>
  on(
    threads,
    Effect.gen(function* () {
      const dispatcher = yield* Dispatcher.make()
      const ticket = yield* dispatcher.enqueue(where)
      yield* dispatcher.run()
      assert.notStrictEqual((yield* ticket.await).thread, here.thread)
    })
  )
)

row("`TaskDispatcher(check_complete=f)`", () =>
  Effect.gen(function* () {
    const dispatcher = yield* Dispatcher.make({ isComplete: (statuses) => statuses.includes("completed") })
    yield* dispatcher.enqueue(hold, "for ever")
    yield* dispatcher.enqueue(half, 4)
    assert.isFalse(yield* dispatcher.complete)
    yield* dispatcher.run()
    assert.isTrue(yield* dispatcher.complete)
    assert.deepStrictEqual(yield* dispatcher.status, ["running", "completed"])
  }).pipe(Effect.scoped, Effect.provide(fibers))
)

row("`dispatcher.enqueue(func, args=[x], on_end=f)`", () =>
  Effect.gen(function* () {
    const seen: Array<number> = []
    const dispatcher = yield* Dispatcher.make()
    const ticket = yield* dispatcher.enqueue(half, 4, { onEnd: (n) => seen.push(n) })
    assert.deepStrictEqual([ticket.position, yield* ticket.status, seen], [0, "pending", []])
    yield* dispatcher.run()
    assert.deepStrictEqual([yield* ticket.await, seen], [2, [2]])
  }).pipe(Effect.provide(fibers))
)

row("`dispatcher.enqueue(func, target='process', args=[x])`", () =>
  Effect.gen(function* () {
    const dispatcher = yield* Dispatcher.make()
    yield* dispatcher.enqueue(where)
    yield* dispatcher.enqueue(where, undefined, { runner: "process" })
    yield* dispatcher.enqueueOn(yield* (yield* TaskRouter.TaskRouter).get("process"), where)
    const [first, ...others] = (yield* dispatcher.run()).map(Option.getOrThrow) as Array<typeof here>
    assert.deepStrictEqual(first, here)
    assert.lengthOf(others, 2)
    for (const { pid } of others) assert.notStrictEqual(pid, here.pid)
  }).pipe(
    Effect.provide(
      TaskRouter.layer({ fiber: fibers, process: ProcessRunner.layer({ module, size: 1 }), default: "fiber" })
    )
  )
)

row("`dispatcher.dispatch(func, args=[x])`", () =>
  Effect.gen(function* () {
    const dispatcher = yield* Dispatcher.make()
    yield* dispatcher.enqueue(hold, "later")
    const ticket = yield* dispatcher.dispatch(hold, "a")
    assert.deepStrictEqual(yield* dispatcher.status, ["pending", "running"])
    assert.strictEqual(yield* ticket.status, "running")
    yield* ticket.cancel
    assert.strictEqual(yield* ticket.status, "cancelled")
  }).pipe(Effect.provide(fibers))
)

row("`dispatcher.run(timeout=10)`", () => {
  const started: Array<number> = []
  const note = Task.fn("note", (n: number) => void started.push(n))
  return Effect.gen(function* () {
    const dispatcher = yield* Dispatcher.make()
    for (const n of [1, 2, 3]) yield* dispatcher.enqueue(note, n)
    yield* dispatcher.run({ timeout: "10 seconds" })
    assert.deepStrictEqual(started, [1, 2, 3])
    const held = yield* dispatcher.enqueue(hold, "a")
    const error = yield* Effect.flip(dispatcher.run({ timeout: "20 millis" }))
    assert.deepInclude(error, { _tag: "DispatchTimeout", unfinished: 1 })
    // The limit stops nothing; the end of the scope does.
    assert.strictEqual(yield* held.status, "running")
  }).pipe(Effect.scoped, Effect.provide(FiberRunner.layer(Layer.merge(handlers, note.layer))))
})

row("`dispatcher.results`, `dispatcher.status`, `dispatcher.errors`", () =>
  on(
    processes,
    Effect.gen(function* () {
      const dispatcher = yield* Dispatcher.make()
      for (const n of [4, 3]) yield* dispatcher.enqueue(half, n)
      assert.deepStrictEqual(yield* dispatcher.status, ["pending", "pending"])
      yield* dispatcher.run()
      assert.deepStrictEqual(yield* dispatcher.results, [Option.some(2), Option.none()])
      assert.deepStrictEqual(yield* dispatcher.status, ["completed", "failed"])
      const [none, some] = yield* dispatcher.errors
      assert.isTrue(Option.isNone(none!))
      assert.deepStrictEqual(Cause.squash(Option.getOrThrow(some!)), new Odd({ n: 3 }))
    })
  )
)

row("`dispatcher.complete`", () =>
  Effect.gen(function* () {
    const dispatcher = yield* Dispatcher.make()
    assert.isTrue(yield* dispatcher.complete)
    yield* dispatcher.enqueue(half, 4)
    assert.isFalse(yield* dispatcher.complete)
    yield* dispatcher.start
    yield* dispatcher.awaitComplete({ timeout: "10 seconds" })
    assert.isTrue(yield* dispatcher.complete)
  }).pipe(Effect.provide(fibers))
)

row("`dispatcher.reset()`", () =>
  Effect.gen(function* () {
    const dispatcher = yield* Dispatcher.make()
    const ticket = yield* dispatcher.enqueue(hold, "a")
    yield* dispatcher.start
    yield* dispatcher.reset
    assert.deepStrictEqual([yield* dispatcher.results, yield* ticket.status], [[], "cancelled"])
  }).pipe(Effect.provide(fibers))
)

// Stores

const reading = StoreRunner.layerReading({ tasks: [half], runner: fibers })
const reader = (options: Omit<StoreReader.Options, "tasks">) =>
  StoreReader.layer({ tasks: [half], ...options }).pipe(Layer.provide(fibers))

const record = (id: string) =>
  Effect.map(
    TaskStore.TaskStore.use((store) => store.get(id)),
    Option.getOrThrow
  )

row("`StoreTaskWriter(func, store)(x)`", () =>
  Effect.gen(function* () {
    const id = yield* half.forkDiscard(4)
    // Nobody reads.
    assert.deepInclude(yield* record(id), { name: "half", payload: 4, status: "pending" })
  }).pipe(Effect.provide(StoreRunner.layer), Effect.provide(SqliteStore.layerTemporary()))
)

row("`writer(x, task_id='a')`", () =>
  Effect.gen(function* () {
    const id = yield* half.forkDiscard(4, { idempotencyKey: "a" })
    assert.strictEqual(yield* half.forkDiscard(6, { idempotencyKey: "a" }), id)
    assert.deepInclude(yield* record(id), { idempotencyKey: "a", payload: 4 })
  }).pipe(Effect.provide(StoreRunner.layer), Effect.provide(MemoryStore.layer()))
)

row("`StoreTaskWriter(func, store, read_store=store)`", () =>
  Effect.gen(function* () {
    // Hooks run here, whatever runs the task.
    const seen: Array<number> = []
    assert.strictEqual(yield* half.run(4, { onEnd: (n) => seen.push(n) }), 2)
    assert.deepStrictEqual(seen, [2])
  }).pipe(Effect.provide(reading), Effect.provide(SqliteStore.layerTemporary()))
)

row("`StoreTaskWriter(func, store, pickle_func=True)`", () =>
  Effect.gen(function* () {
    // The reader has never heard of it.
    const triple = Task.portable("triple", (n: number) => n * 3)
    assert.strictEqual(yield* triple.run(4), 12)
    const outside = 3
    const closure = Task.portable("closure", (n: number) => n * outside)
    assert.strictEqual((yield* Effect.flip(closure.run(4)))._tag, "NotTransferable")
  }).pipe(
    Effect.provide(StoreRunner.layer),
    Effect.provide(reader({ allowPortable: true })),
    Effect.provide(MemoryStore.layer())
  )
)

row("`writer.result`", () =>
  Effect.gen(function* () {
    const fiber = yield* half.fork(4)
    assert.isUndefined(fiber.pollUnsafe())
    yield* Effect.provide(Fiber.await(fiber), reader({}))
    assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed(2))
  }).pipe(Effect.provide(StoreRunner.layer), Effect.provide(MemoryStore.layer()))
)

row("`StoreTaskWriter(func, store, get_result=f)`", () =>
  Effect.gen(function* () {
    const id = yield* half.forkDiscard(4)
    assert.strictEqual(yield* Effect.flatMap(half.attach(id), Fiber.join), 2)
    assert.deepInclude(yield* record(id), { status: "completed", exit: { _tag: "Success", value: 2 } })
  }).pipe(Effect.provide(reading), Effect.provide(MemoryStore.layer()))
)

row("`StoreTaskReader(store, get_task_func=f)`", () =>
  Effect.gen(function* () {
    // The writer knows another definition of that name, and none of its code.
    const elsewhere = Task.make("half", { payload: Schema.Int, success: Schema.Int })
    const fiber = yield* elsewhere.fork(4)
    const found = yield* Effect.provide(Fiber.join(fiber), reader({}))
    assert.strictEqual(found, 2)
  }).pipe(Effect.provide(StoreRunner.layer), Effect.provide(MemoryStore.layer()))
)

row("`StoreTaskReader(store).listen()`", () =>
  Effect.gen(function* () {
    const listening = yield* Effect.forkChild(Layer.launch(reader({})))
    assert.strictEqual(yield* half.run(4), 2)
    yield* Fiber.interrupt(listening)
    const id = yield* half.forkDiscard(6)
    assert.strictEqual((yield* record(id)).status, "pending")
  }).pipe(Effect.provide(StoreRunner.layer), Effect.provide(MemoryStore.layer()))
)

// run_process

row("`with run_process(func, func_args=(1, 2)) as proc:`", () =>
  Effect.gen(function* () {
    const pid = yield* Effect.scoped(
      Effect.gen(function* () {
        const proc = yield* runProcess({ task: add, payload: [1, 2], module, log })
        assert.strictEqual(yield* proc.result, 3)
        return yield* (yield* runProcess(shell("exec sleep 60"))).pid
      })
    )
    assert.isFalse(isAlive(pid))
  })
)

row("`run_process(func, func_kwargs={'name': 'Ada'})`", () =>
  Effect.gen(function* () {
    const { result } = yield* runProcess({ task: greet, payload: { greeting: "hello", name: "Ada" }, module, log })
    assert.strictEqual(yield* result, "hello, Ada")
  })
)

row("`proc.pid`, `proc.is_alive()`, `proc.exitcode`, `proc.terminate()`", () =>
  Effect.gen(function* () {
    const proc = yield* runProcess(shell("exec sleep 60"))
    assert.isTrue(isAlive(yield* proc.pid))
    assert.strictEqual((yield* proc.status)._tag, "Ready")
    assert.deepInclude(yield* proc.stop, { reason: "Stopped", signal: "SIGTERM" })
    const failed = yield* runProcess(shell("exit 3"))
    assert.strictEqual((yield* failed.exit).exitCode, 3)
  })
)

row("`run_process(func, process_name='server')`", () =>
  Effect.gen(function* () {
    assert.strictEqual((yield* runProcess({ ...shell("sleep 60"), name: "server" })).name, "server")
    const error = yield* Effect.flip(runProcess({ ...shell("exit 3"), name: "server", ready: { delay: "1 minute" } }))
    assert.match(error.message, /^Process "server" exited with code 3/)
  })
)

row("`run_process(func, is_ready=0.2)`", () =>
  Effect.gen(function* () {
    const began = performance.now()
    yield* runProcess({ ...shell("exec sleep 60"), ready: { delay: "200 millis" } })
    assert.isAtLeast(performance.now() - began, 200)
  }).pipe(Effect.scoped, inMadeUpTime)
)

row("`run_process(func, is_ready=f)`", () =>
  Effect.gen(function* () {
    let asked = 0
    const check = Effect.sync(() => ++asked === 3)
    yield* runProcess({ ...shell("exec sleep 60"), ready: { check, interval: "10 millis" } })
    assert.strictEqual(asked, 3)
  })
)

row("`run_process(func, timeout=30)`", () =>
  Effect.gen(function* () {
    const options = { ready: { check: Effect.succeed(false) }, readyTimeout: "100 millis" } as const
    const late = yield* Effect.flip(runProcess({ ...shell("exec sleep 60"), ...options }))
    assert.deepInclude(late, { _tag: "ProcessNotReady", timeout: 100 })
    const dead = yield* Effect.flip(
      runProcess({ ...shell("echo sorry; exit 3"), ...options, readyTimeout: "1 minute" })
    )
    assert.deepInclude(dead, { _tag: "ProcessExited", exitCode: 3, lastLines: ["sorry"] })
  })
)

row("`run_process(func, force_kill=True)`", () =>
  Effect.gen(function* () {
    const stranger = spawn("sleep", ["60"], { stdio: "ignore" })
    const stubborn = { ...shell("trap '' TERM; echo up; sleep 60 & wait; sleep 60"), ready: { line: "up" } } as const
    const { exit } = yield* Effect.scoped(runProcess({ ...stubborn, forceKillAfter: "100 millis" }))
    assert.deepInclude(yield* exit, { reason: "Stopped", signal: "SIGKILL" })
    assert.isTrue(isAlive(stranger.pid!))
    const gone = new Promise((resolve) => stranger.once("exit", resolve))
    stranger.kill()
    yield* Effect.promise(() => gone)
  })
)

row("`run_process(func, force_kill=False)`", () =>
  Effect.gen(function* () {
    const options = { ...shell("echo up; sleep 0.2; echo done"), ready: { line: "up" }, onClose: "wait" } as const
    const { exit } = yield* Effect.scoped(runProcess(options))
    assert.deepInclude(yield* exit, { reason: "Ended", exitCode: 0, lastLines: ["up", "done"] })
    const slow = yield* Effect.scoped(runProcess({ ...shell("exec sleep 60"), onClose: { wait: "50 millis" } }))
    assert.strictEqual((yield* slow.exit).reason, "Stopped")
  })
)

row("`run_process(func, verbose=True)`", () => {
  const lines: Array<unknown> = []
  const logger = Logger.make(({ fiber, message }) => {
    lines.push([fiber.getRef(References.CurrentLogAnnotations)["process"], String(message)])
  })
  return Effect.gen(function* () {
    const proc = yield* runProcess({ command: "sh", args: ["-c", "echo hello"], name: "server", log: "lines" })
    yield* proc.exit
    assert.deepStrictEqual(lines, [["server", "hello"]])
    assert.deepStrictEqual(yield* Stream.runCollect(proc.stdout), ["hello"])
  }).pipe(Effect.provide(Logger.layer([logger])))
})

row("`run_process(func, process_already_running=f)`", () =>
  Effect.gen(function* () {
    const options = { command: "no such command", alreadyRunning: Effect.succeed(true) } as const
    assert.deepStrictEqual(yield* runProcess(options), Option.none())
    const started = yield* runProcess({ ...shell("exec sleep 60"), alreadyRunning: Effect.succeed(false) })
    assert.isTrue(isAlive(yield* Option.getOrThrow(started).pid))
  })
)

check()
