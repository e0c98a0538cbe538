// The tasks as an RPC group, shared by the two sides of the Effect RPC subject.
import * as Rpc from "effect/rpc/Rpc"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as Schema from "effect/Schema"
import * as Transferable from "effect/workers/Transferable"
import { Operands, Profile, SmallRecords } from "../schemas.ts"

export const Group = RpcGroup.make(
  Rpc.make("tiny", { payload: Operands.fields, success: Schema.Number }),
  Rpc.make("burn", { payload: { iterations: Schema.Number }, success: Schema.Number }),
  Rpc.make("echoProfile", { payload: { profile: Profile }, success: Profile }),
  Rpc.make("echoRecords", { payload: { records: SmallRecords }, success: SmallRecords }),
  Rpc.make("weigh", { payload: { bytes: Schema.Uint8Array }, success: Schema.Number }),
  Rpc.make("weighTransferred", { payload: { bytes: Transferable.Uint8Array }, success: Schema.Number }),
  Rpc.make("spin", { payload: { limitMillis: Schema.Number }, success: Schema.Number })
)
