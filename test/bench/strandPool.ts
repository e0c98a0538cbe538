// Strand's side of the benchmark: which task of the tasks module a call means, and a pool made from a runner's Layer.
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { TaskRunner } from "effect-strand"
import { effectPool } from "./effectPool.ts"
import * as strandTasks from "./strandTasks.ts"
import type { Call, Pool } from "./subject.ts"

export type Runner = TaskRunner.TaskRunner

export const run = (call: Call, transfer?: ReadonlyArray<ArrayBuffer>): Effect.Effect<unknown, unknown, Runner> => {
  switch (call.task) {
    case "tiny":
      return strandTasks.tiny.run(call.payload)
    case "burn":
      return strandTasks.burn.run(call.payload)
    case "echoProfile":
      return strandTasks.echoProfile.run(call.payload)
    case "echoRecords":
      return strandTasks.echoRecords.run(call.payload)
    case "weigh":
      return strandTasks.weigh.run(call.payload, transfer === undefined ? {} : { transfer })
    case "spin":
      return strandTasks.spin.run(call.payload)
  }
}

export const fork = (call: Call): Effect.Effect<Fiber.Fiber<unknown, unknown>, unknown, Runner> => {
  switch (call.task) {
    case "tiny":
      return strandTasks.tiny.fork(call.payload)
    case "burn":
      return strandTasks.burn.fork(call.payload)
    default:
      return Effect.die(new Error(`The benchmark never forks ${call.task}`))
  }
}

/** A pool that runs its calls with `runCall` over the runner which the Layer provides. */
export const fromLayer = async (
  layer: Layer.Layer<Runner, unknown>,
  runCall: (call: Call, transfer?: ReadonlyArray<ArrayBuffer>) => Effect.Effect<unknown, unknown, Runner>
): Promise<Pool> => {
  const scope = Scope.makeUnsafe()
  const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
  return effectPool({ context, run: runCall, fork })
}
