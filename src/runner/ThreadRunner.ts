/**
 * Runs tasks in worker threads of this process.
 *
 * For work that computes: each thread has its own event loop, and this one stays free. Bytes can move to a thread without
 * being copied. A thread that runs a busy loop, exhausts its memory or exits is replaced, and only the tasks that it was
 * working on are affected.
 *
 * @since 0.1.0
 */
import type { ResourceLimits } from "node:worker_threads"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as PoolRunner from "./internal/pool/PoolRunner.ts"
import type { ModuleInvalid } from "../TaskError.ts"
import { TaskRunner } from "../TaskRunner.ts"

/**
 * Options of {@link layer}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends PoolRunner.Options {
  /** How much memory a thread may use, in megabytes. */
  readonly resourceLimits?: ResourceLimits | undefined
  /** Added to this process's environment, for the threads. */
  readonly env?: Record<string, string> | undefined
  /** Options for Node in the threads, such as `--no-warnings`. They follow the conditions of this program, `--conditions=...`. */
  readonly execArgv?: ReadonlyArray<string> | undefined
}

/**
 * Runs tasks in worker threads.
 *
 * **Details**
 *
 * Fails with `ModuleInvalid` only with `warmUp` or `bundle`; otherwise that error is one of the tasks that wait for a worker.
 *
 * **Example** (CPU-bound work off the main thread)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Task, ThreadRunner } from "effect-strand"
 *
 * const sum = Task.portable("sum", (n: number) => {
 *   let total = 0
 *   for (let i = 1; i <= n; i++) total += i
 *   return total
 * })
 *
 * const program = Task.forEach(sum, [10, 100, 1000]).pipe(Effect.provide(ThreadRunner.layer({ size: 2 })))
 *
 * console.log(await Effect.runPromise(program))
 * // prints: [ 55, 5050, 500500 ]
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<TaskRunner, ModuleInvalid> =>
  Layer.effect(
    TaskRunner,
    Effect.gen(function* () {
      // Loaded here, so that a program which only defines tasks does not load the pool.
      const [{ make }, { spawn }] = yield* Effect.promise(() =>
        Promise.all([import("./internal/pool/PoolRunner.ts"), import("./internal/pool/ThreadTransport.ts")])
      )
      return yield* make("threads", options, (entry) => spawn({ ...options, entry }))
    })
  )
