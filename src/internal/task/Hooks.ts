/**
 * Callbacks of a call: what to do with each element, with the result, with a failure.
 *
 * Effects need none of them, since a call is an Effect and a stream a Stream that can be tapped. They are for handles,
 * whose call goes on after `fork` has returned, and for people who think in callbacks.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"

/**
 * What to do when something comes of a call.
 *
 * **Details**
 *
 * Hooks run where the task was called, in its caller's context, whatever the runner: never in a worker. A call is over,
 * and its handle completed, when its hooks are. A hook may give an Effect or a Promise, which is waited for. What `onIter`
 * and `onEnd` throw is a defect of the call, of which `onError` is told like of any other. Interruption calls no hook.
 */
export interface Hooks<in A, in E> {
  /** Called once with the result, after all calls of `onIter`. */
  readonly onEnd?: ((value: A) => unknown) | undefined
  /** Called once when the task fails: with a typed error, an error of the runner or a defect. */
  readonly onError?: ((cause: Cause.Cause<E>) => unknown) | undefined
}

/** The hooks of a task with one result. */
export interface ResultHooks<A, in E> extends Hooks<A, E> {
  /** Called with each element of a result that is an array or another iterable, one after the other. */
  readonly onIter?: ((element: Element<A>) => unknown) | undefined
}

/** The elements of an iterable. */
export type Element<A> = A extends Iterable<infer Each> ? Each : never

/** The hooks of a streaming task. */
export interface StreamHooks<in A, in E> extends Hooks<void, E> {
  /** Called with each element, one after the other. The next one is not read before this has been dealt with. */
  readonly onIter?: ((element: A) => unknown) | undefined
}

/** Calls a hook, and waits for what it gives. */
export const call = <A>(hook: (value: A) => unknown, value: A): Effect.Effect<unknown> =>
  Effect.suspend(() => {
    const out = hook(value)
    if (Effect.isEffect(out)) return out as Effect.Effect<unknown>
    return out instanceof Promise ? Effect.promise(() => out) : Effect.void
  })

/** All hooks there are. */
export interface Any extends Hooks<unknown, unknown> {
  readonly onIter?: ((element: unknown) => unknown) | undefined
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
