/** Makes a function again of its source, where it has travelled to. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Portable from "./Portable.ts"
import * as Task from "../../Task.ts"
import type { TaskHandler } from "../../TaskHandlers.ts"

/** A module of its own, in which `import` works and nothing of this program is in sight. */
const load = async (name: string, source: string): Promise<Portable.AnyFunction> => {
  const code = `export default (${source})\n//# sourceURL=${encodeURIComponent(name)}`
  const module = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
    readonly default: Portable.AnyFunction
  }
  return module.default
}

/** The handler of a task that has brought its source along. */
export const handler = (name: string, source: string): TaskHandler => {
  let f: Portable.AnyFunction | undefined
  const loaded = Effect.map(
    Effect.promise(() => load(name, source)),
    (made) => (f = made)
  )
  return {
    task: Task.fn(name, (payload: unknown) => payload) as unknown as Task.Any,
    handle: (payload) =>
      f === undefined ? Effect.flatMap(loaded, (made) => Portable.call(made, payload)) : Portable.call(f, payload),
    context: Context.empty()
  }
}
