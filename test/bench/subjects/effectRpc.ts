// Effect's own RPC over worker threads, without tracing, with one or several calls at a time for each worker.
import * as NodeWorker from "@effect/platform-node/NodeWorker"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RpcClient from "effect/rpc/RpcClient"
import * as Scope from "effect/Scope"
import { Worker } from "node:worker_threads"
import { effectPool } from "../effectPool.ts"
import type { Call, MakePool } from "../subject.ts"
import { workerScript } from "../workers.ts"
import { Group } from "./effectRpcGroup.ts"

const script = workerScript("subjects/effectRpcWorker")

export const makeEffectRpc =
  (concurrency: number): MakePool =>
  async ({ size }) => {
    const protocol = RpcClient.layerProtocolWorker({ size, concurrency }).pipe(
      Layer.provide(NodeWorker.layer(() => new Worker(script)))
    )
    const client = await Effect.runPromise(
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const services = yield* Layer.buildWithScope(protocol, scope)
        return yield* RpcClient.make(Group, { flatten: true, disableTracing: true }).pipe(
          Effect.provideContext(services),
          Scope.provide(scope)
        )
      })
    )
    const run = (call: Call, transfer?: ReadonlyArray<ArrayBuffer>): Effect.Effect<unknown, unknown> => {
      switch (call.task) {
        case "tiny":
          return client("tiny", call.payload)
        case "burn":
          return client("burn", call.payload)
        case "echoProfile":
          return client("echoProfile", call.payload)
        case "echoRecords":
          return client("echoRecords", call.payload)
        case "weigh":
          return transfer === undefined ? client("weigh", call.payload) : client("weighTransferred", call.payload)
        case "spin":
          return client("spin", call.payload)
      }
    }
    return effectPool({
      context: Context.empty(),
      run,
      fork: (call) => Effect.forkDetach(run(call), { startImmediately: true })
    })
  }
