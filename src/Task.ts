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
import type * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type {
  Args,
  CallOptions,
  DiscardOptions,
  PayloadInput,
  RunOptions,
  StreamCallOptions,
  StreamOptions
} from "./internal/task/CallOptions.ts"
import type { Maker } from "./internal/task/PayloadInput.ts"
import type * as Partial from "./internal/task/Partial.ts"
import type { Portable } from "./internal/values/Portable.ts"
import type { TaskCodec } from "./internal/values/TaskCodec.ts"
import type { TaskContext } from "./TaskContext.ts"
import type { TaskError } from "./TaskError.ts"
import type * as TaskFiber from "./TaskFiber.ts"
import type * as TaskHandlers from "./TaskHandlers.ts"
import { define, TypeId } from "./internal/task/TaskMethods.ts"
import type { TaskRunner } from "./TaskRunner.ts"

export { all, asCompleted, forEach, forkAll, forkAllDiscard } from "./internal/task/Batch.ts"
export type { BatchOptions, Completed } from "./internal/task/Batch.ts"
export type {
  Args,
  CallOptions,
  DiscardOptions,
  PayloadInput,
  RetryPolicy,
  RunOptions,
  StreamCallOptions,
  StreamOptions,
  Transferable
} from "./internal/task/CallOptions.ts"
export { fn, type FunctionPayload, type FunctionTask, portable } from "./internal/task/FunctionTask.ts"
export type { Hooks, ResultHooks, StreamHooks } from "./internal/task/Hooks.ts"

/** A schema that needs no services to encode and decode. */
type AnySchema = Schema.Constraint & { readonly DecodingServices: never; readonly EncodingServices: never }

/**
 * Any task, of one result or of many, as runners see it.
 *
 * @category utility types
 * @since 0.1.0
 */
export interface Any {
  readonly [TypeId]: typeof TypeId
  /** Whether the handler is an Effect or a Stream. */
  readonly kind: "effect" | "stream"
  readonly name: string
  readonly payload: Schema.Constraint
  readonly success: Schema.Constraint
  readonly error: Schema.Constraint
  /** The messages that can be sent to the task while it runs; undefined when there are none. */
  readonly inbox: Schema.Constraint | undefined
  /** The part of the payload that {@link Task.partial} has fixed. */
  readonly fixed: unknown
  /** What is known of the task besides: see {@link Task.annotate}. Has no effect on how it is run. */
  readonly annotations: Context.Context<never>
  /** The defaults for the options of a call. */
  readonly options: RunOptions
  /** The code of a task made by {@link portable}, which needs no handler. */
  readonly portable: Portable | undefined
  /** How its payloads are made of what calls give, where that is not the same. */
  readonly "~maker": Maker | undefined
  /** Its compiled codecs, once they have been needed. */
  "~codec": TaskCodec | undefined
}

interface Definition<
  Name extends string,
  Payload extends Schema.Constraint,
  Success extends Schema.Constraint,
  Error extends Schema.Constraint,
  Inbox extends Schema.Constraint
> extends Any {
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
  fork(
    payload: PayloadInput<Payload>,
    options: DiscardOptions<Error["Type"] | TaskError>
  ): Effect.Effect<TaskFiber.TaskFiber<void, Error["Type"] | TaskError, Inbox["Type"]>, TaskError, TaskRunner>
  fork(
    ...args: Args<Payload, CallOptions<Success["Type"], Error["Type"] | TaskError>>
  ): Effect.Effect<
    TaskFiber.TaskFiber<Success["Type"], Error["Type"] | TaskError, Inbox["Type"]>,
    TaskError,
    TaskRunner
  >

  /** Like `fork`, but the task is stopped when the current scope ends. */
  forkScoped(
    ...args: Args<Payload, CallOptions<Success["Type"], Error["Type"] | TaskError>>
  ): Effect.Effect<
    TaskFiber.TaskFiber<Success["Type"], Error["Type"] | TaskError, Inbox["Type"]>,
    TaskError,
    TaskRunner | Scope.Scope
  >

  /** Like `fork`, but gives the id alone. */
  forkDiscard(
    ...args: Args<Payload, RunOptions & { readonly discardResult?: boolean | undefined }>
  ): Effect.Effect<string, TaskError, TaskRunner>

  /**
   * The same task with an annotation: something that a dashboard, a middleware or an API wants to know of it, by a key of
   * its own. {@link Title} and {@link Description} are such keys.
   */
  annotate<I, S>(key: Context.Key<I, S>, value: NoInfer<S>): Task<Name, Payload, Success, Error, Inbox>

  /** The same task with several annotations. Those of the same keys are replaced. */
  annotateMerge<I>(annotations: Context.Context<I>): Task<Name, Payload, Success, Error, Inbox>

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
  attach(
    id: string
  ): Effect.Effect<
    TaskFiber.TaskFiber<Success["Type"], Error["Type"] | TaskError, Inbox["Type"]>,
    TaskError,
    TaskRunner
  >

  /**
   * Makes a Layer of the code that does the task's work.
   *
   * **Details**
   *
   * Give the handler, or an Effect that makes it once for the life of the Layer. What the handler needs becomes a
   * requirement of the Layer; `TaskContext` and `TaskRunner` are there by themselves.
   */
  toLayer<R = never, EX = never, RX = never>(
    handler:
      | ((payload: Payload["Type"]) => Effect.Effect<Success["Type"], Error["Type"] | TaskError, R>)
      | Effect.Effect<
          (payload: Payload["Type"]) => Effect.Effect<Success["Type"], Error["Type"] | TaskError, R>,
          EX,
          RX
        >
  ): Layer.Layer<Handler<Name>, EX, Exclude<R, TaskContext | TaskRunner> | Exclude<RX, Scope.Scope>>
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
  ): Effect.Effect<TaskFiber.TaskFiber<void, Error["Type"] | TaskError, Inbox["Type"]>, TaskError, TaskRunner>

  /** The same task with an annotation. See {@link Task.annotate}. */
  annotate<I, S>(key: Context.Key<I, S>, value: NoInfer<S>): StreamTask<Name, Payload, Success, Error, Inbox>

  /** The same task with several annotations. Those of the same keys are replaced. */
  annotateMerge<I>(annotations: Context.Context<I>): StreamTask<Name, Payload, Success, Error, Inbox>

  /** The same task with a part of its payload given already. See {@link Task.partial}. */
  partial<const Given extends Partial.Fixed<PayloadInput<Payload>>>(
    given: Given
  ): PartialTask<StreamTask<Name, Partial.Payload<Payload, Given>, Success, Error, Inbox>>

  /** Makes a Layer of the code that does the task's work, which is a Stream. See {@link Task.toLayer}. */
  toLayer<R = never, EX = never, RX = never>(
    handler:
      | ((payload: Payload["Type"]) => Stream.Stream<Success["Type"], Error["Type"] | TaskError, R>)
      | Effect.Effect<
          (payload: Payload["Type"]) => Stream.Stream<Success["Type"], Error["Type"] | TaskError, R>,
          EX,
          RX
        >
  ): Layer.Layer<Handler<Name>, EX, Exclude<R, TaskContext | TaskRunner> | Exclude<RX, Scope.Scope>>
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
export interface Handler<in out Name extends string> {
  readonly "~effect-strand/Handler": Name
}

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
export const isTask = (u: unknown): u is Any => Predicate.hasProperty(u, TypeId)

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
  options?: {
    readonly payload?: Payload | undefined
    readonly success?: Success | undefined
    readonly error?: Error | undefined
    /** What can be sent to the task while it runs. */
    readonly inbox?: Inbox | undefined
  } & RunOptions
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
  options?: {
    readonly payload?: Payload | undefined
    readonly success?: Success | undefined
    readonly error?: Error | undefined
    /** What can be sent to the task while it runs. */
    readonly inbox?: Inbox | undefined
  } & StreamOptions
) => StreamTask<Name, PayloadSchema<Payload>, Success, Error, Inbox> = (name, options) =>
  define("stream", name, options)
