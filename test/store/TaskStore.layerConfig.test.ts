// Stores that a deployment configures: each option is a Config, and what is wrong with one is a ConfigError.
import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { StoreRunner, Task, TaskStore } from "effect-strand"
import * as FileStore from "effect-strand/FileStore"
import * as MemoryStore from "effect-strand/MemoryStore"
import * as Serialization from "effect-strand/Serialization"
import * as SqliteStore from "effect-strand/SqliteStore"
import { existsSync, watch } from "node:fs"
import { errorOf, makeNotes } from "../../src/testing/Subject.ts"
import * as Leaks from "../helpers/leaks.ts"

// Node keeps the descriptor with which it watches files, once it has watched one.
watch(import.meta.dirname).close()

Leaks.check()

const shared = {
  timeToLive: Config.Duration("KEPT"),
  autoCleanup: Config.Boolean("CLEANUP").pipe(Config.withDefault(false)),
  serialization: Config.succeed(Serialization.structuredClone)
}

const synchronous = Config.Literals(["normal", "full"], "SYNCHRONOUS").pipe(Config.withDefault("normal"))

const stores = {
  SqliteStore: SqliteStore.layerConfig({ filename: Config.String("PLACE"), synchronous, ...shared }),
  FileStore: FileStore.layerConfig({ folder: Config.String("PLACE"), synchronous, ...shared }),
  MemoryStore: MemoryStore.layerConfig(shared)
}

const work = Task.make("work")

describe("layerConfig", () => {
  for (const [name, store] of Object.entries(stores)) {
    const configured = (environment: object) =>
      Layer.provide(store, ConfigProvider.layer(ConfigProvider.fromUnknown(environment)))

    it.live(`${name} is what its configuration says`, () =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        const place = notes.path("store")
        const context = yield* Layer.build(configured({ PLACE: place, KEPT: "3 minutes" }))
        const record = yield* Effect.gen(function* () {
          const id = yield* work.forkDiscard()
          const store = yield* TaskStore.TaskStore
          return yield* Effect.flatMap(store.get(id), Effect.fromOption)
        }).pipe(Effect.provide(StoreRunner.layer), Effect.provideContext(context))
        assert.strictEqual(record.timeToLive, Duration.toMillis("3 minutes"))
        assert.strictEqual(existsSync(place), name !== "MemoryStore")
      })
    )

    for (const [what, environment] of Object.entries({
      "is missing": { PLACE: "nowhere" },
      "cannot be read": { PLACE: "nowhere", KEPT: "for long" }
    })) {
      it.live(`${name} says with a ConfigError that an option ${what}, and opens nothing`, () =>
        Effect.gen(function* () {
          const exit = yield* Effect.exit(Effect.scoped(Layer.build(configured(environment))))
          assert.isTrue(Exit.isFailure(exit))
          assert.strictEqual(errorOf(exit)._tag, "ConfigError")
          assert.include(errorOf(exit).message, "KEPT")
          assert.isFalse(existsSync("nowhere"))
        })
      )
    }
  }
})
