// A time limit for everything behind it: the work is stopped, and the call fails.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { FiberRunner, Middleware, ProcessRunner, Task, TaskContext, ThreadRunner } from "effect-strand"
import * as Leaks from "../helpers/leaks.ts"
import * as Limited from "./limited.ts"

Leaks.check()

const { call, defectOf, endOf, payloadOf } = Limited

describe("Middleware.timeout", () => {
  it.effect("stops the work, and fails with TaskTimeout", () => {
    const { over, running, work } = Limited.make()
    return Effect.gen(function* () {
      const fiber = yield* work.fork(call(1, "a", 1000))
      yield* TestClock.adjust("499 millis")
      assert.strictEqual(running.get("a"), 1)
      yield* TestClock.adjust("1 millis")
      const error = yield* Effect.flip(Fiber.join(fiber))
      assert.deepInclude(error, { _tag: "TaskTimeout", task: "work", taskId: fiber.taskId, timeout: 500 })
      assert.strictEqual(running.get("a"), 0)
      assert.strictEqual(yield* fiber.status, "failed")
      assert.strictEqual(yield* work.run(call(2)), 2)
    }).pipe(Effect.provide(over(Middleware.timeout("500 millis"))))
  })

  it.effect("is a function of the call, where infinite is no limit", () => {
    const { over, work } = Limited.make()
    const limit = Middleware.timeout((request) => (payloadOf(request).n === 0 ? "Infinity" : payloadOf(request).n))
    return Effect.gen(function* () {
      const fibers = yield* Effect.forEach([0, 100, 3000], (n) => work.fork(call(n, "", 2000)))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual((yield* Effect.forEach(fibers, Fiber.await)).map(endOf), [
        "success",
        "TaskTimeout",
        "success"
      ])
    }).pipe(Effect.provide(over(limit)))
  })

  it.effect("counts besides the call's own, and the earlier one wins", () => {
    const { over, work } = Limited.make()
    return Effect.gen(function* () {
      const own = yield* work.fork(call(1, "", 5000), { timeout: "1 second" })
      const given = yield* work.fork(call(1, "", 5000), { timeout: "3 seconds" })
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* Effect.flip(Fiber.join(own)), { _tag: "TaskTimeout", timeout: 1000 })
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* Effect.flip(Fiber.join(given)), { _tag: "TaskTimeout", timeout: 2000 })
    }).pipe(Effect.provide(over(Middleware.timeout("2 seconds"))))
  })

  it.effect("covers what waits further inside, whose place goes to the next", () => {
    const { handlers, order, work } = Limited.make()
    const layer = Middleware.timeout("1 second").pipe(
      Layer.provide(Middleware.concurrency({ limit: 1 })),
      Layer.provide(FiberRunner.layer(handlers))
    )
    return Effect.gen(function* () {
      const first = yield* work.fork(call(0, "", 800))
      const second = yield* work.fork(call(1, "", 800))
      yield* TestClock.adjust("500 millis")
      const third = yield* work.fork(call(2, "", 400))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual((yield* Effect.forEach([first, second, third], Fiber.await)).map(endOf), [
        "success",
        "TaskTimeout",
        "success"
      ])
      assert.deepStrictEqual(order(), [0, 1, 2])
    }).pipe(Effect.provide(layer))
  })

  it.effect("ends a stream", () => {
    const { items, over, running } = Limited.make()
    return Effect.gen(function* () {
      const seen: Array<number> = []
      const fiber = yield* Effect.forkChild(
        Effect.exit(Stream.runForEach(items.stream(call(1, "a", 1000)), (n) => Effect.sync(() => seen.push(n)))),
        { startImmediately: true }
      )
      yield* TestClock.adjust("2500 millis")
      assert.strictEqual(endOf(yield* Fiber.join(fiber)), "TaskTimeout")
      assert.deepStrictEqual(seen, [1, 2])
      assert.strictEqual(running.get("a"), 0)
    }).pipe(Effect.provide(over(Middleware.timeout("2500 millis"))))
  })

  const deadline = Task.make("deadline", { success: Schema.NullOr(Schema.Number) })
  const told = deadline.toLayer(() => Effect.map(TaskContext.TaskContext, (context) => context.deadline ?? null))

  it.effect("tells the handler the earliest end, for each attempt anew", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* deadline.run(), 2000)
      assert.strictEqual(yield* deadline.run(undefined, { timeout: "1 second" }), 1000)
      assert.strictEqual(yield* deadline.run(undefined, { timeout: "3 seconds" }), 2000)
    }).pipe(Effect.provide(Middleware.timeout("2 seconds").pipe(Layer.provide(FiberRunner.layer(told)))))
  )

  for (const [name, layer] of [
    ["threads", ThreadRunner.layer({ size: 1 })],
    ["processes", ProcessRunner.layer({ size: 1 })]
  ] as const) {
    it.live(`stops what runs in ${name}`, () => {
      const busy = Task.portable(
        "busy",
        (millis: number) => new Promise<void>((resolve) => setTimeout(resolve, millis))
      )
      return Effect.gen(function* () {
        yield* busy.run(0)
        const error = yield* Effect.flip(busy.run(60_000))
        assert.deepInclude(error, { _tag: "TaskTimeout", timeout: 1500 })
        yield* busy.run(0)
      }).pipe(Effect.provide(Middleware.timeout("1500 millis").pipe(Layer.provide(layer))))
    })
  }

  it.effect("refuses bad limits when its Layer is built", () =>
    Effect.gen(function* () {
      const { over } = Limited.make()
      for (const limit of [0, -1, Number.NaN]) {
        assert.include(yield* defectOf(over(Middleware.timeout(limit))), "timeout has to be a time of more than 0 ms")
      }
    })
  )
})
