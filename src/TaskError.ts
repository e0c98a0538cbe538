/**
 * The errors that running a task can add to the task's own errors.
 *
 * Each member is a `Schema.TaggedError` of its own, so that `Effect.catchTag` recovers from exactly one of them and
 * all of them cross threads, processes and stores like any other value. `TaskError` is their union. A message says
 * what happened, to which task, and what to do about it.
 *
 * @since 0.1.0
 */
import * as Inspectable from "effect/Inspectable"
import * as Schema from "effect/Schema"

/** What there is to say of a cause, whatever it is. */
const textOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "message" in cause
    ? String(cause.message)
    : Inspectable.toStringUnknown(cause)

const list = (names: ReadonlyArray<string>) => (names.length === 0 ? "none" : names.join(", "))

/**
 * No handler of this name is known to the runner, or no task with this id is known to it.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskNotFound extends Schema.TaggedError<TaskNotFound>()("TaskNotFound", {
  task: Schema.String,
  /** The names of the tasks that this runner has handlers for. */
  available: Schema.Array(Schema.String),
  /** The id that was looked for, when it was one. */
  taskId: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    if (this.taskId !== undefined) {
      return (
        `No task with id ${this.taskId} is known to this runner; it was asked for as task "${this.task}". A task is ` +
        `known to a runner with a store while its record is kept, and to any other while it lives in that runner.`
      )
    }
    return (
      `No handler for task "${this.task}" (handlers known here: ${list(this.available)}). ` +
      `Add the Layer of its toLayer(...) to the runner's handlers, or to the default export of the tasks module.`
    )
  }
}

/**
 * The payload does not match the task's payload schema. Nothing was sent, no handler ran.
 *
 * @category errors
 * @since 0.1.0
 */
export class PayloadInvalid extends Schema.TaggedError<PayloadInvalid>()("PayloadInvalid", {
  task: Schema.String,
  issue: Schema.String
}) {
  override get message(): string {
    return `The payload of task "${this.task}" does not match its schema: ${this.issue}`
  }
}

/**
 * The handler ended well, but with a value that does not match the task's success schema.
 *
 * @category errors
 * @since 0.1.0
 */
export class ResultInvalid extends Schema.TaggedError<ResultInvalid>()("ResultInvalid", {
  task: Schema.String,
  issue: Schema.String
}) {
  override get message(): string {
    return `The result of task "${this.task}" does not match its schema: ${this.issue}`
  }
}

/**
 * A value cannot cross to where the work runs, or back: a function, a symbol, a class instance without a schema, or a
 * variable that a portable function takes from outside.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotTransferable extends Schema.TaggedError<NotTransferable>()("NotTransferable", {
  task: Schema.String,
  /** Where the value sits, for example `payload.items[3].callback`. */
  path: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `Task "${this.task}": ${this.path} cannot be sent to where the task runs: ${this.reason}`
  }
}

/**
 * The task did not finish within its `timeout`, which covers waiting and running. The work has been stopped.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskTimeout extends Schema.TaggedError<TaskTimeout>()("TaskTimeout", {
  task: Schema.String,
  taskId: Schema.String,
  /** The time limit in milliseconds. */
  timeout: Schema.Number
}) {
  override get message(): string {
    return `Task "${this.task}" (${this.taskId}) did not finish within ${this.timeout} ms and was stopped`
  }
}

/**
 * The task was cancelled by its id. The work has been stopped.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskCancelled extends Schema.TaggedError<TaskCancelled>()("TaskCancelled", {
  task: Schema.String,
  taskId: Schema.String
}) {
  override get message(): string {
    return `Task "${this.task}" (${this.taskId}) was cancelled`
  }
}

/**
 * The thread or process that ran the task ended before the task did. Whether the work took effect is unknown: retry
 * only what may run twice.
 *
 * @category errors
 * @since 0.1.0
 */
export class WorkerCrashed extends Schema.TaggedError<WorkerCrashed>()("WorkerCrashed", {
  task: Schema.String,
  taskId: Schema.String,
  /** Which worker, for example `thread 3` or `process 3 (pid 4711)`. */
  worker: Schema.String,
  reason: Schema.Literals(["Exit", "Signal", "OutOfMemory", "UncaughtError", "Killed", "Lost"]),
  exitCode: Schema.optionalKey(Schema.Number),
  signal: Schema.optionalKey(Schema.String),
  /** What the worker said last, where it said something: an error's stack, or a line of its standard error. */
  detail: Schema.optionalKey(Schema.String)
}) {
  override get message(): string {
    const how = {
      Exit: `exited with code ${this.exitCode}`,
      Signal: `was ended by signal ${this.signal}`,
      OutOfMemory:
        "ran out of memory (send less at once, or allow more: resourceLimits of threads, " +
        'execArgv ["--max-old-space-size=..."] of processes)',
      UncaughtError: "died of an uncaught error",
      Killed: "was killed because another of its tasks ignored its interruption",
      Lost: "disappeared while it worked on it"
    }[this.reason]
    return `Task "${this.task}" (${this.taskId}) was lost: ${this.worker} ${how}${this.detail ? `: ${this.detail}` : ""}`
  }
}

/**
 * The tasks module could not be loaded by a worker: a syntax error, a missing file, no Layer as default export, or a
 * Layer that failed.
 *
 * @category errors
 * @since 0.1.0
 */
export class ModuleInvalid extends Schema.TaggedError<ModuleInvalid>()("ModuleInvalid", {
  module: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `The tasks module ${this.module} could not be loaded by a worker: ${this.reason}`
  }
}

/**
 * The runner's queue has reached `maxQueue` and its `overflow` is `"fail"`.
 *
 * @category errors
 * @since 0.1.0
 */
export class QueueFull extends Schema.TaggedError<QueueFull>()("QueueFull", {
  task: Schema.String,
  limit: Schema.Number
}) {
  override get message(): string {
    return `Task "${this.task}" was refused: ${this.limit} tasks are waiting already (maxQueue). Try again later`
  }
}

/**
 * The runner's scope is closed, or its intake has been closed by `awaitIdle`.
 *
 * @category errors
 * @since 0.1.0
 */
export class RunnerClosed extends Schema.TaggedError<RunnerClosed>()("RunnerClosed", {
  task: Schema.String
}) {
  override get message(): string {
    return `Task "${this.task}" was refused: its runner takes no more tasks. Run it inside the scope of the runner's Layer`
  }
}

/**
 * More calls than a rate limit allows.
 *
 * @category errors
 * @since 0.1.0
 */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", {
  task: Schema.String,
  /** Milliseconds after which a call may succeed. */
  retryAfter: Schema.Number
}) {
  override get message(): string {
    return `Task "${this.task}" was refused by its rate limit. Try again in ${this.retryAfter} ms`
  }
}

/**
 * The caller may not run this task.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {
  task: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `Task "${this.task}" was refused: ${this.reason}`
  }
}

/**
 * The circuit breaker in front of this task is open, because too many calls failed of late.
 *
 * @category errors
 * @since 0.1.0
 */
export class CircuitOpen extends Schema.TaggedError<CircuitOpen>()("CircuitOpen", {
  task: Schema.String,
  /** Milliseconds after which the circuit lets a call try again. */
  retryAfter: Schema.Number
}) {
  override get message(): string {
    return `Task "${this.task}" was refused: its circuit is open. Try again in ${this.retryAfter} ms`
  }
}

/**
 * The runner understood the call and declined it, for the reason it gives.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskRejected extends Schema.TaggedError<TaskRejected>()("TaskRejected", {
  task: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `Task "${this.task}" was rejected: ${this.reason}`
  }
}

/**
 * A store could not read or write.
 *
 * @category errors
 * @since 0.1.0
 */
export class StoreFailure extends Schema.TaggedError<StoreFailure>()("StoreFailure", {
  operation: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `The task store failed to ${this.operation}: ${textOf(this.cause)}`
  }
}

/**
 * The connection to where the task runs failed. Whether the work took effect is unknown: retry only what may run twice.
 *
 * @category errors
 * @since 0.1.0
 */
export class TransportFailure extends Schema.TaggedError<TransportFailure>()("TransportFailure", {
  task: Schema.String,
  cause: Schema.Defect()
}) {
  override get message(): string {
    return `The connection to where task "${this.task}" runs failed: ${textOf(this.cause)}`
  }
}

/**
 * A router has no runner to give: none has this name, or its Layer has failed, or the router is at its end.
 *
 * @category errors
 * @since 0.3.0
 */
export class RunnerUnavailable extends Schema.TaggedError<RunnerUnavailable>()("RunnerUnavailable", {
  runner: Schema.String,
  reason: Schema.String,
  /** What the Layer has failed with, when it has. */
  cause: Schema.optionalKey(Schema.Defect())
}) {
  override get message(): string {
    return `The runner "${this.runner}" is not available: ${this.reason}`
  }
}

/**
 * Every error that running a task can add to the task's own.
 *
 * **Example** (Recovering from one of them)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { Task, FiberRunner } from "effect-strand"
 *
 * const nap = Task.make("nap")
 *
 * const program = nap.run(undefined, { timeout: "10 millis" }).pipe(
 *   Effect.as("slept"),
 *   Effect.catchTag("TaskTimeout", (error) => Effect.succeed(error.message)),
 *   Effect.provide(FiberRunner.layer(nap.toLayer(() => Effect.sleep("1 hour"))))
 * )
 *
 * console.log(await Effect.runPromise(program))
 * // prints: Task "nap" (…) did not finish within 10 ms and was stopped
 * ```
 *
 * @category errors
 * @since 0.1.0
 */
export const TaskError = Schema.Union([
  TaskNotFound,
  PayloadInvalid,
  ResultInvalid,
  NotTransferable,
  TaskTimeout,
  TaskCancelled,
  WorkerCrashed,
  ModuleInvalid,
  QueueFull,
  RunnerClosed,
  RateLimited,
  Unauthorized,
  CircuitOpen,
  TaskRejected,
  RunnerUnavailable,
  StoreFailure,
  TransportFailure
])

/**
 * The type of {@link TaskError}.
 *
 * @category errors
 * @since 0.1.0
 */
export type TaskError = typeof TaskError.Type

/**
 * Tells a `TaskError` from a task's own errors.
 *
 * @category guards
 * @since 0.1.0
 */
export const isTaskError: (u: unknown) => u is TaskError = Schema.is(TaskError)
