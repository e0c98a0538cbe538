/**
 * A task that is called here and runs elsewhere: how it is handed over, and what comes back of it.
 *
 * A pool has jobs, of callers in its own thread and of its handlers, whose calls come from its workers. In a worker there
 * are such calls, too, as jobs that the pool has: there the owner is the worker.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import type * as Stream from "effect/Stream"
import * as Call from "../../../internal/call/Call.ts"
import type { Queued } from "../../../internal/limit/Intake.ts"
import { idPrefix, makeId } from "../../../internal/task/TaskId.ts"
import * as TaskCodec from "../../../internal/values/TaskCodec.ts"
import * as TaskExit from "../../../internal/values/TaskExit.ts"
import * as Uncloneable from "../../../internal/values/Uncloneable.ts"
import type { NotTransferable, PayloadInvalid, TaskError } from "../../../TaskError.ts"
import type { Execution, TaskRequest } from "../../../TaskRequest.ts"
import * as PortableTask from "../portable/PortableTask.ts"
import { ChunkBuffer } from "../wire/ChunkBuffer.ts"
import type { DefinedAs } from "../wire/Fingerprints.ts"
import * as HandlerContext from "../wire/HandlerContext.ts"
import type * as Wire from "../wire/Wire.ts"
import type { PoolWorker } from "./PoolWorker.ts"

/** Who has jobs: the pool, or in a worker what stands for it. */
export interface JobOwner {
  readonly submit: (job: CallerJob) => void
  readonly isRunning: (job: Job) => boolean
  /** Asks for the end of the work. */
  readonly interrupt: (job: Job) => void
  /** Lets a stream send another chunk. */
  readonly credit: (job: Job) => void
  readonly deliver: (job: Job, messages: ReadonlyArray<unknown> | null, text: boolean) => void
}

/**
 * A task that waits for a worker, has been sent ahead to one, or is being worked on.
 *
 * A job is itself the Effect that stops it, since every call needs that Effect at hand and next to none runs it.
 */
export abstract class Job extends Effectable.Class<void> implements Queued, Execution {
  /** The id, or the number of one that was made here. */
  abstract readonly wireId: number | string
  abstract readonly name: string
  /** True when the payload brings the function's source along. */
  abstract readonly portable: boolean
  abstract readonly transfer: ReadonlyArray<object> | undefined
  abstract readonly priority: number
  /** How its caller defines the task. */
  abstract readonly definedAs: DefinedAs
  /** True when the payload survives JSON. */
  abstract readonly text: boolean
  readonly payload: unknown
  readonly meta: Wire.Meta | undefined
  /** When it was submitted, in tenths of milliseconds of its pool's time: a small integer takes no memory of its own. */
  createdAt = 0
  place: Queued["place"] = "none"
  /** The worker that it has been sent to. */
  worker: PoolWorker | undefined = undefined
  /** Its number there. */
  seq = -1
  /** Tasks of its name have taken long of late. */
  slow = false
  /** Somebody has asked for its end. */
  stopping = false
  /** Live calls of tasks by its handler. */
  calls = 0
  protected readonly owner: JobOwner

  constructor(owner: JobOwner, payload: unknown, meta: Wire.Meta | undefined) {
    super()
    this.owner = owner
    this.payload = payload
    this.meta = meta
  }

  get id(): string {
    return typeof this.wireId === "number" ? makeId(idPrefix, this.wireId) : this.wireId
  }

  get status(): "pending" | "running" {
    return this.owner.isRunning(this) ? "running" : "pending"
  }

  /** Asks for the end of the work. */
  abort(): void {
    this.owner.interrupt(this)
  }

  /** Lets a stream send another chunk. */
  credit(): void {
    this.owner.credit(this)
  }

  // What comes of it. Values are as they travelled; exactly one of the first four is called, once.

  abstract succeed(value: unknown): void
  abstract fail(failure: unknown): void
  abstract failWith(error: TaskError): void
  abstract interrupted(): void
  abstract accept(): void
  abstract chunk(values: ReadonlyArray<unknown>): void
  abstract progress(value: unknown): void
  /** Its handler wants messages, when there are any. */
  abstract listen(): void
  abstract log(entry: Wire.LogEntry, worker: string): void
}

// ---------------------------------------------------------------------------------------------------------------------
// Calls that are made here
// ---------------------------------------------------------------------------------------------------------------------

/** What a request carries besides its payload; undefined where nothing is out of the ordinary. */
const metaOf = (request: Call.Call): Wire.Meta | undefined => {
  const { attempt, caller, deadline, options, parentId, principal } = request
  let meta: { -readonly [K in keyof Wire.Meta]: Wire.Meta[K] } | undefined
  if (attempt !== 1) (meta ??= {}).attempt = attempt
  if (deadline !== undefined) {
    meta ??= {}
    meta.deadline = deadline
    meta.timeout = request.timeLimit!
  }
  if (options.tags !== undefined) (meta ??= {}).tags = options.tags
  if (options.priority !== undefined) (meta ??= {}).priority = options.priority
  if (parentId !== undefined) (meta ??= {}).parentId = parentId
  if (caller.span !== undefined) (meta ??= {}).span = [caller.span.traceId, caller.span.spanId, caller.span.sampled]
  if (caller.minimumLogLevel !== "Info") (meta ??= {}).minimumLogLevel = caller.minimumLogLevel
  if (principal !== undefined) (meta ??= {}).principal = principal
  if (request.discard) (meta ??= {}).discard = true
  return meta
}

/** Whether what a request sends survives JSON. */
const isText = ({ task }: Call.Call): boolean => TaskCodec.of(task).payload.text && task.portable === undefined

/** Writes the payload of a request. */
const encode = (request: Call.Call): Result.Result<unknown, PayloadInvalid | NotTransferable> => {
  const { payload, task } = request
  if (TaskCodec.of(task).payload.text) return TaskCodec.encodePayload(task, payload)
  const encoded = TaskCodec.encodePayloadMoving(task, payload, request.transfer)
  if (Result.isFailure(encoded)) return Result.fail(encoded.failure)
  const { objects, value } = encoded.success
  if (objects.length > 0) request.moved = objects
  return task.portable === undefined ? Result.succeed(value) : PortableTask.wrap(task.name, task.portable, value)
}

/** How many messages are sent at once at most. */
const maxMessages = 64

/** A job whose results go to a caller in this thread. */
export class CallerJob extends Job {
  readonly request: Call.Call
  private readonly resume: (exit: Exit.Exit<unknown, unknown>) => void
  /** Where the elements of a streaming task go. */
  private readonly chunks: ChunkBuffer | undefined
  private ended = false
  /** Somebody waits for the end of the work. */
  private onEnd: (() => void) | undefined = undefined

  constructor(
    owner: JobOwner,
    request: Call.Call,
    resume: (exit: Exit.Exit<unknown, unknown>) => void,
    chunks: ChunkBuffer | undefined,
    payload: unknown
  ) {
    super(owner, payload, metaOf(request))
    this.request = request
    this.resume = resume
    this.chunks = chunks
    request.begin(this)
  }

  asEffect(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.ended) return resume(Effect.void)
      this.onEnd = () => resume(Effect.void)
      this.abort()
    })
  }

  override abort(): void {
    if (!this.ended) super.abort()
  }

  get priority(): number {
    return this.request.priority
  }
  get text(): boolean {
    return isText(this.request)
  }
  get wireId(): number | string {
    return this.request.key
  }
  get name(): string {
    return this.request.name
  }
  get portable(): boolean {
    return this.request.task.portable !== undefined
  }
  get transfer(): ReadonlyArray<object> | undefined {
    return this.request.transfer
  }
  get definedAs(): DefinedAs {
    return this.request.task
  }

  private end(exit: Exit.Exit<unknown, unknown>): void {
    if (this.ended) return
    this.ended = true
    this.request.stopCarrying()
    this.resume(exit)
    this.onEnd?.()
  }

  accept(): void {
    this.request.accept()
  }
  succeed(value: unknown): void {
    const { chunks, request } = this
    this.end(chunks === undefined && !request.discard ? TaskExit.decodeResult(request.task, value) : Exit.void)
  }
  fail(failure: unknown): void {
    const { request } = this
    this.end(request.cancelled ? request.stopped : TaskExit.decodeFailure(request.task, failure))
  }
  failWith(error: TaskError): void {
    this.end(Exit.fail(error))
  }
  interrupted(): void {
    this.end(this.request.stopped)
  }
  chunk(values: ReadonlyArray<unknown>): void {
    const decoded: Array<unknown> = []
    for (const value of values) {
      const exit = TaskExit.decodeResult(this.request.task, value)
      if (Exit.isFailure(exit)) return this.chunks?.end(exit)
      decoded.push(exit.value)
    }
    this.chunks?.push(decoded)
  }
  progress(value: unknown): void {
    this.request.reportProgress(value)
  }
  log(entry: Wire.LogEntry, worker: string): void {
    Effect.runForkWith(this.request.caller.context)(HandlerContext.logEntry(entry, worker))
  }

  /**
   * Carries messages to the task on, once there are any, and null when none will come any more. What cannot be carried is
   * logged, as it is nobody's error here.
   */
  listen(): void {
    const { request } = this
    const codec = TaskCodec.of(request.task).inbox
    const take = Effect.matchCauseEffect(Queue.takeBetween(request.inbox.queue, 1, maxMessages), {
      onFailure: (cause) => Effect.sync(() => Cause.hasInterrupts(cause) || this.owner.deliver(this, null, true)),
      onSuccess: (messages) => {
        request.stopCarrying()
        const sound: Array<unknown> = []
        const refused: Array<string> = []
        for (const message of messages) {
          const encoded = codec.encode(message)
          const reason = Result.isFailure(encoded)
            ? encoded.failure.message
            : codec.text
              ? undefined
              : Uncloneable.check(encoded.success, undefined)?.reason
          if (reason !== undefined) refused.push(reason)
          else if (Result.isSuccess(encoded)) sound.push(encoded.success)
        }
        this.owner.deliver(this, sound, codec.text)
        return Effect.forEach(
          refused,
          (reason) =>
            Effect.logWarning(`A message to task "${request.name}" (${request.id}) cannot be sent: ${reason}`),
          { discard: true }
        )
      }
    })
    request.inbox.carryBy(Effect.runForkWith(request.caller.context)(take))
  }
}

/** Runs requests as jobs. */
export const executeOn =
  (owner: JobOwner) =>
  (request: TaskRequest): Effect.Effect<unknown, unknown> =>
    Effect.callback((resume) => {
      const call = Call.of(request)
      const encoded = encode(call)
      if (Result.isFailure(encoded)) return resume(Exit.fail(encoded.failure))
      const job = new CallerJob(owner, call, resume, undefined, encoded.success)
      owner.submit(job)
      return job
    })

/** Runs requests of streaming tasks as jobs. */
export const streamOn =
  (owner: JobOwner) =>
  (request: TaskRequest): Stream.Stream<unknown, unknown> =>
    ChunkBuffer.stream((chunks) => {
      const call = Call.of(request)
      const encoded = encode(call)
      if (Result.isFailure(encoded)) {
        chunks.end(Exit.fail(encoded.failure))
        return Effect.void
      }
      const job = new CallerJob(owner, call, (exit) => chunks.end(exit), chunks, encoded.success)
      chunks.onTaken = () => job.credit()
      owner.submit(job)
      return job
    })
