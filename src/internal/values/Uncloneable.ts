/** Finds the value that kept a message from being sent, so that an error can name it. */

/** Where a value that cannot be cloned is, below the value that was to be sent, and what is wrong with it. */
export interface Refusal {
  /** For example `.items[3].callback`. */
  readonly path: string
  readonly reason: string
}

const describe = (value: unknown): string => {
  switch (typeof value) {
    case "function":
      return `a function${value.name === "" ? "" : ` named "${value.name}"`} cannot be cloned`
    case "symbol":
      return `${String(value)} is a symbol, which cannot be cloned`
    default: {
      const name = (value as object).constructor?.name
      return `a value of class ${name ?? "unknown"} cannot be cloned; give its field a schema`
    }
  }
}

/** What the structured clone refuses, by the name that `Object.prototype.toString` gives. */
const refused = new Set([
  "Promise",
  "WeakMap",
  "WeakSet",
  "WeakRef",
  "FinalizationRegistry",
  "Generator",
  "AsyncGenerator"
])

const tagOf = (value: object): string => Object.prototype.toString.call(value).slice(8, -1)

type Child = readonly [key: string, value: unknown]

/** What is in a value and has to be cloned with it. */
const childrenOf = (value: object): Iterable<Child> => {
  if (Array.isArray(value)) return Array.from(value, (item, index): Child => [`[${index}]`, item])
  if (value instanceof Map) {
    return Array.from(value).flatMap(([key, item], index): ReadonlyArray<Child> => [
      [`.keys()[${index}]`, key],
      [`.values()[${index}]`, item]
    ])
  }
  if (value instanceof Set) return Array.from(value, (item, index): Child => [`.values()[${index}]`, item])
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return []
  // Of an error, other fields than its message and its cause stay behind.
  if (value instanceof Error) return [[".cause", value.cause]]
  return Object.keys(value).map((key): Child => [`.${key}`, read(value, key)])
}

/** In place of a value that cannot be read. */
class Unreadable {
  readonly error: unknown

  constructor(error: unknown) {
    this.error = error
  }
}

/** Reads a field, which may be a getter that throws. */
const read = (value: object, key: string): unknown => {
  try {
    return Reflect.get(value, key)
  } catch (error) {
    return new Unreadable(error)
  }
}

const search = (value: unknown, path: string, seen: Set<unknown>, moved: ReadonlySet<unknown>): Refusal | undefined => {
  if (typeof value === "function" || typeof value === "symbol") return { path, reason: describe(value) }
  if (typeof value !== "object" || value === null || seen.has(value) || moved.has(value)) return undefined
  if (value instanceof Unreadable) return { path, reason: `it cannot be read: ${String(value.error)}` }
  seen.add(value)
  if (refused.has(tagOf(value))) return { path, reason: describe(value) }
  for (const [key, child] of childrenOf(value)) {
    const found = search(child, path + key, seen, moved)
    if (found !== undefined) return found
  }
  return undefined
}

/** Searches a value. One that is nested too deeply for that is so for the clone, which needs more for each level. */
const searchAll = (value: unknown, moved: ReadonlySet<unknown>): Refusal | undefined => {
  try {
    return search(value, "", new Set(), moved)
  } catch (error) {
    if (error instanceof RangeError) return { path: "", reason: "it is nested too deeply to be cloned" }
    throw error
  }
}

/** Finds what the structured clone of a value would refuse, without making one. */
export const check = (value: unknown, moved: ReadonlyArray<object> | undefined): Refusal | undefined =>
  (typeof value === "object" && value !== null) || typeof value === "function" || typeof value === "symbol"
    ? searchAll(value, new Set(moved))
    : undefined

/** Finds the reason why a record could not be sent. Only its fields are searched, since codes and numbers can be. */
export const find = (record: ReadonlyArray<unknown>, moved: ReadonlyArray<object>, error: unknown): Refusal => {
  const transferred = new Set<unknown>(moved)
  for (const field of record) {
    const found = searchAll(field, transferred)
    if (found !== undefined) return found
  }
  return { path: "", reason: error instanceof Error ? error.message : String(error) }
}
