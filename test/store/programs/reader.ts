// A program that reads tasks from a store and runs them, until it is told to end, or killed.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as FiberRunner from "effect-strand/FiberRunner"
import * as StoreReader from "effect-strand/StoreReader"
import { handlers, type Kind, open, work } from "./work.ts"

const [kind, folder, options] = JSON.parse(process.argv[2]!) as [Kind, string, Omit<StoreReader.Options, "tasks">]

process.on("disconnect", () => process.exit())

const Reader = StoreReader.layer({ ...options, tasks: [work] }).pipe(
  Layer.provide(FiberRunner.layer(handlers)),
  Layer.provide(open(kind, folder))
)

NodeRuntime.runMain(
  Effect.gen(function* () {
    yield* Layer.build(Reader)
    process.send!("ready")
    return yield* Effect.never
  }).pipe(Effect.scoped)
)
