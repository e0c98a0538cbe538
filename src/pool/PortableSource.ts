/**
 * Makes a function again of its source, where it has travelled to.
 *
 * @since 0.1.0
 */
import * as vm from "node:vm"
import * as Context from "effect/Context"
import * as Portable from "../Portable.ts"
import * as Task from "../Task.ts"
import type { TaskHandler } from "../TaskHandlers.ts"

/** The handler of a task that has brought its source along. */
export const handler = (name: string, source: string): TaskHandler => {
  const f = vm.runInThisContext(`"use strict";(${source})`, {
    filename: `task-${name}.js`,
    importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER
  }) as (...args: ReadonlyArray<unknown>) => unknown
  return {
    task: Task.fn(name, f) as unknown as Task.Any,
    handle: (payload) => Portable.call(f, payload),
    context: Context.empty()
  }
}
