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
import type * as Stream from "effect/Stream"
import type { RunnerStats } from "./RunnerStats.ts"
import { type TaskError, TaskNotFound, TaskRejected } from "./TaskError.ts"
import * as TaskFiber from "./TaskFiber.ts"
import type { CallControl, TaskInfo, TaskRequest } from "./TaskRequest.ts"
import * as Call from "./internal/call/Call.ts"
import { executeWith, Front, streamWith } from "./internal/call/Front.ts"

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
 * What a runner has to bring along.
 *
 * **Details**
 *
 * `execute` and `stream` call `control.accept` when the request is queued or started, and `control.begin` to say who works
 * on it. When they are interrupted, or `abort` of that is called, they end once the work has stopped, with
 * `control.stopped`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends Controls {
  readonly execute: (request: TaskRequest, control: CallControl) => Effect.Effect<unknown, unknown>
  readonly stream: (request: TaskRequest, control: CallControl) => Stream.Stream<unknown, unknown>
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

/**
 * Makes a runner. Its tasks live in the current scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (options: Options): Effect.Effect<TaskRunner["Service"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const front = new Front({ accepts: true, onBusy: options.onBusy })
    yield* Effect.addFinalizer(() => front.shutDown(options.shutdownGrace ?? "5 seconds"))

    const execute = executeWith(front, (call) => options.execute(call, call))

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

    return TaskRunner.of({
      execute,
      stream: streamWith(front, (call) => options.stream(call, call)),
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
      pause: options.pause,
      resume: options.resume,
      resize: options.resize,
      stats: options.stats,
      "~front": front
    })
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
        return Effect.callback<void>((stopped) => {
          fiber.addObserver(() => stopped(Effect.void))
          fiber.interruptUnsafe()
        })
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
