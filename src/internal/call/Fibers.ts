/** Parts of a call that have a fiber of their own, so that they can be stopped before the call is over. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { TaskCancelled } from "../../TaskError.ts"
import type { Call } from "./Call.ts"

/**
 * Stops what takes too long, which then fails. What ends at once needs no timer, and that is why this is not
 * `Effect.timeoutOrElse`.
 */
export const limitTime = <A, E, E2>(
  effect: Effect.Effect<A, E>,
  limit: Duration.Duration,
  error: () => E2
): Effect.Effect<A, E | E2> =>
  Effect.withFiber((caller) =>
    Effect.callback((resume) => {
      const fiber = Effect.runForkWith(caller.context)(effect)
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return resume(exit)
      let late = false
      const timer = Effect.runForkWith(caller.context)(Effect.sleep(limit))
      timer.addObserver((exit) => {
        if (Exit.isFailure(exit)) return
        late = true
        fiber.interruptUnsafe()
      })
      fiber.addObserver((exit) => {
        timer.interruptUnsafe()
        resume(late ? Effect.fail(error()) : exit)
      })
      return stop(fiber, caller.id)
    })
  )

/** Does something with a request in a fiber of its own, so that it can be cancelled there too. */
export const inOwnFiber = <A, E>(call: Call, effect: Effect.Effect<A, E>): Effect.Effect<A, E | TaskCancelled> =>
  Effect.withFiber((caller) =>
    Effect.callback((resume) => {
      let around: Call["waiting"]
      // It says so itself, since it may begin another one before it is known here.
      const entered = Effect.withFiber((own) => {
        around = call.waiting
        call.waiting = own
        return effect
      })
      const fiber = Effect.runForkWith(caller.context)(entered)
      fiber.addObserver((exit) => {
        call.waiting = around
        resume(call.cancelled && Exit.isFailure(exit) ? call.stopped : exit)
      })
      return stop(fiber, caller.id)
    })
  )

/** Interrupts a fiber, and waits for its end. */
export const stop = (fiber: Fiber.Fiber<unknown, unknown>, by?: number): Effect.Effect<void> =>
  Effect.callback((stopped) => {
    fiber.addObserver(() => stopped(Effect.void))
    fiber.interruptUnsafe(by)
  })
