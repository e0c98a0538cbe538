// Recurring tasks: on a runner without a store, and on several programs with one store.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as FiberRunner from "effect-strand/FiberRunner"
import * as StoreReader from "effect-strand/StoreReader"
import * as StoreRunner from "effect-strand/StoreRunner"
import * as MemoryStore from "effect-strand/MemoryStore"
import { TaskStore } from "effect-strand/TaskStore"
import * as Task from "effect-strand/Task"
import * as TaskCron from "effect-strand/TaskCron"
import { TaskRunner } from "effect-strand/TaskRunner"
import { assertFails, until } from "../src/testing/Subject.ts"
import * as Leaks from "./helpers/leaks.ts"

Leaks.check()

const sweep = Task.make("sweep", { tags: ["upkeep"] })

const local = () => {
  let runs = 0
  const layer = FiberRunner.layer(
    sweep.toLayer(() => Effect.sync(() => void runs++)),
    { shutdownGrace: 0 }
  )
  return { layer, runs: () => runs }
}

/** When the next run is, as the runner knows it now. */
const pending = Effect.flatMap(TaskRunner, (runner) =>
  Effect.map(runner.tasks, (tasks) => tasks.map(({ status, tags }) => ({ status, tags })))
)

describe("on a runner without a store", () => {
  it.effect("the next run is always handed over already", () => {
    const { layer, runs } = local()
    return Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 0, 1, 1, 0))
      yield* Layer.build(TaskCron.layer({ name: "night", task: sweep, cron: "0 3 * * *" }))
      const scheduled = [{ status: "scheduled" as const, tags: ["upkeep", "cron/night"] }]
      assert.deepStrictEqual(yield* pending, scheduled)
      yield* TestClock.adjust("119 minutes")
      assert.strictEqual(runs(), 0)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(runs(), 1)
      assert.deepStrictEqual(yield* pending, scheduled)
      yield* TestClock.adjust("72 hours")
      assert.strictEqual(runs(), 4)
    }).pipe(Effect.provide(layer))
  })

  it.effect("hours are those of the time zone, also where the clocks change", () => {
    const { layer, runs } = local()
    return Effect.gen(function* () {
      // Three in the morning is at 2:00 UTC before 29 March 2026, and at 1:00 UTC from then on.
      yield* TestClock.setTime(Date.UTC(2026, 2, 28, 1, 30))
      yield* Layer.build(TaskCron.layer({ name: "night", task: sweep, cron: "0 3 * * *", zone: "Europe/Berlin" }))
      yield* TestClock.adjust("29 minutes")
      assert.strictEqual(runs(), 0)
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(runs(), 1)
      yield* TestClock.adjust("22 hours")
      assert.strictEqual(runs(), 1)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(runs(), 2)
    }).pipe(Effect.provide(layer))
  })

  it.effect("an expression or a zone that cannot be read is an error of the Layer", () =>
    Effect.gen(function* () {
      for (const bad of [
        { cron: "every day", zone: "UTC" },
        { cron: "61 * * * *", zone: "UTC" },
        { cron: "0 0 31 2 *", zone: "UTC" },
        { cron: "0 3 * * *", zone: "Europe/Nowhere" }
      ]) {
        const exit = yield* Effect.exit(Layer.build(TaskCron.layer({ name: "bad", task: sweep, ...bad })))
        assertFails(exit, "TaskRejected", { task: "sweep" })
        assert.match(String(Exit.isFailure(exit) && exit.cause), new RegExp(`bad.*(${bad.cron}|${bad.zone})`, "s"))
      }
    }).pipe(Effect.provide(local().layer))
  )
})

describe("on a store", () => {
  it.live("each run is made once, however many programs have the cron", () =>
    Effect.gen(function* () {
      const store = yield* TaskStore
      const ran: Array<string> = []
      const handlers = sweep.toLayer(() => Effect.sync(() => void ran.push("run")))
      const program = TaskCron.layer({ name: "often", task: sweep, cron: "* * * * * *" }).pipe(
        Layer.provide(Layer.fresh(StoreRunner.layer))
      )
      yield* Effect.forEach([1, 2, 3], () => Layer.build(Layer.fresh(program)))
      assert.isAtLeast(yield* store.size({ tag: "cron/often" }), 1)
      yield* Layer.build(
        StoreReader.layer({ tasks: [sweep] }).pipe(Layer.provide(Layer.fresh(FiberRunner.layer(handlers))))
      )
      yield* until("two runs", () => ran.length >= 2)
      const records = yield* Stream.runCollect(store.entries({ tag: "cron/often" }))
      const keys = records.map(({ idempotencyKey }) => idempotencyKey)
      assert.strictEqual(new Set(keys).size, keys.length, "each time has one task")
      for (const { createdAt, idempotencyKey, runAt } of records) {
        const time = Date.parse(idempotencyKey!.slice("cron/often/".length))
        assert.strictEqual(idempotencyKey, `cron/often/${new Date(time).toISOString()}`)
        assert.strictEqual(time % 1000, 0)
        // A busy machine may come too late with it.
        assert.strictEqual(runAt, Math.max(time, createdAt))
      }
    }).pipe(Effect.scoped, Effect.provide(MemoryStore.layer()))
  )
})
