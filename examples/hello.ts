/**
 * The first program: one task, run in a fiber, in a thread and in a process. Only the Layer changes.
 *
 * The task and the code that does its work are in examples/tasks/primes.ts. In a project of your own, import the library
 * by its name, "effect-strand".
 */
import { Console, Effect } from "effect"
import { FiberRunner, ProcessRunner, ThreadRunner } from "effect-strand"
import handlers, { countPrimes } from "./tasks/primes.ts"

const program = Effect.gen(function* () {
  const primes = yield* countPrimes.run({ below: 1_000_000 })
  yield* Console.log(`${primes} primes below a million`)

  const answer = yield* countPrimes
    .run({ below: 1_000_000_000 })
    .pipe(Effect.catchTag("TooLarge", ({ limit }) => Effect.succeed(`a typed error: the limit is ${limit}`)))
  yield* Console.log(answer)
})

const module = new URL("./tasks/primes.ts", import.meta.url)

const main = Effect.gen(function* () {
  yield* Console.log("In a fiber:")
  yield* Effect.provide(program, FiberRunner.layer(handlers))

  yield* Console.log("In a thread:")
  yield* Effect.provide(program, ThreadRunner.layer({ module }))

  yield* Console.log("In a process:")
  yield* Effect.provide(program, ProcessRunner.layer({ module }))
})

await Effect.runPromise(main)
