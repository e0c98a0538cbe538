// What is counted of the tasks of any runner, and how long they took.
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { FiberRunner, Middleware, Task, TaskRunner, ThreadRunner } from "effect-strand"
import * as Leaks from "../helpers/leaks.ts"
import { count, crash, half, handlers, outer, sleep, wait } from "./observed.ts"

Leaks.check()

const measured = (options?: Middleware.MetricsOptions) =>
  Middleware.stack(FiberRunner.layer(handlers), Middleware.metrics(options))

const snapshot = Effect.flatMap(Middleware.TaskMetrics, (metrics) => metrics.snapshot)

const numbers = ({ cancelled, completed, failed, running, total }: Middleware.CallCounts) => ({
  total,
  completed,
  failed,
  cancelled,
  running
})

const none = { total: 0, completed: 0, failed: 0, cancelled: 0, running: 0 }

describe("Middleware.metrics", () => {
  it.live("is all zero before the first call", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* snapshot, {
        ...none,
        duration: { average: 0, p50: 0, p95: 0, p99: 0, min: 0, max: 0 },
        tasks: {}
      })
    }).pipe(Effect.provide(measured()))
  )

  it.live("counts how tasks end, all of them and by name", () =>
    Effect.gen(function* () {
      yield* half.run(2)
      yield* half.run(4)
      assert.strictEqual((yield* Effect.flip(half.run(3)))._tag, "Odd")
      assert.strictEqual((yield* Effect.flip(half.run(0.5)))._tag, "PayloadInvalid")
      yield* Effect.exit(crash.run())
      yield* Fiber.interrupt(yield* wait.fork())
      const other = yield* wait.fork()
      yield* (yield* TaskRunner.TaskRunner).cancel(other.taskId)
      const running = yield* wait.fork()
      const seen = yield* snapshot
      assert.deepStrictEqual(numbers(seen), { total: 8, completed: 2, failed: 3, cancelled: 2, running: 1 })
      assert.deepStrictEqual(numbers(seen.tasks["half"]!), { ...none, total: 4, completed: 2, failed: 2 })
      assert.deepStrictEqual(numbers(seen.tasks["crash"]!), { ...none, total: 1, failed: 1 })
      assert.deepStrictEqual(numbers(seen.tasks["wait"]!), { ...none, total: 3, cancelled: 2, running: 1 })
      yield* Fiber.interrupt(running)
      assert.strictEqual((yield* snapshot).running, 0)
    }).pipe(Effect.provide(measured()))
  )

  it.live("counts a stream once, and not its elements", () =>
    Effect.gen(function* () {
      assert.lengthOf(yield* Stream.runCollect(count.stream(100)), 100)
      yield* Stream.runDrain(Stream.take(count.stream(100), 1))
      const opened = yield* Deferred.make<void>()
      const reader = yield* count.stream(100).pipe(
        Stream.runForEach(() => Effect.andThen(Deferred.succeed(opened, undefined), Effect.never)),
        Effect.forkChild
      )
      yield* Deferred.await(opened)
      assert.deepStrictEqual(numbers(yield* snapshot), { ...none, total: 3, completed: 2, running: 1 })
      yield* Fiber.interrupt(reader)
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(count.stream(0.5))))._tag, "PayloadInvalid")
      assert.deepStrictEqual(numbers(yield* snapshot), { total: 4, completed: 2, failed: 1, cancelled: 1, running: 0 })
    }).pipe(Effect.provide(measured()))
  )

  it.live("counts a task once, however many attempts it takes", () =>
    Effect.gen(function* () {
      yield* Effect.exit(half.run(3, { retry: 4 }))
      assert.deepStrictEqual(numbers(yield* snapshot), { ...none, total: 1, failed: 1 })
    }).pipe(Effect.provide(measured()))
  )

  it.live("does not see what handlers run themselves", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* outer.run(), 2)
      assert.hasAllKeys((yield* snapshot).tasks, ["outer"])
    }).pipe(Effect.provide(measured()))
  )

  it.effect("measures from the call to its end, with the clock of the caller", () =>
    Effect.gen(function* () {
      const all = yield* Effect.forkChild(
        Effect.forEach([10, 20, 30, 1000], (millis) => sleep.run(millis), { concurrency: "unbounded" })
      )
      yield* TestClock.adjust(1000)
      yield* Fiber.join(all)
      const { duration, tasks } = yield* snapshot
      assert.deepStrictEqual(duration, tasks["sleep"]!.duration)
      const { average, max, min, p50, p95, p99 } = duration
      assert.deepStrictEqual({ average, max, min }, { average: 265, max: 1000, min: 10 })
      assert.approximately(p50, 20, 2)
      assert.approximately(p95, 1000, 100)
      assert.approximately(p99, 1000, 100)
    }).pipe(Effect.provide(measured()))
  )

  it.live("begins anew when it is reset, but knows what is running", () =>
    Effect.gen(function* () {
      const metrics = yield* Middleware.TaskMetrics
      yield* half.run(2)
      const fiber = yield* wait.fork()
      yield* metrics.reset
      const seen = yield* metrics.snapshot
      assert.deepStrictEqual(numbers(seen), { ...none, total: 1, running: 1 })
      assert.deepStrictEqual(numbers(seen.tasks["half"]!), none)
      assert.strictEqual(seen.duration.max, 0)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(numbers(yield* metrics.snapshot), { ...none, total: 1, cancelled: 1 })
    }).pipe(Effect.provide(measured()))
  )

  const calls = Effect.map(Metric.snapshot, (all) =>
    all
      .filter(({ id }) => id.startsWith("strand_call"))
      .map(({ attributes, id, state }) => [id, attributes?.["task"], attributes?.["metrics"], state] as const)
  )

  it.live("shows the same as Effect Metrics, as long as it lives", () =>
    Effect.gen(function* () {
      yield* Effect.gen(function* () {
        yield* half.run(2)
        yield* Effect.exit(half.run(3))
        yield* Fiber.interrupt(yield* wait.fork())
        const shown = yield* calls
        const state = (id: string, task: string) =>
          shown.find((entry) => entry[0] === id && entry[1] === task && entry[2] === "mine")?.[3]
        assert.deepStrictEqual(state("strand_calls", "half"), { count: 2, incremental: true })
        assert.deepStrictEqual(state("strand_calls_completed", "half"), { count: 1, incremental: true })
        assert.deepStrictEqual(state("strand_calls_failed", "half"), { count: 1, incremental: true })
        assert.deepStrictEqual(state("strand_calls_cancelled", "wait"), { count: 1, incremental: true })
        assert.deepStrictEqual(state("strand_calls_running", "wait"), { value: 0 })
        const time = state("strand_call_time", "half") as Metric.HistogramState
        const { max, min } = (yield* snapshot).tasks["half"]!.duration
        assert.deepInclude(time, { count: 2, min, max })
      }).pipe(Effect.provide(measured({ name: "mine" })))
      assert.deepStrictEqual(yield* calls, [])
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.live("counts several runners into one, threads too", () =>
    Effect.gen(function* () {
      const add = Task.portable("add", (a: number, b: number) => a + b)
      const threads = Middleware.stack(ThreadRunner.layer({ size: 2 }), Middleware.metricsShared())
      const fibers = Middleware.stack(FiberRunner.layer(handlers), Middleware.metricsShared())
      yield* Effect.gen(function* () {
        const sums = yield* Effect.forEach(Array.from({ length: 20 }).keys(), (n) => add.run([n, 1]), {
          concurrency: 10
        }).pipe(Effect.provide(threads))
        assert.strictEqual(sums.length, 20)
        yield* Effect.provide(half.run(2), fibers)
        const seen = yield* snapshot
        assert.strictEqual(seen.completed, 21)
        assert.strictEqual(seen.tasks["add"]!.completed, 20)
        assert.strictEqual(seen.tasks["half"]!.completed, 1)
      }).pipe(Effect.provide(Middleware.TaskMetrics.layer()))
    })
  )

  it.live("has counters of its own in each place of a stack", () =>
    Effect.gen(function* () {
      const again = Middleware.make((_request, next) => Effect.andThen(next, next))
      const one = Middleware.metrics()
      // The outermost provides the counters that the program sees.
      yield* Effect.gen(function* () {
        yield* half.run(2)
        assert.strictEqual((yield* snapshot).total, 1)
      }).pipe(Effect.provide(Middleware.stack(FiberRunner.layer(handlers), one, again, one)))
      yield* Effect.gen(function* () {
        yield* half.run(2)
        assert.strictEqual((yield* snapshot).total, 2)
      }).pipe(Effect.provide(Middleware.stack(FiberRunner.layer(handlers), again, one)))
    })
  )

  const action = Schema.Literals(["completed", "failed", "cancelled", "reset"])

  it.effect.prop("agrees with a tally of any run of calls", [Schema.Array(action)], ([actions]) =>
    Effect.gen(function* () {
      const metrics = yield* Middleware.TaskMetrics
      const tally = { ...none }
      const held = yield* wait.fork()
      tally.total = tally.running = 1
      for (const next of actions) {
        if (next === "reset") {
          yield* metrics.reset
          Object.assign(tally, none, { total: 1, running: 1 })
          continue
        }
        if (next === "cancelled") yield* Fiber.interrupt(yield* wait.fork())
        else yield* Effect.exit(half.run(next === "completed" ? 2 : 1))
        tally.total++
        tally[next]++
      }
      assert.deepStrictEqual(numbers(yield* metrics.snapshot), tally)
      yield* Fiber.interrupt(held)
    }).pipe(Effect.provide(measured(), { local: true }))
  )
})
