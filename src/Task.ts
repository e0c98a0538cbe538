/**
 * Defines units of work that run anywhere.
 *
 * A task is a name with the schemas of its payload, its success and its error. It has no code of its own: the code is
 * a handler, made a Layer by `task.toLayer(handler)`. Because the two are apart, a program can call a task without
 * loading what does the work, and a Layer alone decides whether the handler runs in a fiber, a thread or a process.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Cause from "effect/Cause"
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { Pipeable } from "effect/Pipeable"
import * as Predicate from "effect/Predicate"
import type * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Batch from "./internal/task/Batch.ts"
import * as FunctionTasks from "./internal/task/FunctionTask.ts"
import type * as Partial from "./internal/task/Partial.ts"
import { define } from "./internal/task/TaskMethods.ts"
import type { TaskContext } from "./TaskContext.ts"
import * as TaskDefinition from "./TaskDefinition.ts"
import type { PayloadInput, RunOptions } from "./TaskDefinition.ts"
import type { TaskError } from "./TaskError.ts"
import type * as TaskFiber from "./TaskFiber.ts"
import type * as TaskHandlers from "./TaskHandlers.ts"
import type { TaskRunner } from "./TaskRunner.ts"

export type { PayloadInput, RetryOptions, RetryPolicy, RunOptions, Transferable } from "./TaskDefinition.ts"

/** A schema that needs no services to encode and decode. */
type AnySchema = Schema.Constraint & { readonly DecodingServices: never; readonly EncodingServices: never }

/**
 * Any task, of one result or of many, as runners see it.
 *
 * @category utility types
 * @since 0.1.0
 */
export type Any = TaskDefinition.TaskDefinition

/**
 * How one call is run, and what is done with what comes of it.
 *
 * @category models
 * @since 0.1.0
 */
export interface CallOptions<A, in E> extends RunOptions<E>, ResultHooks<A, E> {
  readonly discardResult?: false | undefined
}

/**
 * How a call is run whose result nobody wants.
 *
 * @category models
 * @since 0.3.0
 */
export interface DiscardOptions<in E> extends RunOptions<E>, Hooks<void, E> {
  /** Whether the result is thrown away where the task runs: it is neither sent back nor kept in a store. */
  readonly discardResult: true
}

/**
 * How a stream is run: its handler is not started again once elements have come out of it.
 *
 * @category models
 * @since 0.1.0
 */
export type StreamOptions = Omit<RunOptions, "retry" | StoreOption>

/**
 * How a stream is run whose elements go to hooks.
 *
 * @category models
 * @since 0.3.0
 */
export interface StreamCallOptions<in A, in E> extends StreamOptions, StreamHooks<A, E> {}

type StoreOption = "idempotencyKey" | "timeToLive" | "maxAttempts" | "queue" | "concurrencyKey"

/**
 * What to do when something comes of a call.
 *
 * **Details**
 *
 * Hooks run where the task was called, in its caller's context, whatever the runner: never in a worker. A call is over,
 * and its handle completed, when its hooks are. A hook may give an Effect or a Promise, which is waited for. What `onIter`
 * and `onEnd` throw is a defect of the call, of which `onError` is told like of any other. Interruption calls no hook.
 *
 * @category models
 * @since 0.3.0
 */
export interface Hooks<in A, in E> {
  /** Called once with the result, after all calls of `onIter`. */
  readonly onEnd?: ((value: A) => unknown) | undefined
  /** Called once when the task fails: with a typed error, an error of the runner or a defect. */
  readonly onError?: ((cause: Cause.Cause<E>) => unknown) | undefined
}

/**
 * The hooks of a task with one result.
 *
 * @category models
 * @since 0.3.0
 */
export interface ResultHooks<A, in E> extends Hooks<A, E> {
  /** Called with each element of a result that is an array or another iterable, one after the other. */
  readonly onIter?: ((element: Element<A>) => unknown) | undefined
}

/** The elements of an iterable. */
type Element<A> = A extends Iterable<infer Each> ? Each : never

/**
 * The hooks of a streaming task.
 *
 * @category models
 * @since 0.3.0
 */
export interface StreamHooks<in A, in E> extends Hooks<void, E> {
  /** Called with each element, one after the other. The next one is not read before this has been dealt with. */
  readonly onIter?: ((element: A) => unknown) | undefined
}

/**
 * What the methods of a task take: its payload, which a task without one leaves out, and the options of the call.
 *
 * @category utility types
 * @since 0.1.0
 */
export type Args<Payload extends Schema.Constraint, Options = RunOptions> = [void] extends [PayloadInput<Payload>]
  ? [payload?: PayloadInput<Payload>, options?: Options]
  : [payload: PayloadInput<Payload>, options?: Options]

/** What gives the handle of a call. */
type Forked<A, Error extends Schema.Constraint, Inbox extends Schema.Constraint, R = TaskRunner> = Effect.Effect<
  TaskFiber.TaskFiber<A, Error["Type"] | TaskError, Inbox["Type"]>,
  TaskError,
  R
>

/** Something, or an Effect that makes it. */
type OrMade<A, E, R> = A | Effect.Effect<A, E, R>

/** The Layer of a handler that needs `R`, and of what makes the handler. */
type HandlerLayer<Name extends string, R, EX, RX> = Layer.Layer<
  Handler<Name>,
  EX,
  Exclude<R, TaskContext | TaskRunner> | Exclude<RX, Scope.Scope>
>

interface Definition<
  Name extends string,
  Payload extends Schema.Constraint,
  Success extends Schema.Constraint,
  Error extends Schema.Constraint,
  Inbox extends Schema.Constraint
>
  extends Any, Pipeable {
  readonly name: Name
  readonly payload: Payload
  readonly success: Success
  readonly error: Error
  readonly inbox: Inbox | undefined
  /** Where the handler is found in a Context. */
  readonly handlerKey: Context.Key<Handler<Name>, TaskHandlers.TaskHandler>

  /**
   * What is sent to the running task, in its handler: what `send` of its handle is given. Ends when `endMessages` of the
   * handle says so. Each message is read once, by whoever reads first.
   */
  readonly messages: Stream.Stream<Inbox["Type"], never, TaskContext>

  /**
   * The same task with an annotation: something that a dashboard, a middleware or an API wants to know of it, by a key of
   * its own. {@link Title} and {@link Description} are such keys.
   */
  annotate<I, S>(key: Context.Key<I, S>, value: NoInfer<S>): this

  /** The same task with several annotations. Those of the same keys are replaced. */
  annotateMerge<I>(annotations: Context.Context<I>): this
}

/**
 * A task that gives one result.
 *
 * @category models
 * @since 0.1.0
 */
export interface Task<
  Name extends string,
  Payload extends Schema.Constraint = typeof Schema.Void,
  Success extends Schema.Constraint = typeof Schema.Void,
  Error extends Schema.Constraint = typeof Schema.Never,
  Inbox extends Schema.Constraint = typeof Schema.Never
> extends Definition<Name, Payload, Success, Error, Inbox> {
  readonly kind: "effect"

  /** Runs the task and waits for its result. Interrupting it stops the work. */
  run(
    payload: PayloadInput<Payload>,
    options: DiscardOptions<Error["Type"] | TaskError>
  ): Effect.Effect<void, Error["Type"] | TaskError, TaskRunner>
  run(
    ...args: Args<Payload, CallOptions<Success["Type"], Error["Type"] | TaskError>>
  ): Effect.Effect<Success["Type"], Error["Type"] | TaskError, TaskRunner>

  /**
   * Starts the task and gives its handle as soon as the runner has accepted it. The task lives in the runner's scope.
   */
  fork(payload: PayloadInput<Payload>, options: DiscardOptions<Error["Type"] | TaskError>): Forked<void, Error, Inbox>
  fork(
    ...args: Args<Payload, CallOptions<Success["Type"], Error["Type"] | TaskError>>
  ): Forked<Success["Type"], Error, Inbox>

  /** Like `fork`, but the task is stopped when the current scope ends. */
  forkScoped(
    ...args: Args<Payload, CallOptions<Success["Type"], Error["Type"] | TaskError>>
  ): Forked<Success["Type"], Error, Inbox, TaskRunner | Scope.Scope>

  /** Like `fork`, but gives the id alone. */
  forkDiscard(
    ...args: Args<Payload, RunOptions<Error["Type"] | TaskError> & { readonly discardResult?: boolean | undefined }>
  ): Effect.Effect<string, TaskError, TaskRunner>

  /**
   * The same task with a part of its payload given already: calls give the rest. Of a struct any fields can be given, of a
   * tuple the first elements.
   */
  partial<const Given extends Partial.Fixed<PayloadInput<Payload>>>(
    given: Given
  ): PartialTask<Task<Name, Partial.Payload<Payload, Given>, Success, Error, Inbox>>

  /**
   * Gives a handle of a call that was made before, by its id: on a runner with a store from any process, also after a
   * restart and when the task is over, on any other runner while the task lives there. Interrupting the handle cancels the
   * task.
   *
   * Fails with `TaskNotFound` when the runner knows no task with this id, with `TaskRejected` when it is one of another
   * definition.
   */
  attach(id: string): Forked<Success["Type"], Error, Inbox>

  /**
   * Makes a Layer of the code that does the task's work.
   *
   * **Details**
   *
   * Give the handler, or an Effect that makes it once for the life of the Layer. What the handler needs becomes a
   * requirement of the Layer; `TaskContext` and `TaskRunner` are there by themselves.
   */
  toLayer<R = never, EX = never, RX = never>(
    handler: OrMade<(payload: Payload["Type"]) => Effect.Effect<Success["Type"], Error["Type"] | TaskError, R>, EX, RX>
  ): HandlerLayer<Name, R, EX, RX>
}

/**
 * A task that gives many results, one after the other.
 *
 * @category models
 * @since 0.1.0
 */
export interface StreamTask<
  Name extends string,
  Payload extends Schema.Constraint = typeof Schema.Void,
  Success extends Schema.Constraint = typeof Schema.Void,
  Error extends Schema.Constraint = typeof Schema.Never,
  Inbox extends Schema.Constraint = typeof Schema.Never
> extends Definition<Name, Payload, Success, Error, Inbox> {
  readonly kind: "stream"

  /**
   * The results as a Stream. The handler runs no further ahead than a few chunks, and is stopped when the stream is left
   * early.
   */
  stream(...args: Args<Payload, StreamOptions>): Stream.Stream<Success["Type"], Error["Type"] | TaskError, TaskRunner>

  /** Runs the task to its end; its elements go to the hook `onIter`. */
  run(
    ...args: Args<Payload, StreamCallOptions<Success["Type"], Error["Type"] | TaskError>>
  ): Effect.Effect<void, Error["Type"] | TaskError, TaskRunner>

  /**
   * Starts the task and gives its handle as soon as the runner has accepted it. Its elements go to the hook `onIter`, which
   * is the way to read from a streaming task that can be sent messages.
   */
  fork(
    ...args: Args<Payload, StreamCallOptions<Success["Type"], Error["Type"] | TaskError>>
  ): Forked<void, Error, Inbox>

  /** The same task with a part of its payload given already. See {@link Task.partial}. */
  partial<const Given extends Partial.Fixed<PayloadInput<Payload>>>(
    given: Given
  ): PartialTask<StreamTask<Name, Partial.Payload<Payload, Given>, Success, Error, Inbox>>

  /** Makes a Layer of the code that does the task's work, which is a Stream. See {@link Task.toLayer}. */
  toLayer<R = never, EX = never, RX = never>(
    handler: OrMade<(payload: Payload["Type"]) => Stream.Stream<Success["Type"], Error["Type"] | TaskError, R>, EX, RX>
  ): HandlerLayer<Name, R, EX, RX>
}

/**
 * A task that knows a part of its payload. Its handler is the whole task's.
 *
 * @category models
 * @since 0.3.0
 */
export type PartialTask<T extends Any> = Omit<T, "toLayer" | "annotate" | "annotateMerge"> & {
  /** The same task with an annotation. See {@link Task.annotate}. */
  annotate<I, S>(key: Context.Key<I, S>, value: NoInfer<S>): PartialTask<T>

  /** The same task with several annotations. Those of the same keys are replaced. */
  annotateMerge<I>(annotations: Context.Context<I>): PartialTask<T>
}

/**
 * The annotation of a task's title: a few words for lists and headings.
 *
 * **Example** (A title and a description)
 *
 * ```ts
 * import { Context, Option } from "effect"
 * import { Task } from "effect-strand"
 *
 * const resize = Task.make("resize")
 *   .annotate(Task.Title, "Resize an image")
 *   .annotate(Task.Description, "Writes the image in three sizes beside the original.")
 *
 * console.log(resize.name, "is", Option.getOrNull(Context.getOption(resize.annotations, Task.Title)))
 * // prints: resize is Resize an image
 * ```
 *
 * @category annotations
 * @since 0.4.0
 */
export class Title extends Context.Service<Title, string>()("effect-strand/Task/Title") {}

/**
 * The annotation of what a task does, in sentences. See {@link Title}.
 *
 * @category annotations
 * @since 0.4.0
 */
export class Description extends Context.Service<Description, string>()("effect-strand/Task/Description") {}

/**
 * The identifier of a task's handler in Contexts and Layers.
 *
 * @category utility types
 * @since 0.1.0
 */
export type Handler<Name extends string> = TaskHandlers.Handler<Name>

/**
 * The payload type of a task, as its handler sees it.
 *
 * @category utility types
 * @since 0.1.0
 */
export type Payload<T extends Any> = T["payload"]["Type"]

/**
 * What a call of a task gives for its payload: fields with a constructor default may be missing, for a class its fields
 * will do, and of a partial task the rest is given.
 *
 * @category utility types
 * @since 0.4.0
 */
export type Input<T extends Any> = PayloadInput<T["payload"]>

/**
 * The result type of a task.
 *
 * @category utility types
 * @since 0.1.0
 */
export type Success<T extends Any> = T["success"]["Type"]

/**
 * The type of a task's own errors.
 *
 * @category utility types
 * @since 0.1.0
 */
export type Error<T extends Any> = T["error"]["Type"]

/**
 * The type of the messages to a task.
 *
 * @category utility types
 * @since 0.3.0
 */
export type Message<T extends Any> = NonNullable<T["inbox"]>["Type"]

/**
 * Tells tasks from other values.
 *
 * @category guards
 * @since 0.1.0
 */
export const isTask = (u: unknown): u is Any => Predicate.hasProperty(u, TaskDefinition.TypeId)

interface Schemas<Payload, Success, Error, Inbox> {
  readonly payload?: Payload | undefined
  readonly success?: Success | undefined
  readonly error?: Error | undefined
  /** What can be sent to the task while it runs. */
  readonly inbox?: Inbox | undefined
}

type PayloadSchema<P> = P extends Schema.Struct.Fields ? Schema.Struct<P> : P extends Schema.Constraint ? P : never

/**
 * Defines a task with one result.
 *
 * **Details**
 *
 * `payload` is a schema or the fields of a struct, and defaults to none; `success` defaults to `Schema.Void`, `error` to
 * `Schema.Never`. Every option of a call can be given as the task's default. The name must be unique among the tasks that
 * run together.
 *
 * **Example** (Defining, implementing and running a task)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { FiberRunner, Task } from "effect-strand"
 *
 * const shout = Task.make("shout", { payload: { text: Schema.String }, success: Schema.String })
 *
 * const handlers = shout.toLayer(({ text }) => Effect.succeed(text.toUpperCase()))
 *
 * const program = shout.run({ text: "hello" }).pipe(Effect.provide(FiberRunner.layer(handlers)))
 *
 * console.log(await Effect.runPromise(program))
 * // prints: HELLO
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make: <
  const Name extends string,
  Payload extends AnySchema | Schema.Struct.Fields = typeof Schema.Void,
  Success extends AnySchema = typeof Schema.Void,
  Error extends AnySchema = typeof Schema.Never,
  Inbox extends AnySchema = typeof Schema.Never
>(
  name: Name,
  options?: Schemas<Payload, Success, Error, Inbox> & RunOptions<Error["Type"] | TaskError>
) => Task<Name, PayloadSchema<Payload>, Success, Error, Inbox> = (name, options) => define("effect", name, options)

/**
 * Defines a task with many results: its handler is a Stream, and so is its call. See {@link make}.
 *
 * **Example** (Streaming from a handler)
 *
 * ```ts
 * import { Effect, Schema, Stream } from "effect"
 * import { FiberRunner, Task } from "effect-strand"
 *
 * const countdown = Task.stream("countdown", { payload: Schema.Int, success: Schema.Int })
 *
 * const handlers = countdown.toLayer((from) => Stream.range(1, from).pipe(Stream.map((n) => from - n)))
 *
 * const program = countdown.stream(3).pipe(Stream.runCollect, Effect.provide(FiberRunner.layer(handlers)))
 *
 * console.log(await Effect.runPromise(program))
 * // prints: [ 2, 1, 0 ]
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const stream: <
  const Name extends string,
  Payload extends AnySchema | Schema.Struct.Fields = typeof Schema.Void,
  Success extends AnySchema = typeof Schema.Void,
  Error extends AnySchema = typeof Schema.Never,
  Inbox extends AnySchema = typeof Schema.Never
>(
  name: Name,
  options?: Schemas<Payload, Success, Error, Inbox> & StreamOptions
) => StreamTask<Name, PayloadSchema<Payload>, Success, Error, Inbox> = (name, options) =>
  define("stream", name, options)

/**
 * The payload of a plain function: nothing, its one argument, or the tuple of its arguments. One with arguments that need
 * not be given, be it its only one, takes a tuple.
 *
 * @category utility types
 * @since 0.1.0
 */
export type FunctionPayload<Args extends ReadonlyArray<unknown>> = Args extends readonly []
  ? void
  : Args extends readonly [infer Only]
    ? Only
    : Args

type FunctionResult<Out> = Out extends Effect.Effect<infer A, unknown, unknown> ? A : Awaited<Out>

/** A value that crosses by structured clone, of a type that only the compiler knows. */
interface Cloned<T> extends Schema.ConstraintCodec<T> {
  readonly "~type.make.in": T
}

/**
 * A task whose code is a plain function.
 *
 * @category models
 * @since 0.1.0
 */
export interface FunctionTask<Name extends string, In, Out> extends Task<
  Name,
  Cloned<In>,
  Cloned<Out>,
  typeof Schema.Never
> {
  /** The function as a handler. */
  readonly layer: Layer.Layer<Handler<Name>>
}

type FromFunction = <const Name extends string, Args extends ReadonlyArray<unknown>, Out>(
  name: Name,
  f: (...args: Args) => Out,
  options?: RunOptions<TaskError>
) => FunctionTask<Name, FunctionPayload<Args>, FunctionResult<Out>>

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
 *
 * @category constructors
 * @since 0.1.0
 */
export const fn: FromFunction = FunctionTasks.fn

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
 *
 * @category constructors
 * @since 0.1.0
 */
export const portable: FromFunction = FunctionTasks.portable

/**
 * How many calls are in flight, and what becomes of the rest when one fails.
 *
 * @category models
 * @since 0.1.0
 */
export interface BatchOptions<E = unknown> extends RunOptions<E> {
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

/**
 * A call that has ended, and which one it was.
 *
 * @category models
 * @since 0.1.0
 */
export interface Completed<out P, out A> {
  /** The position of the payload in the list of payloads. */
  readonly index: number
  readonly payload: P
  readonly value: A
}

type AnyTask = Any & { readonly kind: "effect" }

type Failure<T extends Any> = Error<T> | TaskError

/** A task of one result whose calls take these payloads. */
type TaskFor<T extends AnyTask, Given> = T & ([Given] extends [Input<T>] ? unknown : never)

/** How an outcome is given: as it is, or as a `Result`, with which nothing fails. */
interface ModeOption<Mode extends "default" | "result"> {
  readonly mode?: Mode | undefined
}

/** Whether results are dropped; `Result`s are not. */
type Discards<Mode> = Mode extends "result" ? false : boolean

interface EachOptions<Mode extends "default" | "result", Discard> extends ModeOption<Mode> {
  readonly discard?: Discard | undefined
}

type Outcome<T extends Any, Mode> = Mode extends "result" ? Result.Result<Success<T>, Failure<T>> : Success<T>

type OutcomeError<T extends Any, Mode> = Mode extends "result" ? never : Failure<T>

type Each<T extends Any, Mode, Discard> = Effect.Effect<
  Discard extends true ? void : Array<Outcome<T, Mode>>,
  OutcomeError<T, Mode>,
  TaskRunner
>

type Handles<T extends Any> = Effect.Effect<Array<TaskFiber.TaskFiber<Success<T>, Failure<T>>>, TaskError, TaskRunner>

type CompletedOptions<E = unknown> = Omit<BatchOptions<E>, "chunkSize" | "onProgress">

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
 *
 * @category combinators
 * @since 0.1.0
 */
export const all: <
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
) => Effect.All.Return<Calls, Options> = Batch.all

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
 * const program = Effect.gen(function* () {
 *   console.log(yield* Task.forEach(double, [1, 2, 3], { concurrency: 2 }))
 *   console.log(yield* double.pipe(Task.forEach([4, 5])))
 * })
 *
 * const runner = FiberRunner.layer(double.toLayer((n) => Effect.succeed(n * 2)))
 * await Effect.runPromise(Effect.provide(program, runner))
 * // prints: [ 2, 4, 6 ]
 * // prints: [ 8, 10 ]
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const forEach: {
  <Given, Mode extends "default" | "result" = "default", Discard extends Discards<Mode> = false>(
    payloads: Iterable<Given>,
    options?: BatchOptions & EachOptions<Mode, Discard>
  ): <T extends AnyTask>(task: TaskFor<T, Given>) => Each<T, Mode, Discard>
  <T extends AnyTask, Mode extends "default" | "result" = "default", Discard extends Discards<Mode> = false>(
    task: T,
    payloads: Iterable<Input<T>>,
    options?: BatchOptions<Failure<T>> & EachOptions<Mode, Discard>
  ): Each<T, Mode, Discard>
} = Batch.forEach

/**
 * Starts a task once for each payload and gives the handles, in the order of the payloads, when all are accepted.
 *
 * **Example** (Handles of many tasks)
 *
 * ```ts
 * import { Effect, Fiber, Schema } from "effect"
 * import { FiberRunner, Task } from "effect-strand"
 *
 * const double = Task.make("double", { payload: Schema.Int, success: Schema.Int })
 *
 * const program = Task.forkAll(double, [1, 2]).pipe(
 *   Effect.flatMap((handles) => Effect.forEach(handles, (handle) => Fiber.join(handle))),
 *   Effect.provide(FiberRunner.layer(double.toLayer((n) => Effect.succeed(n * 2))))
 * )
 *
 * console.log(await Effect.runPromise(program))
 * // prints: [ 2, 4 ]
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const forkAll: {
  <Given>(payloads: Iterable<Given>, options?: RunOptions): <T extends AnyTask>(task: TaskFor<T, Given>) => Handles<T>
  <T extends AnyTask>(task: T, payloads: Iterable<Input<T>>, options?: RunOptions<Failure<T>>): Handles<T>
} = Batch.forkAll

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
 *
 * @category combinators
 * @since 0.1.0
 */
export const forkAllDiscard: {
  <Given>(
    payloads: Iterable<Given>,
    options?: RunOptions
  ): <T extends AnyTask>(task: TaskFor<T, Given>) => Effect.Effect<ReadonlyArray<string>, TaskError, TaskRunner>
  <T extends AnyTask>(
    task: T,
    payloads: Iterable<Input<T>>,
    options?: RunOptions<Failure<T>>
  ): Effect.Effect<ReadonlyArray<string>, TaskError, TaskRunner>
} = Batch.forkAllDiscard

/**
 * Runs a task once for each payload and gives the results as a Stream, in the order in which they come.
 *
 * **Details**
 *
 * The first failure ends the stream and stops the rest; with `mode: "result"` each value is a `Result` and nothing is
 * stopped. `concurrency` defaults to 16 here, since payloads are drawn from the list as results are read.
 *
 * **Example** (The quickest first)
 *
 * ```ts
 * import { Effect, Schema, Stream } from "effect"
 * import { FiberRunner, Task } from "effect-strand"
 *
 * const nap = Task.make("nap", { payload: Schema.Int })
 *
 * const program = Task.asCompleted(nap, [100, 1]).pipe(
 *   Stream.map(({ payload }) => payload),
 *   Stream.runCollect,
 *   Effect.provide(FiberRunner.layer(nap.toLayer((ms) => Effect.sleep(ms))))
 * )
 *
 * console.log(await Effect.runPromise(program))
 * // prints: [ 1, 100 ]
 * ```
 *
 * @category combinators
 * @since 0.1.0
 */
export const asCompleted: {
  <Given, Mode extends "default" | "result" = "default">(
    payloads: Iterable<Given>,
    options?: CompletedOptions & ModeOption<Mode>
  ): <T extends AnyTask>(
    task: TaskFor<T, Given>
  ) => Stream.Stream<Completed<Given, Outcome<T, Mode>>, OutcomeError<T, Mode>, TaskRunner>
  <T extends AnyTask, Mode extends "default" | "result" = "default">(
    task: T,
    payloads: Iterable<Input<T>>,
    options?: CompletedOptions<Failure<T>> & ModeOption<Mode>
  ): Stream.Stream<Completed<Input<T>, Outcome<T, Mode>>, OutcomeError<T, Mode>, TaskRunner>
} = Batch.asCompleted
