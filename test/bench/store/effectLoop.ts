// The closed loop of a client whose `enqueue` gives an Effect: its callers are fibers, as they would be in a program that
// is written with Effect.
import * as Effect from "effect/Effect"
import type { Job, Loop } from "./subject.ts"

export const effectLoop =
  <E, R>(
    runPromise: (effect: Effect.Effect<void, E, R>) => Promise<void>,
    enqueue: (job: Job) => Effect.Effect<unknown, E, R>
  ) =>
  ({ inFlight, next }: Loop): Promise<void> => {
    const caller = Effect.gen(function* () {
      for (let job = next(); job !== undefined; job = next()) yield* enqueue(job)
    })
    const callers = Array.from({ length: inFlight }, () => caller)
    return runPromise(Effect.all(callers, { concurrency: "unbounded", discard: true }))
  }
