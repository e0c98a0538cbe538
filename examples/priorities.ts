/**
 * Priorities: lower runs first, and equal ones run in the order of their calls.
 *
 * The runner is held while the tasks come in, so that all of them wait and have to be put in order.
 */
import { Console, Effect, Fiber } from "effect"
import { TaskRunner, ThreadRunner } from "effect-strand"
import { add } from "./tasks/work.ts"

const letters = [
  { from: "a friend", priority: 10 },
  { from: "a shop", priority: 20 },
  { from: "the doctor", priority: 1 },
  { from: "another friend", priority: 10 },
  { from: "another shop", priority: 20 }
]

const program = Effect.gen(function* () {
  const runner = yield* TaskRunner.TaskRunner
  yield* runner.pause

  const fibers = yield* Effect.forEach(letters, ({ from, priority }) =>
    add
      .run({ a: 1, b: 1 }, { priority })
      .pipe(Effect.andThen(Console.log(`${from} (${priority})`)), Effect.forkChild({ startImmediately: true }))
  )
  const { queued } = yield* runner.stats
  yield* Console.log(`${queued} tasks are waiting`)

  yield* runner.resume
  yield* Effect.forEach(fibers, Fiber.join, { discard: true })
})

const runner = ThreadRunner.layer({ module: new URL("./tasks/work.ts", import.meta.url), size: 1 })

await Effect.runPromise(Effect.provide(program, runner))
