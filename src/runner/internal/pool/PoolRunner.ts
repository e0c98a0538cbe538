/** The `TaskRunner` on top of a pool, and the options that threads and processes share. */
import * as os from "node:os"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { registerMetrics } from "../../../RunnerStats.ts"
import type { ModuleInvalid } from "../../../TaskError.ts"
import * as TaskRunner from "../../../TaskRunner.ts"
import * as HandlerContext from "../wire/HandlerContext.ts"
import { millis, wholeNumber } from "../../../internal/values/options.ts"
import type { QueueOptions } from "../../../internal/limit/Intake.ts"
import * as Job from "./Job.ts"
import * as Modules from "./Modules.ts"
import { NestedCalls } from "./NestedCalls.ts"
import { Pool } from "./Pool.ts"
import type { Spawn } from "./Transport.ts"

/** Options that threads and processes share. */
export interface Options extends QueueOptions {
  /**
   * The name of the runner in Metrics.
   *
   * @default "threads" or "processes"
   */
  readonly name?: string | undefined
  /**
   * The tasks modules: files whose default export is a Layer of handlers, as URLs (`new URL("./tasks.ts",
   * import.meta.url)`) or paths. Each worker loads them and builds their Layers once. May be left out when only
   * `Task.portable` functions are run.
   */
  readonly module?: URL | string | ReadonlyArray<URL | string> | undefined
  /**
   * How many workers there are.
   *
   * @default the number of processors
   */
  readonly size?: number | undefined
  /** With `maxSize`, in place of `size`: how many workers are kept without work. */
  readonly minSize?: number | undefined
  /** How many workers are started at most, as tasks wait for them. */
  readonly maxSize?: number | undefined
  /**
   * After how long without work a worker above `minSize` ends.
   *
   * @default "10 seconds"
   */
  readonly idleTimeout?: Duration.Input | undefined
  /**
   * Whether the Layer is ready only when its workers are, and fails with `ModuleInvalid` when they cannot start.
   * Otherwise workers start in the background and tasks wait for them.
   *
   * @default false
   */
  readonly warmUp?: boolean | undefined
  /**
   * How many workers are started ahead to take over at once from one that ends.
   *
   * @default 0
   */
  readonly spares?: number | undefined
  /**
   * How many tasks a worker works on at once. More than 1 is for handlers that wait more than they compute.
   *
   * @default 1
   */
  readonly concurrency?: number | undefined
  /**
   * How long an interrupted task may take to stop. After that its worker is killed and replaced.
   *
   * @default "1 second"
   */
  readonly forceKillAfter?: Duration.Input | undefined
  /**
   * How long the end of the Layer waits for tasks before it interrupts them.
   *
   * @default "5 seconds"
   */
  readonly shutdownGrace?: Duration.Input | undefined
  /**
   * Whether the tasks modules and all that they import are bundled into one file before workers load them, which makes
   * workers start in half the time and with half the memory. Needs the package `esbuild`. The bundle is kept in
   * `node_modules/.cache` and made anew when a file in it has changed.
   *
   * @default false
   */
  readonly bundle?: boolean | undefined
  /** Replaces a worker after a number of tasks, or once its memory has grown by a number of megabytes. */
  readonly recycle?: { readonly tasks?: number | undefined; readonly memoryMb?: number | undefined } | undefined
  /**
   * What becomes of what handlers print. Log entries of Effect reach the caller's Logger in any case.
   *
   * @default "log"
   */
  readonly output?: "log" | "ignore" | undefined
}

/** The entry file of workers that have the tasks modules built in. */
const bundle = (kind: "threads" | "processes", modules: ReadonlyArray<string>): Effect.Effect<URL, ModuleInvalid> =>
  Effect.flatMap(
    Effect.promise(() => import("./Bundle.ts")),
    (Bundle) => Bundle.make(kind === "threads" ? "threadMain" : "processMain", modules)
  )

/** Makes a runner over workers that `spawn` starts by an entry file. Bad options are a defect that says which. */
export const make = (
  kind: "threads" | "processes",
  options: Options,
  spawn: (entry: URL | undefined) => Spawn
): Effect.Effect<TaskRunner.TaskRunner["Service"], ModuleInvalid, Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Effect.context<never>()
    const runFork = Effect.runForkWith(context)
    const { maxSize: most, minSize: least, size } = options
    const maxSize = wholeNumber("size", size ?? most ?? Math.max(os.availableParallelism(), least ?? 1), 1)
    const minSize = wholeNumber("minSize", size ?? least ?? (most === undefined ? maxSize : 0), 0)
    const modules = Modules.resolve(options.module)
    const nested = new NestedCalls()
    const pool: Pool = new Pool({
      spawn: spawn(options.bundle ? yield* bundle(kind, modules) : undefined),
      modules,
      minSize,
      maxSize: Math.max(minSize, maxSize),
      idleTimeout: millis(options.idleTimeout ?? "10 seconds"),
      spares: wholeNumber("spares", options.spares ?? 0, 0),
      concurrency: wholeNumber("concurrency", options.concurrency ?? 1, 1),
      forceKillAfter: millis(options.forceKillAfter ?? "1 second"),
      recycleTasks: options.recycle?.tasks ?? 1e9,
      recycleBytes: (options.recycle?.memoryMb ?? Infinity) * 1024 * 1024,
      maxQueue: options.maxQueue,
      overflow: options.overflow,
      events: {
        onCall: (worker, parent, records, at) => nested.begin(pool, worker, parent, records, at),
        onCallRecord: (worker, records, at) => nested.receive(pool, worker, records, at),
        onWorkerEnd: (worker) => nested.end(pool, worker),
        onLog: (worker, entry) => runFork(HandlerContext.logEntry(entry, worker.label)),
        onOutput: (worker, stream, line) => {
          if (options.output === "ignore") return
          const log = stream === "stdout" ? Effect.logInfo(line) : Effect.logWarning(line)
          runFork(Effect.annotateLogs(log, { worker: worker.label, stream }))
        }
      }
    })
    yield* Effect.addFinalizer(() => Effect.callback<void>((resume) => pool.close(() => resume(Effect.void))))
    yield* registerMetrics(options.name ?? kind, pool)
    if (options.warmUp) {
      pool.keepAlive(true)
      yield* Effect.callback<void, ModuleInvalid>((resume) =>
        pool.whenReady((failure) => resume(failure === undefined ? Effect.void : Effect.fail(failure)))
      ).pipe(Effect.ensuring(Effect.sync(() => pool.keepAlive(false))))
    }

    return yield* TaskRunner.make({
      execute: Job.executeOn(pool),
      stream: Job.streamOn(pool),
      cancels: true,
      pause: Effect.sync(() => pool.pause()),
      resume: Effect.sync(() => pool.resume()),
      resize: (size) => Effect.sync(() => pool.resize(size)),
      stats: Effect.sync(() => pool.stats),
      nested,
      onBusy: pool.keepAlive,
      shutdownGrace: options.shutdownGrace
    })
  })
