/** The places of a runner of fibers: which requests have one, which wait for one. */
import { Intake, type QueueOptions, type Queued } from "../../../internal/limit/Intake.ts"
import { DurationHistogram } from "../../../RunnerStats.ts"
import { keyOf } from "../../../internal/task/TaskId.ts"
import type { Call } from "../../../internal/call/Call.ts"
import type { Execution, TaskRequest } from "../../../TaskRequest.ts"
import type { Blocking } from "./Blocking.ts"

/** How many places there are, and how many may wait. */
export interface SeatsOptions extends QueueOptions {
  readonly concurrency?: number | "unbounded" | undefined
}

/** A request that waits for, or holds, one of the places of a runner of fibers. */
export class Seat implements Queued, Execution {
  readonly request: Call
  readonly priority: number
  readonly start: () => void
  readonly abort: () => void
  status: Execution["status"] = "pending"
  readonly createdAt = performance.now()
  place: Queued["place"] = "none"
  startedAt = 0
  /** Live tasks that this task's handler has started: while there are any it gives its place to others. */
  children = 0

  constructor(request: Call, start: () => void, abort: () => void) {
    this.request = request
    this.priority = request.priority
    this.start = start
    this.abort = abort
    request.begin(this)
  }

  get name(): string {
    return this.request.name
  }

  accept(): void {
    this.request.accept()
  }
}

/** The places of a runner: who waits for one, who has one. */
export class Seats {
  capacity: number
  paused = false
  running = 0
  private filling = false
  completed = 0
  failed = 0
  readonly seated = new Map<number | string, Seat>()
  readonly intake: Intake<Seat>
  readonly waitTime = new DurationHistogram()
  readonly runTime = new DurationHistogram()
  /** Watches out for handlers that keep the event loop busy, if anything does. */
  blocking: Blocking | undefined = undefined

  constructor(options: SeatsOptions) {
    this.capacity =
      options.concurrency === undefined || options.concurrency === "unbounded" ? Infinity : options.concurrency
    this.intake = new Intake(options)
  }

  /** Takes a place, now or later. False when the queue is full. */
  enter(seat: Seat): boolean {
    this.parentOf(seat, 1)
    if (!this.paused && this.running < this.capacity) {
      seat.accept()
      this.start(seat)
      return true
    }
    if (this.intake.offer(seat)) return true
    this.parentOf(seat, -1)
    return false
  }

  private start(seat: Seat): void {
    this.running++
    this.seated.set(seat.request.key, seat)
    seat.startedAt = performance.now()
    this.blocking?.happened(seat.startedAt, undefined)
    this.waitTime.add(seat.startedAt - seat.createdAt)
    seat.status = "running"
    seat.start()
  }

  /** Gives up waiting. False when the seat has been taken already. */
  leave(seat: Seat): boolean {
    if (!this.intake.remove(seat)) return false
    this.parentOf(seat, -1)
    return true
  }

  /** Gives the place back. */
  release(seat: Seat, succeeded: boolean, now = performance.now()): void {
    if (succeeded) this.completed++
    else this.failed++
    this.runTime.add(now - seat.startedAt)
    this.blocking?.happened(now, seat)
    this.seated.delete(seat.request.key)
    if (seat.children === 0) this.running--
    this.parentOf(seat, -1)
    this.fill()
  }

  /** A task that waits for tasks of its own lends its place, or a full runner would wait for itself. */
  private parentOf(seat: Seat, change: 1 | -1): void {
    const parentId = seat.request.parentId
    const parent = parentId === undefined ? undefined : this.seated.get(keyOf(parentId))
    if (parent !== undefined) this.changeChildren(parent, change)
  }

  private changeChildren(parent: Seat, change: 1 | -1): void {
    parent.children += change
    if (change === 1 && parent.children === 1) {
      this.running--
      this.fill()
    } else if (change === -1 && parent.children === 0) this.running++
  }

  /** Lends the place of the task that calls this one while it runs elsewhere; what is given takes it back. */
  lend({ parentId }: TaskRequest): () => void {
    const parent = parentId === undefined ? undefined : this.seated.get(keyOf(parentId))
    if (parent === undefined) return () => {}
    this.changeChildren(parent, 1)
    return () => {
      if (this.seated.get(parent.request.key) === parent) this.changeChildren(parent, -1)
    }
  }

  fill(): void {
    // A handler that ends at once gives its place back from within this loop, which then goes on by itself.
    if (this.filling) return
    this.filling = true
    while (!this.paused && this.running < this.capacity) {
      const seat = this.intake.take()
      if (seat === undefined) break
      this.start(seat)
    }
    this.filling = false
  }

  get queued(): number {
    return this.intake.size
  }
}
