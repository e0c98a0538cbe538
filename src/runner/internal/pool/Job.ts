/** A task in the hands of a pool. */
import * as Effectable from "effect/Effectable"
import { idPrefix, makeId } from "../../../internal/task/TaskId.ts"
import type { Execution } from "../../../TaskRequest.ts"
import type { TaskError } from "../../../TaskError.ts"
import type { Waiting } from "../../../internal/limit/Intake.ts"
import type { PoolWorker } from "./PoolWorker.ts"
import type { Definition } from "../wire/Definitions.ts"
import type * as Wire from "../wire/Wire.ts"

/** The pool, as its jobs see it. */
export interface JobOwner {
  readonly interrupt: (job: Job) => void
  readonly credit: (job: Job) => void
  readonly deliver: (job: Job, messages: ReadonlyArray<unknown> | null, text: boolean) => void
}

/**
 * A task that waits for a worker, has been sent ahead to one, or is being worked on.
 *
 * A job is itself the Effect that stops it, since every call needs that Effect at hand and next to none runs it.
 */
export abstract class Job extends Effectable.Class<void> implements Waiting, Execution {
  /** The id, or the number of one that was made here. */
  abstract readonly wireId: number | string
  abstract readonly name: string
  /** True when the payload brings the function's source along. */
  abstract readonly portable: boolean
  abstract readonly transfer: ReadonlyArray<object> | undefined
  abstract readonly priority: number
  /** How its caller defines the task. */
  abstract readonly definition: Definition
  /** True when the payload survives JSON. */
  abstract readonly text: boolean
  readonly payload: unknown
  readonly meta: Wire.Meta | undefined
  /** When it was submitted, in tenths of milliseconds of its pool's time: a small integer takes no memory of its own. */
  createdAt = 0
  place: Waiting["place"] = "none"
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
    return this.worker?.isWorkingOn(this) ? "running" : "pending"
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
