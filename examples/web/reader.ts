/**
 * A reader: a program that does the work which the web server has accepted, in a thread, until it is ended.
 *
 * Start as many as you like, by hand or by the server (--readers). Kill one with kill -9: what it was doing passes to
 * another at once. When all are gone, tasks wait in the store.
 */
import { parseArgs } from "node:util"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer } from "effect"
import { StoreReader, ThreadRunner } from "effect-strand"
import { analyzeSource } from "./definition.ts"
import * as Options from "./options.ts"
import * as Store from "./store.ts"

const { values } = parseArgs({ options: { state: { type: "string", default: Options.defaultState } } })

// One that a server has started ends with it, however the server ends.
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"))

const reader = StoreReader.layer({ tasks: [analyzeSource], concurrency: 1, shutdownGrace: "1 second" }).pipe(
  Layer.tap(() => Effect.log("reading")),
  Layer.provide(ThreadRunner.layer({ module: new URL("./tasks.ts", import.meta.url), size: 1, warmUp: true })),
  Layer.provide(Store.layer(values.state))
)

NodeRuntime.runMain(Layer.launch(reader))
