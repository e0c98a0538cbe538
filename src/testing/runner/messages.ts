/**
 * Messages reach a running task in order, once, and harm nobody when it is gone.
 *
 * @since 0.3.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import { TaskRunner } from "../../TaskRunner.ts"
import * as tasks from "../definitions.ts"
import { assertFails, assertInterrupted, settled, type SharedIt, type Subject, testWith, until } from "../Subject.ts"

const letter = (n: number) => ({ n, at: new Date(n), size: BigInt(n) })
const range = (length: number) => Array.from({ length }, (_, index) => index)

/** Tests of the inbox of tasks. */
export const messages = (it: SharedIt, subject: Subject): void => {
  const test = testWith(subject, it)

  test("a task that cancels itself counts as cancelled, and its finalizers have run", (notes) =>
    Effect.gen(function* () {
      const fiber = yield* tasks.quit.fork({ file: notes.file })
      assertFails(yield* Fiber.await(fiber), "TaskCancelled", { task: "quit", taskId: fiber.taskId })
      assert.strictEqual(yield* fiber.status, "cancelled")
      assert.deepStrictEqual(notes.lines(), ["started", "stopped"])
    }))

  if (subject.capabilities.durable) {
    test("a task with an inbox is refused, since no message would reach it", () =>
      Effect.gen(function* () {
        assertFails(yield* Effect.exit(tasks.share.run()), "TaskRejected", { task: "share" })
        assertFails(yield* Effect.exit(tasks.share.fork()), "TaskRejected", { task: "share" })
        assertFails(yield* Effect.exit(tasks.share.forkDiscard()), "TaskRejected", { task: "share" })
      }))
    return
  }

  test("messages are read in order, as their schema says; what a reader leaves is there for the next", (notes) =>
    Effect.gen(function* () {
      const fiber = yield* tasks.collect.fork({ ...notes, name: "a", take: 2 })
      for (const n of [1, 2, 3]) yield* fiber.send(letter(n))
      yield* notes.awaitLine("a started")
      yield* notes.open()
      for (const n of [4, 5, 6]) yield* fiber.send(letter(n))
      yield* fiber.endMessages
      assert.deepStrictEqual(yield* Fiber.join(fiber), [
        [letter(1), letter(2)],
        [letter(3), letter(4)],
        [letter(5), letter(6)]
      ])
    }))

  test("a task that waits for messages gets each when it comes", (notes) =>
    Effect.gen(function* () {
      const fiber = yield* tasks.repeat.fork({ ...notes, name: "a" })
      yield* notes.awaitLine("a started")
      for (const word of ["one", "two", "three"]) {
        yield* fiber.send(word)
        yield* until(`the answer to "${word}"`, () => fiber.metadata.progress === word)
      }
      yield* fiber.send("stop")
      yield* Fiber.join(fiber)
    }))

  test("thousands of messages arrive, and a sender waits for a reader that is behind", (notes) =>
    Effect.gen(function* () {
      const fiber = yield* tasks.collect.fork({ ...notes, name: "a", take: 0 })
      let sent = 0
      const sending = yield* Effect.forEach(
        range(3000),
        (n) => Effect.tap(fiber.send(letter(n)), () => Effect.sync(() => sent++)),
        { discard: true }
      ).pipe(Effect.andThen(fiber.endMessages), Effect.forkChild({ startImmediately: true }))
      assert.strictEqual(yield* settled(() => sent), 256)
      yield* notes.open()
      yield* Fiber.join(sending)
      assert.deepStrictEqual((yield* Fiber.join(fiber))[2], range(3000).map(letter))
    }))

  test("several readers share the messages", () =>
    Effect.gen(function* () {
      const fiber = yield* tasks.share.fork()
      for (const n of range(101)) yield* fiber.send(n)
      yield* fiber.endMessages
      assert.deepStrictEqual(yield* Fiber.join(fiber), { sum: 5050, count: 101 })
    }))

  test("a stream answers messages", () =>
    Effect.gen(function* () {
      const answers: Array<number> = []
      const fiber = yield* tasks.doubles.fork(undefined, { onIter: (n) => answers.push(n) })
      for (const n of [1, 2, 3]) {
        yield* fiber.send(n)
        yield* until(`the answer to ${n}`, () => answers.at(-1) === 2 * n)
      }
      yield* fiber.send(0)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(answers, [2, 4, 6])
    }))

  test("tasks send messages to tasks of their own", (notes) =>
    Effect.gen(function* () {
      yield* notes.open()
      const got = yield* tasks.collectChild.run({ ...notes, name: "child", count: 600 })
      assert.deepStrictEqual(got, range(600).map(letter))
    }))

  test("what cannot be sent is refused, and says why", (notes) =>
    Effect.gen(function* () {
      const fiber = yield* tasks.repeat.fork({ ...notes, name: "a" })
      const wrong = yield* Effect.exit(fiber.send(1 as unknown as string))
      assertFails(wrong, "TaskRejected", { task: "repeat" })
      yield* fiber.send("stop")
      yield* Fiber.join(fiber)
      assertFails(yield* Effect.exit(fiber.send("late")), "TaskRejected", { task: "repeat" })
      yield* fiber.endMessages
      const deaf = yield* tasks.hold.fork({ ...notes, name: "b" })
      assertFails(yield* Effect.exit((deaf as unknown as typeof fiber).send("a")), "TaskRejected", { task: "hold" })
      yield* notes.open()
      yield* Fiber.join(deaf)
    }))

  test("nothing is sent behind the end", () =>
    Effect.gen(function* () {
      const fiber = yield* tasks.share.fork()
      yield* fiber.send(1)
      yield* fiber.endMessages
      assertFails(yield* Effect.exit(fiber.send(2)), "TaskRejected", { task: "share" })
      assert.deepStrictEqual(yield* Fiber.join(fiber), { sum: 1, count: 1 })
    }))

  test("who waits to send learns that the task is gone", (notes) =>
    Effect.gen(function* () {
      const fiber = yield* tasks.collect.fork({ ...notes, name: "a", take: 0 })
      const sending = yield* Effect.forkChild(
        Effect.forEach(range(300), (n) => fiber.send(letter(n)), { discard: true }),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(fiber)
      assertInterrupted(yield* Fiber.await(fiber))
      assertFails(yield* Fiber.await(sending), "TaskRejected", { task: "collect" })
    }))

  test("a task that is attached to is sent messages like any other", (notes) =>
    Effect.gen(function* () {
      const fiber = yield* tasks.repeat.fork({ ...notes, name: "a" })
      const same = yield* tasks.repeat.attach(fiber.taskId)
      yield* same.send("stop")
      yield* Fiber.join(fiber)
    }))

  if (subject.capabilities.queue) {
    test("messages wait for a task that waits for its place", { size: 1 }, (notes) =>
      Effect.gen(function* () {
        const first = yield* tasks.hold.fork({ ...notes, name: "first" })
        yield* notes.awaitLine("first started")
        const fiber = yield* tasks.share.fork()
        for (const n of [1, 2, 3]) yield* fiber.send(n)
        yield* fiber.endMessages
        yield* notes.open()
        yield* Fiber.join(first)
        assert.deepStrictEqual(yield* Fiber.join(fiber), { sum: 6, count: 3 })
      })
    )
  }

  if (subject.capabilities.isolated) {
    test("a worker that dies takes along what it was sent, and nothing else", { size: 1 }, (notes) =>
      Effect.gen(function* () {
        const fiber = yield* tasks.fragile.fork(undefined, { retry: 1 })
        yield* fiber.send(1)
        yield* until("the second attempt", () => fiber.metadata.attempt === 2)
        yield* fiber.send(2)
        assert.strictEqual(yield* Fiber.join(fiber), 2)
        const lost = yield* tasks.fragile.fork()
        const other = yield* tasks.share.fork()
        yield* other.send(7)
        yield* lost.send(1)
        assertFails(yield* Fiber.await(lost), "WorkerCrashed", { task: "fragile" })
        assertFails(yield* Effect.exit(lost.send(2)), "TaskRejected", { task: "fragile" })
        yield* other.endMessages
        assert.deepStrictEqual(yield* Fiber.join(other), { sum: 7, count: 1 })
        assert.deepStrictEqual(yield* (yield* TaskRunner).tasks, [])
        assert.deepStrictEqual(notes.lines(), [])
      })
    )
  }

  it.effect.prop(
    "any messages arrive as they were sent",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: -1000, maximum: 1000 })))],
    ([numbers]) =>
      Effect.gen(function* () {
        const fiber = yield* tasks.share.fork()
        yield* Effect.forEach(numbers, (n) => fiber.send(n), { discard: true })
        yield* fiber.endMessages
        assert.deepStrictEqual(yield* Fiber.join(fiber), {
          sum: numbers.reduce((sum, n) => sum + n, 0),
          count: numbers.length
        })
      }),
    { arbitrary: { runs: 20 } }
  )
}
