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

/** Makes the class of an error that names the task it happened to. */
const ofTask =
  <Self>() =>
  <const Tag extends string, Fields extends Schema.Struct.Fields>(tag: Tag, fields: Fields) =>
    Schema.TaggedError<Self>(`effect-strand/${tag}`)(tag, { task: Schema.String, ...fields })

const list = (names: ReadonlyArray<string>) => (names.length === 0 ? "none" : names.join(", "))

/**
 * No handler of this name is known to the runner, or no task with this id is known to it.
 *
 * What to do: add the handler's Layer to the runner, or to the default export of the tasks module. Of an id: it is too late,
 * or the runner is another one than the task's.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskNotFound extends ofTask<TaskNotFound>()("TaskNotFound", {
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
 * What to do: `issue` says which part of the payload is wrong, and why.
 *
 * @category errors
 * @since 0.1.0
 */
export class PayloadInvalid extends ofTask<PayloadInvalid>()("PayloadInvalid", { issue: Schema.String }) {
  override get message(): string {
    return `The payload of task "${this.task}" does not match its schema: ${this.issue}`
  }
}

/**
 * The handler ended well, but with a value that does not match the task's success schema. The work has been done; only its
 * result is lost.
 *
 * What to do: correct the handler or the schema.
 *
 * @category errors
 * @since 0.1.0
 */
export class ResultInvalid extends ofTask<ResultInvalid>()("ResultInvalid", { issue: Schema.String }) {
  override get message(): string {
    return `The result of task "${this.task}" does not match its schema: ${this.issue}`
  }
}

/**
 * A value cannot cross to where the work runs, or back: a function, a symbol, a class instance without a schema, or a
 * variable that a portable function takes from outside.
 *
 * What to do: `path` says where the value is. Leave it out, or give its schema a form that can be written, as
 * `Schema.Class` has it.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotTransferable extends ofTask<NotTransferable>()("NotTransferable", {
  /** Where the value sits, for example `payload.items[3].callback`. */
  path: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `Task "${this.task}": ${this.path} cannot be sent to where the task runs: ${this.reason}`
  }
}

/**
 * The task did not finish within its `timeout`, which covers waiting, running and all its attempts. The work has been
 * stopped.
 *
 * What to do: give more time, or find out what keeps the runner busy. A retry of the call itself is for whoever made it:
 * `retry` among its options ends with its time.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskTimeout extends ofTask<TaskTimeout>()("TaskTimeout", {
  taskId: Schema.String,
  /** The time limit in milliseconds. */
  timeout: Schema.Number
}) {
  override get message(): string {
    return `Task "${this.task}" (${this.taskId}) did not finish within ${this.timeout} ms and was stopped`
  }
}

/**
 * The task was cancelled by its id, or by itself with `TaskContext.cancel`. The work has been stopped. Interrupting a call or
 * its handle is no `TaskCancelled`, but an interruption.
 *
 * What to do: nothing, somebody wanted it so.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskCancelled extends ofTask<TaskCancelled>()("TaskCancelled", { taskId: Schema.String }) {
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
export class WorkerCrashed extends ofTask<WorkerCrashed>()("WorkerCrashed", {
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
 * What to do: import the module in the program itself, which shows the same error with its stack.
 *
 * @category errors
 * @since 0.1.0
 */
export class ModuleInvalid extends Schema.TaggedError<ModuleInvalid>("effect-strand/ModuleInvalid")("ModuleInvalid", {
  module: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `The tasks module ${this.module} could not be loaded by a worker: ${this.reason}`
  }
}

/**
 * The runner's queue has reached `maxQueue` and its `overflow` is `"fail"`. The task was not accepted and has not run.
 *
 * What to do: try again later, or let calls wait with `overflow: "wait"`.
 *
 * @category errors
 * @since 0.1.0
 */
export class QueueFull extends ofTask<QueueFull>()("QueueFull", { limit: Schema.Number }) {
  override get message(): string {
    return `Task "${this.task}" was refused: ${this.limit} tasks are waiting already (maxQueue). Try again later`
  }
}

/**
 * The runner's scope is closed, or its intake has been closed by `awaitIdle`. The task was not accepted, or was ended when the
 * runner was.
 *
 * What to do: run tasks inside the scope of the runner's Layer.
 *
 * @category errors
 * @since 0.1.0
 */
export class RunnerClosed extends ofTask<RunnerClosed>()("RunnerClosed", {}) {
  override get message(): string {
    return `Task "${this.task}" was refused: its runner takes no more tasks. Run it inside the scope of the runner's Layer`
  }
}

/**
 * More calls than a rate limit allows. The task has not run.
 *
 * What to do: try again after `retryAfter`, or let calls wait with `onExceeded: "delay"`.
 *
 * @category errors
 * @since 0.1.0
 */
export class RateLimited extends ofTask<RateLimited>()("RateLimited", {
  /** Milliseconds after which a call may succeed. */
  retryAfter: Schema.Number
}) {
  override get message(): string {
    return `Task "${this.task}" was refused by its rate limit. Try again in ${this.retryAfter} ms`
  }
}

/**
 * The caller may not run this task. It has not run.
 *
 * What to do: call it with the credentials that `Middleware.auth` of the runner asks for.
 *
 * @category errors
 * @since 0.1.0
 */
export class Unauthorized extends ofTask<Unauthorized>()("Unauthorized", { reason: Schema.String }) {
  override get message(): string {
    return `Task "${this.task}" was refused: ${this.reason}`
  }
}

/**
 * The circuit breaker in front of this task is open, because too many calls failed of late. The task has not run.
 *
 * What to do: try again after `retryAfter`, and look at why the calls before have failed.
 *
 * @category errors
 * @since 0.1.0
 */
export class CircuitOpen extends ofTask<CircuitOpen>()("CircuitOpen", {
  /** Milliseconds after which the circuit lets a call try again. */
  retryAfter: Schema.Number
}) {
  override get message(): string {
    return `Task "${this.task}" was refused: its circuit is open. Try again in ${this.retryAfter} ms`
  }
}

/**
 * The runner understood the call and cannot serve it, for the reason it gives: a stream or messages on a runner with a store,
 * a call that costs more than a limit ever allows, an id of another task, a cron that cannot be read, definitions that differ
 * between caller and worker. The task has not run. It is no rejected Promise: a handler that fails is an error of its own.
 *
 * What to do: change the call, the definition or the runner, as `reason` says.
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskRejected extends ofTask<TaskRejected>()("TaskRejected", { reason: Schema.String }) {
  override get message(): string {
    return `Task "${this.task}" was rejected: ${this.reason}`
  }
}

/**
 * A store could not read or write. What was to be stored may be stored all the same, if the connection to the store failed.
 *
 * What to do: `cause` is what the store has said. Try again what may be stored twice, or give an `idempotencyKey`.
 *
 * @category errors
 * @since 0.1.0
 */
export class StoreFailure extends Schema.TaggedError<StoreFailure>("effect-strand/StoreFailure")("StoreFailure", {
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
export class TransportFailure extends ofTask<TransportFailure>()("TransportFailure", { cause: Schema.Defect() }) {
  override get message(): string {
    return `The connection to where task "${this.task}" runs failed: ${textOf(this.cause)}`
  }
}

/**
 * A router has no runner to give: none has this name, or its Layer has failed, or the router is at its end. The task has not
 * run.
 *
 * What to do: give the router a runner of this name, or see to what `cause` says. A runner that failed is made again at the
 * next call.
 *
 * @category errors
 * @since 0.3.0
 */
export class RunnerUnavailable extends Schema.TaggedError<RunnerUnavailable>("effect-strand/RunnerUnavailable")(
  "RunnerUnavailable",
  {
    runner: Schema.String,
    reason: Schema.String,
    /** The task that was to run there, if there is one. */
    task: Schema.optionalKey(Schema.String),
    /** What the Layer has failed with, when it has. */
    cause: Schema.optionalKey(Schema.Defect())
  }
) {
  override get message(): string {
    const unavailable = `The runner "${this.runner}" is not available: ${this.reason}`
    return this.task === undefined ? unavailable : `Task "${this.task}" was not run. ${unavailable}`
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

// Their identifiers tell them from errors of programs that have the same tags. Logs name them by their tags all the same.
for (const { fields, prototype } of TaskError.members) {
  Object.defineProperty(prototype, "name", { value: fields._tag.schema.literal })
}

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

/**
 * What an error says of another attempt, and of whose fault it is.
 *
 * @category models
 * @since 0.4.0
 */
export interface Classification {
  /** Whether it would come again, or was meant to end the task: no `retry` tries again what is final. */
  readonly final: boolean
  /**
   * - `"caller"`: the call cannot be run as it is
   * - `"runner"`: what runs the task is broken or too slow, the handler included. Circuit breakers count these
   * - `"nobody"`: the call was refused for the time being, or ended on purpose
   */
  readonly fault: "caller" | "runner" | "nobody"
}

const classifications: { readonly [Tag in TaskError["_tag"]]: Classification } = {
  TaskNotFound: { final: true, fault: "caller" },
  PayloadInvalid: { final: true, fault: "caller" },
  NotTransferable: { final: true, fault: "caller" },
  Unauthorized: { final: true, fault: "caller" },
  TaskRejected: { final: false, fault: "caller" },
  ResultInvalid: { final: false, fault: "runner" },
  TaskTimeout: { final: true, fault: "runner" },
  WorkerCrashed: { final: false, fault: "runner" },
  ModuleInvalid: { final: true, fault: "runner" },
  StoreFailure: { final: false, fault: "runner" },
  TransportFailure: { final: false, fault: "runner" },
  TaskCancelled: { final: true, fault: "nobody" },
  QueueFull: { final: false, fault: "nobody" },
  RunnerClosed: { final: true, fault: "nobody" },
  RateLimited: { final: false, fault: "nobody" },
  CircuitOpen: { final: false, fault: "nobody" },
  RunnerUnavailable: { final: false, fault: "nobody" }
}

/**
 * Says of an error whether it is final, and whose fault it is.
 *
 * **Example** (Whose fault an error is)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { FiberRunner, Task, TaskError } from "effect-strand"
 *
 * const half = Task.make("half", { payload: Schema.Int, success: Schema.Int })
 *
 * const program = half.run(3).pipe(
 *   Effect.catchIf(TaskError.isTaskError, (error) => Effect.succeed(TaskError.classify(error))),
 *   Effect.provide(FiberRunner.layer(half.toLayer((n) => Effect.succeed(n / 2))))
 * )
 *
 * console.log(await Effect.runPromise(program))
 * // prints: { final: false, fault: 'runner' }
 * ```
 *
 * @category combinators
 * @since 0.4.0
 */
export const classify = (error: TaskError): Classification => classifications[error._tag]

/**
 * Whether an error would come again, or was meant to end the task, so that no `retry` tries again. A task's own errors never
 * are.
 *
 * @category guards
 * @since 0.3.0
 */
export const isFinal = (error: unknown): boolean => isTaskError(error) && classify(error).final
