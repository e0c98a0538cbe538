/**
 * One call of a task on its way through a runner.
 *
 * A request is made where the task is called and travels, as an object, through every middleware to the runner, which
 * tells it what happens: accepted, running, progress, settled. The handle of the call ({@link TaskFiber}) and the list
 * of live tasks read from it. People who use tasks never see a request; people who write runners or middleware do.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { type Caller, callerOf } from "./internal/call/Caller.ts"
import type * as Task from "./Task.ts"
import * as TaskCodec from "./internal/values/TaskCodec.ts"
import type { TaskContext } from "./TaskContext.ts"
import { idPrefix, keyOf, makeId, nextNumber } from "./internal/task/TaskId.ts"
import { type RunnerClosed, TaskCancelled, type TaskError, TaskRejected } from "./TaskError.ts"

export type { Caller } from "./internal/call/Caller.ts"

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

/** The priority of a task that names none. Lower runs first. */
export const defaultPriority = 10

const noTags: ReadonlyArray<string> = []

/**
 * A request in the hands of a runner.
 *
 * @category models
 * @since 0.1.0
 */
export interface TaskWork {
  readonly status: "scheduled" | "pending" | "running"
  /** Asks for the work to be stopped. The runner completes the task as interrupted, once the work has stopped. */
  abort(): void
}

/**
 * What a middleware uses to have a request in front of its runner.
 *
 * @category models
 * @since 0.3.0
 */
export interface Hold {
  /** Whether a request that waits in front of the runner counts as accepted, so that `fork` gives its handle. */
  readonly accepts: boolean
  /** What a request has to wait for before it begins; undefined when it may go on. */
  readonly enter?: ((request: TaskRequest) => Effect.Effect<void, TaskError> | undefined) | undefined
  /** Begins to hold a request, as a live task of the runner. Gives the reason when it is refused. */
  readonly begin: (request: TaskRequest) => RunnerClosed | undefined
  /** Ends it, and with it the request. */
  readonly end: (request: TaskRequest, exit: Exit.Exit<unknown, unknown>) => void
}

interface Observers {
  readonly progress: Set<(value: unknown) => void>
  readonly settled: Set<(exit: Exit.Exit<unknown, unknown>) => void>
  /** What has been reported last. */
  latest: unknown
  /** What has been sent to the task and has not been read. */
  inbox: Queue.Queue<unknown, Cause.Done> | undefined
  /** Takes messages out of the inbox on behalf of a handler that runs elsewhere. */
  carrier: Fiber.Fiber<unknown, unknown> | undefined
  /** For whom the task is run, in place of its caller's principal. */
  principal: unknown
}

/** What few requests have: a time limit, or a time to wait for. */
interface Times {
  /** The time limit that the deadline comes from, in milliseconds. */
  limit: number | undefined
  /** When the call's own time limit ends. */
  ends: number | undefined
  /** True once the wait for the `delay` or `runAt` is over. */
  due: boolean
}

/**
 * What a request takes over from the record of an earlier call, in place of what it has of its own.
 *
 * @category models
 * @since 0.2.0
 */
export interface Origin {
  readonly id: string
  readonly createdAt: number
  readonly attempt: number
}

/** How many messages to a task wait to be read before their senders do. */
const inboxCapacity = 256

/** The messages in a queue, each taken when it is read: what one reader leaves is there for the next. */
const readMessages = (queue: Queue.Dequeue<unknown, Cause.Done>): Stream.Stream<unknown> =>
  Stream.fromPull(Effect.succeed(Effect.map(Queue.take(queue), (message) => [message] as const)))

const cancelsItself = (cause: Cause.Cause<unknown>, id: string): boolean =>
  cause.reasons.some(
    (reason) => Cause.isFailReason(reason) && reason.error instanceof TaskCancelled && reason.error.taskId === id
  )

type Options = Task.RunOptions & { readonly discardResult?: boolean | undefined }

/**
 * One call of a task.
 *
 * @category models
 * @since 0.1.0
 */
export class TaskRequest implements Context.Service.Shape<typeof TaskContext> {
  /** What stands for its id: a number as long as the id is its own. */
  key: number | string = nextNumber()
  readonly task: Task.Any
  readonly payload: unknown
  readonly options: Options
  /** Who called. What is put round a call may replace it while the call lasts, by one with a span of its own. */
  caller: Caller
  createdAt: number

  attempt = 1
  deadline: number | undefined = undefined
  /** True once the runner has taken responsibility for the task: it is queued, or running. */
  accepted = false
  /** True when its fiber is that of a handle. */
  forked = false
  /** True once somebody has asked for the task to be cancelled by its id. */
  cancelled = false
  /** What the payload's schema wants moved; known once the payload has been encoded. */
  moved: ReadonlyArray<object> | undefined = undefined
  /** Set by the runner while it has the task. */
  work: TaskWork | undefined = undefined
  /** The fiber in which the request waits by itself, for its delay or between attempts. */
  waiting: Fiber.Fiber<unknown, unknown> | undefined = undefined
  /** What has the request in front of its runner, if anything has. It is over only when that lets go of it. */
  held: Hold | undefined = undefined
  /** Called at the moment the request is accepted. */
  onAccepted: (() => void) | undefined = undefined
  /** Its neighbours among the live tasks of its runner. */
  before: TaskRequest | undefined = undefined
  after: TaskRequest | undefined = undefined
  private phase: TaskStatus = "pending"
  private times: Times | undefined = undefined
  private observers: Observers | undefined = undefined

  constructor(task: Task.Any, payload: unknown, options: Options, caller: Caller) {
    this.task = task
    this.payload = payload
    this.options = options
    this.caller = caller
    this.createdAt = caller.clock.currentTimeMillisUnsafe()
  }

  get id(): string {
    return typeof this.key === "number" ? makeId(idPrefix, this.key) : this.key
  }

  get parentId(): string | undefined {
    return this.caller.taskId
  }

  get name(): string {
    return this.task.name
  }

  get priority(): number {
    return this.options.priority ?? defaultPriority
  }

  /** What is to be moved instead of copied. */
  get transfer(): ReadonlyArray<object> | undefined {
    const { transfer } = this.options
    if (this.moved === undefined) return transfer
    return transfer === undefined ? this.moved : Array.from(new Set([...transfer, ...this.moved]))
  }

  get tags(): ReadonlyArray<string> {
    return this.options.tags ?? noTags
  }

  get status(): TaskStatus {
    return this.work === undefined ? this.phase : this.work.status
  }

  /** True when nobody wants the result. */
  get discard(): boolean {
    return this.options.discardResult === true
  }

  /** For whom the task is run. Has to survive JSON. */
  get principal(): unknown {
    return this.observers?.principal ?? this.caller.principal
  }

  set principal(principal: unknown) {
    this.observing.principal = principal
  }

  get settled(): boolean {
    return this.phase === "completed" || this.phase === "failed" || this.phase === "cancelled"
  }

  /** Stands for an earlier call from now on, which a store knows of. */
  resume(origin: Origin): void {
    this.key = keyOf(origin.id)
    this.createdAt = origin.createdAt
    this.attempt = origin.attempt
  }

  /** The request waits for its time, before a runner has it. */
  schedule(): void {
    this.phase = "scheduled"
    this.accept()
  }

  /** The request waits for its runner: for the first time, or again. */
  release(): void {
    if (this.settled) return
    this.phase = "pending"
    this.work = undefined
  }

  /** Starts the clock of the call's time limit, unless it runs already. Gives what is left of it. */
  startTimeout(): Duration.Duration | undefined {
    if (this.options.timeout === undefined) return undefined
    const now = this.caller.clock.currentTimeMillisUnsafe()
    const { timing } = this
    if (timing.ends === undefined) {
      const millis = Duration.toMillis(Duration.fromInputUnsafe(this.options.timeout))
      timing.ends = now + millis
      this.limitTime(millis)
    }
    return Duration.millis(Math.max(0, timing.ends - now))
  }

  /** Moves the deadline to where a time limit ends that begins now, unless it is earlier anyway. Gives how to undo it. */
  limitTime(millis: number): () => undefined {
    const { deadline, timeLimit, timing } = this
    const end = this.caller.clock.currentTimeMillisUnsafe() + millis
    if (deadline === undefined || end < deadline) {
      this.deadline = end
      timing.limit = millis
    }
    return (): undefined => {
      this.deadline = deadline
      timing.limit = timeLimit
    }
  }

  /** The time limit that the deadline comes from, in milliseconds. */
  get timeLimit(): number | undefined {
    return this.times?.limit
  }

  /** True once the wait for its `delay` or `runAt` is over. */
  get due(): boolean {
    return this.times !== undefined && this.times.due
  }

  set due(due: boolean) {
    this.timing.due = due
  }

  /** What is left of the call's time limit, once its clock has been started. */
  get timeLeft(): Duration.Duration | undefined {
    return this.times?.ends === undefined ? undefined : this.startTimeout()
  }

  // A getter, so that a handler can take the function out of its context, at no cost to those that do not.
  get progress(): (value: unknown) => Effect.Effect<void> {
    return (value) => Effect.sync(() => this.reportProgress(value))
  }

  /** What has been sent to the task and has not been read. */
  get inbox(): Queue.Queue<unknown, Cause.Done> {
    return (this.observing.inbox ??= Effect.runSync(Queue.make({ capacity: inboxCapacity })))
  }

  send(message: unknown): Effect.Effect<void, TaskRejected> {
    return Effect.suspend(() => {
      const reject = (reason: string) => Effect.fail(new TaskRejected({ task: this.name, reason }))
      if (this.task.inbox === undefined) return reject("it has no inbox. Give its definition an inbox schema")
      const checked = TaskCodec.validate(this.task.inbox, message)
      if (Result.isFailure(checked)) return reject(`the message does not match its inbox: ${checked.failure.message}`)
      const over = Effect.suspend(() =>
        reject(`it takes no more messages, because ${this.settled ? "it is over" : "they were ended"}`)
      )
      if (this.settled) return over
      return Effect.flatMap(Queue.offer(this.inbox, message), (taken) => (taken ? Effect.void : over))
    })
  }

  /** The handler runs elsewhere, and this fiber waits for a message to send there. The one before it is at its end. */
  set carrier(fiber: Fiber.Fiber<unknown, unknown> | undefined) {
    this.observers?.carrier?.interruptUnsafe()
    if (fiber !== undefined || this.observers !== undefined) this.observing.carrier = fiber
  }

  get endMessages(): Effect.Effect<void> {
    return Effect.asVoid(Effect.suspend(() => (this.settled ? Effect.void : Queue.end(this.inbox))))
  }

  get messages(): Stream.Stream<unknown> {
    return Stream.suspend(() => readMessages(this.inbox))
  }

  get cancel(): Effect.Effect<never, TaskCancelled> {
    return Effect.suspend(() => Effect.fail(new TaskCancelled({ task: this.name, taskId: this.id })))
  }

  /** Shows what becomes of another request, which does the work of this one. Gives how to end that. */
  follow(other: TaskRequest): () => void {
    this.work = {
      get status() {
        const { status } = other
        return status === "scheduled" || status === "pending" ? status : "running"
      },
      abort: () => {}
    }
    if (other.accepted) this.accept()
    else {
      const before = other.onAccepted
      other.onAccepted = () => {
        before?.()
        this.accept()
      }
    }
    const latest = other.observers?.latest
    if (latest !== undefined) this.reportProgress(latest)
    return other.observe("progress", (value) => this.reportProgress(value))
  }

  reportProgress(value: unknown): void {
    const observers = this.observing
    observers.latest = value
    for (const observer of observers.progress) observer(value)
  }

  accept(): void {
    if (this.accepted) return
    this.accepted = true
    this.onAccepted?.()
  }

  /** Asks for the task to be cancelled, wherever it is. Does nothing once it is settled. */
  requestCancel(): void {
    if (this.settled || this.cancelled) return
    this.cancelled = true
    if (this.waiting !== undefined) this.waiting.interruptUnsafe()
    else this.work?.abort()
  }

  /** How a request ends whose work has been stopped: its caller may have been interrupted, or learns that it was not. */
  get stopped(): Exit.Exit<never, TaskCancelled> {
    return this.cancelled
      ? Exit.fail(new TaskCancelled({ task: this.name, taskId: this.id }))
      : (Exit.interrupt() as Exit.Exit<never>)
  }

  /** What a task is that ends so. */
  statusOf(exit: Exit.Exit<unknown, unknown>): "completed" | "failed" | "cancelled" {
    if (Exit.isSuccess(exit)) return "completed"
    return this.cancelled || Cause.hasInterruptsOnly(exit.cause) || cancelsItself(exit.cause, this.id)
      ? "cancelled"
      : "failed"
  }

  /** The runner is done with the request, which is then over, or in the hands of what held it in front of the runner. */
  settle(exit: Exit.Exit<unknown, unknown>): void {
    if (this.settled) return
    if (this.held !== undefined) return this.release()
    this.phase = this.statusOf(exit)
    // Its work may go on, for others who share it.
    this.cancelled = false
    this.work = undefined
    this.waiting = undefined
    if (this.observers === undefined) return
    if (this.observers.inbox !== undefined) Queue.shutdownUnsafe(this.observers.inbox)
    for (const observer of this.observers.settled) observer(exit)
  }

  /** How the task ends. Must not be asked for once it has. */
  get awaitExit(): Effect.Effect<unknown, unknown> {
    return Effect.callback((resume) => Effect.sync(this.observe("settled", resume)))
  }

  /** Completes when the task is over and its work has stopped. */
  get awaitSettled(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.settled) return resume(Effect.void)
      return Effect.sync(this.observe("settled", () => resume(Effect.void)))
    })
  }

  /** What the handler reports, from the latest value on; ends with the task. */
  get progressStream(): Stream.Stream<unknown> {
    return Stream.callback<unknown>((queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const latest = this.observers?.latest
          if (latest !== undefined) Queue.offerUnsafe(queue, latest)
          if (this.settled) {
            Queue.endUnsafe(queue)
            return []
          }
          return [
            this.observe("progress", (value) => Queue.offerUnsafe(queue, value)),
            this.observe("settled", () => Queue.endUnsafe(queue))
          ]
        }),
        (unsubscribe) => Effect.sync(() => unsubscribe.forEach((f) => f()))
      )
    )
  }

  private get timing(): Times {
    return (this.times ??= { limit: undefined, ends: undefined, due: false })
  }

  private get observing(): Observers {
    return (this.observers ??= {
      progress: new Set(),
      settled: new Set(),
      latest: undefined,
      inbox: undefined,
      carrier: undefined,
      principal: undefined
    })
  }

  private observe<K extends "progress" | "settled">(kind: K, observer: Parameters<Observers[K]["add"]>[0]): () => void {
    const observers = this.observing[kind] as Set<unknown>
    observers.add(observer)
    return () => observers.delete(observer)
  }

  get info(): TaskInfo {
    return {
      id: this.id,
      name: this.task.name,
      status: this.status,
      priority: this.priority,
      attempt: this.attempt,
      tags: this.tags,
      createdAt: this.createdAt,
      parentId: this.parentId,
      progress: this.observers?.latest
    }
  }
}

/**
 * Makes a request in the current fiber.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  context: Context.Context<never>,
  task: Task.Any,
  payload: unknown,
  options: Options | undefined
): TaskRequest =>
  new TaskRequest(
    task,
    payload,
    options === undefined ? task.options : { ...task.options, ...options },
    callerOf(context)
  )
