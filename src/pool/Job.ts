/**
 * A task in the hands of a pool.
 *
 * @since 0.1.0
 */
import type { TaskError } from "../TaskError.ts"
import type { TaskWork } from "../TaskRequest.ts"
import type { Waiting } from "./Intake.ts"
import type { PoolWorker } from "./PoolWorker.ts"
import type { Encoded, Sink } from "./Receiver.ts"
import type * as Wire from "./Wire.ts"

/** What a job is made of. */
export interface JobOptions {
  readonly id: string
  readonly name: string
  /** True when the payload brings the function's source along. */
  readonly portable: boolean
  readonly encoded: Encoded
  readonly priority: number
  readonly meta: Wire.Meta | undefined
  readonly transfer: ReadonlyArray<object> | undefined
  readonly sink: Sink
}

/** The pool, as its jobs see it. */
export interface JobOwner {
  readonly interrupt: (job: Job) => void
  /** Called when a job is over, before its caller learns of it. */
  readonly onJobEnd: () => void
}

/** A task that waits for a worker, has been sent ahead to one, or is being worked on. */
export class Job implements Waiting, TaskWork, Sink {
  readonly id: string
  readonly name: string
  readonly portable: boolean
  readonly encoded: Encoded
  readonly priority: number
  readonly meta: Wire.Meta | undefined
  readonly transfer: ReadonlyArray<object> | undefined
  readonly createdAt = performance.now()
  place: Waiting["place"] = "none"
  /** The worker that it has been sent to. */
  worker: PoolWorker | undefined = undefined
  /** Its number there. */
  seq = -1
  /** Somebody has asked for its end. */
  stopping = false
  /** Live calls of tasks by its handler. */
  calls = 0
  private readonly sink: Sink
  private readonly owner: JobOwner

  constructor(owner: JobOwner, options: JobOptions) {
    this.owner = owner
    this.id = options.id
    this.name = options.name
    this.portable = options.portable
    this.encoded = options.encoded
    this.priority = options.priority
    this.meta = options.meta
    this.transfer = options.transfer
    this.sink = options.sink
  }

  get status(): "pending" | "running" {
    return this.worker?.isWorkingOn(this) ? "running" : "pending"
  }

  accept(): void {
    this.sink.accept()
  }

  succeed(value: unknown): void {
    this.owner.onJobEnd()
    this.sink.succeed(value)
  }

  fail(failure: unknown): void {
    this.owner.onJobEnd()
    this.sink.fail(failure)
  }

  failWith(error: TaskError): void {
    this.owner.onJobEnd()
    this.sink.failWith(error)
  }

  interrupted(): void {
    this.owner.onJobEnd()
    this.sink.interrupted()
  }

  chunk(values: ReadonlyArray<unknown>): void {
    this.sink.chunk(values)
  }

  progress(value: unknown): void {
    this.sink.progress(value)
  }

  log(entry: Wire.LogEntry, worker: string): void {
    this.sink.log(entry, worker)
  }

  abort(): void {
    this.owner.interrupt(this)
  }
}
