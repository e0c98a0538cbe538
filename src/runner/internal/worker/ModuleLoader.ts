/** The handlers of all tasks modules of a worker. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as TasksModule from "../../../internal/task/TasksModule.ts"
import { ModuleInvalid } from "../../../TaskError.ts"
import * as TaskHandlers from "../../../TaskHandlers.ts"

/**
 * Loads modules, one after the other. Their Layers share what they depend on, as those of one program do; two modules may
 * both have a Layer of handlers, but not a handler each for tasks of one name.
 */
export const load = (
  modules: ReadonlyArray<string>,
  loadModule: TasksModule.LoadModule
): Effect.Effect<TaskHandlers.TaskHandlers, ModuleInvalid, Scope.Scope> =>
  Effect.gen(function* () {
    const memoMap = Layer.makeMemoMapUnsafe()
    const handlers = new Map<string, TaskHandlers.TaskHandler>()
    const origins = new Map<string, string>()
    for (const module of modules) {
      const built = yield* TasksModule.build(module, loadModule, memoMap)
      for (const [name, handler] of TaskHandlers.fromContext(built)) {
        const other = handlers.get(name)
        if (other !== undefined && other !== handler) {
          const reason =
            `Two handlers for tasks named "${name}": one is in this module, the other in ${origins.get(name)}. ` +
            "Names are how a task is found where it runs: rename one of the tasks, or leave one of the handlers out"
          return yield* new ModuleInvalid({ module, reason })
        }
        handlers.set(name, handler)
        origins.set(name, module)
      }
    }
    return handlers
  })
