/**
 * Functions that travel by their source.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

/**
 * A function whose parameters are known to whoever calls it.
 *
 * @category models
 * @since 0.1.0
 */
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyFunction = (...args: ReadonlyArray<any>) => unknown

/**
 * A function and its source.
 *
 * @category models
 * @since 0.1.0
 */
export interface Portable {
  readonly f: AnyFunction
  readonly source: string
}

/**
 * Keeps a function together with its source.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (f: AnyFunction): Portable => ({
  f,
  source: Function.prototype.toString.call(f)
})

/**
 * Calls a plain function with a payload, as a handler: a value, a Promise or an Effect may come out of it. A function
 * with several parameters gets the elements of its payload, which is a tuple.
 *
 * @category combinators
 * @since 0.1.0
 */
export const call = (f: AnyFunction, payload: unknown): Effect.Effect<unknown> =>
  Effect.suspend(() => {
    const out = f.length > 1 ? f(...(payload as ReadonlyArray<unknown>)) : f(payload)
    if (Effect.isEffect(out)) return Effect.orDie(out as Effect.Effect<unknown, unknown>)
    if (out instanceof Promise) return Effect.promise(() => out)
    return Effect.succeed(out)
  })
