/**
 * Real faults: workers that hang, exit, throw, run out of memory or are killed, and what becomes of everything else.
 *
 * @since 0.1.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TaskRunner } from "../../TaskRunner.ts"
import * as tasks from "../definitions.ts"
import { assertFails, assertInterrupted, errorOf, type Notes, type Subject, testWith } from "../Subject.ts"

const range = (length: number) => Array.from({ length }, (_, index) => index)

/** The pid that `crash` has noted. */
const pidOf = (notes: Notes, name: string) =>
  Effect.sync(() => {
    const line = notes.lines().find((line) => line.startsWith(`${name} started in `))
    return line === undefined ? undefined : Number(line.split(" ").at(-1))
  })

const awaitPid = (notes: Notes, name: string): Effect.Effect<number> =>
  Effect.flatMap(pidOf(notes, name), (pid) =>
    pid === undefined ? Effect.flatMap(Effect.sleep("3 millis"), () => awaitPid(notes, name)) : Effect.succeed(pid)
  )

/** Checks that the runner works, on as many workers as it has. */
const assertAlive = Effect.gen(function* () {
  const sums = yield* Effect.forEach(range(100), (n) => tasks.add.run({ a: n, b: 1 }), { concurrency: "unbounded" })
  assert.strictEqual(sums[99], 100)
})

/** Tests of workers that crash or have to be killed. */
export const faults = (subject: Subject): void => {
  const test = testWith(subject)

  const disasters: ReadonlyArray<{
    readonly how: "exit" | "throw" | "reject" | "memory"
    readonly fields: Readonly<Record<string, unknown>>
    readonly detail?: RegExp
  }> = [
    { how: "exit", fields: { reason: "Exit", exitCode: 3 } },
    { how: "throw", fields: { reason: "UncaughtError" }, detail: /thrown from outside/ },
    { how: "reject", fields: { reason: "UncaughtError" }, detail: /rejected from outside/ },
    { how: "memory", fields: { reason: "OutOfMemory" } }
  ]
  for (const { detail, fields, how } of disasters) {
    const options = how === "memory" ? { memoryMb: 48 } : { shutdownGrace: "10 seconds" as const }
    test(`${how}: the task in the worker fails with WorkerCrashed, none elsewhere does`, options, (notes) =>
      Effect.gen(function* () {
        const other = yield* tasks.hold.fork({ ...notes, name: "other" })
        yield* notes.awaitLine("other started")
        const crashing = yield* tasks.crash.fork({ ...notes, name: "crash", how })
        const queued = yield* Effect.forEach(range(50), (n) => tasks.note.fork({ ...notes, name: `queued ${n}` }))
        const exit = yield* Fiber.await(crashing)
        assertFails(exit, "WorkerCrashed", { task: "crash", taskId: crashing.taskId, ...fields })
        if (detail !== undefined) assert.match((errorOf(exit) as { readonly detail?: string }).detail ?? "", detail)
        assert.isNotEmpty((errorOf(exit) as { readonly worker?: string }).worker)
        yield* Fiber.joinAll(queued)
        yield* notes.open()
        assert.strictEqual(yield* Fiber.join(other), "other")
        yield* assertAlive
        assert.strictEqual(notes.lines().filter((line) => line.startsWith("queued")).length, 50)
      })
    )
  }

  if (subject.capabilities.processes) {
    test("SIGKILL: the task in the worker fails with WorkerCrashed, none elsewhere does", {}, (notes) =>
      Effect.gen(function* () {
        const fibers = yield* Effect.forEach(["a", "b"], (name) => tasks.crash.fork({ ...notes, name, how: "wait" }))
        const pids = yield* Effect.forEach(["a", "b"], (name) => awaitPid(notes, name))
        assert.notStrictEqual(pids[0], pids[1])
        assert.notInclude(pids, process.pid)
        process.kill(pids[0]!, "SIGKILL")
        assertFails(yield* Fiber.await(fibers[0]!), "WorkerCrashed", { reason: "Signal", signal: "SIGKILL" })
        assert.isUndefined(fibers[1]!.pollUnsafe())
        yield* assertAlive
        yield* Fiber.interruptAll(fibers)
      })
    )
  }

  test("what a crashed worker streamed before it crashed has come", { size: 1 }, (notes) =>
    Effect.gen(function* () {
      const seen: Array<number> = []
      const stream = tasks.endless.stream({ file: notes.file, counter: notes.path("counter"), chunk: 10 })
      const fiber = yield* Effect.forkChild(
        Stream.runForEach(stream, (n) =>
          Effect.andThen(
            Effect.sync(() => seen.push(n)),
            n === 1000 ? Effect.never : Effect.void
          )
        )
      )
      yield* notes.awaitLine("started")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(
        seen,
        range(seen.length).map((n) => n + 1)
      )
      yield* assertAlive
    })
  )

  test("one crash after the other", { size: 2 }, (notes) =>
    Effect.gen(function* () {
      const exits = yield* Effect.forEach(
        range(6),
        (n) => Effect.exit(tasks.crash.run({ ...notes, name: `${n}`, how: "exit" })),
        { concurrency: "unbounded" }
      )
      for (const exit of exits) assertFails(exit, "WorkerCrashed", { reason: "Exit" })
      yield* assertAlive
    })
  )

  test("a crashed task is tried again where its call says so", { size: 1 }, (notes) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(tasks.crash.run({ ...notes, name: "crash", how: "exit" }, { retry: 2 }))
      assertFails(exit, "WorkerCrashed")
      assert.strictEqual(notes.lines().length, 3)
    })
  )

  test("a parent whose child crashes learns it, and lives", { size: 2 }, (notes) =>
    Effect.gen(function* () {
      const [parent, crash] = yield* Effect.all(
        [tasks.addLater.fork({ ...notes, name: "parent" }), tasks.crash.fork({ ...notes, name: "crash", how: "exit" })],
        { concurrency: "unbounded" }
      )
      assertFails(yield* Fiber.await(crash), "WorkerCrashed")
      yield* notes.awaitLine("parent started")
      yield* notes.open()
      assert.strictEqual(yield* Fiber.join(parent), 3)
    })
  )

  test("a busy loop is killed after grace, and its worker is replaced", { size: 1, forceKillAfter: 200 }, (notes) =>
    Effect.gen(function* () {
      const busy = yield* tasks.spin.fork({ ...notes, name: "busy", millis: 60_000 })
      const queued = yield* Effect.forEach(range(20), (n) => tasks.note.fork({ ...notes, name: `queued ${n}` }))
      yield* notes.awaitLine("busy started")
      yield* Fiber.interrupt(busy)
      assertInterrupted(yield* Fiber.await(busy))
      yield* Fiber.joinAll(queued)
      assert.deepStrictEqual(
        notes.lines().slice(1),
        range(20).map((n) => `queued ${n}`)
      )
      yield* assertAlive
    })
  )

  test("a busy loop is killed at once without grace", { size: 1, forceKillAfter: 0 }, (notes) =>
    Effect.gen(function* () {
      for (const name of ["a", "b", "c"]) {
        const busy = yield* tasks.spin.fork({ ...notes, name, millis: 60_000 })
        yield* notes.awaitLine(`${name} started`)
        yield* Fiber.interrupt(busy)
        assertInterrupted(yield* Fiber.await(busy))
      }
      yield* assertAlive
    })
  )

  test("a task that cannot be interrupted is killed after grace", { size: 1, forceKillAfter: 100 }, (notes) =>
    Effect.gen(function* () {
      const fiber = yield* tasks.stubborn.fork({ ...notes, name: "stubborn", millis: 60_000 })
      yield* notes.awaitLine("stubborn started")
      yield* Fiber.interrupt(fiber)
      assertInterrupted(yield* Fiber.await(fiber))
      yield* assertAlive
    })
  )

  test("a task that stops within grace keeps its worker", { size: 1, forceKillAfter: "10 seconds" }, (notes) =>
    Effect.gen(function* () {
      const before = yield* tasks.where.run()
      const fiber = yield* tasks.hold.fork({ ...notes, name: "a" })
      yield* notes.awaitLine("a started")
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(notes.lines(), ["a started", "a stopped"])
      assert.deepStrictEqual(yield* tasks.where.run(), before)
    })
  )

  test("a busy loop ends with its time limit, and with its cancelling", { size: 1, forceKillAfter: 50 }, (notes) =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      yield* tasks.where.run()
      const exit = yield* Effect.exit(
        tasks.spin.run({ ...notes, name: "a", millis: 60_000 }, { timeout: "150 millis" })
      )
      assertFails(exit, "TaskTimeout", { timeout: 150 })
      const fiber = yield* tasks.spin.fork({ ...notes, name: "b", millis: 60_000 })
      yield* notes.awaitLine("b started")
      assert.isTrue(yield* runner.cancel(fiber.taskId))
      assertFails(yield* Fiber.await(fiber), "TaskCancelled")
      yield* assertAlive
    })
  )

  test("a killed worker's other tasks fail with WorkerCrashed", shared, (notes) =>
    Effect.gen(function* () {
      const other = yield* tasks.hold.fork({ ...notes, name: "other" })
      const stubborn = yield* tasks.stubborn.fork({ ...notes, name: "stubborn", millis: 60_000 })
      yield* notes.awaitLine("other started")
      yield* notes.awaitLine("stubborn started")
      yield* Fiber.interrupt(stubborn)
      assertFails(yield* Fiber.await(other), "WorkerCrashed", { task: "hold", reason: "Killed" })
      yield* assertAlive
    })
  )

  test("a killed worker's other tasks are tried again where their calls say so", shared, (notes) =>
    Effect.gen(function* () {
      const again = yield* tasks.hold.fork({ ...notes, name: "again" }, { retry: 1 })
      const stubborn = yield* tasks.stubborn.fork({ ...notes, name: "stubborn", millis: 60_000 })
      yield* notes.awaitLine("again started")
      yield* notes.awaitLine("stubborn started")
      yield* Fiber.interrupt(stubborn)
      yield* notes.open()
      assert.strictEqual(yield* Fiber.join(again), "again")
      assert.strictEqual(again.metadata.attempt, 2)
      assert.strictEqual(notes.lines().filter((line) => line === "again started").length, 2)
    })
  )

  test(
    "a short task never waits for a busy loop while another worker is idle",
    { size: 2, forceKillAfter: 50 },
    (notes) =>
      Effect.gen(function* () {
        const first = yield* tasks.hold.fork({ ...notes, name: "first" })
        yield* notes.awaitLine("first started")
        const busy = yield* tasks.spin.fork({ ...notes, name: "busy", millis: 60_000 })
        const short = yield* Effect.forEach(range(50), (n) => tasks.add.fork({ a: n, b: 1 }))
        yield* notes.awaitLine("busy started")
        yield* notes.open()
        yield* Fiber.joinAll(short)
        assert.isUndefined(busy.pollUnsafe())
        yield* Fiber.joinAll([first])
        yield* Fiber.interrupt(busy)
      })
  )

  test("the caller's event loop stays free while all workers are busy", { size: 2, forceKillAfter: 50 }, (notes) =>
    Effect.gen(function* () {
      const busy = yield* Effect.forEach(["a", "b"], (name) => tasks.spin.fork({ ...notes, name, millis: 300 }))
      yield* notes.awaitLine("a started")
      let turns = 0
      const turning = yield* Effect.forkChild(
        Effect.forever(
          Effect.andThen(
            Effect.sleep("1 millis"),
            Effect.sync(() => turns++)
          )
        )
      )
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(Fiber.joinAll(busy))))
      yield* Fiber.interrupt(turning)
      assert.isAbove(turns, 20)
    })
  )
}

const shared = { size: 1, concurrency: 2, forceKillAfter: 50 }
