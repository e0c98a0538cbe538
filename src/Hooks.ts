/**
 * Callbacks of a call: what to do with each element, with the result, with a failure.
 *
 * Effects need none of them, since a call is an Effect and a stream a Stream that can be tapped. They are for handles,
 * whose call goes on after `fork` has returned, and for people who think in callbacks.
 *
 * @since 0.3.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"

/**
 * What to do when something comes of a call.
 *
 * **Details**
 *
 * Hooks run where the task was called, in its caller's context, whatever the runner: never in a worker. A call is over,
 * and its handle completed, when its hooks are. A hook may give an Effect or a Promise, which is waited for; what it
 * throws is a defect of the call. Interruption calls no hook.
 *
 * @category models
 * @since 0.3.0
 */
export interface Hooks<in A, in E> {
  /** Called once with the result. */
  readonly onEnd?: ((value: A) => unknown) | undefined
  /** Called once when the task fails: with a typed error, an error of the runner or a defect. */
  readonly onError?: ((cause: Cause.Cause<E>) => unknown) | undefined
}

/**
 * The hooks of a streaming task.
 *
 * @category models
 * @since 0.3.0
 */
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

/** True when there is anything to call. */
export const any = (hooks: Hooks<never, never> | undefined): hooks is Hooks<unknown, unknown> =>
  hooks !== undefined && (hooks.onEnd !== undefined || hooks.onError !== undefined)

/** Adds hooks to what a call does. */
export const add = <A, E, R>(effect: Effect.Effect<A, E, R>, { onEnd, onError }: Hooks<A, E>): Effect.Effect<A, E, R> =>
  Effect.onExit(effect, (exit) => {
    if (Exit.isSuccess(exit)) return onEnd === undefined ? Effect.void : call(onEnd, exit.value)
    return onError === undefined || Cause.hasInterruptsOnly(exit.cause) ? Effect.void : call(onError, exit.cause)
  })
