/**
 * The tasks module of examples/hello.ts: a task, and the code that does its work.
 */
import { Effect, Schema } from "effect"
import { Task } from "effect-strand"

export class TooLarge extends Schema.TaggedError<TooLarge>()("TooLarge", { limit: Schema.Int }) {}

/** How many primes there are below a number. */
export const countPrimes = Task.make("countPrimes", {
  payload: { below: Schema.Int },
  success: Schema.Int,
  error: TooLarge
})

const limit = 50_000_000

const sieve = (below: number): number => {
  const composite = new Uint8Array(below)
  let primes = 0
  for (let candidate = 2; candidate < below; candidate++) {
    if (composite[candidate] === 1) continue
    primes++
    for (let multiple = candidate * candidate; multiple < below; multiple += candidate) composite[multiple] = 1
  }
  return primes
}

export default countPrimes.toLayer(({ below }) =>
  below > limit ? Effect.fail(new TooLarge({ limit })) : Effect.sync(() => sieve(below))
)
