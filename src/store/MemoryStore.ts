/**
 * Keeps tasks in the memory of this program: for tests, and for programs that want a store's ways without its durability.
 *
 * It is the SQLite store without a file. Everything is written and read as if it went to disk, so what works with it works
 * with the others.
 *
 * @since 0.2.0
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { DatabaseSync } from "node:sqlite"
import * as Bell from "./internal/sqlite/Bell.ts"
import * as EmbeddedStore from "./internal/sqlite/EmbeddedStore.ts"
import { migrate } from "./internal/sqlite/Schema.ts"
import type * as TaskQueue from "./TaskQueue.ts"
import type * as TaskStore from "./TaskStore.ts"

/**
 * Options of {@link layer}.
 *
 * @category models
 * @since 0.2.0
 */
export interface Options extends TaskStore.Options {}

const open = Effect.gen(function* () {
  const connection = yield* Effect.acquireRelease(
    Effect.sync(() => new DatabaseSync(":memory:")),
    (opened) => Effect.sync(() => opened.close())
  )
  migrate(connection)
  return { connection, work: Bell.silent, changes: Bell.silent }
})

/**
 * A store in memory. It is gone with the Layer.
 *
 * **Example** (Two calls with one key are one task)
 *
 * ```ts
 * import { Console, Effect, Layer, Schema } from "effect"
 * import { FiberRunner, StoreRunner, Task } from "effect-strand"
 * import * as MemoryStore from "effect-strand/MemoryStore"
 *
 * const welcome = Task.make("welcome", { payload: Schema.String, success: Schema.String })
 *
 * const Runner = StoreRunner.layerReading({
 *   tasks: [welcome],
 *   runner: FiberRunner.layer(welcome.toLayer((name) => Effect.as(Console.log(`a letter to ${name}`), "sent")))
 * }).pipe(Layer.provide(MemoryStore.layer()))
 *
 * const program = Effect.gen(function* () {
 *   for (const name of ["Ada", "Ada"]) {
 *     yield* Console.log(yield* welcome.run(name, { idempotencyKey: `welcome ${name}` }))
 *   }
 * })
 *
 * await Effect.runPromise(Effect.provide(program, Runner))
 *
 * // prints: a letter to Ada
 * // prints: sent
 * // prints: sent
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options: Options = {}): Layer.Layer<TaskStore.TaskStore | TaskQueue.TaskQueue> =>
  EmbeddedStore.layer(open, options)

/**
 * A store in memory, as the deployment configures it: each option is a `Config`. Here so that all stores have it. Fails with a
 * `ConfigError` when an option is missing or cannot be read.
 *
 * **Example** (A time to live from the environment)
 *
 * ```ts
 * import { Config, ConfigProvider, Console, Effect, Layer } from "effect"
 * import * as MemoryStore from "effect-strand/MemoryStore"
 *
 * const Store = MemoryStore.layerConfig({ timeToLive: Config.Duration("TASKS_KEPT") })
 *
 * const program = Effect.scoped(Layer.build(Store)).pipe(
 *   Effect.catchTag("ConfigError", () => Console.log("TASKS_KEPT is no duration")),
 *   // In place of the environment, for this example.
 *   Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ TASKS_KEPT: "a while" })))
 * )
 *
 * await Effect.runPromise(program)
 *
 * // prints: TASKS_KEPT is no duration
 * ```
 *
 * @category layers
 * @since 0.4.0
 */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<TaskStore.TaskStore | TaskQueue.TaskQueue, Config.ConfigError> =>
  Layer.unwrap(Effect.map(Config.unwrap(options), layer))

/**
 * The same: a store in memory is temporary by nature. Here so that all stores have it.
 *
 * **Example** (One name for all stores)
 *
 * ```ts
 * import * as MemoryStore from "effect-strand/MemoryStore"
 *
 * console.log(MemoryStore.layerTemporary === MemoryStore.layer)
 *
 * // prints: true
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerTemporary = layer
