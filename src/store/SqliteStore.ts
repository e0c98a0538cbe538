/**
 * Keeps tasks in an SQLite file: the embedded default, fast, and safe for several processes of one machine.
 *
 * It uses `node:sqlite`, so there is nothing to install and nothing to compile. A task is in the file's write-ahead log when
 * `fork` returns: the death of any process loses nothing. What a loss of power may lose is said by `synchronous`.
 *
 * @since 0.2.0
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { StoreFailure } from "../TaskError.ts"
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
  /** The database file. It is made if need be, with its folder. Beside it are its log and two files that wake readers. */
  readonly filename: string
  /**
   * What is on disk when a task is accepted or completed. `"normal"`: in the operating system's hands, which no death of a
   * process can undo, but a crash of the machine can, for the last moments. `"full"`: on the disk itself; a commit then waits
   * for the disk, and those of one moment share a wait.
   *
   * @default "normal"
   */
  readonly synchronous?: "normal" | "full" | undefined
}

/** How large the log may grow before a commit has to move it into the database, in pages of 4 KB. */
const largestLog = 4_000

/** After how many commits it is moved when there is nothing else to do. */
const commitsBefore = 50

/** Moves the log into the database. That waits for the disk, which a commit on somebody's way should not. */
const moveLog = (connection: DatabaseSync) => {
  let moved = 0
  return (commits: number): void => {
    if (commits - moved < commitsBefore || connection.isTransaction) return
    moved = commits
    try {
      connection.exec("PRAGMA wal_checkpoint(PASSIVE)")
    } catch {
      // Another process moves it, or there is no room: a later commit will do it, and say what is wrong.
    }
  }
}

const connect = ({ filename, synchronous }: Options): DatabaseSync => {
  mkdirSync(dirname(filename), { recursive: true })
  const connection = new DatabaseSync(filename, { timeout: 10_000 })
  try {
    connection.exec("PRAGMA journal_mode = WAL")
    connection.exec(`PRAGMA synchronous = ${synchronous === "full" ? "FULL" : "NORMAL"}`)
    connection.exec("PRAGMA cache_size = -32768")
    connection.exec(`PRAGMA wal_autocheckpoint = ${largestLog}`)
    connection.exec("PRAGMA temp_store = MEMORY")
    migrate(connection)
    // From here on nobody waits inside of SQLite, which would hold up the event loop.
    connection.exec("PRAGMA busy_timeout = 0")
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}

const open = (options: Options) =>
  Effect.gen(function* () {
    const { filename } = options
    const acquire = EmbeddedStore.opening(`open the database ${filename}`)
    const connection = yield* acquire(() => connect(options))
    return {
      connection,
      onQuiet: moveLog(connection),
      work: yield* acquire(() => Bell.make(`${filename}-work`)),
      changes: yield* acquire(() => Bell.make(`${filename}-changes`))
    }
  })

/**
 * A store in an SQLite file. Any number of processes of one machine may have it open.
 *
 * **Example** (Stored by one program, run by another)
 *
 * ```ts
 * import { Console, Effect, Fiber, Layer, Schema } from "effect"
 * import { FiberRunner, StoreReader, StoreRunner, Task } from "effect-strand"
 * import * as SqliteStore from "effect-strand/SqliteStore"
 *
 * const archive = Task.make("archive", { payload: Schema.String, success: Schema.String })
 *
 * const Store = SqliteStore.layer({ filename: "archive.db", synchronous: "full", timeToLive: "30 days" })
 * const Caller = StoreRunner.layer.pipe(Layer.provide(Store))
 *
 * // The first program only calls. The task waits, and is on disk.
 * const id = await Effect.runPromise(Effect.provide(archive.forkDiscard("May"), Caller))
 *
 * // The second one has a reader, and runs it.
 * const Reader = StoreReader.layer({ tasks: [archive] }).pipe(
 *   Layer.provide(FiberRunner.layer(archive.toLayer((month) => Effect.succeed(`${month} is archived`)))),
 *   Layer.provide(Store)
 * )
 * const result = Effect.flatMap(archive.attach(id), Fiber.join)
 *
 * await Effect.runPromise(result.pipe(Effect.flatMap(Console.log), Effect.provide([Reader, Caller])))
 *
 * // prints: May is archived
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options: Options): Layer.Layer<TaskStore.TaskStore | TaskQueue.TaskQueue, StoreFailure> =>
  EmbeddedStore.layer(open(options), options)

/**
 * A store in an SQLite file, as the deployment configures it: each option is a `Config`, and those that are left out have
 * their defaults. Fails with a `ConfigError` when one is missing or cannot be read.
 *
 * **Example** (A file that the environment names)
 *
 * ```ts
 * import { Config, ConfigProvider, Console, Effect, Layer } from "effect"
 * import { StoreRunner, Task, TaskStore } from "effect-strand"
 * import * as SqliteStore from "effect-strand/SqliteStore"
 *
 * const Store = SqliteStore.layerConfig({
 *   filename: Config.String("TASKS_FILE"),
 *   timeToLive: Config.Duration("TASKS_KEPT").pipe(Config.withDefault("7 days"))
 * })
 *
 * // In place of the environment, for this example.
 * const Environment = ConfigProvider.layer(ConfigProvider.fromUnknown({ TASKS_FILE: "tasks.db", TASKS_KEPT: "1 hour" }))
 *
 * const sweep = Task.make("sweep")
 * const Runner = StoreRunner.layer.pipe(Layer.provideMerge(Store), Layer.provide(Environment))
 *
 * const program = Effect.gen(function* () {
 *   const id = yield* sweep.forkDiscard()
 *   const store = yield* TaskStore.TaskStore
 *   const { timeToLive } = yield* Effect.flatMap(store.get(id), Effect.fromOption)
 *   yield* Console.log(timeToLive, "milliseconds")
 * })
 *
 * await Effect.runPromise(Effect.provide(program, Runner))
 *
 * // prints: 3600000 milliseconds
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
 * A store in an SQLite file of its own, in the system's folder for temporary files. Nothing of it is left when the Layer
 * ends.
 *
 * **Example** (A durable queue in a test)
 *
 * ```ts
 * import { Console, Effect, Layer, Schema } from "effect"
 * import { FiberRunner, StoreRunner, Task, TaskStore } from "effect-strand"
 * import * as SqliteStore from "effect-strand/SqliteStore"
 *
 * const double = Task.make("double", { payload: Schema.Int, success: Schema.Int })
 *
 * const Runner = StoreRunner.layerReading({
 *   tasks: [double],
 *   runner: FiberRunner.layer(double.toLayer((n) => Effect.succeed(n * 2)))
 * }).pipe(Layer.provideMerge(SqliteStore.layerTemporary()))
 *
 * const program = Effect.gen(function* () {
 *   yield* Console.log(yield* double.run(21))
 *   const store = yield* TaskStore.TaskStore
 *   yield* Console.log(yield* store.size({ status: "completed" }), "record")
 * })
 *
 * await Effect.runPromise(Effect.provide(program, Runner))
 *
 * // prints: 42
 * // prints: 1 record
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerTemporary = (
  options: Omit<Options, "filename"> = {}
): Layer.Layer<TaskStore.TaskStore | TaskQueue.TaskQueue, StoreFailure> =>
  TemporaryFolder.provide((folder) => layer({ ...options, filename: join(folder, "tasks.db") }))
