/**
 * One call of a task: what is known of it, and where it is in its life.
 *
 * It is the `TaskRequest` of middlewares, the `CallControl` of its runner and the `TaskContext` of its handler, one object
 * for all of them, since calls are many. Its state changes by its methods alone; the front, which calls most of them, is
 * where their order is.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as References from "effect/References"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { TaskDefinition } from "../../TaskDefinition.ts"
import { TaskContext } from "../../TaskContext.ts"
import { TaskCancelled, TaskRejected } from "../../TaskError.ts"
import {
  type CallControl,
  type Caller,
  defaultPriority,
  type Execution,
  type TaskInfo,
  type TaskRequest,
  type TaskStatus
} from "../../TaskRequest.ts"
import type { Linked } from "../limit/Line.ts"
import { idPrefix, keyOf, makeId } from "../task/TaskId.ts"
import * as TaskCodec from "../values/TaskCodec.ts"
import { Messages } from "./Messages.ts"

/** Who follows a call. */
interface Observers {
  readonly progress: Set<(value: unknown) => void>
  readonly settled: Set<(exit: Exit.Exit<unknown, unknown>) => void>
  /** What has been reported last. */
  latest: unknown
}

/** What few calls have. */
interface Extras {
  /** The time limit that the deadline comes from, in milliseconds. */
  timeLimit: number | undefined
  /** When the call's own time limit ends. */
  timeEnds: number | undefined
  /** True once the wait for the `delay` or `runAt` is over. */
  due: boolean
  /** For whom the task is run, in place of its caller's principal. */
  principal: unknown
  /** What the payload's schema wants moved; known once the payload has been encoded. */
  moved: ReadonlyArray<object> | undefined
  messages: Messages | undefined
}

// A fiber that calls many tasks, and fibers forked from it, have one context: what is looked up there is kept.
let lastCaller: Caller | undefined

/** The caller in a Context. */
const callerOf = (context: Context.Context<never>): Caller => {
  if (lastCaller?.context === context) return lastCaller
  const task = Context.getOrUndefined(context, TaskContext)
  return (lastCaller = {
    context,
    clock: Context.get(context, Clock.Clock),
    span: Context.getOrUndefined(context, Tracer.ParentSpan),
    minimumLogLevel: Context.get(context, References.MinimumLogLevel),
    taskId: task?.id,
    principal: task?.principal
  })
}

// Ids are a random prefix for this thread of this process and a counter: unique everywhere, and cheap enough for the
// hot path, which a UUID for each task is not.
let counter = 0

const noTags: ReadonlyArray<string> = []

const cancelsItself = (cause: Cause.Cause<unknown>, id: string): boolean =>
  cause.reasons.some(
    (reason) => Cause.isFailReason(reason) && reason.error instanceof TaskCancelled && reason.error.taskId === id
  )

/** Adds an observer, and gives how to take it away. */
const observe = <F>(observers: Set<F>, observer: F): (() => void) => {
  observers.add(observer)
  return () => observers.delete(observer)
}

/** One call of a task. */
export class Call implements TaskRequest, CallControl, Context.Service.Shape<typeof TaskContext>, Linked<Call> {
  readonly task: TaskDefinition
  readonly payload: unknown
  readonly options: TaskRequest["options"]
  caller: Caller
  /** What stands for its id: a number as long as the id is its own. */
  key: number | string = ++counter
  createdAt: number
  attempt = 1
  deadline: number | undefined = undefined
  /** True once the runner has taken responsibility for the task. */
  accepted = false
  /** True when its fiber is that of a handle. */
  forked = false
  cancelled = false
  /** Who has the call until it is over. */
  front: { readonly accepts: boolean } | undefined = undefined
  /** Its neighbours in the list of its runner's live tasks. */
  before: Call | undefined = undefined
  after: Call | undefined = undefined
  /** The fiber in which the call waits by itself, for its delay or between attempts. */
  waiting: Fiber.Fiber<unknown, unknown> | undefined = undefined
  /** Called at the moment the call is accepted. */
  onAccepted: (() => void) | undefined = undefined
  private phase: TaskStatus = "pending"
  private execution: Execution | undefined = undefined
  private extras: Extras | undefined = undefined
  private observers: Observers | undefined = undefined

  constructor(task: TaskDefinition, payload: unknown, options: TaskRequest["options"], caller: Caller) {
    this.task = task
    this.payload = payload
    this.options = options
    this.caller = caller
    this.createdAt = caller.clock.currentTimeMillisUnsafe()
  }

  // -------------------------------------------------------------------------------------------------------------------
  // What is known of it
  // -------------------------------------------------------------------------------------------------------------------

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

  get tags(): ReadonlyArray<string> {
    return this.options.tags ?? noTags
  }

  /** True when nobody wants the result. */
  get discard(): boolean {
    return this.options.discardResult === true
  }

  get principal(): unknown {
    return this.extras?.principal ?? this.caller.principal
  }

  set principal(principal: unknown) {
    this.rare.principal = principal
  }

  /** What is to be moved instead of copied. */
  get transfer(): ReadonlyArray<object> | undefined {
    const { transfer } = this.options
    const moved = this.extras?.moved
    if (moved === undefined) return transfer
    return transfer === undefined ? moved : Array.from(new Set([...transfer, ...moved]))
  }

  /** What the payload's schema wants moved. */
  set moved(objects: ReadonlyArray<object>) {
    this.rare.moved = objects
  }

  get status(): TaskStatus {
    return this.execution === undefined ? this.phase : this.execution.status
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

  private get rare(): Extras {
    return (this.extras ??= {
      timeLimit: undefined,
      timeEnds: undefined,
      due: false,
      principal: undefined,
      moved: undefined,
      messages: undefined
    })
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Its life
  // -------------------------------------------------------------------------------------------------------------------

  /** Stands for an earlier call from now on, which a store knows of. */
  resume(origin: { readonly id: string; readonly createdAt: number; readonly attempt: number }): void {
    this.key = keyOf(origin.id)
    this.createdAt = origin.createdAt
    this.attempt = origin.attempt
  }

  accept(): void {
    if (this.accepted) return
    this.accepted = true
    this.onAccepted?.()
  }

  /** The call waits for its time, before a runner has it. */
  schedule(): void {
    this.phase = "scheduled"
    this.accept()
  }

  begin(execution: Execution): void {
    this.execution = execution
  }

  /** The call waits for its runner: for the first time, or again. */
  release(): undefined {
    if (this.settled) return
    this.phase = "pending"
    this.execution = undefined
  }

  /** Asks for the task to be cancelled, wherever it is. Does nothing once it is settled. */
  requestCancel(): void {
    if (this.settled || this.cancelled) return
    this.cancelled = true
    if (this.waiting !== undefined) this.waiting.interruptUnsafe()
    else this.execution?.abort()
  }

  get stopped(): Exit.Exit<never, TaskCancelled> {
    return this.cancelled ? Exit.fail(new TaskCancelled({ task: this.name, taskId: this.id })) : Exit.interrupt()
  }

  /** What a task is that ends so. */
  statusOf(exit: Exit.Exit<unknown, unknown>): "completed" | "failed" | "cancelled" {
    if (Exit.isSuccess(exit)) return "completed"
    return this.cancelled || Cause.hasInterruptsOnly(exit.cause) || cancelsItself(exit.cause, this.id)
      ? "cancelled"
      : "failed"
  }

  /** The runner is done with the call, which is then over, or in the hands of what holds it in front of the runner. */
  settle(exit: Exit.Exit<unknown, unknown>): void {
    if (this.settled) return
    if (this.front !== undefined) return this.release()
    this.phase = this.statusOf(exit)
    // Its work may go on, for others who share it.
    this.cancelled = false
    this.execution = undefined
    this.waiting = undefined
    this.extras?.messages?.close()
    if (this.observers === undefined) return
    for (const observer of this.observers.settled) observer(exit)
  }

  /** Whether a runner works on it. */
  get begun(): boolean {
    return this.execution !== undefined
  }

  get settled(): boolean {
    return this.phase === "completed" || this.phase === "failed" || this.phase === "cancelled"
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Its time
  // -------------------------------------------------------------------------------------------------------------------

  /** Starts the clock of the call's time limit, unless it runs already. Gives what is left of it. */
  startTimeout(): Duration.Duration | undefined {
    if (this.options.timeout === undefined) return undefined
    const now = this.caller.clock.currentTimeMillisUnsafe()
    const { rare } = this
    if (rare.timeEnds === undefined) {
      const millis = Duration.toMillis(Duration.fromInputUnsafe(this.options.timeout))
      rare.timeEnds = now + millis
      this.limitTime(millis)
    }
    return Duration.millis(Math.max(0, rare.timeEnds - now))
  }

  /** What is left of the call's time limit, once its clock has been started. */
  get timeLeft(): Duration.Duration | undefined {
    return this.extras?.timeEnds === undefined ? undefined : this.startTimeout()
  }

  /** Moves the deadline to where a time limit ends that begins now, unless it is earlier anyway. Gives how to undo it. */
  limitTime(millis: number): () => undefined {
    const { deadline, rare, timeLimit } = this
    const end = this.caller.clock.currentTimeMillisUnsafe() + millis
    if (deadline === undefined || end < deadline) {
      this.deadline = end
      rare.timeLimit = millis
    }
    return (): undefined => {
      this.deadline = deadline
      rare.timeLimit = timeLimit
    }
  }

  /** The time limit that the deadline comes from, in milliseconds. */
  get timeLimit(): number | undefined {
    return this.extras?.timeLimit
  }

  /** Whether the options say when the task is to run. */
  get timed(): boolean {
    return this.options.delay !== undefined || this.options.runAt !== undefined
  }

  /** Whether the call has to wait for its time. */
  get early(): boolean {
    return this.timed && !(this.extras?.due ?? false)
  }

  /** The wait for its time is over. */
  becomeDue(): void {
    this.rare.due = true
    this.release()
  }

  // -------------------------------------------------------------------------------------------------------------------
  // What its handler sees of it
  // -------------------------------------------------------------------------------------------------------------------

  // A getter, so that a handler can take the function out of its context, at no cost to those that do not.
  get progress(): (value: unknown) => Effect.Effect<void> {
    return (value) => Effect.sync(() => this.reportProgress(value))
  }

  get messages(): Stream.Stream<unknown> {
    return Stream.suspend(() => this.inbox.all)
  }

  get cancel(): Effect.Effect<never, TaskCancelled> {
    return Effect.suspend(() => Effect.fail(new TaskCancelled({ task: this.name, taskId: this.id })))
  }

  /** What has been sent to the task and has not been read. */
  get inbox(): Messages {
    return (this.rare.messages ??= new Messages())
  }

  /** Messages are carried no further. */
  stopCarrying(): void {
    this.extras?.messages?.carryBy(undefined)
  }

  // -------------------------------------------------------------------------------------------------------------------
  // What its handle sees of it
  // -------------------------------------------------------------------------------------------------------------------

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
      return Effect.flatMap(Queue.offer(this.inbox.queue, message), (taken) => (taken ? Effect.void : over))
    })
  }

  get endMessages(): Effect.Effect<void> {
    return Effect.asVoid(Effect.suspend(() => (this.settled ? Effect.void : Queue.end(this.inbox.queue))))
  }

  reportProgress(value: unknown): void {
    const { observing } = this
    observing.latest = value
    for (const observer of observing.progress) observer(value)
  }

  private get observing(): Observers {
    return (this.observers ??= { progress: new Set(), settled: new Set(), latest: undefined })
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
            observe(this.observing.progress, (value) => Queue.offerUnsafe(queue, value)),
            observe(this.observing.settled, () => Queue.endUnsafe(queue))
          ]
        }),
        (unsubscribe) => Effect.sync(() => unsubscribe.forEach((f) => f()))
      )
    )
  }

  /** How the task ends. Must not be asked for once it has. */
  get awaitExit(): Effect.Effect<unknown, unknown> {
    return Effect.callback((resume) => Effect.sync(observe(this.observing.settled, resume)))
  }

  /** Completes when the task is over and its work has stopped. */
  get awaitSettled(): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.settled) return resume(Effect.void)
      return Effect.sync(observe(this.observing.settled, () => resume(Effect.void)))
    })
  }

  /** Shows what becomes of another call, which does the work of this one. Gives how to end that. */
  follow(other: Call): () => void {
    this.begin({
      get status() {
        const { status } = other
        return status === "scheduled" || status === "pending" ? status : "running"
      },
      abort: () => {}
    })
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
    return observe(other.observing.progress, (value) => this.reportProgress(value))
  }
}

/** The call that a request is: each request is made here. */
export const of = (request: TaskRequest): Call => request as Call

/** Makes a call in the current fiber. */
export const make = (
  context: Context.Context<never>,
  task: TaskDefinition,
  payload: unknown,
  options: TaskRequest["options"] | undefined
): Call =>
  new Call(task, payload, options === undefined ? task.options : { ...task.options, ...options }, callerOf(context))
