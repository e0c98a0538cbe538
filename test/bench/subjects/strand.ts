// Strand itself: the same tasks on its threads, on its processes and in its fibers.
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { FiberRunner, ProcessRunner, type TaskRunner, ThreadRunner } from "../../../src/index.ts"
import { effectPool } from "../effectPool.ts"
import handlers, * as strandTasks from "../strandTasks.ts"
import type { Call, MakePool, Pool } from "../subject.ts"

type Runner = TaskRunner.TaskRunner

const module = new URL("../strandTasks.ts", import.meta.url)

const run = (call: Call, transfer?: ReadonlyArray<ArrayBuffer>): Effect.Effect<unknown, unknown, Runner> => {
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

const fork = (call: Call): Effect.Effect<Fiber.Fiber<unknown, unknown>, unknown, Runner> => {
  switch (call.task) {
    case "tiny":
      return strandTasks.tiny.fork(call.payload)
    case "burn":
      return strandTasks.burn.fork(call.payload)
    default:
      return Effect.die(new Error(`The benchmark never forks ${call.task}`))
  }
}

const fromLayer = async (
  layer: Layer.Layer<Runner, unknown>,
  runCall: (call: Call, transfer?: ReadonlyArray<ArrayBuffer>) => Effect.Effect<unknown, unknown, Runner>
): Promise<Pool> => {
  const scope = Scope.makeUnsafe()
  const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
  return effectPool({ context, run: runCall, fork })
}

/** `bundle`: workers import one bundled file made of the tasks module, instead of the module and all it imports. */
export const makeStrandThreads =
  (bundle: boolean): MakePool =>
  ({ graceMillis, size }) =>
    fromLayer(
      ThreadRunner.layer({ module, size, bundle, ...(graceMillis === undefined ? {} : { grace: graceMillis }) }),
      run
    )

export const makeStrandProcesses =
  (bundle: boolean): MakePool =>
  ({ graceMillis, size }) =>
    fromLayer(
      ProcessRunner.layer({ module, size, bundle, ...(graceMillis === undefined ? {} : { grace: graceMillis }) }),
      run
    )

/** Each task is forked and then joined. */
export const makeStrandFibers: MakePool = () =>
  fromLayer(FiberRunner.layer(handlers), (call) => Effect.flatMap(fork(call), Fiber.join))
