/**
 * The end of a runner: orderly, with all that it has started.
 *
 * @since 0.1.0
 */
import { assert, it as plainIt } from "@effect/vitest"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TaskRunner } from "../../TaskRunner.ts"
import * as tasks from "../definitions.ts"
import {
  assertFails,
  makeNotes,
  type Notes,
  type RunnerOptions,
  settled,
  type SharedIt,
  type Subject,
  testWith,
  untilEffect
} from "../Subject.ts"

/** Tests of the end of a runner's scope. */
export const closing = (it: SharedIt, subject: Subject): void => {
  /** A test that closes the runner's scope itself. */
  const test = <A, E>(
    name: string,
    options: Partial<RunnerOptions>,
    body: (notes: Notes, close: Effect.Effect<void>) => Effect.Effect<A, E, TaskRunner | Scope.Scope>
  ) =>
    plainIt.live(name, () =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
        const context: Context.Context<TaskRunner> = yield* Layer.buildWithScope(
          subject.make({ size: 2, ...options }),
          scope
        )
        return yield* Effect.provideContext(body(notes, Scope.close(scope, Exit.void)), context)
      })
    )

  test("a closed runner takes no task", {}, (_, close) =>
    Effect.gen(function* () {
      yield* tasks.add.run({ a: 1, b: 2 })
      yield* close
      assertFails(yield* Effect.exit(tasks.add.run({ a: 1, b: 2 })), "RunnerClosed", { task: "add" })
      assertFails(yield* Effect.exit(tasks.add.fork({ a: 1, b: 2 })), "RunnerClosed")
      assertFails(yield* Effect.exit(tasks.add.forkDiscard({ a: 1, b: 2 })), "RunnerClosed")
      assertFails(yield* Effect.exit(Stream.runDrain(tasks.numbers.stream({ count: 1, chunk: 1 }))), "RunnerClosed")
    })
  )

  test("a runner that was never used closes", {}, (_, close) => close)

  if (!subject.capabilities.durable) {
    test("closing waits for the tasks that run and that wait", { shutdownGrace: "20 seconds" }, (notes, close) =>
      Effect.gen(function* () {
        const fibers = yield* Effect.forEach(["a", "b", "c", "d"], (name) => tasks.hold.fork({ ...notes, name }))
        yield* Effect.forEach(["a", "b"], (name) => notes.awaitLine(`${name} started`))
        const closing = yield* Effect.forkChild(close, { startImmediately: true })
        yield* untilEffect(
          "new tasks to be refused",
          Effect.map(Effect.exit(tasks.note.run({ ...notes, name: "new" })), Exit.isFailure)
        )
        assert.isUndefined(closing.pollUnsafe())
        yield* notes.open()
        yield* Fiber.join(closing)
        assert.deepStrictEqual(yield* Fiber.joinAll(fibers), ["a", "b", "c", "d"])
      })
    )
  }

  test("a task that is waited for may still run tasks of its own", { shutdownGrace: "20 seconds" }, (notes, close) =>
    Effect.gen(function* () {
      const parent = yield* tasks.addLater.fork({ ...notes, name: "parent" })
      yield* notes.awaitLine("parent started")
      const closing = yield* Effect.forkChild(close, { startImmediately: true })
      yield* settled(() => 0)
      yield* notes.open()
      assert.strictEqual(yield* Fiber.join(parent), 3)
      yield* Fiber.join(closing)
    })
  )

  if (!subject.capabilities.durable) {
    test(
      "what takes longer than shutdownGrace is stopped, with its finalizers",
      { shutdownGrace: 100 },
      (notes, close) =>
        Effect.gen(function* () {
          const names = ["a", "b", "c"]
          const fibers = yield* Effect.forEach(names, (name) => tasks.hold.fork({ ...notes, name }))
          const later = yield* tasks.note.fork({ ...notes, name: "later" }, { delay: "1 hour" })
          yield* Effect.forEach(["a", "b"], (name) => notes.awaitLine(`${name} started`))
          yield* close
          const lines = notes.lines()
          const count = (what: string) => lines.filter((line) => line.endsWith(what)).length
          assert.strictEqual(count("stopped"), count("started"))
          assert.strictEqual(count("ended") + count("later"), 0)
          for (const fiber of fibers) assertFails(yield* Fiber.await(fiber), "TaskCancelled", { taskId: fiber.taskId })
          assertFails(yield* Fiber.await(later), "TaskCancelled")
        })
    )
  }

  if (!subject.capabilities.durable) {
    test("a stream that is being read is stopped too", { shutdownGrace: 50 }, (notes, close) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(
          Stream.runDrain(tasks.endless.stream({ file: notes.file, counter: notes.path("counter"), chunk: 10 }))
        )
        yield* notes.awaitLine("started")
        yield* close
        assertFails(yield* Fiber.await(fiber), "TaskCancelled")
        assert.deepStrictEqual(notes.lines(), ["started", "stopped"])
      })
    )
  }

  test("the finalizers of the handlers' Layer run", {}, (notes, close) =>
    Effect.gen(function* () {
      const builds = yield* tasks.register.run(notes)
      assert.strictEqual(yield* tasks.register.run(notes), builds)
      assert.deepStrictEqual(notes.lines(), [])
      yield* close
      assert.include(notes.lines(), "closed")
    })
  )

  if (subject.capabilities.isolated) {
    test("a worker that ignores its end is killed", { shutdownGrace: 50, forceKillAfter: 200 }, (notes, close) =>
      Effect.gen(function* () {
        const busy = yield* tasks.spin.fork({ ...notes, name: "busy", millis: 60_000 })
        const stubborn = yield* tasks.stubborn.fork({ ...notes, name: "stubborn", millis: 60_000 })
        yield* notes.awaitLine("busy started")
        yield* notes.awaitLine("stubborn started")
        yield* close
        assert.isTrue(Exit.isFailure(yield* Fiber.await(busy)))
        assert.isTrue(Exit.isFailure(yield* Fiber.await(stubborn)))
      })
    )
  }

  const testOpen = testWith(subject, it)

  testOpen("awaitIdle waits until no task is left", (notes) =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      yield* runner.awaitIdle()
      yield* tasks.hold.fork({ ...notes, name: "a" })
      const idle = yield* Effect.forkChild(runner.awaitIdle(), { startImmediately: true })
      yield* notes.awaitLine("a started")
      assert.isUndefined(idle.pollUnsafe())
      yield* notes.open()
      yield* Fiber.join(idle)
      assert.deepStrictEqual(notes.lines(), ["a started", "a ended"])
      assert.strictEqual(yield* tasks.add.run({ a: 1, b: 2 }), 3)
    })
  )

  testOpen("awaitIdle can close the intake meanwhile", {}, (notes) =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      const fiber = yield* tasks.addLater.fork({ ...notes, name: "a" })
      const idle = yield* Effect.forkChild(runner.awaitIdle({ close: true }), { startImmediately: true })
      assertFails(yield* Effect.exit(tasks.add.run({ a: 1, b: 2 })), "RunnerClosed")
      yield* notes.open()
      yield* Fiber.join(idle)
      assert.strictEqual(yield* Fiber.join(fiber), 3)
      assertFails(yield* Effect.exit(tasks.add.run({ a: 1, b: 2 })), "RunnerClosed")
    })
  )
}
