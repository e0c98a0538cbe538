/**
 * Tasks may run tasks, to any depth, and never wait for a place that they hold themselves.
 *
 * @since 0.1.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TaskRunner } from "../../TaskRunner.ts"
import * as tasks from "../definitions.ts"
import { type SharedIt, type Subject, testWith } from "../Subject.ts"

/** Tests of tasks inside tasks. */
export const nesting = (it: SharedIt, subject: Subject): void => {
  const test = testWith(subject, it)

  test("tasks run tasks to depth 10 on one worker", { size: 1 }, () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* tasks.nest.run({ depth: 10, width: 1 }), 11)
      assert.strictEqual(yield* tasks.nest.run({ depth: 10, width: 1 }, { timeout: "20 seconds" }), 11)
    })
  )

  test("tasks fan out while all workers are busy with their parents", () =>
    Effect.gen(function* () {
      const counts = yield* Effect.forEach([1, 2, 3, 4], () => tasks.nest.run({ depth: 3, width: 4 }), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(counts, [85, 85, 85, 85])
    }))

  test("a child knows its parent", () =>
    Effect.gen(function* () {
      const fiber = yield* tasks.contextChild.fork()
      const seen = yield* Fiber.join(fiber)
      assert.strictEqual(seen.id, fiber.taskId)
      assert.strictEqual(seen.childParentId, fiber.taskId)
      assert.notStrictEqual(seen.childId, fiber.taskId)
    }))

  test("a child's typed error reaches its parent as itself", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* tasks.failChild.run(), "a.txt, 12 bytes, 1970-01-01T00:00:00.000Z")
    }))

  test("a task reads the stream of another", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* tasks.sumOfStream.run({ count: 20_000 }), 200_010_000)
    }))

  test("interrupting a parent stops its child first", (notes) =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      const fiber = yield* tasks.holdChild.fork({ ...notes, name: "child" })
      yield* notes.awaitLine("child started")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(notes.lines(), ["child started", "child stopped"])
      assert.deepStrictEqual(yield* runner.tasks, [])
    }))

  if (!subject.capabilities.durable) {
    test("a child is listed, and cancelled by its id, like any task", (notes) =>
      Effect.gen(function* () {
        const runner = yield* TaskRunner
        const fiber = yield* tasks.holdChild.fork({ ...notes, name: "child" })
        yield* notes.awaitLine("child started")
        const child = (yield* runner.tasks).find(({ name }) => name === "hold")
        yield* notes.open()
        yield* Fiber.await(fiber)
        assert.strictEqual(child?.parentId, fiber.taskId)
      }))
  }

  if (!subject.capabilities.queue) return

  test("a child does not wait behind the tasks that wait for its parent's place", { size: 1, maxQueue: 3 }, (notes) =>
    Effect.gen(function* () {
      const parent = yield* tasks.addLater.fork({ ...notes, name: "parent" })
      yield* notes.awaitLine("parent started")
      const waiting = yield* Effect.forEach(["a", "b", "c"], (name) => tasks.note.fork({ ...notes, name }))
      yield* notes.open()
      assert.strictEqual(yield* Fiber.join(parent), 3)
      yield* Fiber.joinAll(waiting)
    })
  )
}
