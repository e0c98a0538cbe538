// Calls are refused after too many have failed, until one has gone well again.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { FiberRunner, Middleware, Task } from "effect-strand"
import { TaskRunner } from "effect-strand/TaskRunner"
import * as Leaks from "../helpers/leaks.ts"
import { defectOf, endOf } from "./limited.ts"

Leaks.check()

class Declined extends Schema.TaggedError<Declined>()("Declined", { reason: Schema.String }) {}

const How = Schema.Literals(["well", "defect", "declined", "interrupt", "slow", "never"])

const make = (options: Middleware.CircuitBreakerOptions) => {
  const pay = Task.make("pay", { payload: How, success: Schema.Int, error: Declined })
  const other = Task.make("other", { payload: How, success: Schema.Int, error: Declined })
  const items = Task.stream("items", { payload: How, success: Schema.Int })
  let worked = 0
  const handle = (how: typeof How.Type): Effect.Effect<number, Declined> =>
    Effect.suspend(() => {
      worked++
      switch (how) {
        case "well":
          return Effect.succeed(worked)
        case "defect":
          return Effect.die(new Error("no connection"))
        case "declined":
          return Effect.fail(new Declined({ reason: "no money" }))
        case "interrupt":
          return Effect.interrupt
        case "slow":
          return Effect.as(Effect.sleep("1 second"), worked)
        case "never":
          return Effect.never
      }
    })
  const handlers = Layer.mergeAll(
    pay.toLayer(handle),
    other.toLayer(handle),
    items.toLayer((how) => Stream.concat(Stream.make(1, 2), Stream.fromEffect(Effect.orDie(handle(how)))))
  )
  const transitions: Array<string> = []
  const onTransition = ({ from, key, retryAfter, to }: Middleware.CircuitTransition) =>
    Effect.sync(
      () => void transitions.push(`${key}: ${from} to ${to}${retryAfter === undefined ? "" : ` for ${retryAfter}`}`)
    )
  const layer = Middleware.circuitBreaker({ onTransition, ...options }).pipe(Layer.provide(FiberRunner.layer(handlers)))
  return { pay, other, items, handlers, layer, transitions, worked: () => worked }
}

const ends = (effects: ReadonlyArray<Effect.Effect<unknown, unknown, TaskRunner>>) =>
  Effect.map(Effect.forEach(effects, Effect.exit), (exits) => exits.map(endOf))

describe("Middleware.circuitBreaker", () => {
  it.effect("opens after failures in a row, refuses without work, tries one, and closes", () => {
    const { layer, pay, transitions, worked } = make({ failures: 2, openFor: "10 seconds" })
    return Effect.gen(function* () {
      const bad = [pay.run("defect"), pay.run("well"), pay.run("defect"), pay.run("defect")]
      assert.deepStrictEqual(yield* ends(bad), ["defect", "success", "defect", "defect"])
      yield* TestClock.adjust("4 seconds")
      for (const refused of [Effect.asVoid(pay.run("well")), Effect.asVoid(pay.fork("well"))]) {
        assert.deepInclude(yield* Effect.flip(refused), { _tag: "CircuitOpen", task: "pay", retryAfter: 6000 })
      }
      assert.strictEqual(worked(), 4)
      yield* TestClock.adjust("6 seconds")
      const probe = yield* pay.fork("slow")
      assert.deepInclude(yield* Effect.flip(pay.run("well")), { _tag: "CircuitOpen", retryAfter: 0 })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(probe), 5)
      assert.strictEqual(yield* pay.run("well"), 6)
      assert.deepStrictEqual(transitions, [
        "pay: Closed to Open for 10000",
        "pay: Open to HalfOpen",
        "pay: HalfOpen to Closed"
      ])
    }).pipe(Effect.provide(layer))
  })

  it.effect("stays open for longer, as its schedule says, when the try fails", () => {
    const { layer, pay, transitions } = make({
      failures: 1,
      openFor: Schedule.exponential("1 second").pipe(Schedule.map(() => Effect.succeed(0)))
    })
    return Effect.gen(function* () {
      yield* Effect.exit(pay.run("defect"))
      yield* TestClock.adjust("1 second")
      yield* Effect.exit(pay.run("defect"))
      yield* TestClock.adjust("1 second")
      assert.deepInclude(yield* Effect.flip(pay.run("well")), { _tag: "CircuitOpen", retryAfter: 1000 })
      yield* Effect.yieldNow
      assert.deepStrictEqual(transitions, [
        "pay: Closed to Open for 1000",
        "pay: Open to HalfOpen",
        "pay: HalfOpen to Open for 2000"
      ])
    }).pipe(Effect.provide(layer))
  })

  it.effect("counts only what says that something is broken", () => {
    const { layer, pay } = make({ failures: 1 })
    return Effect.gen(function* () {
      const tasks = yield* TaskRunner
      assert.deepStrictEqual(yield* ends([pay.run("declined"), pay.run("interrupt"), pay.run("bad" as "well")]), [
        "Declined",
        "interrupt",
        "PayloadInvalid"
      ])
      const cancelled = yield* pay.fork("never")
      yield* tasks.cancel(cancelled.taskId)
      const interrupted = yield* pay.fork("never")
      yield* Fiber.interrupt(interrupted)
      assert.strictEqual(endOf(yield* Effect.exit(pay.run("well"))), "success")
      const late = yield* pay.fork("never", { timeout: "1 second" })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(endOf(yield* Fiber.await(late)), "TaskTimeout")
      assert.strictEqual((yield* Effect.flip(pay.run("well")))._tag, "CircuitOpen")
    }).pipe(Effect.provide(layer))
  })

  it.effect("counts declared errors where it is told to", () => {
    const { layer, pay } = make({ failures: 1, isFailure: (error) => (error as Declined).reason === "no money" })
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* ends([pay.run("declined"), pay.run("well")]), ["Declined", "CircuitOpen"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("has a circuit for each task, or for each key", () => {
    const each = make({ failures: 1 })
    const one = make({ failures: 1, key: () => "bank" })
    return Effect.gen(function* () {
      const calls = ({ other, pay }: typeof each) => ends([pay.run("defect"), other.run("well")])
      assert.deepStrictEqual(yield* calls(each).pipe(Effect.provide(each.layer)), ["defect", "success"])
      assert.deepStrictEqual(yield* calls(one).pipe(Effect.provide(one.layer)), ["defect", "CircuitOpen"])
      assert.deepStrictEqual(one.transitions, ["bank: Closed to Open for 30000"])
    })
  })

  it.effect("opens at a rate of failures", () => {
    const { layer, pay } = make({ rate: { threshold: 0.5, size: 4 } })
    return Effect.gen(function* () {
      const calls = [pay.run("well"), pay.run("defect"), pay.run("well"), pay.run("defect"), pay.run("well")]
      assert.deepStrictEqual(yield* ends(calls), ["success", "defect", "success", "defect", "CircuitOpen"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("sees a stream as one call, to its end", () => {
    const { items, layer } = make({ failures: 1, openFor: "1 second" })
    return Effect.gen(function* () {
      const seen: Array<number> = []
      const collect = (how: typeof How.Type) =>
        Stream.runForEach(items.stream(how), (n) => Effect.sync(() => void seen.push(n)))
      assert.strictEqual(endOf(yield* Effect.exit(collect("defect"))), "defect")
      assert.deepStrictEqual(seen, [1, 2])
      assert.strictEqual(endOf(yield* Effect.exit(collect("well"))), "CircuitOpen")
      yield* TestClock.adjust("1 second")
      // The one that tries is left early, which is no failure: the next one may try.
      const left = yield* Effect.forkChild(collect("never"), { startImmediately: true })
      assert.strictEqual(endOf(yield* Effect.exit(collect("well"))), "CircuitOpen")
      yield* Fiber.interrupt(left)
      assert.strictEqual(endOf(yield* Effect.exit(collect("well"))), "success")
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(items.stream("never"), 1)), [1])
      assert.strictEqual(endOf(yield* Effect.exit(collect("well"))), "success")
      assert.deepStrictEqual(yield* (yield* TaskRunner).tasks, [])
    }).pipe(Effect.provide(layer))
  })

  it.effect("refuses bad options when its Layer is built", () =>
    Effect.gen(function* () {
      const bad: ReadonlyArray<readonly [Middleware.CircuitBreakerOptions, string]> = [
        [{ failures: 0 }, "failures has to be a whole number of at least 1, and is 0"],
        [{ failures: Number.NaN }, "failures has to be a whole number"],
        [{ openFor: -1 }, "openFor has to be a time of more than 0 ms"],
        [{ rate: { threshold: 2 } }, "threshold must be in [0, 1]"],
        [{ failures: 1, rate: {} }, "failures and rate are two ways"]
      ]
      for (const [options, message] of bad) assert.include(yield* defectOf(make(options).layer), message)
    })
  )
})

describe("Middleware.circuitBreakerShared", () => {
  it.effect("is open for all runners with its store", () => {
    const { handlers, pay } = make({})
    const runner = () =>
      Middleware.circuitBreakerShared({ failures: 1 }).pipe(Layer.provide(FiberRunner.layer(handlers)))
    return Effect.gen(function* () {
      const one = yield* Layer.build(runner())
      const two = yield* Layer.build(runner())
      yield* Effect.provideContext(Effect.exit(pay.run("defect")), one)
      assert.strictEqual((yield* Effect.flip(Effect.provideContext(pay.run("well"), two)))._tag, "CircuitOpen")
    }).pipe(Effect.scoped, Effect.provide(CircuitBreaker.layerStoreMemory()))
  })
})
