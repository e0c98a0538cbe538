// The worker script of the Effect RPC subject. It imports narrow modules only, which is the fast way to start.
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RpcServer from "effect/rpc/RpcServer"
import * as tasks from "../tasks.ts"
import { Group } from "./effectRpcGroup.ts"

const handlers = Group.toLayer({
  tiny: (payload) => Effect.succeed(tasks.tiny(payload)),
  burn: (payload) => Effect.sync(() => tasks.burn(payload)),
  echoProfile: (payload) => Effect.succeed(tasks.echoProfile(payload)),
  echoRecords: (payload) => Effect.succeed(tasks.echoRecords(payload)),
  weigh: ({ bytes }) => Effect.succeed(bytes.byteLength),
  weighTransferred: ({ bytes }) => Effect.succeed(bytes.byteLength),
  spin: (payload) => Effect.sync(() => tasks.spin(payload))
})

RpcServer.layer(Group, { disableTracing: true, disableFatalDefects: true }).pipe(
  Layer.provide(handlers),
  Layer.provide(RpcServer.layerProtocolWorkerRunner),
  Layer.provide(NodeWorkerRunner.layer),
  Layer.launch,
  Effect.runFork
)
