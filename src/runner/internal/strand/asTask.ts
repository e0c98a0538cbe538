/**
 * Plain functions that run elsewhere, for people in a hurry.
 *
 * `asTask` needs no definition, no tasks module and no Layer: the function travels by its source, to runners that all
 * functions of a program share and that are started by the first call. Work with errors of its own, with streams or with
 * a store deserves a task.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Portable from "../../../internal/values/Portable.ts"
import * as Task from "../../../Task.ts"
import { Methods } from "../../../internal/task/TaskMethods.ts"
import type { RunOptions } from "../../../TaskDefinition.ts"
import { TaskRunner } from "../../../TaskRunner.ts"
import * as FiberRunner from "../../FiberRunner.ts"
import * as ProcessRunner from "../../ProcessRunner.ts"
import * as ThreadRunner from "../../ThreadRunner.ts"

interface Options extends Omit<RunOptions, "runner"> {
  readonly runner?: keyof typeof shared | Layer.Layer<TaskRunner, unknown> | undefined
  readonly name?: string | undefined
  readonly given?: ReadonlyArray<unknown> | undefined
}

const shared = {
  thread: Layer.suspend(() => ThreadRunner.layer({ name: "asTask threads", minSize: 0, shutdownGrace: 0 })),
  process: Layer.suspend(() => ProcessRunner.layer({ name: "asTask processes", minSize: 0, shutdownGrace: 0 })),
  fiber: FiberRunner.layer(Layer.empty, { name: "asTask fibers" }),
  inline: FiberRunner.layerInline(Layer.empty, { name: "asTask inline" })
}

type Runner = TaskRunner["Service"]

const runtimes = new Map<Layer.Layer<TaskRunner, unknown>, ManagedRuntime.ManagedRuntime<TaskRunner, unknown>>()

/** The runner of a Layer, made once for this program. */
const runnerOf = (layer: Layer.Layer<TaskRunner, unknown>): Effect.Effect<Runner> => {
  let runtime = runtimes.get(layer)
  if (runtime === undefined) {
    runtime = ManagedRuntime.make(layer)
    runtimes.set(layer, runtime)
  }
  return Effect.map(runtime.contextEffect, (context) => Context.get(context, TaskRunner)) as Effect.Effect<Runner>
}

/** What `Strand.asTask` does, whose signature knows the types. */
export const asTask = (f: Portable.AnyFunction, options: Options = {}) => {
  const { given = [], name, runner = "thread", ...callOptions } = options
  const task = Task.portable(name ?? (f.name || "function"), f)
  const layer = typeof runner === "string" ? shared[runner] : runner
  return (...rest: ReadonlyArray<unknown>) =>
    Effect.flatMap(runnerOf(layer), (service) => {
      const args = [...given, ...rest]
      const payload = Portable.takesSeveral(f) ? args : args[0]
      return Effect.provideService(Methods.run.call(task, payload, callOptions), TaskRunner, service)
    })
}
