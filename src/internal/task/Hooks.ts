/**
 * Callbacks of a call: what to do with each element, with the result, with a failure.
 *
 * Effects need none of them, since a call is an Effect and a stream a Stream that can be tapped. They are for handles,
 * whose call goes on after `fork` has returned, and for people who think in callbacks.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type { Asked } from "../../TaskDefinition.ts"

/** Calls a hook, and waits for what it gives. */
export const call = <A>(hook: (value: A) => unknown, value: A): Effect.Effect<unknown> =>
  Effect.suspend(() => {
    const out = hook(value)
    if (Effect.isEffect(out)) return out as Effect.Effect<unknown>
    return out instanceof Promise ? Effect.promise(() => out) : Effect.void
  })

/** All hooks there are. */
export interface Any {
  readonly onEnd?: Asked<[value: unknown], unknown> | undefined
  readonly onError?: Asked<[cause: Cause.Cause<unknown>], unknown> | undefined
  readonly onIter?: Asked<[element: unknown], unknown> | undefined
}

/** True when there is anything to call at the end. */
export const any = (hooks: Any): boolean =>
  hooks.onEnd !== undefined || hooks.onError !== undefined || hooks.onIter !== undefined

const ended = (value: unknown, { onEnd, onIter }: Any): Effect.Effect<unknown> => {
  const end = onEnd === undefined ? Effect.void : call(onEnd, value)
  // The elements of a stream have been dealt with, and its value is none.
  return onIter === undefined || value === undefined
    ? end
    : Effect.andThen(
        Effect.forEach(value as Iterable<unknown>, (element) => call(onIter, element), { discard: true }),
        end
      )
}

/** Adds hooks to what a call does. */
export const add = <R>(effect: Effect.Effect<unknown, unknown, R>, hooks: Any): Effect.Effect<unknown, unknown, R> => {
  const { onError } = hooks
  const tapped = Effect.tap(effect, (value) => ended(value, hooks))
  return onError === undefined
    ? tapped
    : Effect.tapCause(tapped, (cause) => (Cause.hasInterruptsOnly(cause) ? Effect.void : call(onError, cause)))
}
