// Failed calls are tried again in front of the runner, by the same rules as behind it.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { FiberRunner, Middleware, StoreReader, StoreRunner, Task, TaskContext, ThreadRunner } from "effect-strand"
import * as MemoryStore from "effect-strand/MemoryStore"
import { TaskRunner } from "effect-strand/TaskRunner"
import * as Leaks from "../helpers/leaks.ts"
import * as Limited from "./limited.ts"

Leaks.check()

const { defectOf, endOf } = Limited

class Down extends Schema.TaggedError<Down>()("Down", { attempt: Schema.Int }) {}

/** A task that fails until an attempt, with the ids and attempts that its handler has seen. */
const flaky = (until: number, slow = 0) => {
  const seen: Array<readonly [id: string, attempt: number]> = []
  const task = Task.make("flaky", { success: Schema.Int, error: Down })
  const dies = Task.make("dies", { payload: Schema.Literals(["defect", "interrupt"]) })
  const items = Task.stream("items", { success: Schema.Int, error: Down })
  let streams = 0
  const handlers = Layer.mergeAll(
    task.toLayer(() =>
      Effect.gen(function* () {
        const { attempt, id } = yield* TaskContext.TaskContext
        seen.push([id, attempt])
        if (slow > 0) yield* Effect.sleep(slow)
        return attempt < until ? yield* new Down({ attempt }) : attempt
      })
    ),
    dies.toLayer((how) => {
      seen.push([how, 0])
      return how === "defect" ? Effect.die("broken") : Effect.interrupt
    }),
    items.toLayer(() => {
      streams++
      return Stream.fail(new Down({ attempt: streams }))
    })
  )
  const over = (middleware: Middleware.Middleware) => middleware.pipe(Layer.provide(FiberRunner.layer(handlers)))
  return { task, dies, items, seen, handlers, over, attempts: () => seen.map(([, attempt]) => attempt) }
}

describe("Middleware.retry", () => {
  it.effect("tries again under the same id and handle, with a rising attempt", () => {
    const { over, seen, task } = flaky(3)
    return Effect.gen(function* () {
      const fiber = yield* task.fork()
      assert.strictEqual(yield* Fiber.join(fiber), 3)
      assert.deepStrictEqual(
        seen,
        [1, 2, 3].map((attempt) => [fiber.taskId, attempt] as const)
      )
      assert.strictEqual(fiber.metadata.attempt, 3)
      assert.strictEqual(yield* fiber.status, "completed")
      assert.deepStrictEqual(yield* (yield* TaskRunner).tasks, [])
    }).pipe(Effect.provide(over(Middleware.retry(2))))
  })

  it.effect("gives the last error when it gives up", () => {
    const { over, task } = flaky(9)
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* Effect.flip(task.run()), new Down({ attempt: 3 }))
      const fiber = yield* task.fork()
      yield* Effect.exit(Fiber.join(fiber))
      assert.strictEqual(yield* fiber.status, "failed")
    }).pipe(Effect.provide(over(Middleware.retry(2))))
  })

  it.effect("waits as the schedule says, as a scheduled task, and gives the last error at its end", () => {
    const { attempts, over, task } = flaky(9)
    const policy = Schedule.exponential("1 second").pipe(Schedule.upTo({ times: 2 }))
    return Effect.gen(function* () {
      const fiber = yield* task.fork()
      assert.strictEqual(yield* fiber.status, "scheduled")
      assert.strictEqual((yield* (yield* TaskRunner).tasks)[0]?.id, fiber.taskId)
      yield* TestClock.adjust("999 millis")
      assert.deepStrictEqual(attempts(), [1])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(attempts(), [1, 2])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* Effect.flip(Fiber.join(fiber)), new Down({ attempt: 3 }))
    }).pipe(Effect.provide(over(Middleware.retry(policy))))
  })

  it.effect("tries again only what the policy finds worth it, and nothing final", () => {
    const { attempts, dies, over, seen, task } = flaky(9)
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* Effect.flip(task.run()), new Down({ attempt: 2 }))
      assert.deepStrictEqual(attempts(), [1, 2])
      assert.strictEqual(endOf(yield* Effect.exit(dies.run("defect"))), "defect")
      assert.strictEqual(endOf(yield* Effect.exit(dies.run("interrupt"))), "interrupt")
      assert.strictEqual((yield* Effect.flip(dies.run("neither" as "defect")))._tag, "PayloadInvalid")
      assert.strictEqual(seen.length, 4)
    }).pipe(Effect.provide(over(Middleware.retry({ times: 5, while: (error) => (error as Down).attempt < 2 }))))
  })

  it.effect("can be cancelled, interrupted and timed out between two attempts", () => {
    const { attempts, over, task } = flaky(9)
    return Effect.gen(function* () {
      const tasks = yield* TaskRunner
      const cancelled = yield* task.fork()
      assert.isTrue(yield* tasks.cancel(cancelled.taskId))
      assert.strictEqual(endOf(yield* Fiber.await(cancelled)), "TaskCancelled")
      const interrupted = yield* task.fork()
      yield* Fiber.interrupt(interrupted)
      assert.strictEqual(yield* interrupted.status, "cancelled")
      const late = yield* task.fork(undefined, { timeout: "90 seconds" })
      yield* TestClock.adjust("90 seconds")
      assert.strictEqual(endOf(yield* Fiber.await(late)), "TaskTimeout")
      assert.deepStrictEqual(attempts(), [1, 1, 1, 2])
    }).pipe(Effect.provide(over(Middleware.retry(Schedule.spaced("1 minute")))))
  })

  it.effect("has the time limit of the call end all attempts, and one further inside each of them", () => {
    const { attempts, handlers, task } = flaky(9, 1000)
    const layer = Middleware.retry(2).pipe(
      Layer.provide(Middleware.timeout("600 millis")),
      Layer.provide(FiberRunner.layer(handlers))
    )
    return Effect.gen(function* () {
      const fiber = yield* task.fork()
      yield* TestClock.adjust("1799 millis")
      assert.strictEqual(fiber.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(endOf(yield* Fiber.await(fiber)), "TaskTimeout")
      assert.deepStrictEqual(attempts(), [1, 2, 3])
      const short = yield* task.fork(undefined, { timeout: "700 millis" })
      yield* TestClock.adjust("700 millis")
      assert.strictEqual(endOf(yield* Fiber.await(short)), "TaskTimeout")
      assert.deepStrictEqual(attempts(), [1, 2, 3, 1, 2])
    }).pipe(Effect.provide(layer))
  })

  it.effect("waits for the delay of a call once, and leaves the call its own retries", () => {
    const { attempts, over, task } = flaky(9)
    return Effect.gen(function* () {
      const fiber = yield* task.fork(undefined, { delay: "1 minute", retry: 1 })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(endOf(yield* Fiber.await(fiber)), "Down")
      assert.deepStrictEqual(attempts(), [1, 2, 3, 4])
    }).pipe(Effect.provide(over(Middleware.retry(1))))
  })

  it.effect("lets streams pass", () => {
    const { items, over } = flaky(1)
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* Effect.flip(Stream.runDrain(items.stream())), new Down({ attempt: 1 }))
    }).pipe(Effect.provide(over(Middleware.retry(5))))
  })

  it.effect("refuses bad options when its Layer is built", () =>
    Effect.gen(function* () {
      const { over } = flaky(1)
      for (const times of [-1, Number.NaN, 1.5]) {
        assert.include(yield* defectOf(over(Middleware.retry(times))), "times has to be a whole number of at least 0")
        assert.include(yield* defectOf(over(Middleware.retry({ times }))), "times has to be a whole number")
      }
    })
  )

  it.live("has a crashed worker's task run again on another, with the same id", () => {
    const crashOnce = Task.portable("crash once", (starts: Int32Array) =>
      Atomics.add(starts, 0, 1) === 0 ? process.exit(3) : Atomics.load(starts, 0)
    )
    return Effect.gen(function* () {
      const fiber = yield* crashOnce.fork(new Int32Array(new SharedArrayBuffer(4)))
      assert.strictEqual(yield* Fiber.join(fiber), 2)
      assert.strictEqual(fiber.metadata.attempt, 2)
      assert.strictEqual(yield* fiber.status, "completed")
    }).pipe(Effect.provide(Middleware.retry(2).pipe(Layer.provide(ThreadRunner.layer({ size: 1 })))))
  })

  it.live("leaves the retries of stored tasks to their store", () => {
    const { attempts, handlers, task } = flaky(9)
    const reader = StoreReader.layer({ tasks: [task] }).pipe(Layer.provide(FiberRunner.layer(handlers)))
    return Effect.gen(function* () {
      assert.strictEqual(endOf(yield* Effect.exit(task.run(undefined, { retry: 1 }))), "Down")
      assert.deepStrictEqual(attempts(), [1, 2])
    }).pipe(
      Effect.provide(Layer.merge(Middleware.retry(5).pipe(Layer.provide(StoreRunner.layer)), reader)),
      Effect.provide(MemoryStore.layer())
    )
  })
})
