/** Tasks whose code is a plain function. */
import type * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type { RunOptions } from "./CallOptions.ts"
import * as Portable from "../values/Portable.ts"
import type * as Task from "../../Task.ts"
import { define } from "./TaskMethods.ts"

/**
 * The payload of a plain function: nothing, its one argument, or the tuple of its arguments. One with arguments that need
 * not be given, be it its only one, takes a tuple.
 */
export type FunctionPayload<Args extends ReadonlyArray<unknown>> = Args extends readonly []
  ? void
  : Args extends readonly [infer Only]
    ? Only
    : Args

type FunctionResult<Out> = Out extends Effect.Effect<infer A, unknown, unknown> ? A : Awaited<Out>

/** A value that crosses by structured clone, of a type that only the compiler knows. */
export interface Cloned<T> extends Schema.ConstraintCodec<T> {
  readonly "~type.make.in": T
}

/** A task whose code is a plain function. */
export interface FunctionTask<Name extends string, In, Out> extends Task.Task<
  Name,
  Cloned<In>,
  Cloned<Out>,
  typeof Schema.Never
> {
  /** The function as a handler. */
  readonly layer: Layer.Layer<Task.Handler<Name>>

  /** The same task with an annotation. */
  annotate<I, S>(key: Context.Key<I, S>, value: NoInfer<S>): FunctionTask<Name, In, Out>

  /** The same task with several annotations. Those of the same keys are replaced. */
  annotateMerge<I>(annotations: Context.Context<I>): FunctionTask<Name, In, Out>
}

const fromFunction = (
  name: string,
  f: Portable.AnyFunction,
  options: RunOptions | undefined,
  portable: Portable.Portable | undefined
) => {
  const task = define("effect", name, { ...options, payload: Schema.Any, success: Schema.Any, portable })
  task.layer = task.toLayer((payload: unknown) => Portable.call(f, payload))
  return task
}

/**
 * Makes a task of a plain function: definition and handler in one.
 *
 * **Details**
 *
 * The function may give a value, a Promise or an Effect. Its one argument is the payload; of several arguments it is
 * their tuple. Values cross by structured clone, unchecked. What it throws is a defect of the call. To run in a thread or
 * a process, the function's `layer` has to be in the tasks module; see {@link portable} for functions without a module.
 *
 * **Example** (A function off the current fiber)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { FiberRunner, Task } from "effect-strand"
 *
 * const double = Task.fn("double", (x: number) => x * 2)
 *
 * const program = double.run(21).pipe(Effect.provide(FiberRunner.layer(double.layer)))
 *
 * console.log(await Effect.runPromise(program))
 * // prints: 42
 * ```
 */
export const fn: <const Name extends string, Args extends ReadonlyArray<unknown>, Out>(
  name: Name,
  f: (...args: Args) => Out,
  options?: RunOptions
) => FunctionTask<Name, FunctionPayload<Args>, FunctionResult<Out>> = (name, f, options) =>
  fromFunction(name, f as Portable.AnyFunction, options, undefined)

/**
 * Makes a task of a small function that travels by its source: no tasks module is needed, any thread or process can run
 * it.
 *
 * **Gotchas**
 *
 * The function must stand alone: it sees its arguments and the globals of where it runs. If it takes a variable from
 * outside, the first call fails with `NotTransferable`, which names the variable. It may load modules with
 * `await import("node:...")`.
 *
 * **Example** (A function without a module)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Task, ThreadRunner } from "effect-strand"
 *
 * const add = Task.portable("add", (a: number, b: number) => a + b)
 *
 * const program = add.run([40, 2]).pipe(Effect.provide(ThreadRunner.layer({ size: 1 })))
 *
 * console.log(await Effect.runPromise(program))
 * // prints: 42
 * ```
 */
export const portable: <const Name extends string, Args extends ReadonlyArray<unknown>, Out>(
  name: Name,
  f: (...args: Args) => Out,
  options?: RunOptions
) => FunctionTask<Name, FunctionPayload<Args>, FunctionResult<Out>> = (name, f, options) =>
  fromFunction(name, f as Portable.AnyFunction, options, Portable.make(f as Portable.AnyFunction))
