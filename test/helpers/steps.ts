// Counts the work that something takes, whatever else the machine does: how often the blocks of the library's sources are
// entered, and how many elements the methods of arrays go through that have no such blocks.
import * as Effect from "effect/Effect"
import { Session, type Profiler } from "node:inspector"
import { join, sep } from "node:path"
import { pathToFileURL } from "node:url"

const src = join(import.meta.dirname, "../../src") + sep
const isOfLibrary = ({ url }: Profiler.ScriptCoverage) => url.startsWith(src) || url.startsWith(pathToFileURL(src).href)

// Functions that are compiled while nobody counts are never counted: one session counts from the beginning.
const session = new Session()
session.connect()
session.post("Profiler.enable")
session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true })

/** Blocks that have been entered since the last call. */
const entered = (): number => {
  let sum = 0
  // The answer comes before `post` is over.
  session.post("Profiler.takePreciseCoverage", (error, coverage) => {
    if (error !== null) throw error
    for (const script of coverage.result.filter(isOfLibrary)) {
      for (const { ranges } of script.functions) for (const { count } of ranges) sum += count
    }
  })
  return sum
}

/** Methods of arrays that take longer the longer the array is, and call nothing back. */
const methods = ["includes", "indexOf", "lastIndexOf", "shift", "slice", "splice", "unshift"] as const

/** Counts the elements of the arrays whose methods are called, until what this gives is called. */
const countElements = (): (() => number) => {
  let sum = 0
  const prototype: object = Array.prototype
  const originals = methods.map((name) => [name, Array.prototype[name]] as const)
  for (const [name, original] of originals) {
    const counting = function (this: ReadonlyArray<unknown>, ...args: ReadonlyArray<unknown>): unknown {
      sum += this.length
      return Reflect.apply(original, this, args)
    }
    Object.defineProperty(prototype, name, { value: counting, configurable: true, writable: true })
  }
  return () => {
    for (const [name, value] of originals) {
      Object.defineProperty(prototype, name, { value, configurable: true, writable: true })
    }
    return sum
  }
}

/** How many steps an Effect takes in the library. What else runs meanwhile is counted, too. */
export const stepsOf = <E, R>(effect: Effect.Effect<unknown, E, R>): Effect.Effect<number, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      entered()
      return countElements()
    }),
    (elements) => Effect.map(effect, () => elements() + entered()),
    (elements) => Effect.sync(elements)
  )
