/**
 * Streams come in order and in time, run no further ahead than they should, and stop when they are left.
 *
 * @since 0.1.0
 */
import { assert } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { readFileSync } from "node:fs"
import { TaskRunner } from "../../TaskRunner.ts"
import * as tasks from "../definitions.ts"
import {
  assertFails,
  assertInterrupted,
  defectOf,
  type Notes,
  settled,
  type SharedIt,
  type Subject,
  testWith,
  until
} from "../Subject.ts"

const range = (length: number) => Array.from({ length }, (_, index) => index + 1)

const endless = (notes: Notes, chunk: number) =>
  tasks.endless.stream({ file: notes.file, counter: notes.path("counter"), chunk })

/** Further than this no producer may be ahead of its consumer. */
const farAhead = 20_000

/** Tests of streaming tasks. */
export const streams = (it: SharedIt, subject: Subject): void => {
  const test = testWith(subject, it)

  test("all elements come, in order, however they are chunked", () =>
    Effect.gen(function* () {
      for (const [count, chunk] of [
        [0, 1],
        [1, 1],
        [1000, 1],
        [10_000, 7],
        [5000, 5000]
      ] as const) {
        const elements = yield* Stream.runCollect(tasks.numbers.stream({ count, chunk }))
        assert.deepStrictEqual(elements, range(count), `${count} in steps of ${chunk}`)
      }
    }))

  test("a stream may be run again", () =>
    Effect.gen(function* () {
      const stream = tasks.numbers.stream({ count: 10, chunk: 3 })
      assert.strictEqual(yield* Stream.runCount(Stream.concat(stream, stream)), 20)
    }))

  test("an element comes when it is made, not when the next one is", (notes) =>
    Effect.gen(function* () {
      const elements = yield* tasks.gated.stream(notes).pipe(
        Stream.tap((element) => (element === 1 ? notes.open() : Effect.void)),
        Stream.runCollect
      )
      assert.deepStrictEqual(elements, [1, 2])
    }))

  test("a million elements do not starve the event loop", () =>
    Effect.gen(function* () {
      // How many elements come between two timers of this program.
      let together = 0
      let most = 0
      const timers = Effect.sync(() => {
        most = Math.max(most, together)
        together = 0
      })
      yield* Effect.forkChild(Effect.forever(Effect.andThen(timers, Effect.sleep("1 millis"))))
      const result = yield* tasks.numbers.stream({ count: 1_000_000, chunk: 1000 }).pipe(
        Stream.runFold(
          () => ({ count: 0, sum: 0 }),
          ({ count, sum }, n) => {
            together++
            return { count: count + 1, sum: sum + n }
          }
        )
      )
      yield* timers
      assert.deepStrictEqual(result, { count: 1_000_000, sum: 500_000_500_000 })
      assert.isBelow(most, 300_000)
    }))

  test("a producer waits for its consumer", (notes) =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(Stream.runForEach(endless(notes, 16), () => Deferred.await(go)))
      yield* notes.awaitLine("started")
      const made = yield* settled(() => Number(unlessMissing(() => readFileSync(notes.path("counter"), "utf8"))))
      assert.isBelow(made, farAhead)
      yield* Fiber.interrupt(fiber)
      assertInterrupted(yield* Fiber.await(fiber))
      assert.deepStrictEqual(notes.lines(), ["started", "stopped"])
    }))

  test("a producer goes on when its consumer does", (notes) =>
    Effect.gen(function* () {
      let seen = 0
      const elements = yield* endless(notes, 50).pipe(
        Stream.tap(() => (++seen % 10_000 === 0 ? Effect.sleep("1 millis") : Effect.void)),
        Stream.take(3 * farAhead),
        Stream.runCollect
      )
      assert.deepStrictEqual(elements, range(3 * farAhead))
      assert.deepStrictEqual(notes.lines(), ["started", "stopped"])
    }))

  test("leaving a stream early stops its producer", (notes) =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(endless(notes, 1), 3)), [1, 2, 3])
      assert.deepStrictEqual(notes.lines(), ["started", "stopped"])
      assert.deepStrictEqual(yield* runner.tasks, [])
    }))

  test("a typed error in the middle comes after the elements before it", () =>
    Effect.gen(function* () {
      for (const failAfter of [0, 1, 1500]) {
        const elements: Array<number> = []
        const exit = yield* tasks.numbers.stream({ count: 5000, chunk: 10, failAfter }).pipe(
          Stream.runForEach((element) => Effect.sync(() => elements.push(element))),
          Effect.exit
        )
        assertFails(exit, "Unreadable", { path: "b.txt", size: 2n })
        assert.deepStrictEqual(elements, range(failAfter))
      }
      const recovered = yield* tasks.numbers.stream({ count: 5000, chunk: 10, failAfter: 2 }).pipe(
        Stream.catchTag("Unreadable", (error) => Stream.make(Number(error.size) * 100)),
        Stream.runCollect
      )
      assert.deepStrictEqual(recovered, [1, 2, 200])
    }))

  test("a defect in the middle is a defect, and so is an error that the task does not declare", () =>
    Effect.gen(function* () {
      const run = (how: "die" | "undeclared") =>
        Effect.exit(Stream.runDrain(tasks.numbers.stream({ count: 10, chunk: 1, failAfter: 5, how })))
      const defect = defectOf(yield* run("die"))
      assert.instanceOf(defect, Error)
      assert.strictEqual(defect.name, "TypeError")
      const undeclared = defectOf(yield* run("undeclared"))
      assert.instanceOf(undeclared, Error)
      assert.strictEqual(undeclared.message, "nobody declared this")
    }))

  test("an element that does not match its schema ends the stream with ResultInvalid", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Stream.runDrain(tasks.wrongElement.stream()))
      assertFails(exit, "ResultInvalid", { task: "wrongElement" })
    }))

  test("bad input ends the stream with a typed error", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(
        Stream.runDrain(tasks.numbers.stream({ count: "many" as unknown as number, chunk: 1 }))
      )
      assertFails(exit, "PayloadInvalid", { task: "numbers" })
    }))

  test("a stream is cancelled by its id", (notes) =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      const fiber = yield* Effect.forkChild(Stream.runDrain(endless(notes, 10)))
      yield* notes.awaitLine("started")
      const [info] = yield* runner.tasks
      assert.isDefined(info)
      assert.strictEqual(info.name, "endless")
      assert.strictEqual(info.status, "running")
      assert.isTrue(yield* runner.cancel(info.id))
      assert.deepStrictEqual(notes.lines(), ["started", "stopped"])
      assertFails(yield* Fiber.await(fiber), "TaskCancelled", { taskId: info.id })
    }))

  test("a stream has a time limit like any task", (notes) =>
    Effect.gen(function* () {
      yield* tasks.where.run()
      const exit = yield* Effect.exit(Stream.runDrain(tasks.gated.stream(notes, { timeout: "100 millis" })))
      assertFails(exit, "TaskTimeout", { task: "gated", timeout: 100 })
      assert.deepStrictEqual(notes.lines(), ["stopped"])
    }))

  test("a stream that nobody reads holds up no other", (notes) =>
    Effect.gen(function* () {
      const go = yield* Deferred.make<void>()
      const stalled = yield* Effect.forkChild(
        Stream.runForEach(tasks.numbers.stream({ count: 50_000, chunk: 10 }), () => Deferred.await(go))
      )
      const elements = yield* Stream.runCollect(tasks.numbers.stream({ count: 50_000, chunk: 10 }))
      assert.strictEqual(elements.length, 50_000)
      assert.strictEqual(yield* tasks.add.run({ a: 1, b: 2 }), 3)
      assert.isUndefined(stalled.pollUnsafe())
      yield* Deferred.succeed(go, undefined)
      yield* Fiber.join(stalled)
      assert.deepStrictEqual(notes.lines(), [])
    }))

  if (!subject.capabilities.queue) return

  test("a stream takes a place, and gives it back", { size: 1 }, (notes) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Stream.runDrain(endless(notes, 10)))
      yield* notes.awaitLine("started")
      const waiting = yield* tasks.note.fork({ ...notes, name: "next" })
      assert.strictEqual(yield* waiting.status, "pending")
      yield* Fiber.interrupt(fiber)
      yield* Fiber.join(waiting)
      yield* until("both to have left their notes", () => notes.lines().length === 3)
      assert.deepStrictEqual(notes.lines(), ["started", "stopped", "next"])
    })
  )
}

const unlessMissing = (read: () => string): string => {
  try {
    return read()
  } catch {
    return "0"
  }
}
