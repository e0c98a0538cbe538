// A runner that brings no more than how it executes a request, the one of the example, keeps the promises of every runner.
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, Schema, Stream } from "effect"
import { Task, TaskRunner } from "effect-strand"
import { RunnerSuite } from "effect-strand/testing"
import * as Runner from "../examples/runner.ts"
import * as Leaks from "./helpers/leaks.ts"

Leaks.check()

RunnerSuite.suite("the example of a runner", {
  make: ({ shutdownGrace }) => Runner.layer({ pause: 0, shutdownGrace }).pipe(Layer.provide(RunnerSuite.handlers)),
  capabilities: {
    queue: false,
    boundary: false,
    parallel: false,
    isolated: false,
    processes: false,
    transfer: false,
    modules: false
  }
})

describe("a runner of one function", () => {
  const double = Task.make("double", { payload: Schema.Int, success: Schema.Int })
  const count = Task.stream("count", { success: Schema.Int })
  const forever = Task.make("forever")

  const runner = Layer.effect(
    TaskRunner.TaskRunner,
    TaskRunner.make({
      execute: ({ name, payload }, control) => {
        control.accept()
        return name === "forever" ? Effect.never : Effect.succeed(2 * (payload as number))
      }
    })
  )

  it.effect("needs no handlers, and has no size", () =>
    Effect.gen(function* () {
      const service = yield* TaskRunner.TaskRunner
      yield* service.resize(3)
      assert.strictEqual(yield* double.run(21), 42)
      assert.deepInclude(yield* service.stats, { queued: 0, running: 0, completed: 1, failed: 0 })
    }).pipe(Effect.provide(runner))
  )

  it.effect("refuses streams", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Stream.runDrain(count.stream()))
      assert.strictEqual(error._tag, "TaskRejected")
    }).pipe(Effect.provide(runner))
  )

  it.effect("has its tasks cancelled by their id, running or held back by a pause", () =>
    Effect.gen(function* () {
      const service = yield* TaskRunner.TaskRunner
      const running = yield* forever.fork()
      yield* service.pause
      assert.strictEqual(Option.getOrThrow(yield* service.get(running.taskId)).status, "running")
      const waiting = yield* Effect.forkChild(double.run(1), { startImmediately: true })
      const [, held] = yield* service.tasks
      assert.strictEqual(held!.status, "pending")
      assert.isTrue(yield* service.cancel(running.taskId))
      assert.isTrue(yield* service.cancel(held!.id))
      assert.strictEqual((yield* Effect.flip(Fiber.join(running)))._tag, "TaskCancelled")
      assert.strictEqual((yield* Effect.flip(Fiber.join(waiting)))._tag, "TaskCancelled")
      assert.isFalse(yield* service.cancel(running.taskId))
    }).pipe(Effect.provide(runner))
  )
})
