// So many calls in such a time: never more, first come first served, at the same cost however many there are.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { FiberRunner, Middleware, Task } from "effect-strand"
import { Steady } from "../../src/middleware/internal/Meters.ts"
import * as RateLimit from "../../src/middleware/rateLimit.ts"
import { TaskRunner } from "effect-strand/TaskRunner"
import * as Leaks from "../helpers/leaks.ts"
import { stepsOf } from "../helpers/steps.ts"
import * as Limited from "./limited.ts"

Leaks.check()

const { call, endOf, payloadOf } = Limited

/** What may come at random: calls at random times, of which some are interrupted. */
const Arrivals = Schema.Struct({
  limit: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5 })),
  window: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 300 })),
  burst: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 8 })),
  calls: Schema.Array(
    Schema.Struct({
      after: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 120 })),
      cost: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 5 })),
      leaves: Schema.Boolean
    })
  ).check(Schema.isMaxLength(40))
})

/** Makes the calls, interrupts some of those that wait, and gives when which cost was let through. */
const play = (arrivals: typeof Arrivals.Type, options: RateLimit.RateLimitOptions) =>
  Effect.gen(function* () {
    const { handlers, starts, work } = Limited.make()
    const costOf = (n: number) => Math.min(arrivals.calls[n]!.cost, arrivals.limit, options.burst ?? arrivals.limit)
    const limit = Middleware.rateLimit({ ...options, cost: (request) => costOf(payloadOf(request).n) })
    yield* Effect.gen(function* () {
      const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
      for (const [n, { after, leaves }] of arrivals.calls.entries()) {
        yield* TestClock.adjust(after)
        const fiber = yield* work.fork(call(n))
        if (leaves && n % 2 === 1) yield* Fiber.interrupt(fiber)
        else fibers.push(fiber)
      }
      yield* TestClock.adjust("1 hour")
      for (const fiber of fibers) assert.isTrue(Exit.isSuccess(yield* Fiber.await(fiber)))
      assert.deepStrictEqual(yield* (yield* TaskRunner).tasks, [])
    }).pipe(Effect.provide(limit.pipe(Layer.provide(FiberRunner.layer(handlers)))))
    const order = starts.map(({ n }) => n).filter((n) => costOf(n) > 0)
    assert.deepStrictEqual(
      order,
      order.toSorted((a, b) => a - b),
      "first come, first served"
    )
    return starts.map(({ at, n }) => ({ at, cost: costOf(n) }))
  })

describe("Middleware.rateLimit", () => {
  it.effect.prop("lets no more start in any window, whenever calls come and whoever leaves", [Arrivals], ([arrivals]) =>
    Effect.gen(function* () {
      const { limit, window } = arrivals
      const passed = yield* play(arrivals, { limit, window })
      for (const [index, { at }] of passed.entries()) {
        let count = 0
        for (const later of passed.slice(index)) if (later.at < at + window) count += later.cost
        assert.isAtMost(count, limit)
      }
    })
  )

  it.effect.prop("lets a token bucket give out no more than its burst and its rate", [Arrivals], ([arrivals]) =>
    Effect.gen(function* () {
      const { burst, limit, window } = arrivals
      const passed = yield* play(arrivals, { limit, window, burst, algorithm: "token-bucket" })
      for (const [index, { at }] of passed.entries()) {
        let count = 0
        for (const later of passed.slice(index)) {
          count += later.cost
          assert.isAtMost(count, burst + ((later.at - at) * limit) / window + 1e-6)
        }
      }
    })
  )

  it.effect.prop("lets no more start in each fixed window", [Arrivals], ([arrivals]) =>
    Effect.gen(function* () {
      const { limit, window } = arrivals
      const passed = yield* play(arrivals, { limit, window, algorithm: "fixed-window" })
      let end = -Infinity
      let count = 0
      for (const { at, cost } of passed) {
        if (at >= end) {
          end = at + window
          count = 0
        }
        assert.isAtMost((count += cost), limit)
      }
    })
  )

  it.effect("lets calls start as soon as they may, and no later", () => {
    const { over, starts, work } = Limited.make()
    return Effect.gen(function* () {
      for (let n = 0; n < 7; n++) yield* work.fork(call(n))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(
        starts.map(({ at }) => at),
        [0, 0, 0, 1000, 1000, 1000, 2000]
      )
    }).pipe(Effect.provide(over(Middleware.rateLimit({ limit: 3, window: "1 second" }))))
  })

  it.effect("spreads the calls of a token bucket behind its burst", () => {
    const { over, starts, work } = Limited.make()
    return Effect.gen(function* () {
      for (let n = 0; n < 6; n++) yield* work.fork(call(n))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(
        starts.map(({ at }) => at),
        [0, 0, 500, 1000, 1500, 2000]
      )
    }).pipe(
      Effect.provide(over(Middleware.rateLimit({ limit: 2, window: "1 second", burst: 2, algorithm: "token-bucket" })))
    )
  })

  it.effect("fails with the time to wait, where that is asked for, for run, fork and stream", () => {
    const { items, over, work } = Limited.make()
    return Effect.gen(function* () {
      yield* work.run(call(0))
      yield* TestClock.adjust(400)
      for (const [task, refused] of [
        ["work", Effect.asVoid(work.run(call(1)))],
        ["work", Effect.asVoid(work.fork(call(2)))],
        ["items", Stream.runDrain(items.stream(call(3)))]
      ] as const) {
        assert.deepInclude(yield* Effect.flip(refused), { _tag: "RateLimited", task, retryAfter: 600 })
      }
      yield* TestClock.adjust(600)
      assert.strictEqual(yield* work.run(call(4)), 4)
    }).pipe(Effect.provide(over(Middleware.rateLimit({ limit: 1, window: "1 second", onExceeded: "fail" }))))
  })

  it.effect("has a line and a limit for each key", () => {
    const { over, starts, work } = Limited.make()
    return Effect.gen(function* () {
      for (const [n, key] of ["a", "a", "b", "a", "b"].entries()) yield* work.fork(call(n, key))
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(
        starts.map(({ at, n }) => [n, at]),
        [
          [0, 0],
          [2, 0],
          [1, 1000],
          [4, 1000],
          [3, 2000]
        ]
      )
    }).pipe(
      Effect.provide(
        over(Middleware.rateLimit({ limit: 1, window: "1 second", key: (request) => payloadOf(request).key }))
      )
    )
  })

  it.effect("refuses calls beyond maxQueue, and those that cost more than there ever is", () => {
    const { over, work } = Limited.make()
    return Effect.gen(function* () {
      yield* work.fork(call(0))
      yield* work.fork(call(1))
      assert.strictEqual((yield* Effect.flip(work.fork(call(2))))._tag, "RateLimited")
      const error = yield* Effect.flip(work.run(call(9)))
      assert.strictEqual(error._tag, "TaskRejected")
      assert.include(error.message, "costs 9, and its rate limit never allows more than 1")
      yield* TestClock.adjust("1 second")
    }).pipe(
      Effect.provide(
        over(
          Middleware.rateLimit({
            limit: 1,
            window: "1 second",
            maxQueue: 1,
            cost: (request) => (payloadOf(request).n === 9 ? 9 : 1)
          })
        )
      )
    )
  })

  it.effect("gives the place of a call that leaves to the next: interrupted, cancelled, out of time", () => {
    const { order, over, work } = Limited.make()
    return Effect.gen(function* () {
      yield* work.fork(call(0))
      const interrupted = yield* work.fork(call(1))
      const cancelled = yield* work.fork(call(2))
      const late = yield* work.fork(call(3), { timeout: "500 millis" })
      const last = yield* work.fork(call(4))
      yield* Fiber.interrupt(interrupted)
      assert.isTrue(yield* (yield* TaskRunner).cancel(cancelled.taskId))
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(endOf(yield* Fiber.await(late)), "TaskTimeout")
      yield* TestClock.adjust("500 millis")
      assert.strictEqual(yield* Fiber.join(last), 4)
      assert.deepStrictEqual(order(), [0, 4])
    }).pipe(Effect.provide(over(Middleware.rateLimit({ limit: 1, window: "1 second" }))))
  })

  it.effect("counts a call with a delay when it is due, and one with retries once", () => {
    const { over, starts, work } = Limited.make()
    return Effect.gen(function* () {
      const later = yield* work.fork(call(0), { delay: "10 seconds" })
      yield* work.run(call(1))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(later)
      assert.deepStrictEqual(
        starts.map(({ at, n }) => [n, at]),
        [
          [1, 0],
          [0, 10_000]
        ]
      )
    }).pipe(Effect.provide(over(Middleware.rateLimit({ limit: 1, window: "5 seconds" }))))
  })

  it.effect("has streams wait, and counts each once", () => {
    const { items, over } = Limited.make()
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* Stream.runCollect(items.stream(call(0))), [1, 2, 3])
      const second = yield* Effect.forkChild(Stream.runCollect(items.stream(call(1))), { startImmediately: true })
      yield* TestClock.adjust("999 millis")
      assert.strictEqual(second.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(second), [1, 2, 3])
    }).pipe(Effect.provide(over(Middleware.rateLimit({ limit: 1, window: "1 second" }))))
  })

  it.effect("leaves the tasks of handlers alone, so that they cannot wait for each other", () => {
    const { over, parent } = Limited.make()
    return Effect.gen(function* () {
      assert.strictEqual(yield* parent.run(), 5)
    }).pipe(Effect.provide(over(Middleware.rateLimit({ limit: 1, window: "1 hour" }))))
  })

  it.effect("refuses bad options when its Layer is built", () =>
    Effect.gen(function* () {
      const { over } = Limited.make()
      const bad: ReadonlyArray<readonly [RateLimit.RateLimitOptions, string]> = [
        [{ limit: 0, window: 1 }, "limit has to be a whole number of at least 1, and is 0"],
        [{ limit: Number.NaN, window: 1 }, "limit has to be a whole number of at least 1, and is NaN"],
        [{ limit: 1.5, window: 1 }, "limit has to be a whole number of at least 1, and is 1.5"],
        [{ limit: 1, window: 0 }, "window has to be a time of more than 0 ms that ends, and is 0 ms"],
        [{ limit: 1, window: -5 }, "window has to be a time of more than 0 ms"],
        [{ limit: 1, window: "Infinity" }, "window has to be a time of more than 0 ms that ends"],
        [{ limit: 1, window: 1, burst: 0, algorithm: "token-bucket" }, "burst has to be a whole number"],
        [{ limit: 1, window: 1, burst: 2 }, `burst is for the algorithm "token-bucket"`],
        [{ limit: 1, window: 1, maxQueue: -1 }, "maxQueue has to be a whole number of at least 0"]
      ]
      for (const [options, message] of bad) {
        assert.include(yield* Limited.defectOf(over(Middleware.rateLimit(options))), message)
      }
    })
  )

  it("goes on when the clock is set back", () => {
    const steady = new Steady()
    const read = (time: number) => steady.read({ currentTimeMillisUnsafe: () => time })
    assert.deepStrictEqual([5000, 6000, 1000, 1500].map(read), [5000, 6000, 6000, 6500])
  })
})

describe("many calls", () => {
  /** Makes calls of many keys, of which never more are kept than have called lately. */
  const callMany = (calls: number, algorithm: RateLimit.RateLimitOptions["algorithm"]) =>
    Effect.gen(function* () {
      const { around, keys } = RateLimit.make({
        limit: 100,
        window: "1 second",
        algorithm,
        key: (request) => String(request.payload)
      })
      const ping = Task.make("ping", { payload: Schema.Int })
      const layer = Middleware.make(around).pipe(Layer.provide(FiberRunner.layer(ping.toLayer(() => Effect.void))))
      return yield* Effect.gen(function* () {
        let most = 0
        for (let n = 0; n < calls; n++) {
          // One call each millisecond; each key lives for 100 of them.
          yield* ping.run(Math.floor(n / 100))
          if (n % 10 === 9) yield* TestClock.adjust(10)
          most = Math.max(most, keys.keys.size)
        }
        assert.isAtMost(most, 25)
      }).pipe(Effect.provide(layer))
    })

  for (const algorithm of ["sliding-window", "token-bucket", "fixed-window"] as const) {
    it.effect(`of a ${algorithm} take linear time and constant memory`, () =>
      Effect.gen(function* () {
        const few = yield* stepsOf(callMany(1000, algorithm))
        const many = yield* stepsOf(callMany(10_000, algorithm))
        assert.isBelow(many, 11 * few)
      })
    )
  }

  it.effect("keep no more times than the limit", () =>
    Effect.sync(() => {
      const keys = new RateLimit.Keys({ limit: 50, window: "1 second" })
      const { meter } = keys.get("", 0)
      let most = 0
      for (let now = 0; now < 100_000; now++) {
        meter.take(now, 1)
        most = Math.max(most, (meter as unknown as { readonly size: number }).size)
      }
      // Those that are over are dropped once they are half of all.
      assert.isAtMost(most, 101)
    })
  )

  it.effect("that wait are served in linear time, too", () => {
    const line = (calls: number) =>
      Effect.gen(function* () {
        const { over, starts, work } = Limited.make()
        return yield* Effect.gen(function* () {
          const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
          for (let n = 0; n < calls; n++) fibers.push(yield* work.fork(call(n)))
          // Every second one leaves, from the back.
          for (let n = calls - 1; n > 0; n -= 2) yield* Fiber.interrupt(fibers[n]!)
          yield* TestClock.adjust(calls)
          // The first ones had not waited.
          assert.strictEqual(starts.length, calls / 2 + calls / 40)
        }).pipe(Effect.provide(over(Middleware.rateLimit({ limit: calls / 20, window: calls / 20 }))))
      })
    return Effect.gen(function* () {
      const few = yield* stepsOf(line(1000))
      const many = yield* stepsOf(line(10_000))
      assert.isBelow(many, 11 * few)
    })
  })
})

describe("Middleware.rateLimitShared", () => {
  const store = RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))

  it.effect("is one limit for two runners, in which calls wait first come, first served", () => {
    const { handlers, starts, work } = Limited.make()
    const limited = () =>
      Middleware.rateLimitShared({ name: "calls", limit: 2, window: "1 second" }).pipe(
        Layer.provide(FiberRunner.layer(handlers))
      )
    return Effect.gen(function* () {
      const one = yield* Layer.build(limited())
      const two = yield* Layer.build(limited())
      for (let n = 0; n < 6; n++) yield* Effect.provideContext(work.fork(call(n)), n % 2 === 0 ? one : two)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(
        starts.map(({ at }) => at),
        [0, 0, 500, 1000, 1500, 2000]
      )
      for (const parity of [0, 1]) {
        const own = starts.map(({ n }) => n).filter((n) => n % 2 === parity)
        assert.deepStrictEqual(own, own.toSorted())
      }
    }).pipe(Effect.scoped, Effect.provide(store))
  })

  it.effect("fails, and gives places back, like the limit of one program", () => {
    const { order, over, work } = Limited.make()
    return Effect.gen(function* () {
      yield* work.run(call(0, "a"))
      const waiting = yield* work.fork(call(1, "a"))
      assert.strictEqual(yield* waiting.status, "scheduled")
      const last = yield* work.fork(call(2, "a"))
      assert.strictEqual((yield* Effect.flip(work.fork(call(3, "a"))))._tag, "RateLimited")
      yield* Fiber.interrupt(waiting)
      yield* work.run(call(4, "b"))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(last), 2)
      assert.deepStrictEqual(order(), [0, 4, 2])
    }).pipe(
      Effect.provide(
        over(
          Middleware.rateLimitShared({
            name: "calls",
            limit: 1,
            window: "1 second",
            maxQueue: 2,
            algorithm: "fixed-window",
            key: (request) => payloadOf(request).key
          })
        )
      ),
      Effect.provide(store)
    )
  })

  it.effect("fails with StoreFailure when its store does", () => {
    const { over, work } = Limited.make()
    const reason = new RateLimiter.RateLimitStoreError({ message: "no connection" })
    const broken = RateLimiter.layer.pipe(
      Layer.provide(
        Layer.mock(RateLimiter.RateLimiterStore, {
          tokenBucket: () => Effect.fail(new RateLimiter.RateLimiterError({ reason }))
        })
      )
    )
    return Effect.gen(function* () {
      const error = yield* Effect.flip(work.run(call(0)))
      assert.strictEqual(error._tag, "StoreFailure")
      assert.include(error.message, "no connection")
    }).pipe(
      Effect.provide(over(Middleware.rateLimitShared({ name: "calls", limit: 1, window: "1 second" }))),
      Effect.provide(broken)
    )
  })
})
