// The rows of the guide about au, each as a program.
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { HttpRouter, HttpServerResponse } from "effect/http"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { mkdtempSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { threadId } from "node:worker_threads"
import { afterAll } from "vitest"
import {
  FiberRunner,
  Middleware,
  ProcessRunner,
  StoreRunner,
  Task,
  TaskError,
  TaskRouter,
  TaskRunner,
  TaskStore,
  ThreadRunner
} from "effect-strand"
import * as FileStore from "effect-strand/FileStore"
import * as MemoryStore from "effect-strand/MemoryStore"
import { messagePack } from "effect-strand/MessagePack"
import * as Serialization from "effect-strand/Serialization"
import * as SqliteStore from "effect-strand/SqliteStore"
import * as Folders from "../helpers/folders.ts"
import * as Leaks from "../helpers/leaks.ts"
import { inMadeUpTime } from "../helpers/madeUpTime.ts"
import { table } from "./rows.ts"
import handlers, { add, die, half, hold, Odd, spin, where } from "./strandTasks.ts"

Leaks.check()

const { check, row } = table("au")

const module = new URL("./strandTasks.ts", import.meta.url)
const fibers = FiberRunner.layer(handlers)
const threads = ManagedRuntime.make(ThreadRunner.layer({ module, size: 2, forceKillAfter: 0 }))
const processes = ManagedRuntime.make(ProcessRunner.layer({ module, size: 1 }))
const temporary = Folders.ofFile()
afterAll(async () => {
  await Promise.all([threads.dispose(), processes.dispose()])
})

/** Runs a program on a runner that several tests share. */
const on = <A, E, R>(
  runtime: ManagedRuntime.ManagedRuntime<TaskRunner.TaskRunner, unknown>,
  program: Effect.Effect<A, E, R | TaskRunner.TaskRunner>
) => Effect.flatMap(runtime.contextEffect, (context) => Effect.provideContext(program, context))

/** Fibers whose tasks are recorded in a store, which is provided, too. */
const recordedIn = <E>(store: Layer.Layer<TaskStore.TaskStore, E>) =>
  Middleware.stack(fibers, Middleware.recorded()).pipe(Layer.provideMerge(store))

const recorded = recordedIn(MemoryStore.layer())

const recordOf = (id: string) => TaskStore.TaskStore.use((store) => store.get(id))
const statusOf = (id: string) => Effect.map(recordOf(id), (record) => Option.getOrThrow(record).status)

const until = <E, R>(holds: Effect.Effect<boolean, E, R>) =>
  Effect.repeat(holds, { until: (yes) => yes, schedule: Schedule.spaced("5 millis") })

/** Waits until a record has expired. */
const expired = (id: string) => until(Effect.map(recordOf(id), Option.isNone))

const folder = () => mkdtempSync(join(temporary, "store-"))
const filesIn = (folder: string) =>
  readdirSync(join(folder, "records"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".json"))

// async_compute

row("`@async_compute()`, `handle = func(x)`", () => {
  const double = Task.fn("double", (n: number) => n * 2)
  return Effect.gen(function* () {
    const fiber = yield* double.fork(4)
    assert.strictEqual(yield* Fiber.join(fiber), 8)
  }).pipe(Effect.provide(FiberRunner.layer(double.layer)))
})

row("`@async_compute(backend=backend)`", () =>
  Effect.gen(function* () {
    const there = yield* where.run()
    assert.deepInclude(there, { pid: process.pid, thread: threadId })
    assert.notStrictEqual((yield* where.run(undefined, { runner: "thread" })).thread, threadId)
  }).pipe(
    Effect.provide(
      TaskRouter.layer({ fiber: fibers, thread: ThreadRunner.layer({ module, size: 1 }), default: "fiber" })
    )
  )
)

row("`@async_compute(store=store)`", () =>
  Effect.gen(function* () {
    for (const store of [FileStore.layerTemporary(), SqliteStore.layerTemporary(), MemoryStore.layer()]) {
      const record = yield* Effect.gen(function* () {
        const fiber = yield* half.fork(4)
        yield* Fiber.await(fiber)
        return Option.getOrThrow(yield* recordOf(fiber.taskId))
      }).pipe(Effect.provide(recordedIn(store)))
      assert.deepInclude(record, { name: "half", payload: 4, exit: { _tag: "Success", value: 2 } })
    }
  })
)

row("`@async_compute(base_path=path)`", () =>
  Effect.gen(function* () {
    const path = join(folder(), "made", "if", "need", "be")
    yield* Effect.provide(half.run(4), recordedIn(FileStore.layer({ folder: path })))
    assert.lengthOf(filesIn(path), 1)
  })
)

row("`@async_compute(ttl_seconds=3600)`", () =>
  Effect.gen(function* () {
    const kept = yield* half.fork(4, { timeToLive: "1 hour" })
    const soon = yield* half.fork(4, { timeToLive: "1 millis" })
    yield* expired(soon.taskId)
    assert.strictEqual(Option.getOrThrow(yield* recordOf(kept.taskId)).timeToLive, 3_600_000)
  }).pipe(Effect.provide(recorded))
)

/** Runs a task by way of a store, which writes its payload and its result and reads them again. */
const through = <A>(value: A, options: Omit<FileStore.Options, "folder">): Effect.Effect<A, TaskError.TaskError> => {
  const echo = Task.fn("echo", (value: A) => value)
  const runner = StoreRunner.layerReading({ tasks: [echo], runner: FiberRunner.layer(echo.layer) })
  return Effect.provide(
    echo.run(value as never),
    runner.pipe(Layer.provide(FileStore.layerTemporary(options)))
  ) as Effect.Effect<A, TaskError.TaskError>
}

row("`@async_compute(serialization=format)`", () =>
  Effect.gen(function* () {
    const reversed = (text: string) => [...text].toReversed().join("")
    const mine = Serialization.make({
      name: "reversed",
      encode: (value) => reversed(JSON.stringify(value)),
      decode: (data) => JSON.parse(reversed(data as string))
    })
    assert.deepStrictEqual(yield* through({ a: [1] }, { serialization: mine }), { a: [1] })
  })
)

row("`@async_compute(middleware=[a, b])`", () => {
  const seen: Array<string> = []
  const saying = (name: string) =>
    Middleware.make((_, next) =>
      Effect.andThen(
        Effect.sync(() => seen.push(name)),
        next
      )
    )
  const runner = Middleware.stack(fibers, saying("a"), saying("b"))
  return Effect.gen(function* () {
    yield* half.run(4)
    assert.deepStrictEqual(seen, ["a", "b"])
  }).pipe(Effect.provide(runner))
})

// Handles

row("`handle.is_ready()`", () =>
  on(
    threads,
    Effect.gen(function* () {
      const fiber = yield* hold.fork("a")
      assert.isTrue(fiber.pollUnsafe() === undefined)
      yield* fiber.send("b")
      yield* Fiber.await(fiber)
      assert.isTrue(fiber.pollUnsafe() !== undefined)
    })
  )
)

row("`handle.get_status()`", () =>
  Effect.gen(function* () {
    const fiber = yield* hold.fork("a")
    assert.deepStrictEqual([yield* fiber.status, yield* statusOf(fiber.taskId)], ["running", "running"])
    yield* fiber.send("b")
    yield* Fiber.await(fiber)
    assert.deepStrictEqual([yield* fiber.status, yield* statusOf(fiber.taskId)], ["completed", "completed"])
    assert.isTrue(Option.isNone(yield* recordOf("nobody knows it")))
  }).pipe(Effect.provide(recorded))
)

row("`handle.get_result()`", () =>
  on(
    threads,
    Effect.gen(function* () {
      const fiber = yield* hold.fork("a")
      assert.isUndefined(fiber.pollUnsafe())
      yield* fiber.send("b")
      yield* Fiber.await(fiber)
      assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed("a b"))
    })
  )
)

row("`handle.get_result(timeout=30)`", () =>
  on(
    threads,
    Effect.gen(function* () {
      const fiber = yield* hold.fork("a")
      const late = yield* Effect.flip(Fiber.join(fiber).pipe(Effect.timeout("20 millis")))
      assert.strictEqual(late._tag, "TimeoutError")
      // The work goes on.
      yield* fiber.send("b")
      assert.strictEqual(yield* Fiber.join(fiber).pipe(Effect.timeout("30 seconds")), "a b")
      assert.strictEqual((yield* Effect.flip(hold.run("a", { timeout: "20 millis" })))._tag, "TaskTimeout")
      // An error keeps its class.
      const odd = yield* half.fork(3)
      assert.deepStrictEqual(yield* Effect.flip(Fiber.join(odd)), new Odd({ n: 3 }))
    })
  )
)

row("`handle.cancel()`", () =>
  on(
    threads,
    Effect.gen(function* () {
      const runner = yield* TaskRunner.TaskRunner
      const fiber = yield* spin.fork()
      yield* until(Effect.map(fiber.status, (status) => status === "running"))
      assert.isTrue(yield* runner.cancel(fiber.taskId))
      assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "TaskCancelled")
      assert.isFalse(yield* runner.cancel(fiber.taskId))
      const other = yield* spin.fork()
      yield* Fiber.interrupt(other)
      assert.deepStrictEqual([yield* fiber.status, yield* other.status], ["cancelled", "cancelled"])
    })
  )
)

row("`handle.metadata`", () =>
  Effect.gen(function* () {
    const fiber = yield* half.fork(4, { tags: ["user:ada"], priority: 3 })
    assert.deepInclude(fiber.metadata, { name: "half", tags: ["user:ada"], priority: 3, attempt: 1 })
    yield* Fiber.await(fiber)
    const { createdAt, finishedAt, tags } = Option.getOrThrow(yield* recordOf(fiber.taskId))
    assert.deepStrictEqual(tags, ["user:ada"])
    assert.isTrue(createdAt === fiber.metadata.createdAt && createdAt <= finishedAt!)
  }).pipe(Effect.provide(recorded))
)

row("`handle.key`, `ComputationHandle(key, store)`", () =>
  Effect.gen(function* () {
    const path = folder()
    const store = FileStore.layer({ folder: path })
    const runner = StoreRunner.layerReading({ tasks: [half], runner: fibers })
    const { taskId } = yield* half.fork(4).pipe(Effect.provide(StoreRunner.layer), Effect.provide(store))
    // Another program, as far as the store can tell.
    const found = Effect.flatMap(half.attach(taskId), Fiber.join)
    assert.strictEqual(yield* found.pipe(Effect.provide(runner), Effect.provide(Layer.fresh(store))), 2)
  })
)

// States

row("`ComputationStatus.PENDING`", () =>
  Effect.gen(function* () {
    const first = yield* hold.fork("a")
    const second = yield* hold.fork("b")
    const third = yield* hold.fork("c", { delay: "1 hour" })
    assert.deepStrictEqual([yield* second.status, yield* third.status], ["pending", "scheduled"])
    yield* Fiber.interruptAll([third, second, first])
  }).pipe(Effect.provide(FiberRunner.layer(handlers, { concurrency: 1 })))
)

row("`ComputationStatus.RUNNING`", () =>
  on(
    processes,
    Effect.gen(function* () {
      const fiber = yield* hold.fork("a")
      yield* until(Effect.map(fiber.status, (status) => status === "running"))
      yield* Fiber.interrupt(fiber)
    })
  )
)

row("`ComputationStatus.COMPLETED`", () =>
  on(
    processes,
    Effect.gen(function* () {
      const fiber = yield* half.fork(4)
      yield* Fiber.await(fiber)
      assert.strictEqual(yield* fiber.status, "completed")
    })
  )
)

row("`ComputationStatus.FAILED`", () =>
  on(
    processes,
    Effect.gen(function* () {
      const odd = yield* half.fork(3)
      const cancelled = yield* hold.fork("a")
      yield* Fiber.await(odd)
      yield* Fiber.interrupt(cancelled)
      assert.deepStrictEqual([yield* odd.status, yield* cancelled.status], ["failed", "cancelled"])
    })
  )
)

// Backends

row("`ThreadBackend(store)`", () =>
  on(
    threads,
    Effect.gen(function* () {
      const there = yield* where.run()
      assert.strictEqual(there.pid, process.pid)
      assert.notStrictEqual(there.thread, threadId)
    })
  )
)

row("`ProcessBackend(store)`", () =>
  Effect.gen(function* () {
    assert.notStrictEqual((yield* where.run()).pid, process.pid)
    const fiber = yield* die.fork()
    assert.deepInclude(yield* Effect.flip(Fiber.join(fiber)), { _tag: "WorkerCrashed", signal: "SIGKILL" })
    assert.strictEqual(yield* statusOf(fiber.taskId), "failed")
  }).pipe(
    Effect.provide(
      Middleware.stack(ProcessRunner.layer({ module, size: 1 }), Middleware.recorded()).pipe(
        Layer.provideMerge(MemoryStore.layer())
      )
    )
  )
)

row("`StdLibQueueBackend(store, max_workers=2)`", () =>
  on(
    threads,
    Effect.gen(function* () {
      const there = yield* Task.forEach(
        where,
        Array.from({ length: 50 }, () => undefined)
      )
      assert.isAtMost(new Set(there.map(({ thread }) => thread)).size, 2)
    })
  )
)

// Stores

row("`FileSystemStore(path, ttl_seconds=3600)`", () => {
  const path = folder()
  return Effect.gen(function* () {
    const fiber = yield* half.fork(4)
    yield* Fiber.await(fiber)
    const record = Option.getOrThrow(yield* recordOf(fiber.taskId))
    assert.strictEqual(record.expiresAt, record.finishedAt! + 3_600_000)
    assert.lengthOf(filesIn(path), 1)
  }).pipe(Effect.provide(recordedIn(FileStore.layer({ folder: path, timeToLive: "1 hour" }))))
})

row("`SerializationFormat.JSON`", () => {
  const path = folder()
  return Effect.gen(function* () {
    yield* half.run(4)
    const [file] = filesIn(path)
    const { payload, status } = JSON.parse(readFileSync(join(path, "records", file!), "utf8"))
    assert.deepStrictEqual([status, payload], ["completed", { json: 4 }])
    // What JSON has no form for is kept, too.
    const rich = { at: new Date(0), tags: new Set(["a"]), big: 1n }
    assert.deepStrictEqual(yield* through(rich, { serialization: Serialization.json }), rich)
  }).pipe(Effect.provide(recordedIn(FileStore.layer({ folder: path }))))
})

row("`SerializationFormat.PICKLE`", () =>
  Effect.gen(function* () {
    const value = { at: new Date(0), map: new Map([[{ a: 1 }, /b/g]]), bytes: Uint8Array.of(1) }
    assert.deepStrictEqual(yield* through(value, { serialization: Serialization.structuredClone }), value)
    const plain = { bytes: Uint8Array.of(1), at: new Date(0) }
    assert.deepStrictEqual(yield* through(plain, { serialization: messagePack }), plain)
  })
)

row("`FileSystemStore(path, auto_cleanup=True)`", () => {
  const path = folder()
  const store = (autoCleanup: boolean) => recordedIn(FileStore.layer({ folder: path, autoCleanup }))
  return Effect.gen(function* () {
    const stays = Effect.gen(function* () {
      const fiber = yield* half.fork(4, { timeToLive: "1 millis" })
      yield* expired(fiber.taskId)
    })
    yield* Effect.provide(stays, store(false))
    assert.lengthOf(filesIn(path), 1)
    yield* Effect.provide(until(Effect.sync(() => filesIn(path).length === 0)), store(true))
  })
})

row("`FileSystemStore(path, cleanup_probability=0.1)`", () =>
  Effect.gen(function* () {
    for (const cleanupProbability of [0, 1]) {
      // How many records are left to be removed.
      const left = Effect.gen(function* () {
        const fiber = yield* half.fork(4, { timeToLive: "1 millis" })
        yield* expired(fiber.taskId)
        yield* half.run(4)
        return yield* TaskStore.TaskStore.use((store) => store.cleanupExpired)
      })
      const store = MemoryStore.layer({ autoCleanup: false, cleanupProbability })
      assert.strictEqual(yield* Effect.provide(left, recordedIn(store)), 1 - cleanupProbability)
    }
  })
)

row("`func.cleanup_expired()`, `store.cleanup_expired()`", () =>
  Effect.gen(function* () {
    const fiber = yield* half.fork(4, { timeToLive: "1 millis" })
    yield* half.run(4, { timeToLive: Infinity })
    yield* expired(fiber.taskId)
    const { cleanupExpired, size } = yield* TaskStore.TaskStore
    assert.deepStrictEqual([yield* cleanupExpired, yield* cleanupExpired, yield* size()], [1, 0, 1])
  }).pipe(Effect.provide(recordedIn(MemoryStore.layer({ autoCleanup: false }))))
)

row("`store[key]`, `key in store`, `for key in store`, `len(store)`, `del store[key]`", () =>
  Effect.gen(function* () {
    const { taskId } = yield* half.fork(4)
    const store = yield* TaskStore.TaskStore
    assert.isTrue(Option.isSome(yield* store.get(taskId)))
    assert.deepStrictEqual([yield* store.has(taskId), yield* store.has("none")], [true, false])
    const ids = yield* store.entries().pipe(
      Stream.map(({ id }) => id),
      Stream.runCollect
    )
    assert.deepStrictEqual([ids, yield* store.size()], [[taskId], 1])
    assert.isTrue(yield* store.remove(taskId))
    assert.isFalse(yield* store.has(taskId))
  }).pipe(Effect.provide(recorded))
)

// Together

row("`@async_compute(backend=backend, store=store)`, of several functions", () =>
  Effect.gen(function* () {
    yield* half.run(4)
    yield* add.run([1, 2])
    const records = yield* Stream.runCollect((yield* TaskStore.TaskStore).entries())
    assert.deepStrictEqual(
      records.map(({ name }) => name),
      ["half", "add"]
    )
  }).pipe(Effect.provide(recorded))
)

row("`step2(step1(x).get_result(timeout=60))`", () =>
  on(
    threads,
    Effect.gen(function* () {
      const both = half.run(4).pipe(Effect.flatMap((y) => add.run([y, 1])))
      assert.strictEqual(yield* Effect.timeout(both, "1 minute"), 3)
    })
  )
)

row("`with temporary_async_compute() as async_func:`", () =>
  Effect.gen(function* () {
    const before = process.env["TMPDIR"]
    const own = folder()
    process.env["TMPDIR"] = own
    yield* Effect.gen(function* () {
      yield* half.run(4)
      assert.lengthOf(readdirSync(own), 1)
    }).pipe(Effect.provide(recordedIn(FileStore.layerTemporary())))
    if (before === undefined) delete process.env["TMPDIR"]
    else process.env["TMPDIR"] = before
    assert.deepStrictEqual(readdirSync(own), [])
  })
)

// Middleware

/** Runs some tasks in threads with a middleware in front. */
const behind = <A, E>(middleware: Middleware.Middleware, program: Effect.Effect<A, E, TaskRunner.TaskRunner>) =>
  on(threads, Effect.provide(program, middleware))

row("`def before_compute(self, func, args, kwargs, key)`", () => {
  const seen: Array<unknown> = []
  const before = Middleware.make(({ id, name, payload }, next) => {
    const before = Effect.gen(function* () {
      seen.push(name, payload, id)
      if (payload === 0) return yield* new TaskError.TaskRejected({ task: name, reason: "no zeros" })
    })
    return Effect.andThen(before, next)
  })
  return behind(
    before,
    Effect.gen(function* () {
      const fiber = yield* half.fork(4)
      assert.strictEqual(yield* Fiber.join(fiber), 2)
      assert.deepStrictEqual(seen, ["half", 4, fiber.taskId])
      // It may refuse.
      assert.strictEqual((yield* Effect.flip(half.run(0)))._tag, "TaskRejected")
    })
  )
})

row("`def after_compute(self, key, result)`", () => {
  const seen: Array<unknown> = []
  const after = Middleware.make((_, next) => Effect.tap(next, (result) => Effect.sync(() => seen.push(result))))
  return behind(
    after,
    Effect.gen(function* () {
      yield* Effect.exit(half.run(3))
      yield* half.run(4)
      assert.deepStrictEqual(seen, [2])
    })
  )
})

row("`def on_error(self, key, error)`", () => {
  const seen: Array<unknown> = []
  const onError = Middleware.make((_, next) => Effect.tapError(next, (error) => Effect.sync(() => seen.push(error))))
  return behind(
    onError,
    Effect.gen(function* () {
      yield* half.run(4)
      assert.deepStrictEqual(yield* Effect.flip(half.run(3)), new Odd({ n: 3 }))
      assert.deepStrictEqual(seen, [new Odd({ n: 3 })])
    })
  )
})

/** Runs a task that ends well and one that does not, and gives what is logged. */
const logged = (options: Middleware.LoggingOptions) =>
  Effect.gen(function* () {
    const lines: Array<{ readonly level: string; readonly text: string; readonly annotations: object }> = []
    const logger = Logger.make(({ fiber, logLevel, message }) => {
      const annotations = fiber.getRef(References.CurrentLogAnnotations)
      lines.push({ level: logLevel, text: String(message).replace(/[\d.]+ ms/, "... ms"), annotations })
    })
    const both = Effect.forEach([4, 3], (n) => Effect.exit(half.run(n)))
    yield* behind(Middleware.logging(options), both).pipe(
      Effect.provide(Logger.layer([logger])),
      Effect.provideService(References.MinimumLogLevel, "Debug")
    )
    return lines
  })

row("`LoggingMiddleware(level=logging.DEBUG)`", () =>
  Effect.gen(function* () {
    const lines = yield* logged({ level: "Debug", startLevel: "Debug" })
    assert.deepStrictEqual(
      lines.map(({ level, text }) => `${level}: ${text}`),
      [
        'Debug: Task "half" begins',
        'Debug: Task "half" completed in ... ms',
        'Debug: Task "half" begins',
        'Error: Task "half" failed after ... ms'
      ]
    )
  })
)

row("`LoggingMiddleware(logger_name='jobs')`", () =>
  Effect.gen(function* () {
    const lines = yield* logged({ annotations: () => ({ logger: "jobs" }) })
    assert.lengthOf(lines, 2)
    for (const { annotations } of lines) assert.deepInclude(annotations, { logger: "jobs", task: "half" })
  })
)

/** Counts calls on a runner: some that end well, and one that does not. */
const counted = Effect.gen(function* () {
  yield* Effect.exit(Task.forEach(half, [2, 4, 6, 3], { mode: "result" }))
  return yield* Middleware.TaskMetrics.use(({ snapshot }) => snapshot)
})

row("`MetricsMiddleware()`", () =>
  on(
    threads,
    Effect.gen(function* () {
      const { tasks } = yield* Effect.provide(counted, Middleware.metrics())
      assert.deepInclude(tasks["half"], { total: 4, completed: 3, failed: 1 })
    })
  )
)

row("`metrics.get_stats()`", () =>
  on(
    threads,
    Effect.gen(function* () {
      const { duration, ...counts } = yield* Effect.provide(counted, Middleware.metrics())
      assert.deepInclude(counts, { total: 4, completed: 3, failed: 1, cancelled: 0, running: 0 })
      assert.isTrue(duration.average > 0 && duration.p50 <= duration.p99 && duration.min <= duration.max)
    })
  )
)

row("`SharedMetricsMiddleware()`, `metrics.get_shared_state()`", () =>
  on(
    processes,
    Effect.gen(function* () {
      const { completed, duration, failed } = yield* Effect.provide(counted, Middleware.metrics())
      assert.deepStrictEqual([completed, failed], [3, 1])
      assert.isAbove(duration.average, 0)
    })
  )
)

row("`class RateLimitMiddleware(Middleware)`", () =>
  Effect.gen(function* () {
    const payloads = Array.from({ length: 10 }, () => 4)
    const limit = { limit: 10, window: "100 millis" } as const
    const tooMany = Effect.andThen(Task.forEach(half, payloads), half.run(4))
    const error = yield* Effect.flip(
      behind(Middleware.rateLimit({ ...limit, window: "1 minute", onExceeded: "fail" }), tooMany)
    )
    assert.deepInclude(error, { _tag: "RateLimited" })
    const began = performance.now()
    yield* behind(Middleware.rateLimit(limit), tooMany)
    assert.isAtLeast(performance.now() - began, 100)
  }).pipe(inMadeUpTime)
)

// The rest

/** A store of one's own. */
const mine = Layer.sync(TaskStore.TaskStore, () => {
  const records = new Map<string, TaskStore.TaskRecord>()
  return TaskStore.TaskStore.of({
    get: (id) => Effect.sync(() => Option.fromUndefinedOr(records.get(id))),
    has: (id) => Effect.sync(() => records.has(id)),
    entries: () => Stream.suspend(() => Stream.fromIterable(records.values())),
    size: () => Effect.sync(() => records.size),
    put: (record) =>
      Effect.sync(() => void records.set(record.id, { ...record, timeToLive: record.timeToLive ?? Infinity })),
    remove: (id) => Effect.sync(() => records.delete(id)),
    clear: () => Effect.succeed(0),
    cleanupExpired: Effect.succeed(0),
    events: Stream.empty,
    observe: () => () => {}
  })
})

row("`class RedisStore(ComputationStore)`", () =>
  Effect.gen(function* () {
    const fiber = yield* half.fork(4)
    assert.strictEqual(yield* Fiber.join(fiber), 2)
    assert.strictEqual(yield* statusOf(fiber.taskId), "completed")
  }).pipe(Effect.provide(recordedIn(mine)))
)

row("`ComputationHandle(job_id, store).get_status().value`, in a web route", () =>
  Effect.gen(function* () {
    const store = yield* TaskStore.TaskStore
    const route = HttpRouter.add(
      "GET",
      "/jobs/:id",
      Effect.gen(function* () {
        const { id = "" } = yield* HttpRouter.params
        const record = yield* Effect.orDie(store.get(id))
        return Option.isNone(record)
          ? HttpServerResponse.jsonUnsafe({ error: "unknown" }, { status: 404 })
          : HttpServerResponse.jsonUnsafe({ status: record.value.status })
      })
    )
    const web = yield* Effect.acquireRelease(
      Effect.sync(() => HttpRouter.toWebHandler(route, { disableLogger: true })),
      ({ dispose }) => Effect.promise(dispose)
    )
    const ask = (id: string) =>
      Effect.promise(async () => {
        const response = await web.handler(new Request(`http://localhost/jobs/${id}`))
        return [response.status, await response.json()]
      })
    const fiber = yield* hold.fork("a")
    assert.deepStrictEqual(yield* ask(fiber.taskId), [200, { status: "running" }])
    yield* fiber.send("b")
    yield* Fiber.await(fiber)
    assert.deepStrictEqual(yield* ask(fiber.taskId), [200, { status: "completed" }])
    assert.deepStrictEqual(yield* ask("other"), [404, { error: "unknown" }])
  }).pipe(Effect.provide(recorded))
)

row("`[func(i) for i in range(1000)]`", () =>
  on(
    threads,
    Effect.gen(function* () {
      const payloads = Array.from({ length: 1000 }, (_, i) => [i, i] as const)
      const fibers = yield* Task.forkAll(add, payloads)
      const sums = yield* Effect.forEach(fibers, Fiber.join)
      assert.deepStrictEqual(
        sums,
        payloads.map(([a, b]) => a + b)
      )
      assert.deepStrictEqual(yield* Task.forEach(add, payloads), sums)
    })
  )
)

check()
