/** A task as a command: how its process is started, and what it says of the task. */
import * as path from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type * as Task from "../../Task.ts"
import * as Conditions from "../../internal/values/Conditions.ts"
import * as TaskCodec from "../../internal/values/TaskCodec.ts"
import * as TaskExit from "../../internal/values/TaskExit.ts"
import {
  ModuleInvalid,
  NotTransferable,
  PayloadInvalid,
  TaskCancelled,
  type TaskError,
  TaskNotFound,
  TaskTimeout,
  WorkerCrashed
} from "../../TaskError.ts"
import { payloadOf } from "../../internal/task/PayloadInput.ts"
import * as TaskId from "../../internal/task/TaskId.ts"
import type { Child } from "./Child.ts"
import * as Frames from "./Frames.ts"
import type { ProcessExit, StartError } from "./Model.ts"

/** The file that the process runs: as source while this library runs from source, else as compiled. */
const entry = fileURLToPath(new URL(`./taskEntry${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url))

/** The URL of a module given as one, or as a path. */
const urlOf = (module: URL | string): string => {
  if (module instanceof URL) return module.href
  return /^(file|data|node):/.test(module) ? module : pathToFileURL(path.resolve(module)).href
}

/** How the process of a task is started. */
interface Options {
  readonly module: URL | string
  readonly execArgv: ReadonlyArray<string>
  readonly signal: NodeJS.Signals
}

/** One task in a process of its own, over all runs of the process. */
export class TaskCommand {
  readonly command = process.execPath
  readonly args: ReadonlyArray<string>
  private readonly task: Task.Any
  private readonly order: Omit<Frames.Order, "attempt">
  private started = Deferred.makeUnsafe<void>()
  private reply: Frames.Ended | undefined
  private pid = 0

  constructor(task: Task.Any, payload: unknown, { execArgv, module, signal }: Options) {
    this.task = task
    this.args = [...Conditions.execArgv(), ...execArgv, entry]
    const taskId = TaskId.makeId(`${TaskId.idPrefix}p`, ++count)
    this.order = { module: urlOf(module), task: task.name, taskId, payload, signal }
  }

  /** Tells the process what to do, and listens to it. */
  attach(child: Child, attempt: number): void {
    this.reply = undefined
    this.started = Deferred.makeUnsafe()
    this.pid = child.pid
    const channel = child.channel!
    // It has ended, which is seen by that.
    channel.on("error", () => {})
    channel.on(
      "data",
      Frames.reader<Frames.Reply>((reply) => {
        if (reply._tag === "Started") Deferred.doneUnsafe(this.started, Effect.void)
        else this.reply = reply
      })
    )
    channel.write(Frames.encode({ ...this.order, attempt }))
  }

  /** Completes when the handler begins, in the run that is under way. */
  get begun(): Effect.Effect<void> {
    return Effect.suspend(() => Deferred.await(this.started))
  }

  /** Why the last run, which is over, has not even begun. */
  get startError(): StartError | undefined {
    if (this.reply?._tag !== "Failure" || Deferred.isDoneUnsafe(this.started)) return undefined
    const exit = TaskExit.decode(this.task, this.reply)
    const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    return error instanceof ModuleInvalid || error instanceof TaskNotFound || error instanceof PayloadInvalid
      ? error
      : undefined
  }

  /** What came of the task in the last run, when the process is over. */
  result(exit: ProcessExit, timeout: Duration.Duration | undefined, name: string): Exit.Exit<unknown, unknown> {
    const { task, taskId } = this.order
    const ended = this.reply && TaskExit.decode(this.task, this.reply)
    const wasInterrupted = ended === undefined || (Exit.isFailure(ended) && Cause.hasInterruptsOnly(ended.cause))
    if (wasInterrupted && exit.reason === "Stopped") return Exit.fail(new TaskCancelled({ task, taskId }))
    if (wasInterrupted && exit.reason === "TimedOut") {
      return Exit.fail(new TaskTimeout({ task, taskId, timeout: Duration.toMillis(timeout!) }))
    }
    return ended ?? Exit.fail(this.crashed(exit, name))
  }

  private crashed({ exitCode, lastLines, signal }: ProcessExit, name: string): TaskError {
    return new WorkerCrashed({
      task: this.order.task,
      taskId: this.order.taskId,
      worker: `process "${name}" (pid ${this.pid})`,
      reason: signal === undefined ? "Exit" : "Signal",
      ...(exitCode !== undefined && { exitCode }),
      ...(signal !== undefined && { signal }),
      ...(lastLines.length > 0 && { detail: lastLines.join("\n") })
    })
  }
}

let count = 0

/** Checks and writes a payload, and makes the command. */
export const make = (
  task: Task.Any,
  given: unknown,
  options: Options
): Effect.Effect<TaskCommand, PayloadInvalid | NotTransferable> =>
  Effect.gen(function* () {
    const payload = payloadOf(yield* Effect.context<never>(), task, given)
    if (Result.isFailure(payload)) return yield* new PayloadInvalid({ task: task.name, issue: payload.failure })
    const encoded = yield* Effect.fromResult(TaskCodec.encodePayload(task, payload.success))
    try {
      // What only the clone itself finds out.
      structuredClone(encoded)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return yield* new NotTransferable({ task: task.name, path: "payload", reason })
    }
    return new TaskCommand(task, encoded, options)
  })
