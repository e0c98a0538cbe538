// The rows of the guide's table for people who come from pytasking: tasks of one event loop, processes, queues.
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { FiberRunner, ProcessRunner, TaskRouter, TaskRunner } from "effect-strand"
import { runProcess } from "effect-strand/BackgroundProcess"
import * as tasks from "../../src/testing/definitions.ts"
import { assertFails, makeNotes, type Notes, until } from "../../src/testing/Subject.ts"
import suiteHandlers from "../../src/testing/tasks.ts"
import * as Leaks from "../helpers/leaks.ts"
import ownHandlers, { nap, spawn, tidy } from "./pytaskingTasks.ts"
import { table } from "./rows.ts"

Leaks.check()

const suiteModule = new URL("../../src/testing/tasks.ts", import.meta.url)
const module = [suiteModule, new URL("./pytaskingTasks.ts", import.meta.url)]
const onProcs = { runner: "procs" } as const

/** Tasks in fibers of this program, and in processes. */
const Manager = TaskRouter.layer({
  tasks: FiberRunner.layer(Layer.merge(suiteHandlers, ownHandlers)),
  procs: ProcessRunner.layer({ module, maxSize: 2, forceKillAfter: "100 millis" }),
  default: "tasks"
})

/** Gives a test both, what can be seen of them, and files to steer tasks by. */
const managed =
  (
    body: (
      runner: TaskRunner.TaskRunner["Service"],
      notes: Notes
    ) => Effect.Effect<unknown, unknown, TaskRunner.TaskRunner | TaskRouter.TaskRouter>
  ) =>
  () =>
    Effect.flatMap(makeNotes, (notes) =>
      Effect.provide(
        Effect.flatMap(TaskRunner.TaskRunner, (runner) => body(runner, notes)),
        Manager
      )
    )

const { check, row } = table("pytasking")

// --- tasks -----------------------------------------------------------------------------------------------------------

row(
  "`manager = pytasking.Manager()`",
  managed(() =>
    Effect.gen(function* () {
      assert.strictEqual((yield* tasks.where.run()).pid, process.pid)
      assert.notStrictEqual((yield* tasks.where.run(undefined, onProcs)).pid, process.pid)
      assert.deepStrictEqual((yield* TaskRouter.TaskRouter).names, ["tasks", "procs"])
    })
  )
)

row(
  "`id = manager.add_task(coro, 1, 2)`",
  managed(() =>
    Effect.gen(function* () {
      const fiber = yield* tasks.add.fork({ a: 1, b: 2 })
      assert.isString(fiber.taskId)
      assert.strictEqual(yield* Fiber.join(fiber), 3)
      const failing = yield* tasks.fail.fork({ how: "denied" })
      assertFails(yield* Fiber.await(failing), "Denied")
    })
  )
)

row(
  "`manager.delete_task(id)`",
  managed((runner, notes) =>
    Effect.gen(function* () {
      const fiber = yield* tasks.hold.fork({ ...notes, name: "a" })
      yield* notes.awaitLine("a started")
      assert.isTrue(yield* runner.cancel(fiber.taskId))
      assert.deepStrictEqual(notes.lines(), ["a started", "a stopped"])
      assertFails(yield* Fiber.await(fiber), "TaskCancelled")
      assert.isFalse(yield* runner.cancel(fiber.taskId))
      const other = yield* tasks.hold.fork({ ...notes, name: "b" })
      yield* notes.awaitLine("b started")
      yield* Fiber.interrupt(other)
      assert.deepStrictEqual(notes.lines().slice(2), ["b started", "b stopped"])
    })
  )
)

row(
  "`manager.get_task(id)`",
  managed((runner, notes) =>
    Effect.gen(function* () {
      const fiber = yield* tasks.hold.fork({ ...notes, name: "a" })
      yield* notes.awaitLine("a started")
      const found = Option.getOrThrow(yield* runner.get(fiber.taskId))
      assert.deepInclude(found, { id: fiber.taskId, name: "hold", status: "running" })
      const again = yield* tasks.hold.attach(fiber.taskId)
      yield* notes.open()
      assert.deepStrictEqual(yield* Fiber.joinAll([again, fiber]), ["a", "a"])
      assert.deepStrictEqual(fiber.pollUnsafe(), Exit.succeed("a"))
      assert.deepStrictEqual(yield* runner.get(fiber.taskId), Option.none())
    })
  )
)

row(
  "`manager.get_tasks()`",
  managed((runner, notes) =>
    Effect.gen(function* () {
      const fiber = yield* tasks.hold.fork({ ...notes, name: "a" })
      const later = yield* tasks.note.fork({ ...notes, name: "b" }, { delay: "1 hour" })
      const live = yield* runner.tasks
      assert.deepStrictEqual(
        live.map(({ id }) => id),
        [fiber.taskId, later.taskId]
      )
      yield* runner.cancel(later.taskId)
      yield* notes.open()
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* runner.tasks, [])
    })
  )
)

// --- processes ---------------------------------------------------------------------------------------------------------

row(
  "`id = manager.add_proc(fn, 1, 2)`",
  managed((_, notes) =>
    Effect.gen(function* () {
      const fiber = yield* tasks.add.fork({ a: 1, b: 2 }, onProcs)
      assert.strictEqual(yield* Fiber.join(fiber), 3)
      const payload = { file: notes.file, gate: notes.gate, name: "a" }
      const proc = yield* runProcess({ task: tasks.hold, payload, module: suiteModule })
      yield* notes.awaitLine("a started")
      assert.notStrictEqual(yield* proc.pid, process.pid)
      yield* notes.open()
      assert.strictEqual(yield* proc.result, "a")
    }).pipe(Effect.scoped)
  )
)

row(
  "`manager.delete_proc(id)`",
  managed((runner, notes) =>
    Effect.gen(function* () {
      const kind = yield* tasks.hold.fork({ ...notes, name: "kind" }, onProcs)
      yield* notes.awaitLine("kind started")
      assert.isTrue(yield* runner.cancel(kind.taskId))
      assert.deepStrictEqual(notes.lines(), ["kind started", "kind stopped"])
      const busy = yield* tasks.spin.fork({ ...notes, name: "busy", millis: 60_000 }, onProcs)
      yield* notes.awaitLine("busy started")
      assert.isTrue(yield* runner.cancel(busy.taskId))
      assertFails(yield* Fiber.await(busy), "TaskCancelled")
      assert.strictEqual(yield* tasks.add.run({ a: 1, b: 2 }, onProcs), 3)
      const payload = { file: notes.file, gate: notes.gate, name: "server" }
      const proc = yield* runProcess({ task: tasks.hold, payload, module: suiteModule })
      assert.strictEqual((yield* proc.stop).reason, "Stopped")
      assertFails(yield* Effect.exit(proc.result), "TaskCancelled")
    }).pipe(Effect.scoped)
  )
)

row(
  "`manager.get_proc(id)`",
  managed((runner, notes) =>
    Effect.gen(function* () {
      const fiber = yield* tasks.hold.fork({ ...notes, name: "a" }, onProcs)
      yield* notes.awaitLine("a started")
      assert.strictEqual(Option.getOrThrow(yield* runner.get(fiber.taskId)).status, "running")
      const payload = { file: notes.file, gate: notes.gate, name: "b" }
      const proc = yield* runProcess({ task: tasks.hold, payload, module: suiteModule })
      assert.deepInclude(yield* proc.status, { _tag: "Ready", pid: yield* proc.pid })
      yield* notes.open()
      yield* Fiber.join(fiber)
      assert.deepInclude(yield* proc.exit, { reason: "Ended", exitCode: 0 })
    }).pipe(Effect.scoped)
  )
)

row(
  "`manager.get_procs()`",
  managed((_, notes) =>
    Effect.gen(function* () {
      const procs = yield* (yield* TaskRouter.TaskRouter).get("procs")
      const fiber = yield* tasks.hold.fork({ ...notes, name: "a" }, onProcs)
      yield* tasks.hold.fork({ ...notes, name: "b" })
      yield* notes.awaitLine("a started")
      assert.deepStrictEqual(
        (yield* procs.tasks).map(({ id }) => id),
        [fiber.taskId]
      )
      assert.deepStrictEqual(
        (yield* procs.stats).workers.map(({ running }) => running),
        [1]
      )
      yield* notes.open()
      yield* Fiber.join(fiber)
    })
  )
)

// --- all of it ---------------------------------------------------------------------------------------------------------

row("`manager.start()`", () =>
  Effect.gen(function* () {
    const notes = yield* makeNotes
    const program = Effect.gen(function* () {
      const runner = yield* TaskRunner.TaskRunner
      const ids = [
        yield* tasks.hold.forkDiscard({ ...notes, name: "task" }),
        yield* tasks.hold.forkDiscard({ ...notes, name: "proc" }, onProcs)
      ]
      yield* Effect.forkChild(Effect.delay(notes.open(), "50 millis"))
      yield* runner.awaitIdle()
      return ids
    })
    const ids = yield* Effect.promise(() => Effect.runPromise(Effect.provide(program, Manager)))
    assert.strictEqual(new Set(ids).size, 2)
    assert.includeMembers([...notes.lines()], ["task ended", "proc ended"])
  })
)

row(
  "`queue.put_nowait(x)` in a process, `queue.get_nowait()` in main",
  managed(() =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const onIter = (n: number) => seen.push(n)
      const fiber = yield* tasks.numbers.fork({ count: 3, chunk: 1 }, { runner: "procs", onIter })
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(seen, [1, 2, 3])
    })
  )
)

row(
  "`queue.put_nowait(x)` in main, `queue.get()` in a process",
  managed(() =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const onIter = (n: number) => seen.push(n)
      const fiber = yield* tasks.doubles.fork(undefined, { runner: "procs", onIter })
      yield* fiber.send(4)
      yield* fiber.send(5)
      yield* until("the answers", () => seen.length === 2)
      yield* fiber.send(0)
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(seen, [8, 10])
    })
  )
)

row(
  "`await pytasking.sleep(1)`, `pytasking.sleep(1, sync=True)`",
  managed(() =>
    Effect.gen(function* () {
      const napOn = (runner: string) =>
        Effect.gen(function* () {
          return yield* nap.run(50, { runner })
        })
      const [here, there] = yield* Effect.all([napOn("tasks"), napOn("procs")], { concurrency: "unbounded" })
      assert.strictEqual(here, process.pid)
      assert.notStrictEqual(there, process.pid)
    })
  )
)

row(
  "`except pytasking.asyncio.CancelledError`",
  managed((_, notes) =>
    Effect.gen(function* () {
      for (const [index, runner] of ["tasks", "procs"].entries()) {
        const fiber = yield* tidy.fork({ file: notes.file }, { runner })
        yield* until("its start", () => notes.lines().length === 2 * index + 1)
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual(notes.lines().slice(2 * index), ["started", "tidied"])
      }
    })
  )
)

// --- spawning inside spawned work ----------------------------------------------------------------------------------------

row(
  "`manager.add_task(coro)` in a task",
  managed(() =>
    Effect.gen(function* () {
      const pids = yield* spawn.run({ depth: 3, on: "tasks" })
      assert.deepStrictEqual(pids, [process.pid, process.pid, process.pid, process.pid])
    })
  )
)

row(
  "`manager.add_proc(fn)` in a task",
  managed(() =>
    Effect.gen(function* () {
      const [own, other] = yield* spawn.run({ depth: 1, on: "procs" })
      assert.strictEqual(own, process.pid)
      assert.notStrictEqual(other, process.pid)
    })
  )
)

row(
  "`manager.add_proc(fn)` in a process",
  managed(() =>
    Effect.gen(function* () {
      // Deeper than there are processes, and several at once.
      const all = yield* Effect.forEach([1, 2, 3], () => spawn.run({ depth: 4, on: "procs" }, onProcs), {
        concurrency: "unbounded"
      })
      for (const pids of all) {
        assert.strictEqual(pids.length, 5)
        assert.notInclude(pids, process.pid)
      }
    })
  )
)

check()
