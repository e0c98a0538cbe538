// The runner over a store keeps the promises of every runner, with a reader in the same program.
import * as Layer from "effect/Layer"
import * as FiberRunner from "effect-strand/FiberRunner"
import * as StoreRunner from "effect-strand/StoreRunner"
import * as MemoryStore from "effect-strand/MemoryStore"
import * as Serialization from "effect-strand/Serialization"
import * as definitions from "../../src/testing/definitions.ts"
import { RunnerSuite } from "effect-strand/testing"
import type * as Task from "effect-strand/Task"
import { isTask } from "effect-strand/Task"
import * as Leaks from "../helpers/leaks.ts"

Leaks.check()

const tasks = Object.values<unknown>(definitions).filter(
  (value): value is Task.Any => isTask(value) && value.kind === "effect" && value.name !== "unknown"
)

RunnerSuite.suite("StoreRunner", {
  make: ({ concurrency = 1, shutdownGrace, size }) =>
    StoreRunner.layerReading({
      runner: FiberRunner.layer(RunnerSuite.handlers, { shutdownGrace }),
      tasks,
      concurrency: size * concurrency,
      shutdownGrace,
      allowPortable: true
    }).pipe(Layer.provide(MemoryStore.layer({ serialization: Serialization.structuredClone }))),
  capabilities: {
    queue: true,
    boundary: true,
    parallel: false,
    isolated: false,
    processes: false,
    transfer: false,
    modules: false,
    durable: true
  }
})
