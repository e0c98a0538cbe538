/**
 * Time limits cover waiting and running, and what they end is really over.
 *
 * @since 0.1.0
 */
import { assert } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Task from "../../Task.ts"
import { TaskRunner } from "../../TaskRunner.ts"
import * as tasks from "../definitions.ts"
import { assertFails, errorOf, type SharedIt, type Subject, testWith } from "../Subject.ts"

/** `hold`, for callers in a hurry. */
const hurriedHold = Task.make("hold", {
  payload: tasks.hold.payload,
  success: Schema.String,
  timeout: "30 millis",
  tags: ["hurried"]
})

/** Tests of the options of a call: time limits, retries, delays, tags. */
export const limits = (it: SharedIt, subject: Subject): void => {
  const test = testWith(subject, it)

  test("a task that runs too long is stopped and fails with TaskTimeout", (notes) =>
    Effect.gen(function* () {
      yield* tasks.where.run()
      const exit = yield* Effect.exit(tasks.hold.run({ ...notes, name: "a" }, { timeout: "200 millis" }))
      assertFails(exit, "TaskTimeout", { task: "hold", timeout: 200 })
      assert.deepStrictEqual(notes.lines(), ["a started", "a stopped"])
      const fiber = yield* tasks.hold.fork({ ...notes, name: "b" }, { timeout: "200 millis" })
      assertFails(yield* Fiber.await(fiber), "TaskTimeout", { taskId: fiber.taskId })
      assert.strictEqual(yield* fiber.status, "failed")
      assert.include(notes.lines(), "b stopped")
    }))

  test("a definition's options hold for each call, which may give its own", (notes) =>
    Effect.gen(function* () {
      assertFails(yield* Effect.exit(hurriedHold.run({ ...notes, name: "a" })), "TaskTimeout", { timeout: 30 })
      const fiber = yield* hurriedHold.fork({ ...notes, name: "b" }, { timeout: "1 hour" })
      assert.deepStrictEqual(fiber.metadata.tags, ["hurried"])
      yield* notes.open()
      assert.strictEqual(yield* Fiber.join(fiber), "b")
    }))

  test("a task that ends in time knows nothing of its time limit but the deadline", () =>
    Effect.gen(function* () {
      const before = yield* Clock.currentTimeMillis
      const seen = yield* tasks.context.run(undefined, { timeout: "1 hour" })
      const after = yield* Clock.currentTimeMillis
      assert.isAtLeast(seen.deadline ?? 0, before + 3_600_000)
      assert.isAtMost(seen.deadline ?? 0, after + 3_600_000)
      assert.isUndefined((yield* tasks.context.run()).deadline)
    }))

  test("the handler sees what the call was given", () =>
    Effect.gen(function* () {
      const fiber = yield* tasks.context.fork(undefined, { tags: ["red", "blue"] })
      assert.deepInclude(yield* Fiber.join(fiber), {
        id: fiber.taskId,
        name: "context",
        attempt: 1,
        tags: ["red", "blue"],
        parentId: undefined
      })
    }))

  test("a failed task is tried again, and knows which attempt it is", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* tasks.succeedOnAttempt.run({ attempt: 3 }, { retry: 2 }), 3)
      const exit = yield* Effect.exit(tasks.succeedOnAttempt.run({ attempt: 4 }, { retry: { times: 2 } }))
      assertFails(exit, "Denied", { user: "attempt 3" })
      const fiber = yield* tasks.succeedOnAttempt.fork(
        { attempt: 3 },
        { retry: Schedule.max([Schedule.spaced("5 millis"), Schedule.recurs(5)]) }
      )
      assert.strictEqual(yield* Fiber.join(fiber), 3)
      assert.strictEqual(fiber.metadata.attempt, 3)
    }))

  test("what would fail again is not tried again", () =>
    Effect.gen(function* () {
      const call = tasks.succeedOnAttempt.run({ attempt: 3 }, { retry: { times: 5, while: () => false } })
      if (subject.capabilities.durable) assertFails(yield* Effect.exit(call), "TaskRejected")
      else assertFails(yield* Effect.exit(call), "Denied", { user: "attempt 1" })
      const runner = yield* TaskRunner
      const before = (yield* runner.stats).failed
      yield* Effect.exit(tasks.die.run({ how: "TypeError" }, { retry: 5 }))
      assert.strictEqual((yield* runner.stats).failed - before, 1, "a defect is not tried again")
    }))

  test("a time limit covers all attempts", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        tasks.succeedOnAttempt.run({ attempt: 1000 }, { retry: Schedule.spaced("10 millis"), timeout: "150 millis" })
      )
      assertFails(exit, "TaskTimeout", { timeout: 150 })
    }))

  test("a delayed task starts when its time has come", (notes) =>
    Effect.gen(function* () {
      const start = performance.now()
      const fiber = yield* tasks.note.fork({ ...notes, name: "late" }, { delay: "100 millis" })
      assert.strictEqual(yield* fiber.status, "scheduled")
      yield* tasks.note.run({ ...notes, name: "early" })
      yield* Fiber.join(fiber)
      assert.isAtLeast(performance.now() - start, 99)
      const now = yield* Clock.currentTimeMillis
      yield* tasks.note.run({ ...notes, name: "later" }, { runAt: new Date(now + 60), delay: "1 hour" })
      assert.isAtLeast((yield* Clock.currentTimeMillis) - now, 59)
      yield* tasks.note.run({ ...notes, name: "at once" }, { runAt: new Date(now - 1000) })
      assert.deepStrictEqual(notes.lines(), ["early", "late", "later", "at once"])
    }))

  if (subject.capabilities.parallel) {
    test("a time limit holds where the work runs, also when the caller is busy", (notes) =>
      Effect.gen(function* () {
        yield* tasks.where.run()
        const fiber = yield* tasks.hold.fork({ ...notes, name: "a" }, { timeout: "200 millis" })
        yield* notes.awaitLine("a started")
        const stoppedMeanwhile = yield* Effect.sync(() => {
          const end = performance.now() + 15_000
          while (performance.now() < end && !notes.lines().includes("a stopped"));
          return notes.lines().includes("a stopped")
        })
        assert.isTrue(stoppedMeanwhile, "the work went on while the caller was busy")
        assertFails(yield* Fiber.await(fiber), "TaskTimeout")
      }))
  }

  if (!subject.capabilities.queue) return

  test("a time limit covers the wait for a place", { size: 1 }, (notes) =>
    Effect.gen(function* () {
      const first = yield* tasks.hold.fork({ ...notes, name: "first" })
      yield* notes.awaitLine("first started")
      const exits = yield* Effect.forEach(
        [10, 20, 30],
        (timeout) => Effect.exit(tasks.note.run({ ...notes, name: "never" }, { timeout })),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        exits.map((exit) => errorOf(exit)._tag),
        ["TaskTimeout", "TaskTimeout", "TaskTimeout"]
      )
      yield* notes.open()
      assert.strictEqual(yield* Fiber.join(first), "first")
      assert.strictEqual(yield* tasks.add.run({ a: 1, b: 2 }), 3)
      assert.notInclude(notes.lines(), "never")
    })
  )
}
