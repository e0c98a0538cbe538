/**
 * One call of a task, as those see it who run it or stand round it.
 *
 * A request is made where the task is called and travels, as an object, through every middleware to the runner. Nobody
 * writes to it: what a runner has to tell of it goes through {@link CallControl}, what a middleware changes goes through
 * the functions of `Middleware`. People who use tasks never see a request.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import type * as Exit from "effect/Exit"
import type * as LogLevel from "effect/LogLevel"
import type * as Tracer from "effect/Tracer"
import type { RunOptions, TaskDefinition } from "./TaskDefinition.ts"
import type { TaskCancelled } from "./TaskError.ts"

/**
 * Where a task is in its life.
 *
 * **Details**
 *
 * - `scheduled`: waits for its `delay` or `runAt`
 * - `pending`: waits for a free worker
 * - `running`: its handler has been started, or is next on its worker
 * - `completed`, `failed`, `cancelled`: it is over
 *
 * @category models
 * @since 0.1.0
 */
export type TaskStatus = "scheduled" | "pending" | "running" | "completed" | "failed" | "cancelled"

/**
 * What can be read of a task from outside while it lives.
 *
 * @category models
 * @since 0.1.0
 */
export interface TaskInfo {
  readonly id: string
  readonly name: string
  readonly status: TaskStatus
  readonly priority: number
  readonly attempt: number
  readonly tags: ReadonlyArray<string>
  /** When the task was called, in milliseconds since the epoch. */
  readonly createdAt: number
  /** The id of the task whose handler called this one, if one did. */
  readonly parentId: string | undefined
  /** What the handler reported last with `TaskContext.progress`. */
  readonly progress: unknown
}

/**
 * Who called: what a request takes over from the fiber that made it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Caller {
  /** Its loggers, its services. */
  readonly context: Context.Context<never>
  readonly clock: Clock.Clock
  readonly span: Tracer.AnySpan | undefined
  readonly minimumLogLevel: LogLevel.LogLevel
  /** The id of the task whose handler it is. */
  readonly taskId: string | undefined
  /** For whom that task is run. */
  readonly principal: unknown
}

/**
 * One call of a task.
 *
 * @category models
 * @since 0.1.0
 */
export interface TaskRequest {
  /** The task's id, unique among all runners and processes. */
  readonly id: string
  /** The name of the task's definition. */
  readonly name: string
  readonly task: TaskDefinition
  readonly payload: unknown
  /** The options of the call, on top of those of the definition. */
  readonly options: RunOptions & { readonly discardResult?: boolean | undefined }
  readonly caller: Caller
  /** Lower runs first. */
  readonly priority: number
  readonly tags: ReadonlyArray<string>
  /** 1 on the first attempt, 2 on the first retry, and so on. */
  readonly attempt: number
  /** When the task was called, in milliseconds since the epoch. */
  readonly createdAt: number
  /** When the time limit ends that runs now, in milliseconds since the epoch; undefined without one. */
  readonly deadline: number | undefined
  /** For whom the task is run. Survives JSON. */
  readonly principal: unknown
  /** The id of the task whose handler called this one, if one did. */
  readonly parentId: string | undefined
  /** True from when somebody asks for the task to be cancelled by its id until it is over. */
  readonly cancelled: boolean
}

/**
 * The work on a request in the hands of a runner.
 *
 * @category models
 * @since 0.4.0
 */
export interface Execution {
  readonly status: "scheduled" | "pending" | "running"
  /** Asks for the work to be stopped. The runner ends the request with `stopped`, once the work has stopped. */
  abort(): void
}

/**
 * How a runner tells what becomes of a request that it has been given.
 *
 * @category models
 * @since 0.4.0
 */
export interface CallControl {
  /** The runner has taken responsibility for the request, which is queued or started: `fork` gives its handle. */
  accept(): void
  /** Who works on the request, or will: asked for its status, and told when the task is cancelled by its id. */
  begin(execution: Execution): void
  /** What the handler reports. */
  reportProgress(value: unknown): void
  /** How a request ends whose work has been stopped: cancelled by its id, or else interrupted. */
  readonly stopped: Exit.Exit<never, TaskCancelled>
}

/**
 * The priority of a task that names none. Lower runs first.
 *
 * @category constants
 * @since 0.1.0
 */
export const defaultPriority = 10
