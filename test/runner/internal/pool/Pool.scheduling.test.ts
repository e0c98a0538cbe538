// Who waits for whom on a real pool of threads: short tasks not for long ones, urgent tasks not for what is sent ahead.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TaskRunner } from "effect-strand/TaskRunner"
import { makeNotes } from "../../../../src/testing/Subject.ts"
import * as Leaks from "../../../helpers/leaks.ts"
import * as tasks from "./definitions.ts"
import { range, using } from "./pools.ts"

Leaks.check()

/** Small tasks, so that the pool learns that many can be sent ahead. */
const warm = Effect.forEach(range(1000), (n) => tasks.tiny.run(n), { concurrency: 100, discard: true })

describe("scheduling", () => {
  it.live("short tasks do not wait for a busy loop in one of two workers", () =>
    Effect.gen(function* () {
      const notes = yield* makeNotes
      yield* Effect.gen(function* () {
        yield* warm
        const short = (n: number) => Effect.map(tasks.tiny.run(n), (value) => assert.strictEqual(value, n))
        // Short tasks come all the time, so that some are behind the long one when it starts.
        const before = yield* Effect.forkChild(Effect.forEach(range(500), short, { concurrency: 16, discard: true }))
        const busy = yield* tasks.compute.fork({ ...notes, name: "busy", millis: 60_000 })
        yield* notes.awaitLine("busy started")
        yield* Effect.forEach(range(500), short, { concurrency: 16, discard: true })
        yield* Fiber.join(before)
        assert.isUndefined(busy.pollUnsafe())
        yield* Fiber.interrupt(busy)
      }).pipe(using("threads", { size: 2, forceKillAfter: 0, warmUp: true }))
    })
  )

  it.live("urgent tasks overtake what has been sent ahead", () =>
    Effect.gen(function* () {
      const notes = yield* makeNotes
      yield* Effect.gen(function* () {
        yield* warm
        const busy = yield* tasks.compute.fork({ ...notes, name: "busy", millis: 100 })
        const patient = yield* Effect.forEach(range(50), (n) =>
          tasks.end.fork({ ...notes, name: `patient${n}`, how: "succeed" })
        )
        // By now they are on their way to the worker.
        yield* notes.awaitLine("busy started")
        const urgent = yield* Effect.forEach([3, 1, 2], (priority) =>
          tasks.end.fork({ ...notes, name: `urgent${priority}`, how: "succeed" }, { priority })
        )
        yield* Fiber.joinAll([busy, ...patient, ...urgent])
        const order = notes.lines().flatMap((line) => (line.endsWith(" started") ? [line.split(" ")[0]!] : []))
        assert.deepStrictEqual(order, ["busy", "urgent1", "urgent2", "urgent3", ...range(50).map((n) => `patient${n}`)])
      }).pipe(using("threads", { size: 1 }))
    })
  )

  it.live("a pause takes back what has been sent ahead, and nothing starts until its end", () =>
    Effect.gen(function* () {
      const notes = yield* makeNotes
      yield* Effect.gen(function* () {
        const runner = yield* TaskRunner
        yield* warm
        const busy = yield* tasks.compute.fork({ ...notes, name: "busy", millis: 50 })
        const waiting = yield* Effect.forEach(range(50), (n) =>
          tasks.end.fork({ ...notes, name: `${n}`, how: "succeed" })
        )
        yield* notes.awaitLine("busy started")
        yield* runner.pause
        yield* Fiber.join(busy)
        // Another one that is stopped while it waits never starts.
        yield* Fiber.interrupt(waiting[7]!)
        assert.deepInclude(yield* runner.stats, { queued: 49, running: 0 })
        assert.deepStrictEqual(notes.lines(), ["busy started", "busy ended"])
        yield* runner.resume
        yield* Fiber.joinAll(waiting.filter((_, n) => n !== 7))
        assert.deepStrictEqual(
          notes.lines().slice(2),
          range(50).flatMap((n) => (n === 7 ? [] : [`${n} started`]))
        )
      }).pipe(using("threads", { size: 1 }))
    })
  )
})
