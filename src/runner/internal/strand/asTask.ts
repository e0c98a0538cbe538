/**
 * Plain functions that run elsewhere, for people in a hurry.
 *
 * `asTask` needs no definition, no tasks module and no Layer: the function travels by its source, to runners that all
 * functions of a program share and that are started by the first call. Work with errors of its own, with streams or with
 * a store deserves a task.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Portable from "../../../internal/values/Portable.ts"
import * as Task from "../../../Task.ts"
import type { TaskError } from "../../../TaskError.ts"
import { TaskRunner } from "../../../TaskRunner.ts"
import * as FiberRunner from "../../FiberRunner.ts"
import * as ProcessRunner from "../../ProcessRunner.ts"
import * as ThreadRunner from "../../ThreadRunner.ts"

/** Where a plain function can run. */
export type Target = "thread" | "process" | "fiber" | "inline"

/** Options of {@link asTask}: those of every call, and where it runs. */
export interface Options<A, Given extends ReadonlyArray<unknown> = [], E = never> extends Omit<
  Task.CallOptions<A, TaskError | E>,
  "runner"
> {
  /**
   * `"thread"` and `"process"`: one of the workers that all functions share, of which there are as many as processors, and
   * none while there is nothing to do. `"fiber"` and `"inline"`: in this thread. Or a runner's Layer, which is built at the
   * first call and kept: a store's takes a function that a reader with `allowPortable` runs.
   *
   * @default "thread"
   */
  readonly runner?: Target | Layer.Layer<TaskRunner, E> | undefined
  /**
   * The task's name, in logs, errors and lists.
   *
   * @default the function's name
   */
  readonly name?: string | undefined
  /** The first arguments of the function, in advance. They travel with the call. */
  readonly given?: Given | undefined
}

/** The types of the arguments behind those that are given. */
type Behind<Args extends ReadonlyArray<unknown>, Given extends ReadonlyArray<unknown>> = Args extends readonly [
  ...{ [K in keyof Given]: unknown },
  ...infer Rest
]
  ? Rest
  : never

type Result<Out> = Out extends Effect.Effect<infer A, unknown, unknown> ? A : Awaited<Out>

const shared: Record<Target, Layer.Layer<TaskRunner, TaskError>> = {
  thread: Layer.suspend(() => ThreadRunner.layer({ name: "asTask threads", minSize: 0, shutdownGrace: 0 })),
  process: Layer.suspend(() => ProcessRunner.layer({ name: "asTask processes", minSize: 0, shutdownGrace: 0 })),
  fiber: FiberRunner.layer(Layer.empty, { name: "asTask fibers" }),
  inline: FiberRunner.layerInline(Layer.empty, { name: "asTask inline" })
}

const runtimes = new Map<Layer.Layer<TaskRunner, unknown>, ManagedRuntime.ManagedRuntime<TaskRunner, unknown>>()

/** The runner of a Layer, made once for this program. */
const runnerOf = <E>(layer: Layer.Layer<TaskRunner, E>): Effect.Effect<TaskRunner["Service"], E> => {
  let runtime = runtimes.get(layer) as ManagedRuntime.ManagedRuntime<TaskRunner, E> | undefined
  if (runtime === undefined) {
    runtime = ManagedRuntime.make(layer)
    runtimes.set(layer, runtime)
  }
  return Effect.map(runtime.contextEffect, (context) => Context.get(context, TaskRunner))
}

/**
 * Makes a function run elsewhere: what it gives is an Effect of what the function gives.
 *
 * **Details**
 *
 * The function may be plain, asynchronous, or give an Effect. What it throws, rejects with or fails with is a defect of the
 * call. In threads and processes values cross by structured clone. Interrupting a call stops the work, also when it is a
 * busy loop. The runners end with the program, keep it alive only while calls are under way, and their workers end when
 * they have had nothing to do for ten seconds.
 *
 * **Gotchas**
 *
 * In threads and processes the function has to stand alone, as with `Task.portable`: it sees its arguments and the globals
 * of where it runs, and may load modules with `await import("node:...")`.
 *
 * **Example** (A busy function off the main thread)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Strand } from "effect-strand"
 *
 * const fibonacci = Strand.asTask(
 *   (n: number) => {
 *     const at = (n: number): number => (n < 2 ? n : at(n - 1) + at(n - 2))
 *     return at(n)
 *   },
 *   { runner: "thread" }
 * )
 *
 * console.log(await Effect.runPromise(Effect.all([fibonacci(20), fibonacci(25)], { concurrency: "unbounded" })))
 * // prints: [ 6765, 75025 ]
 * ```
 */
export const asTask = <
  Args extends ReadonlyArray<unknown>,
  Out,
  const Given extends ReadonlyArray<unknown> = [],
  E = never
>(
  f: (...args: Args) => Out,
  options: Options<Result<Out>, Given, E> = {}
): ((...args: Behind<Args, Given>) => Effect.Effect<Result<Out>, TaskError | E>) => {
  const { given, name, runner = "thread", ...callOptions } = options
  const task = Task.portable(name ?? (f.name || "function"), f as (...args: ReadonlyArray<unknown>) => Out)
  const layer: Layer.Layer<TaskRunner, TaskError | E> = typeof runner === "string" ? shared[runner] : runner
  return (...rest) =>
    Effect.flatMap(runnerOf(layer), (service) => {
      const args = [...(given ?? []), ...rest]
      const payload = Portable.takesSeveral(f as Portable.AnyFunction) ? args : args[0]
      return Effect.provideService(task.run(payload as never, callOptions as never), TaskRunner, service)
    }) as Effect.Effect<Result<Out>, TaskError | E>
}
