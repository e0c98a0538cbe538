/**
 * Runs many tasks at once. What is here is reached as `Task.all`, `Task.forEach`, `Task.forkAll`, `Task.asCompleted`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type * as Task from "../../Task.ts"
import type { TaskError } from "../../TaskError.ts"
import type { TaskFiber } from "../../TaskFiber.ts"
import { requestOf } from "./TaskMethods.ts"
import { TaskRunner } from "../../TaskRunner.ts"

/** How many calls are in flight, and what becomes of the rest when one fails. */
export interface BatchOptions extends Task.RunOptions {
  /**
   * How many calls are in flight at once. The runner has a limit of its own; this one bounds what is handed to it.
   *
   * @default "unbounded"
   */
  readonly concurrency?: number | "unbounded" | undefined
  /**
   * How many payloads in a row make a chunk. The payloads of a chunk run one after the other, the chunks at the same
   * time. 0 spreads the payloads evenly: as many chunks as `concurrency` allows.
   *
   * @default 1
   */
  readonly chunkSize?: number | undefined
  /** Called after each call that has ended, with the number of those that have. */
  readonly onProgress?: ((completed: number, total: number) => Effect.Effect<void>) | undefined
}

type AnyTask = Task.Any & { readonly kind: "effect" }

/** A task whose types are known only to the signatures below. */
interface Erased {
  run(payload: unknown, options?: Task.RunOptions): Effect.Effect<unknown, unknown, TaskRunner>
  fork(payload: unknown, options?: Task.RunOptions): Effect.Effect<TaskFiber<unknown, unknown>, TaskError, TaskRunner>
}

const erase = (task: AnyTask): Erased => task as unknown as Erased

type Failure<T extends AnyTask> = Task.Error<T> | TaskError

/**
 * Runs several calls at once and waits for all of them: `Effect.all` whose concurrency is unbounded by default, because
 * the runner has a limit of its own.
 *
 * **Details**
 *
 * Takes an array, an iterable or a record of calls and gives the results in the same shape and order. The first failure
 * stops the rest; with `mode: "result"` nothing is stopped and each outcome is a `Result`.
 *
 * **Example** (Two tasks at once)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { FiberRunner, Task } from "effect-strand"
 *
 * const double = Task.make("double", { payload: Schema.Int, success: Schema.Int })
 *
 * const program = Task.all({ small: double.run(1), large: double.run(1000) }).pipe(
 *   Effect.provide(FiberRunner.layer(double.toLayer((n) => Effect.succeed(n * 2))))
 * )
 *
 * console.log(await Effect.runPromise(program))
 * // prints: { small: 2, large: 2000 }
 * ```
 */
export const all = <
  const Calls extends
    | Iterable<Effect.Effect<unknown, unknown, unknown>>
    | Record<string, Effect.Effect<unknown, unknown, unknown>>,
  Options extends {
    readonly concurrency?: number | "unbounded" | undefined
    readonly discard?: boolean | undefined
    readonly mode?: "default" | "result" | undefined
  } = {}
>(
  calls: Calls,
  options?: Options
): Effect.All.Return<Calls, Options> =>
  Effect.all(calls, { concurrency: "unbounded", ...options }) as unknown as Effect.All.Return<Calls, Options>

const chunked = <A>(items: ReadonlyArray<A>, options: BatchOptions | undefined): ReadonlyArray<ReadonlyArray<A>> => {
  const concurrency = options?.concurrency ?? "unbounded"
  const size =
    options?.chunkSize === 0
      ? Math.max(1, Math.ceil(items.length / (concurrency === "unbounded" ? items.length || 1 : concurrency)))
      : (options?.chunkSize ?? 1)
  const chunks: Array<ReadonlyArray<A>> = []
  for (let start = 0; start < items.length; start += size) chunks.push(items.slice(start, start + size))
  return chunks
}

const runOptions = (options: BatchOptions | undefined): Task.RunOptions | undefined => {
  if (options === undefined) return undefined
  const { chunkSize: _1, concurrency: _2, onProgress: _3, ...rest } = options
  return rest
}

/**
 * Runs a task once for each payload and gives the results in the order of the payloads.
 *
 * **Details**
 *
 * The first failure stops the rest; with `mode: "result"` nothing is stopped and each outcome is a `Result`. With
 * `discard` the results are not kept.
 *
 * **Example** (A task over a list)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { FiberRunner, Task } from "effect-strand"
 *
 * const double = Task.make("double", { payload: Schema.Int, success: Schema.Int })
 *
 * const program = Task.forEach(double, [1, 2, 3], { concurrency: 2 }).pipe(
 *   Effect.provide(FiberRunner.layer(double.toLayer((n) => Effect.succeed(n * 2))))
 * )
 *
 * console.log(await Effect.runPromise(program))
 * // prints: [ 2, 4, 6 ]
 * ```
 */
export const forEach: {
  <T extends AnyTask>(
    task: T,
    payloads: Iterable<Task.Input<T>>,
    options: BatchOptions & { readonly mode: "result"; readonly discard?: false | undefined }
  ): Effect.Effect<Array<Result.Result<Task.Success<T>, Failure<T>>>, never, TaskRunner>
  <T extends AnyTask>(
    task: T,
    payloads: Iterable<Task.Input<T>>,
    options: BatchOptions & { readonly discard: true; readonly mode?: "default" | undefined }
  ): Effect.Effect<void, Failure<T>, TaskRunner>
  <T extends AnyTask>(
    task: T,
    payloads: Iterable<Task.Input<T>>,
    options?: BatchOptions & { readonly mode?: "default" | undefined; readonly discard?: false | undefined }
  ): Effect.Effect<Array<Task.Success<T>>, Failure<T>, TaskRunner>
} = ((
  task: AnyTask,
  payloads: Iterable<unknown>,
  options?: BatchOptions & { readonly mode?: "default" | "result" | undefined; readonly discard?: boolean | undefined }
) =>
  Effect.suspend(() => {
    const { discard, mode, ...batch } = options ?? {}
    const items = Array.from(payloads)
    const results: Array<unknown> = discard ? [] : new Array(items.length)
    const run = runOptions(batch)
    let completed = 0
    const one = (index: number): Effect.Effect<void, unknown, TaskRunner> => {
      const call = erase(task).run(items[index], run)
      return Effect.flatMap(mode === "result" ? Effect.result(call) : call, (value) => {
        if (!discard) results[index] = value
        completed++
        return batch.onProgress === undefined ? Effect.void : batch.onProgress(completed, items.length)
      })
    }
    const chunks = chunked(Array.from(items.keys()), batch)
    return Effect.as(
      Effect.forEach(chunks, (chunk) => Effect.forEach(chunk, one, { discard: true }), {
        concurrency: batch.concurrency ?? "unbounded",
        discard: true
      }),
      discard ? undefined : results
    )
  })) as typeof forEach

/** Starts a task once for each payload and gives the handles, in the order of the payloads, when all are accepted. */
export const forkAll = <T extends AnyTask>(
  task: T,
  payloads: Iterable<Task.Input<T>>,
  options?: Task.RunOptions
): Effect.Effect<Array<TaskFiber<Task.Success<T>, Failure<T>>>, TaskError, TaskRunner> =>
  Effect.forEach(payloads, (payload) => erase(task).fork(payload, options)) as Effect.Effect<
    Array<TaskFiber<Task.Success<T>, Failure<T>>>,
    TaskError,
    TaskRunner
  >

/**
 * Starts a task once for each payload and gives the ids, in the order of the payloads, when all are accepted. A runner
 * with a store keeps all of them, or when that fails none, in one transaction.
 *
 * **Example** (Many tasks without handles)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { FiberRunner, Task, TaskRunner } from "effect-strand"
 *
 * const greet = Task.make("greet", { payload: Schema.String })
 *
 * const program = Effect.gen(function* () {
 *   const ids = yield* Task.forkAllDiscard(greet, ["Ada", "Grace"])
 *   yield* TaskRunner.TaskRunner.use((runner) => runner.awaitIdle())
 *   return ids.length
 * }).pipe(Effect.provide(FiberRunner.layer(greet.toLayer(() => Effect.void))))
 *
 * console.log(await Effect.runPromise(program))
 * // prints: 2
 * ```
 */
export const forkAllDiscard = <T extends AnyTask>(
  task: T,
  payloads: Iterable<Task.Input<T>>,
  options?: Task.RunOptions
): Effect.Effect<ReadonlyArray<string>, TaskError, TaskRunner> =>
  Effect.contextWith((context: Context.Context<TaskRunner>) => {
    const runner = Context.get(context, TaskRunner)
    const requests = Array.from(payloads, (payload) => requestOf(context, task, payload, options))
    if (requests.length === 0) return Effect.succeed([])
    return runner.enqueue === undefined
      ? Effect.forEach(requests, (request) => Effect.map(runner.fork(request), (fiber) => fiber.taskId))
      : runner.enqueue(requests)
  })

/** A call that has ended, and which one it was. */
export interface Completed<out P, out A> {
  /** The position of the payload in the list of payloads. */
  readonly index: number
  readonly payload: P
  readonly value: A
}

/**
 * Runs a task once for each payload and gives the results as a Stream, in the order in which they come.
 *
 * **Details**
 *
 * The first failure ends the stream and stops the rest; with `mode: "result"` each value is a `Result` and nothing is
 * stopped. `concurrency` defaults to 16 here, since payloads are drawn from the list as results are read.
 */
export const asCompleted: {
  <T extends AnyTask>(
    task: T,
    payloads: Iterable<Task.Input<T>>,
    options: Omit<BatchOptions, "chunkSize" | "onProgress"> & { readonly mode: "result" }
  ): Stream.Stream<Completed<Task.Input<T>, Result.Result<Task.Success<T>, Failure<T>>>, never, TaskRunner>
  <T extends AnyTask>(
    task: T,
    payloads: Iterable<Task.Input<T>>,
    options?: Omit<BatchOptions, "chunkSize" | "onProgress"> & { readonly mode?: "default" | undefined }
  ): Stream.Stream<Completed<Task.Input<T>, Task.Success<T>>, Failure<T>, TaskRunner>
} = ((
  task: AnyTask,
  payloads: Iterable<unknown>,
  options?: Omit<BatchOptions, "chunkSize" | "onProgress"> & { readonly mode?: "default" | "result" | undefined }
) => {
  const { mode, ...batch } = options ?? {}
  const run = runOptions(batch)
  return Stream.fromIterable(payloads).pipe(
    Stream.zipWithIndex,
    Stream.mapEffect(
      ([payload, index]) => {
        const call = erase(task).run(payload, run)
        return Effect.map(mode === "result" ? Effect.result(call) : call, (value) => ({ index, payload, value }))
      },
      { concurrency: batch.concurrency ?? 16, unordered: true }
    )
  )
}) as typeof asCompleted
