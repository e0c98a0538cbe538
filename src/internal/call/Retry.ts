/** The attempts of a call. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import { isFinal, type TaskError } from "../../TaskError.ts"
import type { Call } from "./Call.ts"

/**
 * Tries again what has failed, as a policy says, unless it is final. Between two attempts `pause` has the wait for the next.
 */
export const retryWith = (
  call: Call,
  effect: Effect.Effect<unknown, unknown>,
  retry: NonNullable<Call["options"]["retry"]>,
  pause: <A, E>(wait: Effect.Effect<A, E>) => Effect.Effect<A, E | TaskError> = (wait) => wait,
  ends: (error: unknown) => boolean = isFinal
): Effect.Effect<unknown, unknown> => {
  const policy = typeof retry === "number" ? { times: retry } : Schedule.isSchedule(retry) ? { schedule: retry } : retry
  let attempts = 0
  let next: ((error: unknown) => Effect.Effect<unknown, unknown>) | undefined
  const attempt: Effect.Effect<unknown, unknown> = Effect.suspend(() => {
    if (++attempts > 1) call.attempt++
    return Effect.catch(effect, (error) => {
      const again = attempts <= (policy.times ?? Infinity) && !ends(error) && (policy.while?.(error) ?? true)
      if (!again) return Effect.fail(error)
      if (next === undefined) return attempt
      // A schedule that has come to its end leaves the last error.
      return Effect.flatMap(pause(Effect.exit(next(error))), (exit) =>
        Exit.isSuccess(exit) ? attempt : Pull.isDoneCause(exit.cause) ? Effect.fail(error) : exit
      )
    })
  })
  if (policy.schedule === undefined) return attempt
  return Effect.flatMap(Schedule.toStepWithSleep(policy.schedule), (step) => {
    next = step
    return attempt
  })
}
