/** Tasks modules: files whose default export is a Layer of handlers. */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type * as Scope from "effect/Scope"
import { ModuleInvalid } from "../../TaskError.ts"
import * as TaskHandlers from "../../TaskHandlers.ts"

/** Loads a tasks module by its URL. */
export type LoadModule = (module: string) => Promise<unknown>

/** The Layer that is the default export of a tasks module. Throws when there is none. */
const layerOf = (exports: unknown): Layer.Layer<unknown, unknown> => {
  const layer = Predicate.hasProperty(exports, "default") ? exports.default : undefined
  if (layer === undefined) {
    throw new Error("it has no default export. Give it a Layer of handlers: export default myTask.toLayer(...)")
  }
  if (!Layer.isLayer(layer)) {
    throw new Error("its default export is not a Layer of handlers: export default myTask.toLayer(...)")
  }
  // What it still needs cannot be seen: building it would then be a defect that names the service.
  return layer as Layer.Layer<unknown, unknown>
}

/** Loads a tasks module and builds its Layer. */
export const build = (
  module: string,
  load: LoadModule,
  memoMap: Layer.MemoMap
): Effect.Effect<Context.Context<never>, ModuleInvalid, Scope.Scope> =>
  Effect.gen(function* () {
    const layer = layerOf(yield* Effect.promise(() => load(module)))
    const context = yield* Layer.buildWithMemoMap(layer, memoMap, yield* Effect.scope)
    // Two tasks of one name are found out here.
    TaskHandlers.fromContext(context)
    return context
  }).pipe(
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.interrupt
        : Effect.fail(new ModuleInvalid({ module, reason: Cause.pretty(cause) }))
    )
  )
