/**
 * Defines units of work that run anywhere.
 *
 * A task is a name with the schemas of its payload, its success and its error. It has no code of its own: the code is
 * a handler, made a Layer by `task.toLayer(handler)`. Because the two are apart, a program can call a task without
 * loading what does the work, and a Layer alone decides whether the handler runs in a fiber, a thread or a process.
 *
 * @since 0.1.0
 */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Hooks from "./Hooks.ts"
import * as Partial from "./Partial.ts"
import * as Portable from "./Portable.ts"
import type { TaskCodec } from "./TaskCodec.ts"
import { TaskContext } from "./TaskContext.ts"
import type { TaskError } from "./TaskError.ts"
import * as TaskFiber from "./TaskFiber.ts"
import * as TaskHandlers from "./TaskHandlers.ts"
import * as TaskRequest from "./TaskRequest.ts"
import { TaskRunner } from "./TaskRunner.ts"

export { all, asCompleted, forEach, forkAll, forkAllDiscard } from "./Batch.ts"
export type { BatchOptions, Completed } from "./Batch.ts"
export type { Hooks, StreamHooks } from "./Hooks.ts"

const TypeId = "~effect-strand/Task"

/**
 * When to try a failed task again.
 *
 * **Details**
 *
 * A number is a count of retries. A failure that would come again, such as a payload that does not match its schema, is
 * not retried, nor are defects and interrupts. The time limit of a call covers all its attempts.
 *
 * @category models
 * @since 0.1.0
 */
export type RetryPolicy =
  | number
  | Schedule.Schedule<unknown, unknown>
  | {
      /** How many times to try again. */
      readonly times?: number | undefined
      /** When to try again, and until when. */
      readonly schedule?: Schedule.Schedule<unknown, unknown> | undefined
      /** Which errors are worth another attempt. */
      readonly while?: ((error: unknown) => boolean) | undefined
    }

/**
 * What can move to another thread instead of being copied.
 *
 * @category models
 * @since 0.1.0
 */
export type Transferable = ArrayBuffer | { readonly postMessage: (value: unknown) => void }

/**
 * How a call is run. Each of these can also be given as a default with the task's definition.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunOptions {
  /**
   * Lower runs first. Tasks of one priority start in the order of their calls.
   *
   * @default 10
   */
  readonly priority?: number | undefined
  /** The time limit for waiting and running. After it the work is stopped and the call fails with `TaskTimeout`. */
  readonly timeout?: Duration.Input | undefined
  /** When to try again after a failure. */
  readonly retry?: RetryPolicy | undefined
  /** Waits this long before the task is queued. */
  readonly delay?: Duration.Input | undefined
  /** Waits until this time before the task is queued. Wins over `delay`. */
  readonly runAt?: DateTime.DateTime | Date | undefined
  /** Words to find the task by, in lists and in the handler's `TaskContext`. */
  readonly tags?: ReadonlyArray<string> | undefined
  /**
   * Of several calls of one task with the same key only the first makes a task; the others stand for it and get its
   * result, for as long as its record is kept. Runners without a store ignore it.
   */
  readonly idempotencyKey?: string | undefined
  /**
   * How long a store keeps the record of the task, with its result, once it is over. Runners without a store ignore it.
   *
   * @default the store's own time
   */
  readonly ttl?: Duration.Input | undefined
  /**
   * How often the task may be started in all, be it that it failed or that the program died that ran it. Given without
   * `retry`, a task that fails is tried again after 1 second, then 2, 4, ... up to a minute. Runners without a store
   * ignore it.
   *
   * @default one more than the retries of a `retry` that counts them, else 10
   */
  readonly maxAttempts?: number | undefined
  /**
   * The queue of a store that the task waits in. Readers may take from some queues only, and each queue can have limits
   * of its own. Runners without a store ignore it.
   *
   * @default "default"
   */
  readonly queue?: string | undefined
  /**
   * Tasks with the same key share the limit that their queue sets with `concurrencyPerKey`. Runners without a store
   * ignore it.
   */
  readonly concurrencyKey?: string | undefined
  /**
   * Buffers and ports in the payload that move to where the task runs instead of being copied. They are unusable here
   * afterwards. Runners that stay in this thread leave them alone; processes copy them. Schemas of `Transferable` from
   * `effect/workers` move what they describe by themselves, in payloads and in results.
   */
  readonly transfer?: ReadonlyArray<Transferable> | undefined
  /** The name of the runner that runs the task, of those in a `TaskRouter`. Other runners ignore it. */
  readonly runner?: string | undefined
}

/**
 * How one call is run, and what is done with what comes of it.
 *
 * @category models
 * @since 0.3.0
 */
export interface CallOptions<A, in E> extends RunOptions, Hooks.ResultHooks<A, E> {
  readonly discardResult?: false | undefined
}

/**
 * How a call is run whose result nobody wants.
 *
 * @category models
 * @since 0.3.0
 */
export interface DiscardOptions<in E> extends RunOptions, Hooks.Hooks<void, E> {
  /** Whether the result is thrown away where the task runs: it is neither sent back nor kept in a store. */
  readonly discardResult: true
}

/**
 * What the methods of a task take: its payload, which a task without one leaves out, and the options of the call.
 *
 * @category utility types
 * @since 0.1.0
 */
export type Args<Payload extends Schema.Constraint, Options = RunOptions> = [void] extends [Payload["Type"]]
  ? [payload?: Payload["Type"], options?: Options]
  : [payload: Payload["Type"], options?: Options]

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
export interface StreamCallOptions<in A, in E> extends StreamOptions, Hooks.StreamHooks<A, E> {}

type StoreOption = "idempotencyKey" | "ttl" | "maxAttempts" | "queue" | "concurrencyKey"

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
  /** The defaults for the options of a call. */
  readonly options: RunOptions
  /** The code of a task made by {@link portable}, which needs no handler. */
  readonly portable: Portable.Portable | undefined
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
    payload: Payload["Type"],
    options: DiscardOptions<Error["Type"] | TaskError>
  ): Effect.Effect<void, Error["Type"] | TaskError, TaskRunner>
  run(
    ...args: Args<Payload, CallOptions<Success["Type"], Error["Type"] | TaskError>>
  ): Effect.Effect<Success["Type"], Error["Type"] | TaskError, TaskRunner>

  /**
   * Starts the task and gives its handle as soon as the runner has accepted it. The task lives in the runner's scope.
   */
  fork(
    payload: Payload["Type"],
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
   * The same task with a part of its payload given already: calls give the rest. Of a struct any fields can be given, of a
   * tuple the first elements.
   */
  partial<const Given extends Partial.Fixed<Payload["Type"]>>(
    given: Given
  ): PartialTask<Task<Name, Cloned<Partial.Rest<Payload["Type"], Given>>, Success, Error, Inbox>>

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

  /** The same task with a part of its payload given already. See {@link Task.partial}. */
  partial<const Given extends Partial.Fixed<Payload["Type"]>>(
    given: Given
  ): PartialTask<StreamTask<Name, Cloned<Partial.Rest<Payload["Type"], Given>>, Success, Error, Inbox>>

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
export type PartialTask<T extends Any> = Omit<T, "toLayer">

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
 * The payload type of a task.
 *
 * @category utility types
 * @since 0.1.0
 */
export type Payload<T extends Any> = T["payload"]["Type"]

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

const withRunner = <A, E, R>(
  f: (runner: TaskRunner["Service"], context: Context.Context<never>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | TaskRunner> =>
  Effect.withFiber((fiber) => f(Context.getUnsafe(fiber.context, TaskRunner), fiber.context))

type AnyOptions = RunOptions & Hooks.Any & { readonly discardResult?: boolean | undefined }

/** Runs a request to its end; the elements of a stream go to their hook. */
const runOf = (
  runner: TaskRunner["Service"],
  request: TaskRequest.TaskRequest,
  options: AnyOptions | undefined
): Effect.Effect<unknown, unknown> => {
  if (request.task.kind === "effect") return runner.execute(request)
  const onIter = options?.onIter
  const elements = runner.stream(request)
  return onIter === undefined
    ? Stream.runDrain(elements)
    : Stream.runForEach(elements, (element) => Hooks.call(onIter, element))
}

/** The handle of a call that is over when its hooks are. */
const hooked = (
  inner: TaskFiber.TaskFiber<unknown, unknown>,
  hooks: Hooks.Any
): TaskFiber.TaskFiber<unknown, unknown> => {
  const request = TaskFiber.requestOf(inner)
  const end = Effect.onInterrupt(Fiber.join(inner), () => Fiber.interrupt(inner))
  return TaskFiber.makeUnsafe(request, request.caller.context, Hooks.add(end, hooks))
}

const Proto = {
  [TypeId]: TypeId,
  run(this: Any, payload: unknown, options?: AnyOptions) {
    const run = withRunner((runner, context) =>
      runOf(runner, TaskRequest.make(context, this, payload, options), options)
    )
    return Hooks.any(options) ? Hooks.add(run, options) : run
  },
  fork(this: Any, payload: unknown, options?: AnyOptions) {
    const fork = withRunner((runner, context) => {
      const request = TaskRequest.make(context, this, payload, options)
      return this.kind === "effect"
        ? runner.fork(request)
        : TaskRunner.forkWith((request) => runOf(runner, request, options))(request)
    })
    return Hooks.any(options) ? Effect.map(fork, (fiber) => hooked(fiber, options)) : fork
  },
  forkScoped(this: Task<string>, ...args: Args<typeof Schema.Void>) {
    return Effect.acquireRelease(this.fork(...args), Fiber.interrupt)
  },
  forkDiscard(this: Any, payload: unknown, options?: AnyOptions) {
    return withRunner((runner, context) => {
      const request = TaskRequest.make(context, this, payload, options)
      return runner.enqueue === undefined
        ? Effect.map(runner.fork(request), (fiber) => fiber.taskId)
        : Effect.map(runner.enqueue([request]), (ids) => ids[0])
    })
  },
  attach(this: Any, id: string) {
    return withRunner((runner, context) => runner.attach(TaskRequest.make(context, this, undefined, undefined), id))
  },
  stream(this: Any, payload: unknown, options?: RunOptions) {
    return Stream.unwrap(
      withRunner((runner, context) => Effect.succeed(runner.stream(TaskRequest.make(context, this, payload, options))))
    )
  },
  partial(this: Any, given: unknown) {
    const fixed = this.fixed === undefined ? given : Partial.merge(this.fixed, given)
    return Object.assign(Object.create(this) as Any, { fixed })
  },
  get messages() {
    return Stream.unwrap(Effect.map(TaskContext, (context) => context.messages))
  },
  toLayer(this: Task<string>, handler: unknown) {
    return Layer.effect(
      this.handlerKey,
      Effect.gen({ self: this }, function* () {
        const handle = Effect.isEffect(handler) ? yield* handler : handler
        const context = yield* Effect.context<never>()
        return { task: this, handle, context } as TaskHandlers.TaskHandler
      })
    )
  }
}

// Tasks of all types are made here, which is where their types are lost; the constructors below give them back.
// oxlint-disable-next-line typescript/no-explicit-any
const define = (kind: Any["kind"], name: string, options: Record<string, any> | undefined): any => {
  const { error, inbox, payload, portable, success, ...runOptions } = options ?? {}
  return Object.assign(Object.create(Proto), {
    kind,
    name,
    payload: payload === undefined ? Schema.Void : Schema.isSchema(payload) ? payload : Schema.Struct(payload),
    success: success ?? Schema.Void,
    error: error ?? Schema.Never,
    inbox,
    fixed: undefined,
    options: runOptions,
    handlerKey: TaskHandlers.makeKey(name),
    portable,
    "~codec": undefined
  })
}

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
type Cloned<T> = Schema.ConstraintCodec<T>

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
 *
 * @category constructors
 * @since 0.1.0
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
 *
 * @category constructors
 * @since 0.1.0
 */
export const portable: <const Name extends string, Args extends ReadonlyArray<unknown>, Out>(
  name: Name,
  f: (...args: Args) => Out,
  options?: RunOptions
) => FunctionTask<Name, FunctionPayload<Args>, FunctionResult<Out>> = (name, f, options) =>
  fromFunction(name, f as Portable.AnyFunction, options, Portable.make(f as Portable.AnyFunction))
