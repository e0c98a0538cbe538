/**
 * A runner can be looked into and steered: its live tasks, its counters, its size.
 *
 * @since 0.1.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Task from "../../Task.ts"
import { isTaskFiber } from "../../TaskFiber.ts"
import { TaskRunner } from "../../TaskRunner.ts"
import * as tasks from "../definitions.ts"
import { assertFails, settled, type SharedIt, type Subject, testWith, untilEffect } from "../Subject.ts"

const now = { startImmediately: true } as const

const range = (length: number) => Array.from({ length }, (_, index) => index)

/** Tests of what can be seen of a runner, and done to it. */
export const controls = (it: SharedIt, subject: Subject): void => {
  const test = testWith(subject, it)

  test("live tasks are listed and found by their id", (notes) =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      const fiber = yield* tasks.hold.fork({ ...notes, name: "a" }, { tags: ["x"], priority: 3 })
      const later = yield* tasks.note.fork({ ...notes, name: "b" }, { delay: "1 hour" })
      yield* notes.awaitLine("a started")
      assert.isTrue(isTaskFiber(fiber))
      const listed = yield* runner.tasks
      assert.deepStrictEqual(
        listed.map(({ id, name, status }) => ({ id, name, status })),
        [
          { id: fiber.taskId, name: "hold", status: "running" },
          { id: later.taskId, name: "note", status: "scheduled" }
        ]
      )
      const found = Option.getOrThrow(yield* runner.get(fiber.taskId))
      assert.deepInclude(found, { priority: 3, attempt: 1, tags: ["x"], parentId: undefined })
      assert.isAtMost(Math.abs(found.createdAt - Date.now()), 60_000)
      assert.deepStrictEqual(fiber.metadata, found)
      yield* Fiber.interrupt(later)
      yield* notes.open()
      yield* Fiber.join(fiber)
      assert.isTrue(Option.isNone(yield* runner.get(fiber.taskId)))
      assert.deepStrictEqual(yield* runner.tasks, [])
    }))

  if (!subject.capabilities.durable) {
    test("ids are unique, and forkDiscard gives one", (notes) =>
      Effect.gen(function* () {
        const runner = yield* TaskRunner
        const ids = yield* Effect.forEach(range(100), (n) => tasks.note.forkDiscard({ ...notes, name: `${n}` }))
        assert.strictEqual(new Set(ids).size, 100)
        yield* runner.awaitIdle()
        assert.strictEqual(notes.lines().length, 100)
      }))
  }

  test("a task is taken up again by its id", (notes) =>
    Effect.gen(function* () {
      const first = yield* tasks.hold.fork({ ...notes, name: "a" }, { tags: ["x"] })
      yield* notes.awaitLine("a started")
      const second = yield* tasks.hold.attach(first.taskId)
      assert.strictEqual(second.taskId, first.taskId)
      assert.strictEqual(yield* second.status, "running")
      assert.deepStrictEqual(second.metadata, first.metadata)
      assertFails(yield* Effect.exit(tasks.add.attach(first.taskId)), "TaskRejected", { task: "add" })
      assertFails(yield* Effect.exit(tasks.hold.attach("nobody")), "TaskNotFound", { taskId: "nobody" })
      yield* notes.open()
      assert.deepStrictEqual(yield* Fiber.joinAll([first, second]), ["a", "a"])
      assert.strictEqual(yield* second.status, "completed")
    }))

  test("interrupting a handle of a task that was taken up again cancels the task", (notes) =>
    Effect.gen(function* () {
      const first = yield* tasks.hold.fork({ ...notes, name: "a" })
      yield* notes.awaitLine("a started")
      const second = yield* tasks.hold.attach(first.taskId)
      yield* Fiber.interrupt(second)
      assert.deepStrictEqual(notes.lines(), ["a started", "a stopped"])
      assertFails(yield* Fiber.await(first), "TaskCancelled", { taskId: first.taskId })
    }))

  test("the status of a handle follows its task", (notes) =>
    Effect.gen(function* () {
      const failing = yield* tasks.fail.fork({ how: "denied" })
      yield* Fiber.await(failing)
      assert.strictEqual(yield* failing.status, "failed")
      const fiber = yield* tasks.hold.fork({ ...notes, name: "a" })
      yield* notes.awaitLine("a started")
      assert.strictEqual(yield* fiber.status, "running")
      yield* notes.open()
      yield* Fiber.join(fiber)
      assert.strictEqual(yield* fiber.status, "completed")
    }))

  test("a paused runner starts nothing, and goes on where it was", {}, (notes) =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      const first = yield* tasks.hold.fork({ ...notes, name: "first" })
      yield* notes.awaitLine("first started")
      yield* runner.pause
      const fibers = yield* Effect.forEach(range(20), (n) => tasks.note.fork({ ...notes, name: `${n}` }))
      yield* notes.open()
      assert.strictEqual(yield* Fiber.join(first), "first")
      yield* settled(() => notes.lines().length)
      assert.deepStrictEqual(notes.lines(), ["first started", "first ended"])
      assert.strictEqual(yield* fibers[0]!.status, "pending")
      yield* Fiber.interrupt(fibers[0]!)
      yield* runner.resume
      yield* Fiber.joinAll(fibers.slice(1))
      assert.strictEqual(notes.lines().length, 21)
    })
  )

  test("what waits in a paused runner can be sent ahead and still be held back", {}, (notes) =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      const fibers = yield* Effect.forEach(range(500), (n) => tasks.note.fork({ ...notes, name: `${n}` }))
      yield* runner.pause
      const atRest = yield* settled(() => notes.lines().length)
      yield* settled(() => 0)
      assert.strictEqual(notes.lines().length, atRest)
      yield* runner.resume
      yield* Fiber.joinAll(fibers)
      assert.strictEqual(notes.lines().length, 500)
    })
  )

  test("counters and times add up", {}, (notes) =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      const hold = yield* tasks.hold.fork({ ...notes, name: "a" })
      yield* notes.awaitLine("a started")
      assert.deepInclude(yield* runner.stats, { running: 1, queued: 0, completed: 0, failed: 0 })
      yield* notes.open()
      yield* Fiber.join(hold)
      yield* Effect.forEach(range(10), (n) => tasks.add.run({ a: n, b: n }))
      yield* Effect.exit(tasks.fail.run({ how: "denied" }))
      yield* Effect.exit(tasks.die.run({ how: "string" }))
      const stats = yield* runner.stats
      assert.deepInclude(stats, { running: 0, queued: 0, completed: 11, failed: 2 })
      assert.strictEqual(stats.waitTime.count, 13)
      assert.strictEqual(stats.runTime.count, 13)
      assert.isAtLeast(stats.runTime.max, stats.runTime.p99)
      assert.isAtLeast(stats.runTime.p99, stats.runTime.p50)
      for (const worker of stats.workers) {
        assert.isAtLeast(worker.utilisation, 0)
        assert.isAtMost(worker.utilisation, 1)
      }
      if (subject.capabilities.isolated) {
        assert.strictEqual(
          stats.workers.reduce((sum, worker) => sum + worker.completed, 0),
          13
        )
      }
    })
  )

  test("what is called while the runner is to be idle can wait until it was", {}, (notes) =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      const parent = yield* tasks.addLater.fork({ ...notes, name: "parent" })
      yield* notes.awaitLine("parent started")
      const idle = yield* Effect.forkChild(runner.awaitIdle({ block: true }), now)
      const forking = yield* Effect.forkChild(tasks.note.fork({ ...notes, name: "forked" }), now)
      const running = yield* Effect.forkChild(tasks.note.run({ ...notes, name: "run" }), now)
      const counting = subject.capabilities.durable
        ? undefined
        : yield* Effect.forkChild(Stream.runCollect(tasks.numbers.stream({ count: 2, chunk: 1 })), now)
      const enqueuing = yield* Effect.forkChild(Task.forkAllDiscard(tasks.note, [{ ...notes, name: "enqueued" }]), now)
      yield* settled(() => notes.lines().length)
      assert.deepStrictEqual(notes.lines(), ["parent started"])
      assert.deepStrictEqual(
        (yield* runner.tasks).map(({ id }) => id),
        [parent.taskId]
      )
      for (const fiber of [idle, forking, running, counting, enqueuing]) assert.isUndefined(fiber?.pollUnsafe())
      // Tasks of the one that is waited for are run.
      yield* notes.open()
      yield* Fiber.join(idle)
      assert.strictEqual(yield* Fiber.join(parent), 3)
      yield* Fiber.join(yield* Fiber.join(forking))
      yield* Fiber.join(running)
      yield* Fiber.join(enqueuing)
      if (counting !== undefined) assert.deepStrictEqual(yield* Fiber.join(counting), [1, 2])
      for (const name of ["forked", "run", "enqueued"]) yield* notes.awaitLine(name)
      yield* runner.awaitIdle({ block: true })
      assert.strictEqual(yield* tasks.add.run({ a: 1, b: 2 }), 3)
    })
  )

  test(
    "what waits until the runner is idle can be stopped, takes its time, and goes on when nobody waits",
    {},
    (notes) =>
      Effect.gen(function* () {
        const runner = yield* TaskRunner
        const held = yield* tasks.hold.fork({ ...notes, name: "held" })
        yield* notes.awaitLine("held started")
        const first = yield* Effect.forkChild(runner.awaitIdle({ block: true }), now)
        const second = yield* Effect.forkChild(runner.awaitIdle({ block: true }), now)
        const stopped = yield* Effect.forkChild(tasks.note.fork({ ...notes, name: "stopped" }), now)
        const late = yield* Effect.forkChild(tasks.note.fork({ ...notes, name: "late" }, { timeout: 30 }), now)
        const running = yield* Effect.forkChild(tasks.note.run({ ...notes, name: "run" }), now)
        yield* Fiber.interrupt(stopped)
        assertFails(yield* Fiber.await(late), "TaskTimeout", { timeout: 30 })
        yield* Fiber.interrupt(first)
        yield* settled(() => notes.lines().length)
        assert.deepStrictEqual(notes.lines(), ["held started"])
        yield* Fiber.interrupt(second)
        yield* Fiber.join(running)
        assert.deepStrictEqual(notes.lines(), ["held started", "run"])
        yield* notes.open()
        yield* Fiber.join(held)
      })
  )

  test("what waits until the runner is idle is refused when the runner is closed", {}, (notes) =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      const held = yield* tasks.hold.fork({ ...notes, name: "held" })
      yield* notes.awaitLine("held started")
      const blocking = yield* Effect.forkChild(runner.awaitIdle({ block: true }), now)
      const running = yield* Effect.forkChild(tasks.add.run({ a: 1, b: 2 }), now)
      const closing = yield* Effect.forkChild(runner.awaitIdle({ close: true }), now)
      assertFails(yield* Fiber.await(running), "RunnerClosed", { task: "add" })
      assertFails(yield* Effect.exit(tasks.add.fork({ a: 1, b: 2 })), "RunnerClosed")
      yield* notes.open()
      yield* Fiber.joinAll([blocking, closing])
      assert.strictEqual(yield* Fiber.join(held), "held")
    })
  )

  if (!subject.capabilities.queue) return

  if (!subject.capabilities.durable) {
    test("a runner grows and shrinks without losing a task", { size: 1 }, (notes) =>
      Effect.gen(function* () {
        const runner = yield* TaskRunner
        const hold = (name: string, gate: string) => tasks.hold.fork({ file: notes.file, name, gate: notes.path(gate) })
        const fibers = yield* Effect.forEach(["a", "b", "c"], (name) => hold(name, "first"))
        yield* notes.awaitLine("a started")
        assert.strictEqual((yield* runner.stats).queued, 2)
        yield* runner.resize(3)
        yield* notes.awaitLine("b started")
        yield* notes.awaitLine("c started")
        yield* runner.resize(1)
        const more = yield* Effect.forEach(["d", "e"], (name) => hold(name, "second"))
        yield* notes.open("first")
        assert.deepStrictEqual(yield* Fiber.joinAll(fibers), ["a", "b", "c"])
        yield* notes.awaitLine("d started")
        yield* settled(() => 0)
        assert.notInclude(notes.lines(), "e started")
        yield* notes.open("second")
        assert.deepStrictEqual(yield* Fiber.joinAll(more), ["d", "e"])
      })
    )
  }

  test("a hundred thousand tasks wait, and all of them run", {}, () =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      yield* tasks.add.run({ a: 1, b: 1 })
      yield* runner.pause
      const all = yield* Effect.forkChild(
        Effect.forEach(range(100_000), (n) => tasks.add.run({ a: n, b: 1 }), { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      yield* untilEffect(
        "all to be queued",
        Effect.map(runner.stats, ({ queued }) => queued === 100_000)
      )
      yield* runner.resume
      const sums = yield* Fiber.join(all)
      assert.isTrue(sums.every((sum, n) => sum === n + 1))
      assert.deepInclude(yield* runner.stats, { queued: 0, running: 0, completed: 100_001, failed: 0 })
    })
  )
}
