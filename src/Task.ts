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
import * as Portable from "./Portable.ts"
import type { TaskCodec } from "./TaskCodec.ts"
import type { TaskContext } from "./TaskContext.ts"
import type { TaskError } from "./TaskError.ts"
import type { TaskFiber } from "./TaskFiber.ts"
import * as TaskHandlers from "./TaskHandlers.ts"
import * as TaskRequest from "./TaskRequest.ts"
import { TaskRunner } from "./TaskRunner.ts"

export { all, asCompleted, forEach, forkAll, forkAllDiscard } from "./Batch.ts"
export type { BatchOptions, Completed } from "./Batch.ts"

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
  Error extends Schema.Constraint
> extends Any {
  readonly name: Name
  readonly payload: Payload
  readonly success: Success
  readonly error: Error
  /** Where the handler is found in a Context. */
  readonly handlerKey: Context.Key<Handler<Name>, TaskHandlers.TaskHandler>
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
  Error extends Schema.Constraint = typeof Schema.Never
> extends Definition<Name, Payload, Success, Error> {
  readonly kind: "effect"

  /** Runs the task and waits for its result. Interrupting it stops the work. */
  run(...args: Args<Payload>): Effect.Effect<Success["Type"], Error["Type"] | TaskError, TaskRunner>

  /**
   * Starts the task and gives its handle as soon as the runner has accepted it. The task lives in the runner's scope.
   */
  fork(
    ...args: Args<Payload>
  ): Effect.Effect<TaskFiber<Success["Type"], Error["Type"] | TaskError>, TaskError, TaskRunner>

  /** Like `fork`, but the task is stopped when the current scope ends. */
  forkScoped(
    ...args: Args<Payload>
  ): Effect.Effect<TaskFiber<Success["Type"], Error["Type"] | TaskError>, TaskError, TaskRunner | Scope.Scope>

  /** Like `fork`, but gives the id alone. */
  forkDiscard(...args: Args<Payload>): Effect.Effect<string, TaskError, TaskRunner>

  /**
   * Gives a handle of a call that was made before, by its id: on a runner with a store from any process, also after a
   * restart and when the task is over, on any other runner while the task lives there. Interrupting the handle cancels the
   * task.
   *
   * Fails with `TaskNotFound` when the runner knows no task with this id, with `TaskRejected` when it is one of another
   * definition.
   */
  attach(id: string): Effect.Effect<TaskFiber<Success["Type"], Error["Type"] | TaskError>, TaskError, TaskRunner>

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
  Error extends Schema.Constraint = typeof Schema.Never
> extends Definition<Name, Payload, Success, Error> {
  readonly kind: "stream"

  /**
   * The results as a Stream. The handler runs no further ahead than a few chunks, and is stopped when the stream is left
   * early.
   */
  stream(...args: Args<Payload, StreamOptions>): Stream.Stream<Success["Type"], Error["Type"] | TaskError, TaskRunner>

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

const Proto = {
  [TypeId]: TypeId,
  run(this: Any, payload: unknown, options?: RunOptions) {
    return withRunner((runner, context) => runner.execute(TaskRequest.make(context, this, payload, options)))
  },
  fork(this: Any, payload: unknown, options?: RunOptions) {
    return withRunner((runner, context) => runner.fork(TaskRequest.make(context, this, payload, options)))
  },
  forkScoped(this: Task<string>, ...args: Args<typeof Schema.Void>) {
    return Effect.acquireRelease(this.fork(...args), Fiber.interrupt)
  },
  forkDiscard(this: Any, payload: unknown, options?: RunOptions) {
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
  const { error, payload, portable, success, ...runOptions } = options ?? {}
  return Object.assign(Object.create(Proto), {
    kind,
    name,
    payload: payload === undefined ? Schema.Void : Schema.isSchema(payload) ? payload : Schema.Struct(payload),
    success: success ?? Schema.Void,
    error: error ?? Schema.Never,
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
  Error extends AnySchema = typeof Schema.Never
>(
  name: Name,
  options?: {
    readonly payload?: Payload | undefined
    readonly success?: Success | undefined
    readonly error?: Error | undefined
  } & RunOptions
) => Task<Name, PayloadSchema<Payload>, Success, Error> = (name, options) => define("effect", name, options)

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
  Error extends AnySchema = typeof Schema.Never
>(
  name: Name,
  options?: {
    readonly payload?: Payload | undefined
    readonly success?: Success | undefined
    readonly error?: Error | undefined
  } & StreamOptions
) => StreamTask<Name, PayloadSchema<Payload>, Success, Error> = (name, options) => define("stream", name, options)

/**
 * The payload of a plain function: nothing, its one argument, or the tuple of its arguments.
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
