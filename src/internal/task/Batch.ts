/** Runs many tasks at once: what `Task.all`, `Task.forEach`, `Task.forkAll`, `Task.asCompleted` do. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { type RunOptions, type TaskDefinition, TypeId } from "../../TaskDefinition.ts"
import type { TaskError } from "../../TaskError.ts"
import { TaskRunner } from "../../TaskRunner.ts"
import { Methods, requestOf } from "./TaskMethods.ts"

interface Options extends RunOptions {
  readonly concurrency?: number | "unbounded" | undefined
  readonly chunkSize?: number | undefined
  readonly onProgress?: ((completed: number, total: number) => Effect.Effect<void>) | undefined
  readonly mode?: "default" | "result" | undefined
  readonly discard?: boolean | undefined
}

// The signatures of `Task.ts` say which types come out of the erased ones here.

export const all = (
  calls: Iterable<Effect.Effect<unknown, unknown, unknown>> | Record<string, Effect.Effect<unknown, unknown, unknown>>,
  options?: Options
) => Effect.all(calls, { concurrency: "unbounded", ...options }) as never

const chunked = <A>(items: ReadonlyArray<A>, options: Options | undefined): ReadonlyArray<ReadonlyArray<A>> => {
  const concurrency = options?.concurrency ?? "unbounded"
  const size =
    options?.chunkSize === 0
      ? Math.max(1, Math.ceil(items.length / (concurrency === "unbounded" ? items.length || 1 : concurrency)))
      : (options?.chunkSize ?? 1)
  const chunks: Array<ReadonlyArray<A>> = []
  for (let start = 0; start < items.length; start += size) chunks.push(items.slice(start, start + size))
  return chunks
}

const runOptions = (options: Options | undefined): RunOptions | undefined => {
  if (options === undefined) return undefined
  const { chunkSize: _1, concurrency: _2, discard: _3, mode: _4, onProgress: _5, ...rest } = options
  return rest
}

/** One call of several; with `mode: "result"` it does not fail. */
const callOf = (task: TaskDefinition, options: Options | undefined) => {
  const run = runOptions(options)
  return (payload: unknown): Effect.Effect<unknown, unknown, TaskRunner> => {
    const call = Methods.run.call(task, payload, run)
    return options?.mode === "result" ? Effect.result(call) : call
  }
}

const forEachOf = (task: TaskDefinition, payloads: Iterable<unknown>, options?: Options): never =>
  Effect.suspend(() => {
    const items = Array.from(payloads)
    const results: Array<unknown> = options?.discard ? [] : new Array(items.length)
    const call = callOf(task, options)
    let completed = 0
    const one = (index: number): Effect.Effect<void, unknown, TaskRunner> =>
      Effect.flatMap(call(items[index]), (value) => {
        if (!options?.discard) results[index] = value
        completed++
        return options?.onProgress === undefined ? Effect.void : options.onProgress(completed, items.length)
      })
    const chunks = chunked(Array.from(items.keys()), options)
    return Effect.as(
      Effect.forEach(chunks, (chunk) => Effect.forEach(chunk, one, { discard: true }), {
        concurrency: options?.concurrency ?? "unbounded",
        discard: true
      }),
      options?.discard ? undefined : results
    )
  }) as never

const forkAllOf = (task: TaskDefinition, payloads: Iterable<unknown>, options?: RunOptions) =>
  Effect.forEach(payloads, (payload) => Methods.fork.call(task, payload, options))

const forkAllDiscardOf = (
  task: TaskDefinition,
  payloads: Iterable<unknown>,
  options?: RunOptions
): Effect.Effect<ReadonlyArray<string>, TaskError, TaskRunner> =>
  Effect.contextWith((context: Context.Context<TaskRunner>) => {
    const runner = Context.get(context, TaskRunner)
    const requests = Array.from(payloads, (payload) => requestOf(context, task, payload, options))
    if (requests.length === 0) return Effect.succeed([])
    return runner.enqueue === undefined
      ? Effect.forEach(requests, (request) => Effect.map(runner.fork(request), (fiber) => fiber.taskId))
      : runner.enqueue(requests)
  })

const asCompletedOf = (task: TaskDefinition, payloads: Iterable<unknown>, options?: Options): never => {
  const call = callOf(task, options)
  return Stream.fromIterable(payloads).pipe(
    Stream.zipWithIndex,
    Stream.mapEffect(([payload, index]) => Effect.map(call(payload), (value) => ({ index, payload, value })), {
      concurrency: options?.concurrency ?? 16,
      unordered: true
    })
  ) as never
}

/** The same of a task that is given last. */
const withDataLast = <O, A>(f: (task: TaskDefinition, payloads: Iterable<unknown>, options?: O) => A) =>
  dual<(payloads: Iterable<unknown>, options?: O) => (task: TaskDefinition) => A, typeof f>(
    (args) => Predicate.hasProperty(args[0], TypeId),
    f
  )

export const forEach = withDataLast(forEachOf)
export const forkAll = withDataLast(forkAllOf)
export const forkAllDiscard = withDataLast(forkAllDiscardOf)
export const asCompleted = withDataLast(asCompletedOf)
