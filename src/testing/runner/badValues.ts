/** Values that cannot be sent, or do not match a schema, and what the error is to say of each on whatever runner. */

class Session {
  readonly close = () => {}
}

/** Values that cannot be copied, each with the place in it that is to be named. */
export const uncloneable: Readonly<Record<UncloneableName, { readonly make: () => unknown; readonly path: string }>> = {
  function: { make: () => () => 1, path: "" },
  symbol: { make: () => Symbol("s"), path: "" },
  promise: { make: () => Promise.resolve(1), path: "" },
  instance: { make: () => ({ session: new Session() }), path: ".session.close" },
  weakMap: { make: () => ({ cache: new WeakMap() }), path: ".cache" },
  nested: { make: () => ({ items: [1, 2, { callback: () => 1 }] }), path: ".items[2].callback" },
  map: { make: () => new Map([["key", { f: () => 1 }]]), path: ".values()[0].f" },
  set: { make: () => [new Set([() => 1])], path: "[0].values()[0]" },
  cause: { make: () => ({ error: new Error("on top", { cause: { f: () => 1 } }) }), path: ".error.cause.f" },
  getter: {
    make: () => ({
      lazy: {
        get value() {
          throw new Error("not yet")
        }
      }
    }),
    path: ".lazy.value"
  }
}

/** The names of {@link uncloneable}. */
export const uncloneableNames = [
  "function",
  "symbol",
  "promise",
  "instance",
  "weakMap",
  "nested",
  "map",
  "set",
  "cause",
  "getter"
] as const

/** One of {@link uncloneableNames}. */
export type UncloneableName = (typeof uncloneableNames)[number]

/** What does not match the schema of `count`, each with what is said of it. */
export const invalid: Readonly<Record<InvalidName, { readonly value: unknown; readonly issue: string }>> = {
  missing: { value: { list: [] }, issue: 'Missing key\n  at ["n"]' },
  type: { value: { n: "one", list: [] }, issue: 'Expected number\n  at ["n"]' },
  nested: { value: { n: 1, list: [{ at: 1n }, { at: 2 }] }, issue: 'Expected bigint\n  at ["list"][1]["at"]' },
  check: { value: { n: 1.5, list: [] }, issue: 'Expected an integer\n  at ["n"]' },
  nothing: { value: undefined, issue: "Expected object" }
}

/** The names of {@link invalid}. */
export const invalidNames = ["missing", "type", "nested", "check", "nothing"] as const

/** One of {@link invalidNames}. */
export type InvalidName = (typeof invalidNames)[number]
