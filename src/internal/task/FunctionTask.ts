/** Tasks whose code is a plain function: what `Task.fn` and `Task.portable` make. */
import * as Schema from "effect/Schema"
import type { RunOptions } from "../../TaskDefinition.ts"
import * as Portable from "../values/Portable.ts"
import { define } from "./TaskMethods.ts"

const fromFunction = (
  name: string,
  f: Portable.AnyFunction,
  options: RunOptions | undefined,
  portable: Portable.Portable | undefined
) => {
  const task = define("effect", name, { ...options, payload: Schema.Any, success: Schema.Any, portable })
  task.layer = task.toLayer((payload: unknown) => Portable.call(f, payload))
  return task
}

export const fn = (name: string, f: Portable.AnyFunction, options?: RunOptions) =>
  fromFunction(name, f, options, undefined)

export const portable = (name: string, f: Portable.AnyFunction, options?: RunOptions) =>
  fromFunction(name, f, options, Portable.make(f))
