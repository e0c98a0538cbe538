/**
 * Many tasks at once.
 *
 * @since 0.1.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Task from "../../Task.ts"
import { TaskRunner } from "../../TaskRunner.ts"
import * as tasks from "../definitions.ts"
import { assertFails, settled, type SharedIt, type Subject, testWith, until } from "../Subject.ts"

const range = (length: number) => Array.from({ length }, (_, index) => index)

const pairs = (length: number) => range(length).map((n) => ({ a: n, b: 1 }))

/** Tests of `Task.all`, `Task.forEach`, `Task.forkAll` and `Task.asCompleted`. */
export const batch = (it: SharedIt, subject: Subject): void => {
  const test = testWith(subject, it)

  test("all gives results in the shape of its calls", () =>
    Effect.gen(function* () {
      const sum = (n: number) => tasks.add.run({ a: n, b: 1 })
      assert.deepStrictEqual(yield* Task.all([sum(1), sum(2)]), [2, 3])
      assert.deepStrictEqual(yield* Task.all({ one: sum(1), two: sum(2) }), { one: 2, two: 3 })
      assert.deepStrictEqual(yield* Task.all([], { concurrency: 2 }), [])
      assert.isUndefined(yield* Task.all([sum(1)], { discard: true }))
    }))

  test("all stops the rest when one fails, or keeps every outcome", (notes) =>
    Effect.gen(function* () {
      const denied = Effect.andThen(notes.awaitLine("a started"), tasks.fail.run({ how: "denied" }))
      const exit = yield* Effect.exit(Task.all([tasks.hold.run({ ...notes, name: "a" }), denied]))
      assertFails(exit, "Denied")
      assert.deepStrictEqual(notes.lines(), ["a started", "a stopped"])
      const results = yield* Task.all([tasks.add.run({ a: 1, b: 1 }), tasks.fail.run({ how: "denied" })], {
        mode: "result"
      })
      assert.isTrue(Result.isSuccess(results[0]))
      assert.isTrue(Result.isFailure(results[1]))
    }))

  test("forEach keeps the order, whatever the concurrency and the chunks", () =>
    Effect.gen(function* () {
      const expected = range(50).map((n) => n + 1)
      for (const concurrency of [1, 3, "unbounded"] as const) {
        for (const chunkSize of [0, 1, 7, 1000]) {
          const sums = yield* Task.forEach(tasks.add, pairs(50), { concurrency, chunkSize })
          assert.deepStrictEqual(sums, expected, `concurrency ${concurrency}, chunkSize ${chunkSize}`)
        }
      }
      assert.deepStrictEqual(yield* Task.forEach(tasks.add, []), [])
      assert.deepStrictEqual(yield* Task.forEach(tasks.add, [], { chunkSize: 0 }), [])
      assert.isUndefined(yield* Task.forEach(tasks.add, pairs(3), { discard: true }))
    }))

  test("forEach tells of its progress", () =>
    Effect.gen(function* () {
      const seen: Array<readonly [number, number]> = []
      yield* Task.forEach(tasks.add, pairs(5), {
        chunkSize: 2,
        onProgress: (completed, total) => Effect.sync(() => seen.push([completed, total]))
      })
      assert.deepStrictEqual(
        seen,
        range(5).map((n) => [n + 1, 5])
      )
    }))

  test("forEach has no more calls in flight than its concurrency", (notes) =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      const all = (options: Task.BatchOptions) =>
        Effect.gen(function* () {
          const payloads = range(6).map((n) => ({ file: notes.file, name: `${n}`, gate: notes.gate }))
          const fiber = yield* Effect.forkChild(Task.forEach(tasks.hold, payloads, options))
          yield* notes.awaitLine("0 started")
          yield* settled(() => notes.lines().length)
          const live = yield* runner.tasks
          yield* Fiber.interrupt(fiber)
          return live.length
        })
      assert.strictEqual(yield* all({ concurrency: 2 }), 2)
      assert.strictEqual(yield* all({ concurrency: 2, chunkSize: 0 }), 2)
      assert.strictEqual(yield* all({ chunkSize: 3 }), 2)
      assert.strictEqual(yield* all({ concurrency: 1, chunkSize: 2 }), 1)
    }))

  test("forEach stops at the first failure, or keeps every outcome", () =>
    Effect.gen(function* () {
      const payloads = [{ how: "denied" }, { how: "unreadable" }] as const
      const exit = yield* Effect.exit(Task.forEach(tasks.fail, payloads, { concurrency: 1 }))
      assertFails(exit, "Denied")
      const results = yield* Task.forEach(tasks.fail, payloads, { mode: "result", chunkSize: 2 })
      assert.deepStrictEqual(
        results.map((result) => (Result.isFailure(result) ? result.failure._tag : "none")),
        ["Denied", "Unreadable"]
      )
    }))

  test("forEach hands the options of a call to each", () =>
    Effect.gen(function* () {
      const seen = yield* Task.forEach(tasks.context, [undefined, undefined], { tags: ["t"], timeout: "1 hour" })
      for (const { deadline, tags } of seen) {
        assert.deepStrictEqual(tags, ["t"])
        assert.isDefined(deadline)
      }
    }))

  test("forkAll gives the handles in order", () =>
    Effect.gen(function* () {
      const fibers = yield* Task.forkAll(tasks.add, pairs(20), { tags: ["t"] })
      assert.deepStrictEqual(fibers[0]?.metadata.tags, ["t"])
      assert.deepStrictEqual(
        yield* Fiber.joinAll(fibers),
        range(20).map((n) => n + 1)
      )
    }))

  test("forkAllDiscard gives the ids in order", (notes) =>
    Effect.gen(function* () {
      const names = range(20).map(String)
      const ids = yield* Task.forkAllDiscard(
        tasks.note,
        names.map((name) => ({ file: notes.file, name }))
      )
      assert.strictEqual(new Set(ids).size, 20)
      yield* until("all to have run", () => notes.lines().length === 20)
      assert.deepStrictEqual(notes.lines().toSorted(), names.toSorted())
      assert.deepStrictEqual(yield* Task.forkAllDiscard(tasks.note, []), [])
    }))

  test("asCompleted gives results as they come", (notes) =>
    Effect.gen(function* () {
      const payloads = ["slow", "fast"].map((name) => ({ file: notes.file, name, gate: notes.path(name) }))
      yield* notes.open("fast")
      const results = yield* Task.asCompleted(tasks.hold, payloads).pipe(
        Stream.tap(({ value }) => (value === "fast" ? notes.open("slow") : Effect.void)),
        Stream.runCollect
      )
      assert.deepStrictEqual(
        results.map(({ index, value }) => [index, value]),
        [
          [1, "fast"],
          [0, "slow"]
        ]
      )
      assert.strictEqual(results[0]?.payload, payloads[1])
    }))

  test("asCompleted ends with the first failure, or keeps every outcome", () =>
    Effect.gen(function* () {
      const payloads = [{ how: "denied" }, { how: "unreadable" }] as const
      const exit = yield* Effect.exit(Stream.runDrain(Task.asCompleted(tasks.fail, payloads, { concurrency: 1 })))
      assertFails(exit, "Denied")
      const results = yield* Stream.runCollect(Task.asCompleted(tasks.fail, payloads, { mode: "result" }))
      assert.strictEqual(results.length, 2)
      assert.isTrue(results.every(({ value }) => Result.isFailure(value)))
    }))

  test("asCompleted draws payloads as it goes, and stops when it is left", (notes) =>
    Effect.gen(function* () {
      let drawn = 0
      const payloads = function* () {
        for (;;) yield { a: drawn++, b: 1 }
      }
      const some = yield* Task.asCompleted(tasks.add, payloads(), { concurrency: 2 }).pipe(
        Stream.take(5),
        Stream.runCollect
      )
      assert.strictEqual(some.length, 5)
      assert.isBelow(drawn, 20_000)
      assert.deepStrictEqual(notes.lines(), [])
    }))
}
