/** A task that brings its function along, by its source: how it is sent, and how it is made again where it has arrived. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Portable from "../../../internal/values/Portable.ts"
import * as Task from "../../../Task.ts"
import { NotTransferable } from "../../../TaskError.ts"
import type { TaskHandler } from "../../../TaskHandlers.ts"
import * as FreeVariables from "./FreeVariables.ts"

/** What travels in place of the payload of such a task. */
export interface PortablePayload {
  readonly name: string
  readonly source: string
  readonly payload: unknown
}

/** What has arrived in place of a payload, read as what it is. */
export const read = (payload: unknown): PortablePayload => payload as PortablePayload

/** The name in what may have arrived in place of a payload. */
export const nameIn = (payload: unknown, otherwise: string): string =>
  Predicate.hasProperty(payload, "name") && typeof payload.name === "string" ? payload.name : otherwise

/** Adds the source to a payload that has been written. */
export const wrap = (
  name: string,
  { source }: Portable.Portable,
  payload: unknown
): Result.Result<PortablePayload, NotTransferable> => {
  const refusal = FreeVariables.check(source)
  return refusal === undefined
    ? Result.succeed({ name, source, payload })
    : Result.fail(new NotTransferable({ task: name, ...refusal }))
}

/** A module of its own, in which `import` works and nothing of this program is in sight. */
const load = async (name: string, source: string): Promise<Portable.AnyFunction> => {
  const code = `export default (${source})\n//# sourceURL=${encodeURIComponent(name)}`
  const module: { readonly default: Portable.AnyFunction } = await import(
    `data:text/javascript,${encodeURIComponent(code)}`
  )
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
    task: Task.fn(name, (payload: unknown) => payload),
    handle: (payload) =>
      f === undefined ? Effect.flatMap(loaded, (made) => Portable.call(made, payload)) : Portable.call(f, payload),
    context: Context.empty()
  }
}
