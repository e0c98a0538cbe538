/**
 * The one service that runs tasks.
 *
 * A runner is a Layer that provides `TaskRunner`; the program that calls tasks does not know which. What all runners
 * have in common is written once, in {@link make}: the list of live tasks, handles, delays, time limits, retries,
 * cancelling by id and the orderly end. What is left for a runner is to execute one request.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { registerMetrics, type RunnerStats } from "./RunnerStats.ts"
import { type TaskError, TaskNotFound, TaskRejected } from "./TaskError.ts"
import * as TaskFiber from "./TaskFiber.ts"
import type { CallControl, TaskInfo, TaskRequest } from "./TaskRequest.ts"
import * as Call from "./internal/call/Call.ts"
import { stop } from "./internal/call/Fibers.ts"
import { executeWith, Front, streamWith } from "./internal/call/Front.ts"
import { effects, streams } from "./internal/call/Kind.ts"
import { Steward } from "./internal/call/Steward.ts"

/**
 * Runs tasks, wherever its Layer says.
 *
 * **Details**
 *
 * Programs call tasks by the methods of the task (`task.run`, `task.fork`, ...). What is of interest here is the view
 * from above: the live tasks, and the controls of the runner.
 *
 * @category services
 * @since 0.1.0
 */
export class TaskRunner extends Context.Service<
  TaskRunner,
  {
    /** Runs a request and waits for its result. Interrupting it stops the work. */
    readonly execute: (request: TaskRequest) => Effect.Effect<unknown, unknown>
    /** Runs the request of a streaming task. Leaving the stream early stops the work. */
    readonly stream: (request: TaskRequest) => Stream.Stream<unknown, unknown>
    /**
     * Starts a request and gives its handle once the runner has accepted it. Fails, without a handle, when the
     * request is refused.
     */
    readonly fork: (request: TaskRequest) => Effect.Effect<TaskFiber.TaskFiber<unknown, unknown>, TaskError>
    /**
     * Starts requests and gives their ids, once all are accepted, for callers that want no handles. Runners that gain
     * nothing by it leave it out, and `fork` is used.
     */
    readonly enqueue?:
      | ((requests: ReadonlyArray<TaskRequest>) => Effect.Effect<ReadonlyArray<string>, TaskError>)
      | undefined
    /**
     * Gives a handle of a task that has been started already, by its id. The request says which task it is to be, and
     * who asks; its payload does not matter. Fails with `TaskNotFound` when the runner knows no task with this id, and
     * with `TaskRejected` when it is another task.
     */
    readonly attach: (
      request: TaskRequest,
      id: string
    ) => Effect.Effect<TaskFiber.TaskFiber<unknown, unknown>, TaskError>
    /** The tasks that are scheduled, pending or running, oldest first. */
    readonly tasks: Effect.Effect<ReadonlyArray<TaskInfo>>
    /** A live task by its id. */
    readonly get: (id: string) => Effect.Effect<Option.Option<TaskInfo>>
    /**
     * Cancels a live task by its id, and waits until its work has stopped. The task fails with `TaskCancelled`. False
     * when no live task has this id.
     */
    readonly cancel: (id: string) => Effect.Effect<boolean>
    /**
     * Waits until no task is left. The tasks that are left may still run tasks of their own, also with options that keep
     * others out.
     */
    readonly awaitIdle: (options?: IdleOptions) => Effect.Effect<void>
    /**
     * What stands in front of this runner, where middlewares have their requests, so that all of the above knows those that
     * wait there. Runners that know a task only once they have it, such as those with a store, leave it out.
     */
    readonly "~front"?: Front | undefined
  } & Controls
>()("effect-strand/TaskRunner") {
  /** Makes a runner of a new kind. See {@link make}. */
  static readonly make = (options: Options): Effect.Effect<TaskRunner["Service"], never, Scope.Scope> => make(options)

  /** Makes the `fork` of a runner from its `execute`. See {@link forkWith}. */
  static readonly forkWith = (execute: TaskRunner["Service"]["execute"]): TaskRunner["Service"]["fork"] =>
    forkWith(execute)
}

/**
 * What becomes of tasks that are called while a runner is waited for to be idle. By default they are run, and waited for.
 *
 * @category models
 * @since 0.3.0
 */
export interface IdleOptions {
  /**
   * Whether no further task is accepted meanwhile and after: they fail with `RunnerClosed`.
   *
   * @default false
   */
  readonly close?: boolean | undefined
  /**
   * Whether tasks that are called meanwhile wait, and are run in the order of their calls as soon as nobody waits with this
   * option any more, because the runner was idle or the wait was interrupted. Until then they are no live tasks and `fork`
   * gives no handle; their `timeout` goes on. Has no meaning with `close`.
   *
   * @default false
   */
  readonly block?: boolean | undefined
}

/**
 * The controls of a runner.
 *
 * @category models
 * @since 0.1.0
 */
export interface Controls {
  /** Starts no further task until `resume`. What has been started goes on; what comes in waits. */
  readonly pause: Effect.Effect<void>
  /** Ends `pause`. */
  readonly resume: Effect.Effect<void>
  /** Changes how many tasks may run at once: fibers, or workers of a pool. Takes effect without losing a task. */
  readonly resize: (size: number) => Effect.Effect<void>
  /** Counters and times since the runner was made. */
  readonly stats: Effect.Effect<RunnerStats>
}

/**
 * Tasks that are called by handlers which run elsewhere.
 *
 * @category models
 * @since 0.1.0
 */
export interface Nested {
  readonly tasks: () => ReadonlyArray<TaskInfo>
  readonly get: (id: string) => TaskInfo | undefined
  /** Cancels a task and waits until its work has stopped; undefined when there is none with this id. */
  readonly cancel: (id: string) => Effect.Effect<void> | undefined
}

/**
 * The handlers of this program, in the hands of a runner that runs tasks here. Made by `TaskHandlers.local`.
 *
 * @category models
 * @since 0.4.0
 */
export interface Handlers {
  /** Why a request is not run, if it is not: it has no handler, or its payload does not match. */
  readonly refusal: (request: TaskRequest) => TaskError | undefined
  /** Sets the runner that handlers run tasks of their own on. */
  readonly provide: (runner: TaskRunner["Service"]) => Effect.Effect<void>
}

/**
 * What a runner has to bring along: how it executes a request. All else is for runners that can do more, or know better.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /**
   * Runs a request to its end. It is interrupted when the caller is, when the time limit of the call is over and at the end
   * of the runner, and is over when the work has stopped.
   */
  readonly execute: (request: TaskRequest, control: CallControl) => Effect.Effect<unknown, unknown>
  /**
   * Runs the request of a streaming task.
   *
   * @default streaming tasks are refused with `TaskRejected`
   */
  readonly stream?: ((request: TaskRequest, control: CallControl) => Stream.Stream<unknown, unknown>) | undefined
  /**
   * The handlers that tasks are run by, where that is in this program. A request that they cannot run is refused, any other
   * is accepted at once. Without them the runner says by `control.accept` from when on it answers for a request.
   */
  readonly handlers?: Handlers | undefined
  /**
   * Whether the runner stops the work of a task that is cancelled by its id, which it is told by what it gives to
   * `control.begin`, and ends it with `control.stopped`. Otherwise each task is run in a fiber of its own, to be interrupted.
   *
   * @default false
   */
  readonly cancels?: boolean | undefined
  /**
   * Starts no further task. By default a task that comes then waits in front of `execute`.
   */
  readonly pause?: Effect.Effect<void> | undefined
  readonly resume?: Effect.Effect<void> | undefined
  /** By default a runner has no size, and nothing happens. */
  readonly resize?: ((size: number) => Effect.Effect<void>) | undefined
  /** By default tasks are counted, and timed, from when they are given to `execute` until it ends. */
  readonly stats?: Effect.Effect<RunnerStats> | undefined
  /** The name of a runner in Metrics, when its `stats` are those that are counted by default. */
  readonly name?: string | undefined
  /** The tasks that handlers have started on this runner where this program does not see them being started. */
  readonly nested?: Nested | undefined
  /** Called with true when there is a live task again, and with false when there is none any more. */
  readonly onBusy?: ((busy: boolean) => void) | undefined
  /**
   * How long the end of the runner's scope waits for live tasks before it interrupts them.
   *
   * @default "5 seconds"
   */
  readonly shutdownGrace?: Duration.Input | undefined
}

const noStreams = ({ name }: TaskRequest) =>
  Stream.fail(new TaskRejected({ task: name, reason: "it is a stream, and its runner runs none" }))

/** Has requests executed by a runner that is looked after. */
const attended = (
  { execute, stream = noStreams }: Options,
  steward: Steward
): Required<Pick<Options, "execute" | "stream">> => ({
  execute: (request, control) => steward.attend(effects, Call.of(request), () => execute(request, control)),
  stream: (request, control) => steward.attend(streams, Call.of(request), () => stream(request, control))
})

/**
 * Makes a runner. Its tasks live in the current scope.
 *
 * **Example** (A runner that does one thing after the other)
 *
 * ```ts
 * import { Console, Effect, Layer, Schema, Semaphore } from "effect"
 * import { Task, TaskHandlers, TaskRunner } from "effect-strand"
 *
 * const greet = Task.make("greet", { payload: Schema.String })
 *
 * const OneByOne = Layer.effect(
 *   TaskRunner.TaskRunner,
 *   Effect.gen(function* () {
 *     const handlers = yield* TaskHandlers.local
 *     const turn = yield* Semaphore.make(1)
 *     return yield* TaskRunner.make({
 *       handlers,
 *       execute: (request) => turn.withPermit(handlers.execute(request))
 *     })
 *   })
 * )
 *
 * const Runner = OneByOne.pipe(Layer.provide(greet.toLayer((name) => Console.log(`Hello ${name}`))))
 *
 * await Effect.runPromise(Effect.provide(Task.forEach(greet, ["Ada", "Grace"], { discard: true }), Runner))
 *
 * // prints: Hello Ada
 * // prints: Hello Grace
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<TaskRunner["Service"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const front = new Front({ accepts: true, onBusy: options.onBusy })
    yield* Effect.addFinalizer(() => front.shutDown(options.shutdownGrace ?? "5 seconds"))

    const own = options.cancels && options.pause !== undefined && options.stats !== undefined
    const steward = own ? undefined : new Steward(options.cancels ?? false, options.handlers?.refusal)
    if (steward !== undefined && options.name !== undefined) yield* registerMetrics(options.name, steward)
    const { execute: executeOne, stream = noStreams } = steward === undefined ? options : attended(options, steward)
    const execute = executeWith(front, executeOne)

    const cancel = (id: string): Effect.Effect<boolean> =>
      Effect.suspend(() => {
        const request = front.find(id)
        if (request === undefined) {
          const stopped = options.nested?.cancel(id)
          return stopped === undefined ? Effect.succeed(false) : Effect.as(stopped, true)
        }
        request.requestCancel()
        return Effect.as(request.awaitSettled, true)
      })

    const attach: TaskRunner["Service"]["attach"] = (request, id) =>
      Effect.suspend((): ReturnType<TaskRunner["Service"]["attach"]> => {
        const found = front.find(id)
        if (found === undefined) {
          return Effect.fail(new TaskNotFound({ task: request.name, available: [], taskId: id }))
        }
        if (found.name !== request.name) return Effect.fail(otherTask(request.name, id, found.name))
        const end = Effect.onInterrupt(found.awaitExit, () => {
          found.requestCancel()
          return found.awaitSettled
        })
        return Effect.succeed(TaskFiber.makeUnsafe(found, request.caller.context, end))
      })

    const runner = TaskRunner.of({
      execute,
      stream: streamWith(front, stream),
      fork: forkWith(execute),
      attach,
      tasks: Effect.sync(() => {
        const own = Array.from(front.calls, (request) => request.info)
        const nested = options.nested?.tasks() ?? []
        return nested.length === 0 ? own : own.concat(nested).toSorted((a, b) => a.createdAt - b.createdAt)
      }),
      get: (id) => Effect.sync(() => Option.fromUndefinedOr(front.find(id)?.info ?? options.nested?.get(id))),
      cancel,
      awaitIdle: front.awaitIdle,
      pause: options.pause ?? steward?.pause ?? Effect.void,
      resume: options.resume ?? steward?.resume ?? Effect.void,
      resize: options.resize ?? (() => Effect.void),
      stats: options.stats ?? steward!.stats,
      "~front": front
    })
    if (options.handlers !== undefined) yield* options.handlers.provide(runner)
    return runner
  })

/**
 * Why a task is not attached to.
 *
 * @category errors
 * @since 0.2.0
 */
export const otherTask = (task: string, id: string, name: string): TaskRejected =>
  new TaskRejected({ task, reason: `the task with id ${id} is "${name}". Attach to it by its own definition` })

/**
 * Makes the `fork` of a runner from its `execute`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const forkWith =
  (execute: TaskRunner["Service"]["execute"]): TaskRunner["Service"]["fork"] =>
  (made) =>
    Effect.suspend(() => {
      const request = Call.of(made)
      request.forked = true
      const fiber = TaskFiber.makeUnsafe(request, request.caller.context, execute(request))
      if (request.accepted) return Effect.succeed(fiber)
      return Effect.callback<TaskFiber.TaskFiber<unknown, unknown>, TaskError>((resume) => {
        // Not in the middle of accepting it, where the runner could not yet be told that it is cancelled.
        const answer = () => resume(request.accepted ? Effect.as(Effect.yieldNow, fiber) : refusal(fiber))
        request.onAccepted = answer
        fiber.addObserver(answer)
        return stop(fiber)
      })
    })

/** The reason why a request ended before it was accepted is an error of `fork`; any other end is one of the handle. */
const refusal = (
  fiber: TaskFiber.TaskFiber<unknown, unknown>
): Effect.Effect<TaskFiber.TaskFiber<unknown, unknown>, TaskError> => {
  const exit = fiber.pollUnsafe()!
  const error = Exit.isFailure(exit) ? Cause.findErrorOption(exit.cause) : Option.none()
  return Option.isSome(error) ? Effect.fail(error.value as TaskError) : Effect.succeed(fiber)
}
