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
import type { RunnerStats } from "../RunnerStats.ts"
import * as Task from "../Task.ts"
import { RunnerClosed, type TaskError } from "../TaskError.ts"
import type * as TaskFiber from "../TaskFiber.ts"
import type { TaskInfo, TaskStatus } from "../TaskRequest.ts"
import { type IdleOptions, TaskRunner } from "../TaskRunner.ts"
import * as FiberRunner from "./FiberRunner.ts"
import * as ProcessRunner from "./ProcessRunner.ts"
import * as ThreadRunner from "./ThreadRunner.ts"

type EffectTask = Task.Any & { readonly kind: "effect" }
type StreamingTask = Task.Any & { readonly kind: "stream" }

/** Plain functions as tasks, behind Promises. */
export { asTask, type Options as AsTaskOptions, type Target } from "./internal/strand/asTask.ts"

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

/** A task whose types are known only to the signatures above. */
interface Erased {
  run(payload: unknown, options: unknown): Effect.Effect<never, unknown, TaskRunner>
  fork(
    payload: unknown,
    options: unknown
  ): Effect.Effect<TaskFiber.TaskFiber<never, unknown, unknown>, TaskError, TaskRunner>
  attach(id: string): Effect.Effect<TaskFiber.TaskFiber<never, unknown, unknown>, TaskError, TaskRunner>
  stream(payload: unknown, options: unknown): Stream.Stream<never, unknown, TaskRunner>
}

const erase = (task: Task.Any): Erased => task as unknown as Erased

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
    run: (task, ...[payload, options]) => run(erase(task).run(payload, options), options, task.name),
    fork: (task, ...[payload, options]) => handle(task, erase(task).fork(payload, options)),
    attach: (task, id) => handle(task, erase(task).attach(id)),
    stream: (task, ...[payload, options]) =>
      Stream.toAsyncIterable(
        Stream.unwrap(
          Effect.map(runtime.contextEffect, (context) =>
            Stream.provideContext(erase(task).stream(payload, options), context)
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
