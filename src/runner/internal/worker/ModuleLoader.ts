/** Loads the tasks modules of a worker: imports them, builds their Layers and collects their handlers. */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { layerOf, type LoadModule } from "../../../internal/task/TasksModule.ts"
import * as TaskHandlers from "../../../TaskHandlers.ts"

/** Why a module cannot be used. */
export interface Problem {
  readonly module: string
  readonly reason: string
}

const reasonOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : Cause.pretty(Cause.fail(error))

/**
 * Loads modules, one after the other. Their Layers share what they depend on, as those of one program do; two modules may
 * both have a Layer of handlers, but not a handler each for tasks of one name.
 */
export const load = async (
  modules: ReadonlyArray<string>,
  loadModule: LoadModule,
  base: Context.Context<never>,
  scope: Scope.Scope
): Promise<Result.Result<TaskHandlers.TaskHandlers, Problem>> => {
  const memoMap = Layer.makeMemoMapUnsafe()
  const handlers = new Map<string, TaskHandlers.TaskHandler>()
  const origins = new Map<string, string>()
  for (const module of modules) {
    try {
      const layer = layerOf(await loadModule(module))
      const built = await Effect.runPromise(Effect.provideContext(Layer.buildWithMemoMap(layer, memoMap, scope), base))
      for (const [name, handler] of TaskHandlers.fromContext(built)) {
        const other = handlers.get(name)
        if (other !== undefined && other !== handler) {
          throw new Error(
            `Two handlers for tasks named "${name}": one is in this module, the other in ${origins.get(name)}. ` +
              "Names are how a task is found where it runs: rename one of the tasks, or leave one of the handlers out"
          )
        }
        handlers.set(name, handler)
        origins.set(name, module)
      }
    } catch (error) {
      return Result.fail({ module, reason: reasonOf(error) })
    }
  }
  return Result.succeed(handlers)
}
