/**
 * Keeps tasks as JSON files in a folder: a person can read them with a text editor, copy them and keep them in a backup.
 *
 * Several processes of one machine may use one folder. Each has all of its records in memory, so it is meant for thousands
 * of tasks and not for millions: {@link SqliteStore} is.
 *
 * @since 0.2.0
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { StoreFailure } from "../TaskError.ts"
import { FileMedium } from "./internal/file/FileMedium.ts"
import * as Bell from "./internal/sqlite/Bell.ts"
import * as EmbeddedStore from "./internal/sqlite/EmbeddedStore.ts"
import { migrate } from "./internal/sqlite/Schema.ts"
import * as TemporaryFolder from "./internal/sqlite/TemporaryFolder.ts"
import type * as TaskQueue from "./TaskQueue.ts"
import type * as TaskStore from "./TaskStore.ts"

/**
 * Options of {@link layer}.
 *
 * @category models
 * @since 0.2.0
 */
export interface Options extends TaskStore.Options {
  /** Where the files are. The folder is made if need be. */
  readonly folder: string
  /**
   * What is on disk when a task is accepted or completed. `"normal"`: in the operating system's hands, which no death of a
   * process can undo, but a crash of the machine can, for the last moments. `"full"`: on the disk itself, at the price of
   * waiting for it.
   *
   * @default "normal"
   */
  readonly synchronous?: "normal" | "full" | undefined
}

const open = (options: Options) =>
  Effect.gen(function* () {
    const { folder } = options
    const acquire = EmbeddedStore.opening(`open the folder ${folder}`)
    const context = yield* Effect.context<never>()
    const onDamaged = (problem: string) => {
      Effect.runForkWith(context)(Effect.logWarning(`A record cannot be read and is left alone: ${problem}`))
    }
    const connection = yield* acquire(() => new DatabaseSync(":memory:"))
    const medium = yield* acquire(() => {
      mkdirSync(folder, { recursive: true })
      migrate(connection)
      return new FileMedium(connection, folder, options.synchronous === "full", onDamaged)
    })
    return {
      connection,
      medium,
      damageOf: (id: string) => medium.records.damageOf(id),
      work: yield* acquire(() => Bell.make(join(folder, "work"))),
      changes: yield* acquire(() => Bell.make(join(folder, "changes")))
    }
  })

/**
 * A store in a folder.
 *
 * **Example** (Records that a person can read)
 *
 * ```ts
 * import { Console, Effect, Layer, Schema } from "effect"
 * import { StoreRunner, Task, TaskStore } from "effect-strand"
 * import * as FileStore from "effect-strand/FileStore"
 *
 * const remind = Task.make("remind", { payload: { of: Schema.String } })
 *
 * const Runner = StoreRunner.layer.pipe(Layer.provideMerge(FileStore.layer({ folder: "reminders" })))
 *
 * const program = Effect.gen(function* () {
 *   const id = yield* remind.forkDiscard({ of: "tea" }, { delay: "1 hour" })
 *   const store = yield* TaskStore.TaskStore
 *   const { payload, status } = yield* Effect.flatMap(store.get(id), Effect.fromOption)
 *   yield* Console.log(status, payload)
 * })
 *
 * await Effect.runPromise(Effect.provide(program, Runner))
 *
 * // prints: scheduled { of: 'tea' }
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options: Options): Layer.Layer<TaskStore.TaskStore | TaskQueue.TaskQueue, StoreFailure> =>
  EmbeddedStore.layer(open(options), options)

/**
 * A store in a folder, as the deployment configures it: each option is a `Config`, and those that are left out have their
 * defaults. Fails with a `ConfigError` when one is missing or cannot be read.
 *
 * **Example** (What is missing is said)
 *
 * ```ts
 * import { Config, ConfigProvider, Console, Effect, Layer } from "effect"
 * import * as FileStore from "effect-strand/FileStore"
 *
 * const Store = FileStore.layerConfig({
 *   folder: Config.String("TASKS_FOLDER"),
 *   synchronous: Config.Literals(["normal", "full"], "TASKS_SYNCHRONOUS").pipe(Config.withDefault("normal"))
 * })
 *
 * const program = Effect.scoped(Layer.build(Store)).pipe(
 *   Effect.catchTag("ConfigError", () => Console.log("TASKS_FOLDER names no folder")),
 *   // In place of the environment, for this example.
 *   Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({})))
 * )
 *
 * await Effect.runPromise(program)
 *
 * // prints: TASKS_FOLDER names no folder
 * ```
 *
 * @category layers
 * @since 0.4.0
 */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<TaskStore.TaskStore | TaskQueue.TaskQueue, StoreFailure | Config.ConfigError> =>
  Layer.unwrap(Effect.map(Config.unwrap(options), layer))

/**
 * A store in a folder of its own, among the system's temporary files. Nothing of it is left when the Layer ends.
 *
 * **Example** (A folder for one program)
 *
 * ```ts
 * import { Console, Effect, Layer } from "effect"
 * import { StoreRunner, Task, TaskStore } from "effect-strand"
 * import * as FileStore from "effect-strand/FileStore"
 *
 * const sweep = Task.make("sweep")
 *
 * const program = Effect.gen(function* () {
 *   yield* sweep.forkDiscard()
 *   const store = yield* TaskStore.TaskStore
 *   yield* Console.log(yield* store.size({ status: "pending" }), "waits")
 * })
 *
 * const Runner = StoreRunner.layer.pipe(Layer.provideMerge(FileStore.layerTemporary()))
 *
 * await Effect.runPromise(Effect.provide(program, Runner))
 *
 * // prints: 1 waits
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerTemporary = (
  options: Omit<Options, "folder"> = {}
): Layer.Layer<TaskStore.TaskStore | TaskQueue.TaskQueue, StoreFailure> =>
  TemporaryFolder.provide((folder) => layer({ ...options, folder }))
