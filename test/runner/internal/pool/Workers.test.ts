// Workers come, go and are replaced, and no task notices.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import { TaskRunner } from "effect-strand/TaskRunner"
import { assertFails, errorOf, makeNotes, type Notes, until, untilEffect } from "../../../../src/testing/Subject.ts"
import * as Leaks from "../../../helpers/leaks.ts"
import * as tasks from "./definitions.ts"
import { kinds, layer, range, using } from "./pools.ts"

Leaks.check()

const workers = Effect.flatMap(TaskRunner, (runner) => Effect.map(runner.stats, (stats) => stats.workers.length))

/** How often each of these has been started. */
const starts = (notes: Notes) => {
  const counts = new Map<string, number>()
  for (const line of notes.lines()) {
    const [name, what] = line.split(" ")
    if (what === "started") counts.set(name!, (counts.get(name!) ?? 0) + 1)
  }
  return counts
}

for (const kind of kinds) {
  describe(kind, () => {
    it.live("resizing up and down under load loses and repeats nothing", () =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        yield* Effect.gen(function* () {
          const runner = yield* TaskRunner
          const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
          for (const [round, size] of [3, 1, 2, 1, 3].entries()) {
            for (const n of range(60)) {
              fibers.push(yield* tasks.compute.fork({ ...notes, name: `${round}.${n}`, millis: n % 20 === 0 ? 5 : 0 }))
            }
            yield* runner.resize(size)
            assert.strictEqual(yield* workers, size)
            yield* until("some more to have run", () => notes.lines().length >= (round + 1) * 40)
          }
          yield* Fiber.joinAll(fibers)
          const counts = starts(notes)
          assert.strictEqual(counts.size, 300)
          assert.isTrue([...counts.values()].every((count) => count === 1))
          assert.deepInclude(yield* runner.stats, { queued: 0, running: 0, completed: 300, failed: 0 })
        }).pipe(using(kind, { size: 1 }))
      })
    )

    it.live("a worker whose memory has grown is replaced, once it has finished", () =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        yield* Effect.gen(function* () {
          const first = yield* tasks.where.run()
          const held = yield* tasks.hold.fork({ ...notes, name: "held" })
          yield* notes.awaitLine("held started")
          // The pool is told now and then only, so one growth is not enough.
          yield* untilEffect(
            "another worker",
            Effect.map(Effect.andThen(tasks.keep.run(5), tasks.where.run()), (at) => at !== first)
          )
          assert.strictEqual(yield* workers, 1)
          assert.isUndefined(held.pollUnsafe())
          yield* notes.open()
          yield* Fiber.join(held)
          const now = yield* tasks.where.run()
          for (const _ of range(20)) assert.strictEqual(yield* tasks.where.run(), now)
        }).pipe(using(kind, { size: 1, concurrency: 2, recycle: { memoryMb: 30 } }))
      })
    )

    it.live(
      "a spare worker has been started before it is needed",
      () =>
        Effect.gen(function* () {
          const notes = yield* makeNotes
          const loaded = () =>
            notes.lines().flatMap((line) => (line.startsWith("loaded ") ? [line.slice("loaded ".length)] : []))
          /** Whether the next task is run by a worker that was there when the one before was killed. */
          const takesOver = Effect.fnUntraced(function* (name: string) {
            const busy = yield* tasks.end.fork({ ...notes, name, how: "loop" })
            yield* notes.awaitLine(`${name} started`)
            const before = loaded()
            const interrupted = yield* Effect.forkChild(Fiber.interrupt(busy), { startImmediately: true })
            const next = yield* tasks.where.run()
            yield* Fiber.join(interrupted)
            return before.includes(next)
          })
          const options = {
            size: 1,
            forceKillAfter: 0,
            env: { ...(process.env as Record<string, string>), EFFECT_STRAND_TEST_LOADED: notes.file }
          }
          assert.isFalse(yield* using(kind, options)(Effect.andThen(tasks.tiny.run(1), takesOver("cold"))))
          const before = loaded().length
          yield* Effect.gen(function* () {
            yield* tasks.tiny.run(1)
            for (const n of range(3)) {
              // The worker, those that have been killed, and the spare.
              yield* until("the spare", () => loaded().length === before + n + 2)
              assert.isTrue(yield* takesOver(`hot${n}`))
            }
          }).pipe(using(kind, { ...options, spares: 1 }))
        }),
      90_000
    )

    it.live(
      "what is sent ahead to a worker that crashes runs elsewhere, and what it had started does not run again",
      () =>
        Effect.gen(function* () {
          const notes = yield* makeNotes
          yield* Effect.gen(function* () {
            // Small tasks first, so that many are sent ahead.
            yield* Effect.forEach(range(500), (n) => tasks.tiny.run(n), { concurrency: "unbounded", discard: true })
            const fork = (name: string, how: "succeed" | "exit") => tasks.end.fork({ ...notes, name, how })
            const before = yield* Effect.forEach(range(20), (n) => fork(`before${n}`, "succeed"))
            const crashing = yield* fork("crash", "exit")
            const behind = yield* Effect.forEach(range(100), (n) => fork(`behind${n}`, "succeed"))
            assertFails(yield* Fiber.await(crashing), "WorkerCrashed", { reason: "Exit", exitCode: 3 })
            const exits = yield* Effect.forEach([...before, ...behind], Fiber.await)
            // Those whose results were on their way when it crashed are lost, and say so.
            for (const exit of exits) if (Exit.isFailure(exit)) assertFails(exit, "WorkerCrashed")
            assert.isTrue(exits.slice(20).every(Exit.isSuccess), "what had not been started")
            const counts = starts(notes)
            assert.strictEqual(counts.size, 121)
            assert.isTrue([...counts.values()].every((count) => count === 1))
          }).pipe(using(kind, { size: 1 }))
        })
    )

    it.live("hundreds of tasks at once in one worker survive its retirement", () =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        yield* Effect.gen(function* () {
          const runner = yield* TaskRunner
          // Each worker is busy, so that it starts none of what it is sent.
          const busy = yield* Effect.forEach(range(2), (n) =>
            tasks.compute.fork({ ...notes, name: `busy${n}`, millis: 300 })
          )
          yield* until("both to be busy", () => starts(notes).size === 2)
          const fibers = yield* Effect.forEach(range(900), (n) => tasks.hold.fork({ ...notes, name: `t${n}` }))
          yield* runner.resize(1)
          yield* notes.open()
          yield* Fiber.joinAll([...busy, ...fibers]).pipe(Effect.timeout("10 seconds"))
          const counts = starts(notes)
          assert.strictEqual(counts.size, 902)
          assert.isTrue([...counts.values()].every((count) => count === 1))
        }).pipe(using(kind, { size: 2, concurrency: 500, shutdownGrace: 0 }))
      })
    )

    it.live("values that are nested too deeply fail, and neither hang nor crash the program", () =>
      Effect.gen(function* () {
        yield* tasks.tiny.run(1)
        const typed = ["NotTransferable", "PayloadInvalid", "ResultInvalid", "WorkerCrashed"]
        const check = (exit: Exit.Exit<unknown, unknown>, what: string) => {
          if (Exit.isSuccess(exit)) return
          const reason = exit.cause.reasons[0]
          if (reason?._tag !== "Die") assert.include(typed, errorOf(exit)._tag, what)
        }
        for (const depth of [300, 2300, 3000, 9000, 100_000]) {
          for (const [name, call] of Object.entries({
            nested: tasks.nested.run(depth),
            tree: tasks.tree.run(depth),
            takeNested: tasks.takeNested.run(tasks.makeNested(depth)),
            takeTree: tasks.takeTree.run(tasks.makeTree(depth))
          })) {
            const others = yield* Effect.forEach(range(10), (n) => tasks.tiny.fork(n))
            const exit = yield* Effect.exit(
              Effect.timeout(call as Effect.Effect<unknown, unknown, TaskRunner>, "4 seconds")
            )
            check(exit, `${name} ${depth}`)
            if (depth === 300 || name.startsWith("take")) {
              assert.isTrue(depth > 300 || Exit.isSuccess(exit), `${name} ${depth}`)
              assert.deepStrictEqual(yield* Fiber.joinAll(others), range(10), `others than ${name} ${depth}`)
            }
            // Those may have been lost with their worker.
            for (const other of others) check(yield* Fiber.await(other), `another than ${name} ${depth}`)
            assert.strictEqual(yield* tasks.tiny.run(1), 1)
          }
        }
      }).pipe(using(kind, { size: 1, forceKillAfter: 0, shutdownGrace: 0 }))
    )
  })
}

describe("a successor", () => {
  it.live("is started once for a worker, however many of its tasks do not stop", () =>
    Effect.gen(function* () {
      const notes = yield* makeNotes
      const loaded = () => notes.lines().filter((line) => line.startsWith("loaded ")).length
      const env = { ...(process.env as Record<string, string>), EFFECT_STRAND_TEST_LOADED: notes.file }
      yield* Effect.gen(function* () {
        const fibers = yield* Effect.forEach(range(30), (n) => tasks.stubborn.fork({ ...notes, name: `t${n}` }))
        yield* until("all to have started", () => starts(notes).size === 30)
        yield* Fiber.interruptAll(fibers)
        yield* tasks.tiny.run(1)
        assert.strictEqual(loaded(), 2)
      }).pipe(using("threads", { size: 1, concurrency: 30, forceKillAfter: 400, env }))
    })
  )
})

describe("a pool that may have no worker", () => {
  it.live("runs the next task at once after a worker was killed, and keeps its successor no longer than others", () =>
    Effect.gen(function* () {
      const notes = yield* makeNotes
      const runner = yield* TaskRunner
      const fiber = yield* tasks.stubborn.fork({ ...notes, name: "a" })
      yield* until("the task to have started", () => starts(notes).size === 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* Effect.timeout(tasks.tiny.run(1), "10 seconds"), 1)
      const second = yield* tasks.stubborn.fork({ ...notes, name: "b" })
      yield* until("the second task to have started", () => starts(notes).size === 2)
      yield* Fiber.interrupt(second)
      assert.isAtMost(yield* workers, 1)
      yield* untilEffect(
        "no worker to be left",
        Effect.map(runner.stats, (stats) => stats.workers.length === 0)
      )
    }).pipe(using("threads", { minSize: 0, maxSize: 2, forceKillAfter: 1000, idleTimeout: 3000 }))
  )
})

describe("a bound", () => {
  for (const overflow of ["wait", "fail"] as const) {
    it.live(`of no waiting task at all, with overflow "${overflow}", lets run what a worker is free for`, () =>
      Effect.gen(function* () {
        const results = yield* Effect.forEach(range(20), (n) => tasks.tiny.run(n)).pipe(Effect.timeout("5 seconds"))
        assert.deepStrictEqual(results, range(20))
        if (overflow === "fail") return
        const many = yield* Effect.forEach(range(20), (n) => tasks.tiny.run(n), { concurrency: "unbounded" }).pipe(
          Effect.timeout("5 seconds")
        )
        assert.deepStrictEqual(many, range(20))
      }).pipe(
        Effect.scoped,
        Effect.provide(layer("threads", { size: 1, warmUp: true, maxQueue: 0, overflow, shutdownGrace: 0 }))
      )
    )
  }

  it.live("that refuses the first task has a worker started for the next", () =>
    Effect.gen(function* () {
      assertFails(yield* Effect.exit(tasks.tiny.run(1)), "QueueFull")
      const result = yield* tasks.tiny
        .run(2)
        .pipe(
          Effect.retry({ while: (error) => error._tag === "QueueFull", schedule: Schedule.spaced("5 millis") }),
          Effect.timeout("10 seconds")
        )
      assert.strictEqual(result, 2)
    }).pipe(using("threads", { minSize: 0, maxSize: 1, maxQueue: 0, overflow: "fail" }))
  )

  it.live("counts what waits, not what free workers are about to take", () =>
    Effect.gen(function* () {
      const fibers = yield* Effect.forEach(range(3), (n) => tasks.tiny.fork(n))
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), range(3))
    }).pipe(using("threads", { size: 2, warmUp: true, maxQueue: 1, overflow: "fail" }))
  )
})
