/** Functions that travel by their source. */
import * as Effect from "effect/Effect"

/** A function whose parameters are known to whoever calls it. */
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyFunction = (...args: ReadonlyArray<any>) => unknown

/** A function and its source. */
export interface Portable {
  readonly f: AnyFunction
  readonly source: string
}

/** Keeps a function together with its source. */
export const make = (f: AnyFunction): Portable => ({
  f,
  source: Function.prototype.toString.call(f)
})

// What the parameters of a function are read by: comments, texts, brackets, default values, and the parameter for the rest.
const token = /\/\*[^]*?\*\/|\/\/.*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`|[([{]|[)\]}]|\.\.\.|=/g

/** Whether a function has parameters that its `length` does not count. */
const hasUncounted = (f: AnyFunction): boolean => {
  const source = Function.prototype.toString.call(f)
  const from = source.indexOf("(")
  const arrow = source.indexOf("=>")
  // An arrow function with one parameter and no parentheses.
  if (from === -1 || (arrow !== -1 && arrow < from)) return false
  let depth = 0
  for (const [found] of source.slice(from + 1).matchAll(token)) {
    if (found === "(" || found === "[" || found === "{") depth++
    else if (found === ")" || found === "]" || found === "}") {
      if (depth-- === 0) return false
    } else if (depth === 0 && (found === "=" || found === "...")) return true
  }
  return false
}

const uncounted = new WeakMap<AnyFunction, boolean>()

/**
 * Whether the payload of a plain function is the tuple of its arguments: it has several parameters, or some that need not be
 * given.
 */
export const takesSeveral = (f: AnyFunction): boolean => {
  if (f.length > 1) return true
  let known = uncounted.get(f)
  if (known === undefined) uncounted.set(f, (known = hasUncounted(f)))
  return known
}

/**
 * Calls a plain function with a payload, as a handler: a value, a Promise or an Effect may come out of it. A function
 * that {@link takesSeveral} gets the elements of its payload, which is a tuple.
 */
export const call = (f: AnyFunction, payload: unknown): Effect.Effect<unknown> =>
  Effect.suspend(() => {
    // What is no tuple, though its type says so, can only be meant for the first of parameters that need not be given.
    const several = f.length > 1 || (Array.isArray(payload) && takesSeveral(f))
    const out = several ? f(...(payload as ReadonlyArray<unknown>)) : f(payload)
    if (Effect.isEffect(out)) return Effect.orDie(out as Effect.Effect<unknown, unknown>)
    if (out instanceof Promise) return Effect.promise(() => out)
    return Effect.succeed(out)
  })
