/**
 * Stopping a task stops its work, runs its finalizers, and is over when they are.
 *
 * @since 0.1.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { TaskRunner } from "../../TaskRunner.ts"
import * as tasks from "../definitions.ts"
import { assertFails, assertInterrupted, type SharedIt, type Subject, testWith, untilEffect } from "../Subject.ts"

/** Tests of interruption and cancelling. */
export const interruption = (it: SharedIt, subject: Subject): void => {
  const test = testWith(subject, it)

  test("interrupting a handle is over when the finalizers are", (notes) =>
    Effect.gen(function* () {
      const fiber = yield* tasks.hold.fork({ ...notes, name: "a" })
      yield* notes.awaitLine("a started")
      assert.strictEqual(yield* fiber.status, "running")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(notes.lines(), ["a started", "a stopped"])
      assertInterrupted(yield* Fiber.await(fiber))
      assert.strictEqual(yield* fiber.status, "cancelled")
    }))

  test("interrupting a run is over when the finalizers are", (notes) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(tasks.hold.run({ ...notes, name: "a" }))
      yield* notes.awaitLine("a started")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(notes.lines(), ["a started", "a stopped"])
      assertInterrupted(yield* Fiber.await(fiber))
    }))

  test("the loser of a race is stopped", (notes) =>
    Effect.gen(function* () {
      const winner = Effect.andThen(notes.awaitLine("a started"), tasks.add.run({ a: 1, b: 2 }))
      assert.strictEqual(yield* Effect.raceFirst(tasks.hold.run({ ...notes, name: "a" }), winner), 3)
      assert.deepStrictEqual(notes.lines(), ["a started", "a stopped"])
    }))

  test("interrupting many at once stops them all, and what comes next runs", { concurrency: 20 }, (notes) =>
    Effect.gen(function* () {
      const names = Array.from({ length: 40 }, (_, index) => `task ${index}`)
      const fibers = yield* Effect.forEach(names, (name) => tasks.hold.fork({ ...notes, name }))
      yield* Effect.forEach(names, (name) => notes.awaitLine(`${name} started`))
      yield* Fiber.interruptAll(fibers)
      const lines = notes.lines()
      assert.strictEqual(lines.length, 80)
      for (const name of names) assert.include(lines, `${name} stopped`)
      assert.strictEqual(yield* tasks.add.run({ a: 1, b: 2 }), 3)
    })
  )

  test("interrupting right after the call leaves nothing behind", (notes) =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      for (let index = 0; index < 10; index++) {
        const fiber = yield* tasks.hold.fork({ ...notes, name: `${index}` })
        yield* Fiber.interrupt(fiber)
        assertInterrupted(yield* Fiber.await(fiber))
      }
      assert.deepStrictEqual(yield* runner.tasks, [])
      const count = (what: string) => notes.lines().filter((line) => line.endsWith(what)).length
      assert.strictEqual(count("stopped"), count("started"))
      assert.strictEqual(yield* tasks.add.run({ a: 1, b: 2 }), 3)
    }))

  test("interrupting what is over changes nothing", () =>
    Effect.gen(function* () {
      const fiber = yield* tasks.add.fork({ a: 1, b: 2 })
      assert.strictEqual(yield* Fiber.join(fiber), 3)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* Fiber.join(fiber), 3)
      assert.strictEqual(yield* fiber.status, "completed")
    }))

  test("a task forked in a scope is stopped at its end", (notes) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.scoped(
        Effect.tap(tasks.hold.forkScoped({ ...notes, name: "a" }), () => notes.awaitLine("a started"))
      )
      assert.deepStrictEqual(notes.lines(), ["a started", "a stopped"])
      assertInterrupted(yield* Fiber.await(fiber))
    }))

  test("a task is forked into the runner's scope, not into its caller's", (notes) =>
    Effect.gen(function* () {
      const caller = yield* Effect.forkChild(tasks.hold.fork({ ...notes, name: "a" }))
      const fiber = yield* Fiber.join(caller)
      yield* notes.awaitLine("a started")
      yield* notes.open()
      assert.strictEqual(yield* Fiber.join(fiber), "a")
    }))

  test("cancelling by id is over when the finalizers are, and the task fails with TaskCancelled", (notes) =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      const fiber = yield* tasks.hold.fork({ ...notes, name: "a" })
      yield* notes.awaitLine("a started")
      assert.isTrue(yield* runner.cancel(fiber.taskId))
      assert.deepStrictEqual(notes.lines(), ["a started", "a stopped"])
      assertFails(yield* Fiber.await(fiber), "TaskCancelled", { task: "hold", taskId: fiber.taskId })
      assert.strictEqual(yield* fiber.status, "cancelled")
      assert.isFalse(yield* runner.cancel(fiber.taskId))
      assert.isFalse(yield* runner.cancel("nobody"))
    }))

  test("a task that waits for its time is cancelled there", (notes) =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      const cancelled = yield* tasks.hold.fork({ ...notes, name: "a" }, { delay: "1 hour" })
      const interrupted = yield* tasks.hold.fork({ ...notes, name: "b" }, { delay: "1 hour" })
      assert.strictEqual(yield* cancelled.status, "scheduled")
      assert.isTrue(yield* runner.cancel(cancelled.taskId))
      assertFails(yield* Fiber.await(cancelled), "TaskCancelled")
      yield* Fiber.interrupt(interrupted)
      assertInterrupted(yield* Fiber.await(interrupted))
      assert.deepStrictEqual(notes.lines(), [])
      assert.deepStrictEqual(yield* runner.tasks, [])
    }))

  test("a task that waits for its next attempt is cancelled there", () =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      const { failed } = yield* runner.stats
      const fiber = yield* tasks.fail.fork({ how: "denied" }, { retry: { schedule: Schedule.spaced("1 hour") } })
      yield* untilEffect(
        "the first attempt to have failed",
        Effect.map(runner.stats, (stats) => stats.failed === failed + 1)
      )
      assert.isTrue(yield* runner.cancel(fiber.taskId))
      assertFails(yield* Fiber.await(fiber), "TaskCancelled")
    }))

  if (!subject.capabilities.queue) return

  test("a task that waits for a place is stopped without ever starting", { size: 1 }, (notes) =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      const first = yield* tasks.hold.fork({ ...notes, name: "first" })
      yield* notes.awaitLine("first started")
      const interrupted = yield* tasks.note.fork({ ...notes, name: "interrupted" })
      const cancelled = yield* tasks.note.fork({ ...notes, name: "cancelled" })
      const last = yield* tasks.note.fork({ ...notes, name: "last" })
      yield* Fiber.interrupt(interrupted)
      assertInterrupted(yield* Fiber.await(interrupted))
      assert.isTrue(yield* runner.cancel(cancelled.taskId))
      assertFails(yield* Fiber.await(cancelled), "TaskCancelled")
      yield* notes.open()
      yield* Fiber.join(first)
      yield* Fiber.join(last)
      assert.deepStrictEqual(notes.lines(), ["first started", "first ended", "last"])
    })
  )
}
