/**
 * Tasks for programs without Effect: the same tasks and runners behind Promises.
 *
 * A program that is written with Effect has no use for it. It is for the scripts, request handlers and tests around one,
 * and for people who want to see what tasks are good for before they learn how to compose them.
 *
 * @since 0.3.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import { Methods } from "../internal/task/TaskMethods.ts"
import type { RunnerStats } from "../RunnerStats.ts"
import * as Task from "../Task.ts"
import { RunnerClosed, type TaskError } from "../TaskError.ts"
import type * as TaskFiber from "../TaskFiber.ts"
import type { TaskInfo, TaskStatus } from "../TaskRequest.ts"
import { type IdleOptions, TaskRunner } from "../TaskRunner.ts"
import * as FiberRunner from "./FiberRunner.ts"
import * as AsTask from "./internal/strand/asTask.ts"
import * as ProcessRunner from "./ProcessRunner.ts"
import * as ThreadRunner from "./ThreadRunner.ts"

type EffectTask = Task.Any & { readonly kind: "effect" }
type StreamingTask = Task.Any & { readonly kind: "stream" }

/** Stops the call when the signal is aborted. */
interface Abortable {
  readonly signal?: AbortSignal | undefined
}

/**
 * A running task. See `TaskFiber` for what Effect programs have in its place.
 *
 * @category models
 * @since 0.3.0
 */
export interface Handle<A, Message = never> {
  /** The task's id, unique among all runners and processes. */
  readonly id: string
  /** Where the task is in its life. */
  readonly status: TaskStatus
  /** True when the task is over. */
  readonly isDone: boolean
  /** Name, tags, priority, times and the rest of what is known of the task now. */
  readonly metadata: TaskInfo
  /** What the handler reports, from the latest value on. */
  readonly progress: AsyncIterable<unknown>
  /**
   * The result. Rejects with the error of the task: its own, one of `TaskError`, or what the handler threw. With `timeout`
   * it rejects with a `TimeoutError` when the task is not over by then; the task goes on.
   */
  readonly result: (options?: { readonly timeout?: Duration.Input | undefined }) => Promise<A>
  /** Stops the work, and waits until it has stopped. False when the task was over already. */
  readonly cancel: () => Promise<boolean>
  /** Sends a message to the task. See `TaskFiber.send`. */
  readonly send: (message: Message) => Promise<void>
  /** Says that no further message comes. */
  readonly endMessages: () => Promise<void>
}

/**
 * A runner behind Promises. It is closed by `close`, `await using` or `using`.
 *
 * @category models
 * @since 0.3.0
 */
export interface Strand {
  /** Runs a task. The Promise rejects with its error: its own, one of `TaskError`, or what the handler threw. */
  readonly run: <T extends EffectTask>(
    task: T,
    ...args: Task.Args<T["payload"], Task.CallOptions<Task.Success<T>, unknown> & Abortable>
  ) => Promise<Task.Success<T>>
  /** Starts a task and gives its handle once the runner has accepted it. */
  readonly fork: <T extends EffectTask>(
    task: T,
    ...args: Task.Args<T["payload"], Task.CallOptions<Task.Success<T>, unknown>>
  ) => Promise<Handle<Task.Success<T>, Task.Message<T>>>
  /** The elements of a streaming task. Leaving the loop early stops the work. */
  readonly stream: <T extends StreamingTask>(
    task: T,
    ...args: Task.Args<T["payload"], Task.StreamOptions>
  ) => AsyncIterable<Task.Success<T>>
  /** Runs a task once for each payload, and gives the results in the order of the payloads. */
  readonly forEach: <T extends EffectTask>(
    task: T,
    payloads: Iterable<Task.Input<T>>,
    options?: Task.BatchOptions & Abortable
  ) => Promise<Array<Task.Success<T>>>
  /** A handle of a task that was started before, by its id. */
  readonly attach: <T extends EffectTask>(task: T, id: string) => Promise<Handle<Task.Success<T>, Task.Message<T>>>
  /** The tasks that are scheduled, pending or running, oldest first. */
  readonly tasks: () => Promise<ReadonlyArray<TaskInfo>>
  /** Cancels a live task by its id, and waits until its work has stopped. False when no live task has this id. */
  readonly cancel: (id: string) => Promise<boolean>
  /**
   * Waits until no task is left. With `close: true` no further task is accepted; with `block: true` those that are called
   * meanwhile wait.
   */
  readonly awaitIdle: (options?: IdleOptions) => Promise<void>
  /** Starts no further task until `resume`. */
  readonly pause: () => Promise<void>
  readonly resume: () => Promise<void>
  /** Changes how many tasks may run at once. */
  readonly resize: (size: number) => Promise<void>
  /** Counters and times since the start. */
  readonly stats: () => Promise<RunnerStats>
  /** Runs an Effect that needs the runner. */
  readonly runEffect: <A, E>(effect: Effect.Effect<A, E, TaskRunner>, options?: Abortable) => Promise<A>
  /** Waits for the tasks that are under way as long as the runner's `shutdownGrace` says, stops the rest, and ends. */
  readonly close: () => Promise<void>
  /** Does what `close` does, at the end of a block with `await using`. */
  [Symbol.asyncDispose](): Promise<void>
  /** Begins what `close` does, at the end of a block with `using`, and does not wait for it. */
  [Symbol.dispose](): void
}

/**
 * Where tasks run: the name of a kind of runner with the options of its Layer, or any runner's Layer.
 *
 * @category models
 * @since 0.3.0
 */
export type Options =
  | ({ readonly runner: "thread" } & ThreadRunner.Options)
  | ({ readonly runner: "process" } & ProcessRunner.Options)
  | ({ readonly runner: "fiber"; readonly handlers: Handlers } & FiberRunner.Options)
  | ({ readonly runner: "inline"; readonly handlers: Handlers } & Pick<FiberRunner.Options, "name" | "shutdownGrace">)
  | Layer.Layer<TaskRunner, unknown>

/** What `toLayer` of tasks gives, merged. */
type Handlers = Layer.Layer<never, unknown>

const layerOf = (options: Options): Layer.Layer<TaskRunner, unknown> => {
  if (!("runner" in options)) return options
  switch (options.runner) {
    case "thread":
      return ThreadRunner.layer(options)
    case "process":
      return ProcessRunner.layer(options)
    case "fiber":
      return FiberRunner.layer(options.handlers, options)
    case "inline":
      return FiberRunner.layerInline(options.handlers, options)
  }
}

type Run = <A, E>(effect: Effect.Effect<A, E>, options?: Abortable) => Promise<A>

const makeHandle = <A, E, Message>(fiber: TaskFiber.TaskFiber<A, E, Message>, run: Run): Handle<A, Message> => ({
  id: fiber.taskId,
  get status() {
    return fiber.metadata.status
  },
  get isDone() {
    return fiber.pollUnsafe() !== undefined
  },
  get metadata() {
    return fiber.metadata
  },
  progress: Stream.toAsyncIterable(fiber.progress),
  result: ({ timeout } = {}) =>
    run(timeout === undefined ? Fiber.join(fiber) : Effect.timeout(Fiber.join(fiber), timeout)),
  cancel: () =>
    run(
      Effect.suspend(() =>
        fiber.pollUnsafe() === undefined ? Effect.as(Fiber.interrupt(fiber), true) : Effect.succeed(false)
      )
    ),
  send: (message) => run(fiber.send(message)),
  endMessages: () => run(fiber.endMessages)
})

/**
 * Starts a runner. It is made at the first call, so that what is wrong with it is said there.
 *
 * **Details**
 *
 * A Promise rejects with the error itself: `error._tag` says which. `await using` and `using` end the runner at the end of a
 * block, where the Node that runs the program knows them (24 and later); `close` does it anywhere.
 *
 * **Example** (Without Effect)
 *
 * ```ts
 * import { Strand, Task } from "effect-strand"
 *
 * const sum = Task.portable("sum", (n: number) => {
 *   let total = 0
 *   for (let i = 1; i <= n; i++) total += i
 *   return total
 * })
 *
 * const strand = Strand.start({ runner: "thread", size: 2 })
 * try {
 *   console.log(await strand.forEach(sum, [10, 100, 1000]))
 *   const handle = await strand.fork(sum, 1_000_000)
 *   console.log(await handle.result({ timeout: "10 seconds" }), handle.status)
 * } finally {
 *   await strand.close()
 * }
 * // prints: [ 55, 5050, 500500 ]
 * // prints: 500000500000 completed
 * ```
 *
 * @category constructors
 * @since 0.3.0
 */
export const start = (options: Options): Strand => {
  const runtime = ManagedRuntime.make(layerOf(options))
  let closed: Promise<void> | undefined
  const close = () => (closed ??= runtime.dispose())
  const refused = (task: string) => Promise.reject(new RunnerClosed({ task }))
  const run = <A, E>(effect: Effect.Effect<A, E, TaskRunner>, options?: Abortable, task = "any"): Promise<A> =>
    closed !== undefined
      ? refused(task)
      : runtime.runPromise(effect, options?.signal === undefined ? {} : { signal: options.signal })
  const control = <A>(f: (runner: TaskRunner["Service"]) => Effect.Effect<A>): Promise<A> => run(TaskRunner.use(f))
  // A handle tells of its task also when the runner is closed.
  const handle = <E>(
    task: Task.Any,
    made: Effect.Effect<TaskFiber.TaskFiber<never, unknown, unknown>, E, TaskRunner>
  ) =>
    run(
      Effect.map(made, (fiber) => makeHandle(fiber, Effect.runPromise)),
      undefined,
      task.name
    )
  return {
    run: (task, ...[payload, options]) => run(Methods.run.call(task, payload, options), options, task.name),
    fork: (task, ...[payload, options]) => handle(task, Methods.fork.call(task, payload, options)),
    attach: (task, id) => handle(task, Methods.attach.call(task, id)),
    stream: (task, ...[payload, options]) =>
      Stream.toAsyncIterable(
        Stream.unwrap(
          Effect.map(runtime.contextEffect, (context) =>
            Stream.provideContext(Methods.stream.call(task, payload, options), context)
          )
        )
      ),
    forEach: (task, payloads, options) => run(Task.forEach(task, payloads, options), options, task.name),
    tasks: () => control((runner) => runner.tasks),
    cancel: (id) => control((runner) => runner.cancel(id)),
    awaitIdle: (options) => control((runner) => runner.awaitIdle(options)),
    pause: () => control((runner) => runner.pause),
    resume: () => control((runner) => runner.resume),
    resize: (size) => control((runner) => runner.resize(size)),
    stats: () => control((runner) => runner.stats),
    runEffect: run,
    close,
    [Symbol.asyncDispose]: close,
    [Symbol.dispose]: () => void close()
  }
}

/**
 * Where a plain function can run.
 *
 * @category models
 * @since 0.3.0
 */
export type Target = "thread" | "process" | "fiber" | "inline"

/**
 * Options of {@link asTask}: those of every call, and where it runs.
 *
 * @category models
 * @since 0.3.0
 */
export interface AsTaskOptions<A, Given extends ReadonlyArray<unknown> = [], E = never> extends Omit<
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
 *
 * @category constructors
 * @since 0.3.0
 */
export const asTask: <
  Args extends ReadonlyArray<unknown>,
  Out,
  const Given extends ReadonlyArray<unknown> = [],
  E = never
>(
  f: (...args: Args) => Out,
  options?: AsTaskOptions<Result<Out>, Given, E>
) => (...args: Behind<Args, Given>) => Effect.Effect<Result<Out>, TaskError | E> = AsTask.asTask
