/**
 * Runs tasks in child processes.
 *
 * For work that must not share memory with this process: native code that may crash, a working directory or an
 * environment of its own, a heap of its own. Children end with this process, however it ends.
 *
 * @since 0.1.0
 */
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
  /** Added to this process's environment, for the children. */
  readonly env?: Record<string, string> | undefined
  /** Options for Node in the children, such as `--max-old-space-size=512`. They follow the conditions of this program,
   * `--conditions=...`. */
  readonly execArgv?: ReadonlyArray<string> | undefined
  /** The working directory of the children. This process's by default. */
  readonly cwd?: string | undefined
}

/**
 * Runs tasks in child processes.
 *
 * **Details**
 *
 * Fails with `ModuleInvalid` only with `warmUp` or `bundle`; otherwise that error is one of the tasks that wait for a worker.
 *
 * **Example** (Work in a process of its own)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { ProcessRunner, Task } from "effect-strand"
 *
 * const ownProcess = Task.portable("ownProcess", (parent: number) => process.pid !== parent)
 *
 * const program = ownProcess.run(process.pid).pipe(Effect.provide(ProcessRunner.layer({ size: 1 })))
 *
 * console.log(await Effect.runPromise(program))
 * // prints: true
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
        Promise.all([import("./internal/pool/PoolRunner.ts"), import("./internal/pool/ProcessTransport.ts")])
      )
      return yield* make("processes", options, (entry) => spawn({ ...options, entry }))
    })
  )
