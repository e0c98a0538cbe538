// The same call gets the same result, once it is there or while it is made.
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { FiberRunner, Middleware, Task, TaskContext, ThreadRunner } from "effect-strand"
import * as Cache from "../../src/middleware/cache.ts"
import { callKey } from "../../src/middleware/internal/callKey.ts"
import * as Call from "../../src/internal/call/Call.ts"
import { TaskRunner } from "effect-strand/TaskRunner"
import * as Leaks from "../helpers/leaks.ts"
import { stepsOf } from "../helpers/steps.ts"
import * as Limited from "./limited.ts"

Leaks.check()

const { call, defectOf, endOf, payloadOf } = Limited

const shared = Middleware.cache({ timeToLive: "1 minute" })

describe("Middleware.cache", () => {
  it.effect("keeps results for their time", () => {
    const { order, over, work } = Limited.make()
    return Effect.gen(function* () {
      assert.strictEqual(yield* work.run(call(1)), 1)
      assert.strictEqual(yield* work.run(call(1)), 1)
      assert.strictEqual(yield* work.run(call(2)), 2)
      const fiber = yield* work.fork(call(1))
      assert.strictEqual(yield* Fiber.join(fiber), 1)
      assert.strictEqual(yield* fiber.status, "completed")
      assert.deepStrictEqual(order(), [1, 2])
      yield* TestClock.adjust("59999 millis")
      yield* work.run(call(1))
      assert.deepStrictEqual(order(), [1, 2])
      yield* TestClock.adjust("1 millis")
      yield* work.run(call(1))
      assert.deepStrictEqual(order(), [1, 2, 1])
      assert.deepStrictEqual(yield* (yield* TaskRunner).tasks, [])
    }).pipe(Effect.provide(over(shared)))
  })

  it.effect("shares work that is under way, with its status and its progress", () => {
    const latch = Deferred.makeUnsafe<void>()
    let worked = 0
    const task = Task.make("task", { success: Schema.Int })
    const handlers = task.toLayer(() =>
      Effect.gen(function* () {
        yield* (yield* TaskContext.TaskContext).progress("half")
        yield* Deferred.await(latch)
        return ++worked
      })
    )
    return Effect.gen(function* () {
      const fibers = yield* Effect.forEach([1, 2, 3], () => task.fork())
      for (const fiber of fibers) {
        assert.strictEqual(yield* fiber.status, "running")
        assert.strictEqual(fiber.metadata.progress, "half")
      }
      assert.strictEqual((yield* (yield* TaskRunner).tasks).length, 3)
      yield* Deferred.succeed(latch, undefined)
      assert.deepStrictEqual(yield* Effect.forEach(fibers, Fiber.join), [1, 1, 1])
    }).pipe(Effect.provide(shared.pipe(Layer.provide(FiberRunner.layer(handlers)))))
  })

  it.effect("leaves the work to the others when one goes: interrupted, cancelled, out of time", () => {
    const { order, over, running, work } = Limited.make()
    return Effect.gen(function* () {
      const first = yield* work.fork(call(1, "a", 2000))
      const cancelled = yield* work.fork(call(1, "a", 2000))
      const late = yield* work.fork(call(1, "a", 2000), { timeout: "1 second" })
      const last = yield* work.fork(call(1, "a", 2000))
      yield* Fiber.interrupt(first)
      assert.isTrue(yield* (yield* TaskRunner).cancel(cancelled.taskId))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual((yield* Effect.forEach([first, cancelled, late], Fiber.await)).map(endOf), [
        "interrupt",
        "TaskCancelled",
        "TaskTimeout"
      ])
      assert.strictEqual(running.get("a"), 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(last), 1)
      assert.deepStrictEqual(order(), [1])
    }).pipe(Effect.provide(over(shared)))
  })

  it.effect("starts work again that the time limit, or a cancelled handler, of who had started it has ended", () => {
    const { order, over, work } = Limited.make()
    return Effect.gen(function* () {
      const short = yield* work.fork(call(1, "a", 2000), { timeout: "1 second" })
      const long = yield* work.fork(call(1, "a", 2000))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(endOf(yield* Fiber.await(short)), "TaskTimeout")
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(long), 1)
      assert.deepStrictEqual(order(), [1, 1])
    }).pipe(Effect.provide(over(shared)))
  })

  it.effect("gives the others the error of work whose starter was cancelled", () => {
    const task = Task.make("task", { error: Schema.Literal("broken") })
    const handlers = task.toLayer(() => Effect.andThen(Effect.sleep("1 second"), Effect.fail("broken" as const)))
    return Effect.gen(function* () {
      const [first, second] = yield* Effect.forEach([1, 2], () => task.fork())
      yield* (yield* TaskRunner).cancel(first!.taskId)
      assert.strictEqual(yield* first!.status, "cancelled")
      assert.strictEqual(yield* second!.status, "running")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Effect.flip(Fiber.join(second!)), "broken")
      assert.strictEqual(yield* first!.status, "cancelled")
    }).pipe(Effect.provide(shared.pipe(Layer.provide(FiberRunner.layer(handlers)))))
  })

  it.effect("stops the work when the last one goes, and keeps nothing of it", () => {
    const { order, over, running, work } = Limited.make()
    return Effect.gen(function* () {
      const fibers = yield* Effect.forEach([1, 2], () => work.fork(call(1, "a", 1000)))
      yield* Fiber.interrupt(fibers[0]!)
      assert.strictEqual(running.get("a"), 1)
      yield* Fiber.interrupt(fibers[1]!)
      assert.strictEqual(running.get("a"), 0)
      const again = yield* work.fork(call(1, "a", 1000))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(again), 1)
      assert.deepStrictEqual(order(), [1, 1])
    }).pipe(Effect.provide(over(shared)))
  })

  it.effect("gives who comes while work is being stopped work of its own", () => {
    const stopped = Deferred.makeUnsafe<void>()
    let started = 0
    const task = Task.make("task", { success: Schema.Int })
    const handlers = task.toLayer(() =>
      Effect.suspend(() =>
        ++started === 1 ? Effect.onInterrupt(Effect.never, () => Deferred.await(stopped)) : Effect.succeed(started)
      )
    )
    return Effect.gen(function* () {
      const first = yield* task.fork()
      const stopping = yield* Effect.forkChild(Fiber.interrupt(first), { startImmediately: true })
      assert.strictEqual(yield* task.run(), 2)
      assert.strictEqual(stopping.pollUnsafe(), undefined)
      yield* Deferred.succeed(stopped, undefined)
      yield* Fiber.join(stopping)
      assert.strictEqual(yield* task.run(), 2)
    }).pipe(Effect.provide(shared.pipe(Layer.provide(FiberRunner.layer(handlers)))))
  })

  it.effect("keeps no failures, unless it is told to, but shares them", () => {
    let worked = 0
    const task = Task.make("task", { success: Schema.Int, error: Schema.Int })
    const handlers = task.toLayer(() =>
      Effect.andThen(
        Effect.sleep("1 second"),
        Effect.suspend(() => Effect.fail(++worked))
      )
    )
    const twice = Effect.gen(function* () {
      const fibers = yield* Effect.forEach([1, 2], () => task.fork())
      yield* TestClock.adjust("1 second")
      return yield* Effect.forEach(fibers, (fiber) => Effect.flip(Fiber.join(fiber)))
    })
    const over = (middleware: Middleware.Middleware) => middleware.pipe(Layer.provide(FiberRunner.layer(handlers)))
    return Effect.gen(function* () {
      const without = Effect.andThen(twice, twice)
      assert.deepStrictEqual(yield* without.pipe(Effect.provide(over(shared))), [2, 2])
      worked = 0
      const timeToLive = (exit: Exit.Exit<unknown, unknown>) => (Exit.isFailure(exit) ? "1 hour" : 0)
      const kept = Effect.andThen(twice, twice)
      assert.deepStrictEqual(yield* kept.pipe(Effect.provide(over(Middleware.cache({ timeToLive })))), [1, 1])
    })
  })

  it.effect("has fork fail as the work is refused", () => {
    const { over, work } = Limited.make()
    const unknown = Task.make("unknown")
    return Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(unknown.fork()))._tag, "TaskNotFound")
      assert.strictEqual((yield* Effect.flip(work.fork(call(0.5))))._tag, "PayloadInvalid")
    }).pipe(Effect.provide(over(shared)))
  })

  it.effect("lets streams pass, and calls without a key", () => {
    const { items, order, over, work } = Limited.make()
    const keyed = Middleware.cache({
      timeToLive: "Infinity",
      key: (request) => (payloadOf(request).n === 0 ? undefined : payloadOf(request).key)
    })
    return Effect.gen(function* () {
      for (let n = 0; n < 2; n++) assert.deepStrictEqual(yield* Stream.runCollect(items.stream(call(7))), [1, 2, 3])
      assert.strictEqual(yield* work.run(call(5, "a")), 5)
      assert.strictEqual(yield* work.run(call(6, "a")), 5)
      for (let n = 0; n < 2; n++) assert.strictEqual(yield* work.run(call(0, "a")), 0)
      assert.deepStrictEqual(order(), [7, 7, 5, 0, 0])
    }).pipe(Effect.provide(over(keyed)))
  })

  it.effect("drops what has not been asked for longest, and takes linear time", () =>
    Effect.gen(function* () {
      const { handlers, order, work } = Limited.make()
      const { around, results } = Cache.make({ timeToLive: "1 hour", capacity: 3 })
      yield* Effect.gen(function* () {
        for (const n of [1, 2, 3, 1, 4, 1, 3, 2]) yield* work.run(call(n))
        assert.deepStrictEqual(order(), [1, 2, 3, 4, 2])
        assert.strictEqual(results.kept.size, 3)
        assert.strictEqual(results.shared.size, 0)
      }).pipe(Effect.provide(Middleware.make(around).pipe(Layer.provide(FiberRunner.layer(handlers)))))
      const ping = Task.make("ping", { payload: Schema.Int })
      const callMany = (calls: number) => {
        const { around } = Cache.make({ timeToLive: "1 hour", capacity: calls / 2 })
        const layer = Middleware.make(around).pipe(Layer.provide(FiberRunner.layer(ping.toLayer(() => Effect.void))))
        return Effect.gen(function* () {
          for (let n = 0; n < calls; n++) yield* ping.run(n)
        }).pipe(Effect.provide(layer))
      }
      const few = yield* stepsOf(callMany(1000))
      const many = yield* stepsOf(callMany(10_000))
      assert.isBelow(many, 11 * few)
    })
  )

  it.live("works in front of threads", () => {
    const random = Task.portable("random", (_: { readonly of: number }) => Math.random())
    return Effect.gen(function* () {
      const [a, b] = yield* Effect.all([random.run({ of: 1 }), random.run({ of: 1 })], { concurrency: 2 })
      assert.strictEqual(a, b)
      assert.strictEqual(yield* random.run({ of: 1 }), a)
      assert.notStrictEqual(yield* random.run({ of: 2 }), a)
    }).pipe(Effect.provide(shared.pipe(Layer.provide(ThreadRunner.layer({ size: 1 })))))
  })

  it.effect("refuses bad options when its Layer is built", () =>
    Effect.gen(function* () {
      const { over } = Limited.make()
      for (const timeToLive of [Number.NaN, -1]) {
        assert.include(
          yield* defectOf(over(Middleware.cache({ timeToLive }))),
          "timeToLive has to be a time of at least 0"
        )
      }
      assert.include(yield* defectOf(over(Middleware.cache({ timeToLive: 1, capacity: 0 }))), "capacity has to be")
    })
  )
})

describe("the key of a call", () => {
  const any = Task.make("any", { payload: Schema.Any })
  const keyOf = (task: Task.Any, payload: unknown, principal?: unknown) => {
    const request = Call.make(Effect.runSync(Effect.context<never>()), task, payload, undefined)
    if (principal !== undefined) request.principal = principal
    return callKey(request, undefined)
  }

  it("tells apart what is not the same, also where a schema says nothing", () => {
    const now = new Date(0)
    const different = [
      1,
      "1",
      1n,
      -0,
      0,
      true,
      "true",
      null,
      undefined,
      "null",
      Number.NaN,
      now,
      now.toISOString(),
      0,
      [1, 2],
      ["1,2"],
      [[1], 2],
      new Set([1, 2]),
      new Map([[1, 2]]),
      new Uint8Array([1, 2]),
      { a: 1 },
      { a: "1" },
      { a: { b: 1 } },
      { a: undefined },
      {}
    ]
    const keys = different.map((payload) => keyOf(any, payload))
    assert.isFalse(keys.includes(undefined))
    // 0 is there twice.
    assert.strictEqual(new Set(keys).size, different.length - 1)
  })

  it("is the same whatever the order of properties", () => {
    assert.strictEqual(keyOf(any, { a: 1, b: [{ c: 1, d: 2 }] }), keyOf(any, { b: [{ d: 2, c: 1 }], a: 1 }))
  })

  it("is none for what cannot be told from outside", () => {
    const circle: Record<string, unknown> = {}
    circle["circle"] = circle
    for (const payload of [() => 1, { f: () => 1 }, Symbol("s"), new URL("file:///a"), [new WeakMap()], circle]) {
      assert.strictEqual(keyOf(any, payload), undefined)
    }
  })

  it("is another one for another task, function or principal", () => {
    const other = Task.make("other", { payload: Schema.Any })
    const add = Task.portable("add", (a: number) => a + 1)
    const subtract = Task.portable("add", (a: number) => a - 1)
    const keys = [
      keyOf(any, 1),
      keyOf(other, 1),
      keyOf(any, 1, "ann"),
      keyOf(any, 1, "bob"),
      keyOf(add, 1),
      keyOf(subtract, 1)
    ]
    assert.strictEqual(new Set(keys).size, keys.length)
  })
})
