/**
 * Runs the tasks of a store on a runner of this program.
 *
 * A reader takes tasks from queues and hands each to the `TaskRunner` that it is given: fibers, threads or processes. It
 * writes how they end, decides when a failed one is tried again, and gives back what it cannot finish. Any number of
 * readers, in any number of programs, share the work of one store. {@link StoreRunner} is where the tasks come from.
 *
 * @since 0.2.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { millis, wholeNumber } from "../internal/values/options.ts"
import { type Consumer, TaskQueue } from "../store/TaskQueue.ts"
import type * as Task from "../Task.ts"
import type { StoreFailure } from "../TaskError.ts"
import { TaskRunner } from "../TaskRunner.ts"
import { Reading } from "./internal/stored/Reading.ts"
import * as StoredTask from "./internal/stored/StoredTask.ts"

/**
 * Options of {@link layer}.
 *
 * @category models
 * @since 0.2.0
 */
export interface Options {
  /**
   * The definitions of the tasks that it runs. The runner must have handlers for them. Tasks with other names are left to
   * other readers, and logged as a warning, once for each name.
   */
  readonly tasks: ReadonlyArray<Task.Any>
  /**
   * The queues that it takes from.
   *
   * @default all
   */
  readonly queues?: ReadonlyArray<string> | undefined
  /**
   * How many tasks it runs at once.
   *
   * @default 10
   */
  readonly concurrency?: number | undefined
  /**
   * How many tasks it takes at once. By default it takes what it has room for, and while tasks are short, several times as
   * much ahead, as long as none of them waits here for more than about 10 milliseconds.
   */
  readonly batchSize?: number | undefined
  /**
   * After how long without a sign of life its tasks pass to other readers. While it lives it gives such signs by itself.
   *
   * @default "30 seconds"
   */
  readonly lease?: Duration.Input | undefined
  /**
   * How often it looks for tasks that nobody has announced.
   *
   * @default "1 second"
   */
  readonly pollInterval?: Duration.Input | undefined
  /**
   * How long the end of the Layer waits for the tasks that run. What takes longer is interrupted and goes back into its
   * queue, and so does what has not been started.
   *
   * @default "5 seconds"
   */
  readonly shutdownGrace?: Duration.Input | undefined
  /**
   * Whether it runs the functions of `Task.portable`, whose source comes from the store: whoever can write into the store
   * can then run any code here.
   *
   * @default false
   */
  readonly allowPortable?: boolean | undefined
}

/** The definitions by their names. Two of one name are a defect. */
const byName = (tasks: ReadonlyArray<Task.Any>): ReadonlyMap<string, Task.Any> => {
  const out = new Map<string, Task.Any>()
  for (const task of tasks) {
    if (task.kind === "stream") throw new Error(`Task "${task.name}" is a stream, which no store holds`)
    if (out.has(task.name)) throw new Error(`Two different tasks are named "${task.name}". Rename one of them`)
    out.set(task.name, task)
  }
  return out
}

/** Tells of the tasks that wait for a reader that knows them. */
const reportUnknown = (consumer: Consumer): Effect.Effect<void> => {
  const reported = new Set<string>()
  const look = Effect.flatMap(consumer.unknown, (unknown) =>
    Effect.forEach(
      unknown.filter(({ name }) => !reported.has(name)),
      ({ count, name }) => {
        reported.add(name)
        return Effect.logWarning(
          name === StoredTask.portableName
            ? `${count} functions of Task.portable wait in the store, which this reader does not run. ` +
                `Set its option allowPortable if it is to trust their source`
            : `${count} tasks named "${name}" wait in the store, and this reader does not know them. ` +
                `Add the task's definition to its option tasks, unless another reader runs them`
        )
      },
      { discard: true }
    )
  )
  return look.pipe(
    Effect.catch((error) => Effect.logWarning(error.message)),
    Effect.repeat(Schedule.spaced("30 seconds")),
    Effect.asVoid
  )
}

const make = (options: Options) =>
  Effect.gen(function* () {
    const tasks = byName(options.tasks)
    const names = Array.from(tasks.keys())
    if (options.allowPortable) names.push(StoredTask.portableName)
    const reading = new Reading({
      context: yield* Effect.context<TaskRunner>(),
      runner: yield* TaskRunner,
      tasks,
      concurrency: wholeNumber("concurrency", options.concurrency ?? 10, 1),
      batchSize: options.batchSize === undefined ? undefined : wholeNumber("batchSize", options.batchSize, 1),
      pollInterval: millis(options.pollInterval ?? "1 second")
    })
    const queue = yield* TaskQueue
    const consumer = yield* queue.consume({
      tasks: names,
      queues: options.queues,
      lease: millis(options.lease ?? "30 seconds"),
      pollInterval: millis(options.pollInterval ?? "1 second"),
      onSignal: reading.onSignal
    })
    yield* Effect.addFinalizer(() => reading.stop(options.shutdownGrace ?? "5 seconds"))
    yield* Effect.forkScoped(reportUnknown(consumer))
    reading.start(consumer)
  })

/**
 * Reads tasks from a store and runs them, for as long as the Layer is there.
 *
 * **Details**
 *
 * The handlers' own calls of tasks go to the same runner, and not into the store. What handlers log goes to the Logger of
 * the reader. A task whose handler was interrupted with its reader is started again; the store counts how often, up to
 * its `maxAttempts`.
 *
 * **Example** (A program that works off a queue)
 *
 * ```ts
 * import { Console, Deferred, Effect, Layer, Schema } from "effect"
 * import { FiberRunner, StoreReader, StoreRunner, Task } from "effect-strand"
 * import * as SqliteStore from "effect-strand/SqliteStore"
 *
 * const print = Task.make("print", { payload: Schema.String, queue: "printer" })
 * const printed = Deferred.makeUnsafe<void>()
 *
 * const handlers = print.toLayer((text) => Effect.andThen(Console.log(`printed: ${text}`), Deferred.succeed(printed, undefined)))
 *
 * const Store = SqliteStore.layer({ filename: "printer.db" })
 *
 * const Reader = StoreReader.layer({ tasks: [print], queues: ["printer"], concurrency: 1 }).pipe(
 *   Layer.provide(FiberRunner.layer(handlers)),
 *   Layer.provide(Store)
 * )
 *
 * const call = Effect.provide(print.forkDiscard("a letter"), StoreRunner.layer.pipe(Layer.provide(Store)))
 *
 * // A program that only reads is `Layer.launch(Reader)`.
 * await Effect.runPromise(Effect.andThen(call, Deferred.await(printed)).pipe(Effect.provide(Reader)))
 *
 * // prints: printed: a letter
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (options: Options): Layer.Layer<never, StoreFailure, TaskRunner | TaskQueue> =>
  Layer.effectDiscard(make(options))
