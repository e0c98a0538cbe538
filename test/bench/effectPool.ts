// The caller's side of a pool whose `run` gives an Effect: loops and queues are fibers, as they would be in a program
// that is written with Effect.
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Call, Pool } from "./subject.ts"

export interface EffectPool<R> {
  readonly context: Context.Context<R>
  readonly run: (call: Call, transfer?: ReadonlyArray<ArrayBuffer>) => Effect.Effect<unknown, unknown, R>
  /** Starts a task that outlives the fiber which started it. */
  readonly fork: (call: Call) => Effect.Effect<Fiber.Fiber<unknown, unknown>, unknown, R>
}

export const effectPool = <R>({ context, fork, run }: EffectPool<R>): Pool => {
  const runPromise = Effect.runPromiseWith(context)
  const runFork = Effect.runForkWith(context)
  return {
    run: (call, transfer) => runPromise(run(call, transfer)),
    loop: (loop) => {
      let next = 0
      const caller = Effect.gen(function* () {
        while (next < loop.count) {
          const index = next++
          const startedAt = loop.timed ? performance.now() : 0
          const result = yield* run(loop.call(index))
          loop.done(index, result, loop.timed ? (performance.now() - startedAt) * 1000 : 0)
        }
      })
      const callers = Array.from({ length: loop.inFlight }, () => caller)
      return runPromise(Effect.all(callers, { concurrency: "unbounded", discard: true }))
    },
    queue: (call, count) =>
      runPromise(
        Effect.gen(function* () {
          const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
          for (let index = 0; index < count; index++) fibers.push(yield* fork(call(index)))
          return async () => {
            await Effect.runPromise(Fiber.joinAll(fibers))
          }
        })
      ),
    start: (call) => {
      const fiber = runFork(run(call))
      return { cancel: () => fiber.interruptUnsafe() }
    }
  }
}
