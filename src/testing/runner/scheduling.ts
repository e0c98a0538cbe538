/**
 * Who runs when: places, priorities, queues.
 *
 * @since 0.1.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TaskRunner } from "../../TaskRunner.ts"
import * as tasks from "../definitions.ts"
import {
  assertFails,
  assertInterrupted,
  type Notes,
  settled,
  type SharedIt,
  type Subject,
  testWith
} from "../Subject.ts"

const queued = Effect.flatMap(TaskRunner, (runner) => Effect.map(runner.stats, (stats) => stats.queued))

/** Occupies places until the notes' gate, or the gate of this name, is opened. */
const occupy = (notes: Notes, names: ReadonlyArray<string>, gate = "gate") =>
  Effect.gen(function* () {
    const fibers = yield* Effect.forEach(names, (name) =>
      tasks.hold.fork({ file: notes.file, name, gate: notes.path(gate) })
    )
    yield* Effect.forEach(names, (name) => notes.awaitLine(`${name} started`))
    return fibers
  })

const range = (length: number) => Array.from({ length }, (_, index) => index)

/** Tests of the order and the number in which tasks run. */
export const scheduling = (it: SharedIt, subject: Subject): void => {
  const test = testWith(subject, it)

  test("a short task never waits for a long one while there is room", (notes) =>
    Effect.gen(function* () {
      const [long] = yield* occupy(notes, ["long"])
      const sums = yield* Effect.forEach(range(200), (n) => tasks.add.run({ a: n, b: 1 }), {
        concurrency: "unbounded"
      })
      assert.strictEqual(sums.at(-1), 200)
      assert.deepStrictEqual(notes.lines(), ["long started"])
      yield* notes.open()
      yield* Fiber.join(long!)
    }))

  if (!subject.capabilities.queue) return

  test("no more tasks run at once than there are places", { size: 2 }, (notes) =>
    Effect.gen(function* () {
      const fibers = yield* occupy(notes, ["a", "b"])
      const third = yield* tasks.hold.fork({ ...notes, name: "c" })
      yield* settled(() => notes.lines().length)
      assert.deepStrictEqual(notes.lines().toSorted(), ["a started", "b started"])
      assert.strictEqual(yield* third.status, "pending")
      yield* notes.open()
      yield* Fiber.joinAll([...fibers, third])
    })
  )

  test("several tasks at once share a worker where that is asked for", { size: 1, concurrency: 3 }, (notes) =>
    Effect.gen(function* () {
      const fibers = yield* occupy(notes, ["a", "b", "c"])
      yield* notes.open()
      yield* Fiber.joinAll(fibers)
    })
  )

  test("lower priorities run first, equal ones in the order of their calls", { size: 1 }, (notes) =>
    Effect.gen(function* () {
      yield* occupy(notes, ["long"])
      const calls = range(300).map((index) => ({ priority: [10, 1, 20][index % 3]!, name: `${index}` }))
      const fibers = yield* Effect.forEach(calls, ({ name, priority }) =>
        tasks.note.fork({ ...notes, name }, { priority })
      )
      // Comes after the others may have been sent to where they are going to run.
      yield* settled(() => 0)
      const urgent = yield* tasks.note.fork({ ...notes, name: "urgent" }, { priority: 0 })
      yield* notes.open()
      yield* Fiber.joinAll([...fibers, urgent])
      const expected = calls.toSorted((a, b) => a.priority - b.priority).map(({ name }) => name)
      assert.deepStrictEqual(notes.lines().slice(2), ["urgent", ...expected])
    })
  )

  test("tasks without a priority have priority 10", { size: 1 }, (notes) =>
    Effect.gen(function* () {
      yield* occupy(notes, ["long"])
      const fibers = [
        yield* tasks.note.fork({ ...notes, name: "none" }),
        yield* tasks.note.fork({ ...notes, name: "10" }, { priority: 10 }),
        yield* tasks.note.fork({ ...notes, name: "11" }, { priority: 11 }),
        yield* tasks.note.fork({ ...notes, name: "9" }, { priority: 9 }),
        yield* tasks.note.fork({ ...notes, name: "-1" }, { priority: -1 })
      ]
      yield* notes.open()
      yield* Fiber.joinAll(fibers)
      assert.deepStrictEqual(notes.lines().slice(2), ["-1", "9", "none", "10", "11"])
    })
  )

  test("what was meant for a busy worker runs on an idle one", { size: 2 }, (notes) =>
    Effect.gen(function* () {
      const [first, second] = yield* Effect.all([occupy(notes, ["a"], "first"), occupy(notes, ["b"], "second")])
      const short = yield* Effect.forEach(range(50), (index) => tasks.note.fork({ ...notes, name: `${index}` }))
      yield* notes.open("first")
      yield* Fiber.joinAll([...first, ...short])
      assert.notInclude(notes.lines(), "b ended")
      yield* notes.open("second")
      yield* Fiber.joinAll(second)
    })
  )

  if (!subject.capabilities.durable) {
    test("over maxQueue a call fails with QueueFull where that is asked for", options(2, "fail"), (notes) =>
      Effect.gen(function* () {
        const [first] = yield* occupy(notes, ["first"])
        const accepted = yield* Effect.forEach(range(2), (n) => tasks.note.fork({ ...notes, name: `${n}` }))
        const refusedFork = yield* Effect.exit(tasks.note.fork({ ...notes, name: "refused" }))
        assertFails(refusedFork, "QueueFull", { task: "note", limit: 2 })
        assertFails(yield* Effect.exit(tasks.note.run({ ...notes, name: "refused" })), "QueueFull")
        assert.strictEqual(yield* queued, 2)
        yield* notes.open()
        yield* Fiber.joinAll([first!, ...accepted])
        yield* tasks.note.run({ ...notes, name: "last" })
        assert.deepStrictEqual(notes.lines(), ["first started", "first ended", "0", "1", "last"])
      })
    )
  }

  if (!subject.capabilities.durable) {
    test("over maxQueue a call waits where that is asked for", options(2, "wait"), (notes) =>
      Effect.gen(function* () {
        const [first] = yield* occupy(notes, ["first"])
        const accepted = yield* Effect.forEach(range(2), (n) => tasks.note.fork({ ...notes, name: `${n}` }))
        const waiting = yield* Effect.forkChild(tasks.note.fork({ ...notes, name: "waited" }), {
          startImmediately: true
        })
        const leaving = yield* Effect.forkChild(tasks.note.fork({ ...notes, name: "left" }), { startImmediately: true })
        yield* settled(() => 0)
        assert.isUndefined(waiting.pollUnsafe(), "the call had to wait")
        yield* Fiber.interrupt(leaving)
        assertInterrupted(yield* Fiber.await(leaving))
        yield* notes.open()
        const last = yield* Fiber.join(waiting)
        yield* Fiber.joinAll([first!, ...accepted, last])
        assert.deepStrictEqual(notes.lines(), ["first started", "first ended", "0", "1", "waited"])
      })
    )
  }

  test("calls that waited for room keep their order and their priority", options(1, "wait"), (notes) =>
    Effect.gen(function* () {
      yield* occupy(notes, ["first"])
      const calls = yield* Effect.forEach(range(100), (n) =>
        Effect.forkChild(tasks.note.run({ ...notes, name: `${n}` }), { startImmediately: true })
      )
      yield* notes.open()
      yield* Fiber.joinAll(calls)
      assert.deepStrictEqual(
        notes.lines().slice(2),
        range(100).map((n) => `${n}`)
      )
    })
  )
}

const options = (maxQueue: number, overflow: "wait" | "fail") => ({ size: 1, maxQueue, overflow })
