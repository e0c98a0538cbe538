/** Tasks modules: files whose default export is a Layer of handlers. */
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"

/** Loads a tasks module by its URL. */
export type LoadModule = (module: string) => Promise<unknown>

/** The Layer that is the default export of a tasks module. Throws when there is none. */
export const layerOf = (exports: unknown): Layer.Layer<unknown, unknown> => {
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
