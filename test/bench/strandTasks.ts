// The tasks of tasks.ts as a Strand tasks module: definitions, and the Layer of their handlers as the default export.
// It imports what a user of the library would write, so that cold start and memory are those of a real module.
import { Effect, Layer, Schema } from "effect"
import { Task } from "effect-strand"
import { Operands, Profile, SmallRecords } from "./schemas.ts"
import * as tasks from "./tasks.ts"

export const tiny = Task.make("tiny", { payload: Operands.fields, success: Schema.Number })

export const burn = Task.make("burn", { payload: { iterations: Schema.Number }, success: Schema.Number })

export const echoProfile = Task.make("echoProfile", { payload: { profile: Profile }, success: Profile })

export const echoRecords = Task.make("echoRecords", { payload: { records: SmallRecords }, success: SmallRecords })

export const weigh = Task.make("weigh", { payload: { bytes: Schema.Uint8Array }, success: Schema.Number })

export const spin = Task.make("spin", { payload: { limitMillis: Schema.Number }, success: Schema.Number })

export default Layer.mergeAll(
  tiny.toLayer((payload) => Effect.succeed(tasks.tiny(payload))),
  burn.toLayer((payload) => Effect.sync(() => tasks.burn(payload))),
  echoProfile.toLayer((payload) => Effect.succeed(tasks.echoProfile(payload))),
  echoRecords.toLayer((payload) => Effect.succeed(tasks.echoRecords(payload))),
  weigh.toLayer(({ bytes }) => Effect.succeed(bytes.byteLength)),
  spin.toLayer((payload) => Effect.sync(() => tasks.spin(payload)))
)
