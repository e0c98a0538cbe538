/**
 * Finds the value that kept a message from being sent, so that an error can name it.
 *
 * @since 0.1.0
 */

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

const isPlain = (value: object): boolean => {
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

const isCloneable = (value: unknown): boolean => {
  try {
    structuredClone(value)
    return true
  } catch {
    return false
  }
}

const search = (
  value: unknown,
  path: string,
  seen: Set<unknown>,
  moved: ReadonlySet<unknown>
): Refusal | undefined => {
  if (typeof value === "function" || typeof value === "symbol") return { path, reason: describe(value) }
  if (typeof value !== "object" || value === null || seen.has(value) || moved.has(value)) return undefined
  seen.add(value)
  let children: Iterable<readonly [string, unknown]>
  if (Array.isArray(value)) children = value.map((item, index) => [`[${index}]`, item] as const)
  else if (value instanceof Map) {
    children = Array.from(value).flatMap(
      ([key, item], index) =>
        [
          [`.keys()[${index}]`, key],
          [`.values()[${index}]`, item]
        ] as const
    )
  } else if (value instanceof Set) children = Array.from(value, (item, index) => [`.values()[${index}]`, item] as const)
  else if (isPlain(value)) children = Object.entries(value).map(([key, item]) => [`.${key}`, item] as const)
  else if (isCloneable(value)) return undefined
  else {
    // An instance is cloned by its own fields, so one of them may be the reason.
    for (const [key, item] of Object.entries(value)) {
      const found = search(item, `${path}.${key}`, seen, moved)
      if (found !== undefined) return found
    }
    return { path, reason: describe(value) }
  }
  for (const [key, item] of children) {
    const found = search(item, path + key, seen, moved)
    if (found !== undefined) return found
  }
  return undefined
}

/** Finds the reason why a record could not be sent. Only its fields are searched, since codes and numbers can be. */
export const find = (record: ReadonlyArray<unknown>, moved: ReadonlyArray<object>, error: unknown): Refusal => {
  const transferred = new Set<unknown>(moved)
  for (const field of record) {
    const found = search(field, "", new Set(), transferred)
    if (found !== undefined) return found
  }
  return { path: "", reason: error instanceof Error ? error.message : String(error) }
}
