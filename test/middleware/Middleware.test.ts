// What holds for every middleware: a request that waits in front of its runner is a live task like any other.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { FiberRunner, Middleware, StoreReader, StoreRunner, Task, TaskContext, ThreadRunner } from "effect-strand"
import * as MemoryStore from "effect-strand/MemoryStore"
import { TaskRunner } from "effect-strand/TaskRunner"
import * as Leaks from "../helpers/leaks.ts"

Leaks.check()

class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Int }) {}

const half = Task.make("half", { payload: Schema.Int, success: Schema.Int, error: Odd })
const wait = Task.make("wait")
const count = Task.stream("count", { payload: Schema.Int, success: Schema.Int })
const deadline = Task.make("deadline", { success: Schema.Number })

const handlers = Layer.mergeAll(
  half.toLayer((n) => (n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail(new Odd({ n })))),
  wait.toLayer(() => Effect.never),
  count.toLayer((to) => Stream.range(1, to)),
  deadline.toLayer(() => Effect.map(TaskContext.TaskContext, (context) => context.deadline ?? 0))
)

/** A middleware that lets nothing pass until its latch is open. */
const gated = () => {
  const latch = Latch.makeUnsafe(false)
  const middleware = Middleware.make({
    execute: (request, next) => Effect.andThen(Middleware.wait(request, latch.await), next),
    stream: (request, next) => Stream.unwrap(Effect.as(Middleware.wait(request, latch.await), next))
  })
  return { latch, middleware, runner: middleware.pipe(Layer.provide(FiberRunner.layer(handlers))) }
}

const tagOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit)
    ? (Option.getOrUndefined(Cause.findErrorOption(exit.cause)) as { readonly _tag?: string } | undefined)?._tag
    : "success"

describe("a request that waits in a middleware", () => {
  it.effect("has a handle, is listed, and can be attached to", () => {
    const { latch, runner } = gated()
    return Effect.gen(function* () {
      const tasks = yield* TaskRunner
      const fiber = yield* half.fork(4)
      assert.strictEqual(yield* fiber.status, "scheduled")
      assert.deepStrictEqual(
        (yield* tasks.tasks).map(({ id, status }) => [id, status]),
        [[fiber.taskId, "scheduled"]]
      )
      const again = yield* half.attach(fiber.taskId)
      yield* latch.open
      assert.strictEqual(yield* Fiber.join(fiber), 2)
      assert.strictEqual(yield* Fiber.join(again), 2)
      assert.strictEqual(yield* fiber.status, "completed")
      assert.deepStrictEqual(yield* tasks.tasks, [])
    }).pipe(Effect.provide(runner))
  })

  it.effect("has had its payload checked", () => {
    const { runner } = gated()
    return Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(half.fork(0.5)))._tag, "PayloadInvalid")
      assert.deepStrictEqual(yield* (yield* TaskRunner).tasks, [])
    }).pipe(Effect.provide(runner))
  })

  it.effect("is cancelled by its id, be it run, forked or a stream", () => {
    const { runner } = gated()
    return Effect.gen(function* () {
      const tasks = yield* TaskRunner
      const forked = yield* half.fork(4)
      const run = yield* Effect.forkChild(Effect.exit(half.run(4)), { startImmediately: true })
      const streamed = yield* Effect.forkChild(Effect.exit(Stream.runDrain(count.stream(3))), {
        startImmediately: true
      })
      const listed = yield* tasks.tasks
      assert.strictEqual(listed.length, 3)
      for (const { id } of listed) assert.isTrue(yield* tasks.cancel(id))
      assert.strictEqual(tagOf(yield* Fiber.await(forked)), "TaskCancelled")
      assert.strictEqual(yield* forked.status, "cancelled")
      assert.strictEqual(tagOf(yield* Fiber.join(run)), "TaskCancelled")
      assert.strictEqual(tagOf(yield* Fiber.join(streamed)), "TaskCancelled")
      assert.deepStrictEqual(yield* tasks.tasks, [])
    }).pipe(Effect.provide(runner))
  })

  it.effect("is interrupted like any other", () => {
    const { runner } = gated()
    return Effect.gen(function* () {
      const fiber = yield* half.fork(4)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* fiber.status, "cancelled")
      assert.deepStrictEqual(yield* (yield* TaskRunner).tasks, [])
    }).pipe(Effect.provide(runner))
  })

  it.effect("runs into the time limit of its call, which covers the waiting and the running", () => {
    const { latch, runner } = gated()
    return Effect.gen(function* () {
      const early = yield* half.fork(4, { timeout: "1 second" })
      const late = yield* wait.fork(undefined, { timeout: "3 seconds" })
      yield* TestClock.adjust("1 second")
      const exit = yield* Fiber.await(early)
      assert.strictEqual(tagOf(exit), "TaskTimeout")
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "1000 ms")
      assert.strictEqual(yield* early.status, "failed")
      yield* latch.open
      yield* TestClock.adjust("1999 millis")
      assert.strictEqual(late.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(tagOf(yield* Fiber.await(late)), "TaskTimeout")
    }).pipe(Effect.provide(runner))
  })

  it.effect("has its time limit end when its waiting began, also where the handler looks", () => {
    const { latch, runner } = gated()
    return Effect.gen(function* () {
      const fiber = yield* deadline.fork(undefined, { timeout: "5 seconds" })
      yield* TestClock.adjust("2 seconds")
      yield* latch.open
      assert.strictEqual(yield* Fiber.join(fiber), 5000)
    }).pipe(Effect.provide(runner))
  })

  it.effect("does not count its delay as time", () => {
    const { latch, runner } = gated()
    return Effect.gen(function* () {
      yield* latch.open
      const fiber = yield* half.fork(4, { timeout: "1 second", delay: "1 minute" })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* Fiber.join(fiber), 2)
    }).pipe(Effect.provide(runner))
  })

  it.effect("is waited for when the runner is to be idle, and the last one accepted", () => {
    const { latch, runner } = gated()
    return Effect.gen(function* () {
      const tasks = yield* TaskRunner
      const fiber = yield* half.fork(4)
      const idle = yield* Effect.forkChild(tasks.awaitIdle({ close: true }), { startImmediately: true })
      assert.strictEqual((yield* Effect.flip(half.fork(4)))._tag, "RunnerClosed")
      assert.strictEqual(tagOf(yield* Effect.exit(Stream.runDrain(count.stream(1)))), "RunnerClosed")
      assert.strictEqual(idle.pollUnsafe(), undefined)
      yield* latch.open
      yield* Fiber.join(idle)
      assert.strictEqual(yield* Fiber.join(fiber), 2)
    }).pipe(Effect.provide(runner))
  })

  it.effect("ends with the runner's scope, after its grace", () =>
    Effect.gen(function* () {
      const { middleware } = gated()
      const scope = yield* Scope.make()
      const layer = middleware.pipe(Layer.provide(FiberRunner.layer(handlers, { shutdownGrace: "2 seconds" })))
      const context = yield* Layer.buildWithScope(layer, scope)
      const fiber = yield* Effect.provideContext(half.fork(4), context)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("1999 millis")
      assert.strictEqual(fiber.pollUnsafe(), undefined)
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
      assert.strictEqual(tagOf(yield* Fiber.await(fiber)), "TaskCancelled")
    })
  )

  it.live("is not accepted by a store that does not have it yet", () => {
    const { latch, middleware } = gated()
    const reader = StoreReader.layer({ tasks: [half] }).pipe(Layer.provide(FiberRunner.layer(handlers)))
    return Effect.gen(function* () {
      const forking = yield* Effect.forkChild(half.fork(4), { startImmediately: true })
      yield* Effect.sleep("20 millis")
      assert.strictEqual(forking.pollUnsafe(), undefined)
      yield* latch.open
      const fiber = yield* Fiber.join(forking)
      assert.strictEqual(yield* Fiber.join(fiber), 2)
      assert.strictEqual(yield* fiber.status, "completed")
    }).pipe(
      Effect.provide(Layer.merge(middleware.pipe(Layer.provide(StoreRunner.layer)), reader)),
      Effect.provide(MemoryStore.layer())
    )
  })
})

describe("what a middleware makes of a call", () => {
  const over = (middleware: Middleware.Middleware) => middleware.pipe(Layer.provide(FiberRunner.layer(handlers)))

  it.effect("is what its handle, and those attached to it, know", () => {
    const latch = Latch.makeUnsafe(false)
    const saved = Middleware.make((_, next) => Effect.catch(next, () => Effect.as(latch.await, -1)))
    return Effect.gen(function* () {
      const fiber = yield* half.fork(3)
      const attached = yield* half.attach(fiber.taskId)
      assert.notInclude(["failed", "completed"], yield* fiber.status)
      yield* latch.open
      assert.strictEqual(yield* Fiber.join(fiber), -1)
      assert.strictEqual(yield* Fiber.join(attached), -1)
      assert.strictEqual(yield* fiber.status, "completed")
    }).pipe(Effect.provide(over(saved)))
  })

  it.effect("is settled without the runner, too", () =>
    Effect.gen(function* () {
      const fiber = yield* half.fork(3)
      assert.strictEqual(yield* Fiber.join(fiber), 7)
      assert.strictEqual(yield* fiber.status, "completed")
      assert.deepStrictEqual(yield* Stream.runCollect(fiber.progress), [])
    }).pipe(Effect.provide(over(Middleware.make(() => Effect.succeed(7)))))
  )

  it.effect("is a defect, and nothing is left, when it throws", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(half.run(4))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.deepStrictEqual(yield* (yield* TaskRunner).tasks, [])
    }).pipe(
      Effect.provide(
        over(
          Middleware.make(() => {
            throw new Error("broken")
          })
        )
      )
    )
  )

  it.effect("is not begun for what was cancelled meanwhile", () => {
    const latch = Latch.makeUnsafe(false)
    const unaware = Middleware.make((_, next) => Effect.andThen(latch.await, next))
    return Effect.gen(function* () {
      const tasks = yield* TaskRunner
      const run = yield* Effect.forkChild(Effect.exit(half.run(4)), { startImmediately: true })
      const [task] = yield* tasks.tasks
      const cancelling = yield* Effect.forkChild(tasks.cancel(task!.id), { startImmediately: true })
      yield* latch.open
      assert.isTrue(yield* Fiber.join(cancelling))
      assert.strictEqual(tagOf(yield* Fiber.join(run)), "TaskCancelled")
    }).pipe(Effect.provide(over(unaware)))
  })

  it.live("is the same on a pool, also when the runner has the request several times", () => {
    const twice = Middleware.make((_, next) => Effect.andThen(next, next))
    const add = Task.portable("add", (a: number, b: number) => a + b)
    return Effect.gen(function* () {
      const fiber = yield* add.fork([1, 2])
      assert.strictEqual(yield* Fiber.join(fiber), 3)
      assert.strictEqual(yield* fiber.status, "completed")
      assert.deepStrictEqual(yield* (yield* TaskRunner).tasks, [])
    }).pipe(Effect.provide(twice.pipe(Layer.provide(ThreadRunner.layer({ size: 1 })))))
  })

  it.live("lets a handle in front of an inline runner tell of its cancellation", () =>
    Effect.gen(function* () {
      const fiber = yield* wait.fork()
      yield* (yield* TaskRunner).cancel(fiber.taskId)
      assert.strictEqual(tagOf(yield* Fiber.await(fiber)), "TaskCancelled")
    }).pipe(Effect.provide(Middleware.make((_, next) => next).pipe(Layer.provide(FiberRunner.layerInline(handlers)))))
  )
})
