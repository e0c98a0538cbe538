// So many calls at once: never more, first come first served, and no permit is ever lost.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { FiberRunner, Middleware, Task } from "effect-strand"
import * as Concurrency from "../../src/middleware/concurrency.ts"
import { TaskRunner } from "effect-strand/TaskRunner"
import * as Leaks from "../helpers/leaks.ts"
import * as Limited from "./limited.ts"

Leaks.check()

const { call, defectOf, endOf, payloadOf } = Limited

const key = (request: { readonly payload: unknown }) => payloadOf(request).key

/** Calls that come, take a while, fail in several ways, and leave. */
const Happenings = Schema.Struct({
  limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 3 })),
  calls: Schema.Array(
    Schema.Struct({
      key: Schema.Literals(["a", "b"]),
      after: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 50 })),
      millis: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 150 })),
      kind: Schema.Literals(["run", "stream", "timeout"]),
      leavesAt: Schema.UndefinedOr(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 39 })))
    })
  ).check(Schema.isMaxLength(40))
})

describe("Middleware.concurrency", () => {
  it.effect.prop(
    "lets no more run of a key, serves in order, and gets every permit back",
    [Happenings],
    ([happenings]) =>
      Effect.gen(function* () {
        const { handlers, items, most, starts, work } = Limited.make()
        const { around, keys } = Concurrency.make({ limit: happenings.limit, key })
        const layer = Middleware.make(around).pipe(Layer.provide(FiberRunner.layer(handlers)))
        yield* Effect.gen(function* () {
          const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
          for (const [n, { after, key, kind, millis }] of happenings.calls.entries()) {
            yield* TestClock.adjust(after)
            for (const [index, { leavesAt }] of happenings.calls.entries()) {
              if (leavesAt === n && index < n) yield* Fiber.interrupt(fibers[index]!)
            }
            const payload = call(n, key, millis)
            fibers.push(
              kind === "stream"
                ? yield* Effect.forkChild(Stream.runDrain(items.stream(payload)), { startImmediately: true })
                : yield* work.fork(payload, kind === "timeout" ? { timeout: "60 millis" } : {})
            )
          }
          yield* TestClock.adjust("1 hour")
          for (const fiber of fibers) {
            assert.include(["success", "interrupt", "TaskTimeout"], endOf(yield* Fiber.await(fiber)))
          }
          for (const count of most.values()) assert.isAtMost(count, happenings.limit)
          for (const own of ["a", "b"]) {
            const order = starts.filter(({ key }) => key === own).map(({ n }) => n)
            assert.deepStrictEqual(
              order,
              order.toSorted((a, b) => a - b)
            )
          }
          assert.strictEqual(keys.size, 0)
          assert.deepStrictEqual(yield* (yield* TaskRunner).tasks, [])
        }).pipe(Effect.provide(layer))
      })
  )

  it.effect("has calls wait as scheduled tasks, and start when one is over", () => {
    const { order, over, work } = Limited.make()
    return Effect.gen(function* () {
      const first = yield* work.fork(call(0, "", 100))
      const second = yield* work.fork(call(1, "", 100))
      assert.strictEqual(yield* first.status, "running")
      assert.strictEqual(yield* second.status, "scheduled")
      assert.strictEqual((yield* (yield* TaskRunner).tasks).length, 2)
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(yield* second.status, "running")
      assert.deepStrictEqual(order(), [0, 1])
      yield* TestClock.adjust("100 millis")
    }).pipe(Effect.provide(over(Middleware.concurrency({ limit: 1 }))))
  })

  it.effect("gives permits back after failures, defects and cancels, and places of those that leave", () => {
    const fails = Task.make("fails", { payload: Schema.Int, error: Schema.String })
    const never = Task.make("never")
    const layer = Middleware.concurrency({ limit: 1 }).pipe(
      Layer.provide(
        FiberRunner.layer(
          Layer.merge(
            fails.toLayer((n) => (n === 0 ? Effect.fail("no") : n === 1 ? Effect.die("broken") : Effect.interrupt)),
            never.toLayer(() => Effect.never)
          )
        )
      )
    )
    return Effect.gen(function* () {
      const tasks = yield* TaskRunner
      for (const [n, end] of ["no", "defect", "interrupt"].entries()) {
        assert.strictEqual(endOf(yield* Effect.exit(fails.run(n))), end)
      }
      assert.strictEqual(endOf(yield* Effect.exit(fails.run(0.5))), "PayloadInvalid")
      const holding = yield* never.fork()
      const cancelled = yield* never.fork()
      const late = yield* never.fork(undefined, { timeout: "1 second" })
      const last = yield* fails.fork(0)
      assert.isTrue(yield* tasks.cancel(cancelled.taskId))
      assert.strictEqual(endOf(yield* Fiber.await(cancelled)), "TaskCancelled")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(endOf(yield* Fiber.await(late)), "TaskTimeout")
      assert.strictEqual(last.pollUnsafe(), undefined)
      assert.isTrue(yield* tasks.cancel(holding.taskId))
      assert.strictEqual(endOf(yield* Fiber.await(last)), "no")
    }).pipe(Effect.provide(layer))
  })

  it.effect("has a stream keep its permit to its end, or until it is left", () => {
    const { items, order, over, work } = Limited.make()
    return Effect.gen(function* () {
      const left = yield* Effect.forkChild(Stream.runDrain(Stream.take(items.stream(call(0, "", 100)), 1)), {
        startImmediately: true
      })
      const whole = yield* Effect.forkChild(Stream.runCollect(items.stream(call(1, "", 100))), {
        startImmediately: true
      })
      const last = yield* work.fork(call(2))
      yield* TestClock.adjust("99 millis")
      assert.deepStrictEqual(order(), [0])
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(left)
      assert.deepStrictEqual(order(), [0, 1])
      yield* TestClock.adjust("299 millis")
      assert.deepStrictEqual(order(), [0, 1])
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(whole), [1, 2, 3])
      assert.strictEqual(yield* Fiber.join(last), 2)
    }).pipe(Effect.provide(over(Middleware.concurrency({ limit: 1 }))))
  })

  it.effect("refuses calls beyond maxQueue, of each key", () => {
    const { over, work } = Limited.make()
    return Effect.gen(function* () {
      const running = yield* work.fork(call(0, "a", 100))
      const error = yield* Effect.flip(work.fork(call(1, "a")))
      assert.deepInclude(error, { _tag: "QueueFull", limit: 0 })
      assert.strictEqual(yield* work.run(call(2, "b")), 2)
      yield* TestClock.adjust("100 millis")
      yield* Fiber.join(running)
      assert.strictEqual(yield* work.run(call(3, "a")), 3)
    }).pipe(Effect.provide(over(Middleware.concurrency({ limit: 1, maxQueue: 0, key }))))
  })

  it.effect("takes the permit of a delayed call when it is due", () => {
    const { order, over, work } = Limited.make()
    return Effect.gen(function* () {
      const later = yield* work.fork(call(0), { delay: "1 minute" })
      assert.strictEqual(yield* work.run(call(1)), 1)
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(later)
      assert.deepStrictEqual(order(), [1, 0])
    }).pipe(Effect.provide(over(Middleware.concurrency({ limit: 1 }))))
  })

  it.effect("leaves the tasks of handlers alone, so that they cannot wait for each other", () => {
    const { over, parent } = Limited.make()
    return Effect.gen(function* () {
      assert.strictEqual(yield* parent.run(), 5)
    }).pipe(Effect.provide(over(Middleware.concurrency({ limit: 1 }))))
  })

  it.effect("refuses bad options when its Layer is built", () =>
    Effect.gen(function* () {
      const { over } = Limited.make()
      for (const limit of [0, -1, Number.NaN, 1.5, Infinity]) {
        const defect = yield* defectOf(over(Middleware.concurrency({ limit })))
        assert.include(defect, `limit has to be a whole number of at least 1, and is ${limit}`)
      }
      assert.include(yield* defectOf(over(Middleware.concurrency({ limit: 1, maxQueue: -1 }))), "maxQueue has to be")
    })
  )
})
