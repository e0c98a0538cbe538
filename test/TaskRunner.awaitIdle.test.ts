// What is called while a runner is waited for with `block: true`, beyond what the conformance suite shows of every runner.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as TestClock from "effect/testing/TestClock"
import { FiberRunner, Middleware, StoreReader, StoreRunner, Task, TaskContext, TaskRouter } from "effect-strand"
import * as MemoryStore from "effect-strand/MemoryStore"
import { TaskRunner } from "effect-strand/TaskRunner"
import * as Leaks from "./helpers/leaks.ts"

Leaks.check()

const now = { startImmediately: true } as const

const hold = Task.make("hold")
const note = Task.make("note", { payload: Schema.Int, success: Schema.UndefinedOr(Schema.Number) })
const parent = Task.make("parent", { success: Schema.UndefinedOr(Schema.Number) })

/** Handlers of which one waits for a latch, and the numbers that were noted. */
const make = (child: () => Effect.Effect<number | undefined> = () => Effect.succeed(undefined)) => {
  const latch = Latch.makeUnsafe(false)
  const noted: Array<number> = []
  const handlers = Layer.mergeAll(
    hold.toLayer(() => latch.await),
    note.toLayer((n) =>
      Effect.map(TaskContext.TaskContext, ({ deadline }) => {
        noted.push(n)
        return deadline
      })
    ),
    parent.toLayer(() => Effect.andThen(latch.await, Effect.suspend(child)))
  )
  return { latch, noted, handlers, runner: FiberRunner.layer(handlers) }
}

const tagOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? (Cause.squash(exit.cause) as { readonly _tag: unknown })._tag : undefined

describe("awaitIdle with block", () => {
  it.effect.prop(
    "runs what has waited in the order of the calls, however each is made",
    { calls: Schema.Array(Schema.Literals(["run", "fork", "timeout", "stopped"])) },
    ({ calls }) => {
      const { latch, noted, runner } = make()
      return Effect.gen(function* () {
        const service = yield* TaskRunner
        yield* hold.fork()
        const idle = yield* Effect.forkChild(service.awaitIdle({ block: true }), now)
        const waiting: Array<Fiber.Fiber<unknown, unknown>> = []
        const expected: Array<number> = []
        for (const [n, how] of calls.entries()) {
          const call =
            how === "fork"
              ? Effect.flatMap(note.fork(n), Fiber.join)
              : note.run(n, how === "timeout" ? { timeout: "1 minute" } : {})
          const fiber = yield* Effect.forkChild(call, now)
          if (how === "stopped") yield* Fiber.interrupt(fiber)
          else {
            waiting.push(fiber)
            expected.push(n)
          }
        }
        assert.deepStrictEqual(noted, [])
        assert.strictEqual((yield* service.tasks).length, 1)
        yield* latch.open
        yield* Fiber.join(idle)
        yield* Fiber.joinAll(waiting)
        assert.deepStrictEqual(noted, expected)
      }).pipe(Effect.provide(runner))
    }
  )

  it.effect("leaves the runner idle to whoever waited", () => {
    const { latch, noted, runner } = make()
    return Effect.gen(function* () {
      const service = yield* TaskRunner
      yield* hold.fork()
      const seen = Effect.zip(service.awaitIdle({ block: true }), service.tasks)
      const idle = yield* Effect.forkChild(seen, now)
      const waiting = yield* Effect.forkChild(note.run(1), now)
      yield* latch.open
      assert.deepStrictEqual((yield* Fiber.join(idle))[1], [])
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(noted, [1])
    }).pipe(Effect.provide(runner))
  })

  it.effect("has time limits begin with the call, and delays afterwards", () => {
    const { latch, noted, runner } = make()
    return Effect.gen(function* () {
      const service = yield* TaskRunner
      yield* hold.fork()
      const idle = yield* Effect.forkChild(service.awaitIdle({ block: true }), now)
      const short = yield* Effect.forkChild(note.run(1, { timeout: "1 second" }), now)
      const long = yield* Effect.forkChild(note.run(2, { timeout: "3 seconds" }), now)
      const late = yield* Effect.forkChild(note.run(3, { timeout: "1 second", delay: "1 minute" }), now)
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(tagOf(yield* Fiber.await(short)), "TaskTimeout")
      yield* latch.open
      yield* Fiber.join(idle)
      assert.strictEqual(yield* Fiber.join(long), 3000)
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(noted, [2])
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(late), 63_000)
    }).pipe(Effect.provide(runner))
  })

  it.effect("keeps calls in front of middlewares, too, and counts those that are further in", () => {
    const { latch, noted, runner } = make()
    const entered: Array<string> = []
    const gate = Latch.makeUnsafe(false)
    const seen = Middleware.make((request, next) =>
      Effect.andThen(
        Effect.sync(() => entered.push(request.name)),
        Effect.andThen(Middleware.wait(request, gate.await), next)
      )
    )
    return Effect.gen(function* () {
      const service = yield* TaskRunner
      yield* latch.open
      const held = yield* hold.fork()
      const idle = yield* Effect.forkChild(service.awaitIdle({ block: true }), now)
      const waiting = yield* Effect.forkChild(note.fork(1), now)
      assert.deepStrictEqual(entered, ["hold"])
      assert.deepStrictEqual(
        (yield* service.tasks).map(({ id }) => id),
        [held.taskId]
      )
      assert.isUndefined(idle.pollUnsafe())
      yield* gate.open
      yield* Fiber.join(idle)
      yield* Fiber.join(yield* Fiber.join(waiting))
      assert.deepStrictEqual([entered, noted], [["hold", "note"], [1]])
    }).pipe(Effect.provide(Middleware.stack(runner, seen, Middleware.logging({ level: "Trace" }))))
  })

  it.effect("lets tasks of one runner of a router run tasks on another", () => {
    const other = make()
    const latch = Latch.makeUnsafe(false)
    const calling = parent.toLayer(() => Effect.andThen(latch.await, Effect.orDie(note.run(1, { runner: "other" }))))
    const Runners = TaskRouter.layer({ own: FiberRunner.layer(calling), other: other.runner, default: "own" })
    return Effect.gen(function* () {
      const service = yield* TaskRunner
      const fiber = yield* parent.fork()
      const idle = yield* Effect.forkChild(service.awaitIdle({ block: true }), now)
      const waiting = yield* Effect.forkChild(note.run(2, { runner: "other" }), now)
      yield* latch.open
      yield* Fiber.join(idle)
      assert.isUndefined(yield* Fiber.join(fiber))
      yield* Fiber.join(waiting)
      assert.deepStrictEqual(other.noted, [1, 2])
    }).pipe(Effect.provide(Runners))
  })

  it.live("lets a task that a store's runner waits for call tasks on it", () => {
    let outside: Context.Context<TaskRunner>
    const { handlers, latch, noted } = make(() => Effect.orDie(Effect.provideContext(note.run(1), outside)))
    const reader = StoreReader.layer({ tasks: [note, parent] }).pipe(Layer.provide(FiberRunner.layer(handlers)))
    return Effect.gen(function* () {
      outside = yield* Effect.context<TaskRunner>()
      const service = yield* TaskRunner
      const fiber = yield* parent.fork()
      const idle = yield* Effect.forkChild(service.awaitIdle({ block: true }), now)
      const waiting = yield* Effect.forkChild(note.run(2), now)
      yield* latch.open
      yield* Fiber.join(idle)
      yield* Fiber.joinAll([fiber, waiting])
      assert.deepStrictEqual(noted, [1, 2])
    }).pipe(Effect.provide(Layer.merge(StoreRunner.layer, reader)), Effect.provide(MemoryStore.layer()))
  })
})
