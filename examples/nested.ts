/**
 * Tasks inside tasks: a handler in a thread runs tasks of its own on the pool that it is part of.
 *
 * Here each task starts two more and waits for them, far more than there are threads. A task that waits for others lends
 * its place, so that no number of threads is too small.
 */
import { Console, Effect } from "effect"
import { TaskRunner, ThreadRunner } from "effect-strand"
import { fibonacci } from "./tasks/work.ts"

const program = Effect.gen(function* () {
  yield* Console.log(`fibonacci(10) = ${yield* fibonacci.run({ n: 10 })}`)
  const runner = yield* TaskRunner.TaskRunner
  const { completed, workers } = yield* runner.stats
  yield* Console.log(`${completed} tasks on ${workers.length} threads`)
})

const runner = ThreadRunner.layer({ module: new URL("./tasks/work.ts", import.meta.url), size: 2 })

await Effect.runPromise(Effect.provide(program, runner))
