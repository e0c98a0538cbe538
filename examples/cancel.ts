/**
 * Cancelling a busy loop in a thread.
 *
 * Code that never waits cannot be interrupted from inside its thread. The pool gives it `forceKillAfter` to end by itself, then
 * replaces the thread. Interrupting the handle, a time limit and cancelling by id all come to the same.
 */
import { Cause, Console, Effect, Exit, Fiber } from "effect"
import { TaskRunner, ThreadRunner } from "effect-strand"
import { add, spin } from "./tasks/work.ts"

const program = Effect.gen(function* () {
  yield* Console.log(`The pool works: 40 + 2 = ${yield* add.run({ a: 40, b: 2 })}`)

  const first = yield* spin.fork()
  yield* Effect.sleep("100 millis")
  yield* Console.log(`The loop is ${yield* first.status}`)
  yield* Fiber.interrupt(first)
  const exit = yield* Fiber.await(first)
  yield* Console.log(`Interrupted: ${Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)}`)

  const late = yield* spin.run(undefined, { timeout: "100 millis" }).pipe(Effect.flip)
  yield* Console.log(`Over its time limit: ${late._tag}`)

  const runner = yield* TaskRunner.TaskRunner
  const second = yield* spin.fork()
  yield* runner.cancel(second.taskId)
  const cancelled = yield* Effect.flip(Fiber.join(second))
  yield* Console.log(`Cancelled by its id: ${cancelled._tag}`)

  yield* Console.log(`The pool goes on: 50 + 5 = ${yield* add.run({ a: 50, b: 5 })}`)
})

const runner = ThreadRunner.layer({
  module: new URL("./tasks/work.ts", import.meta.url),
  size: 1,
  forceKillAfter: "50 millis"
})

await Effect.runPromise(Effect.provide(program, runner))
