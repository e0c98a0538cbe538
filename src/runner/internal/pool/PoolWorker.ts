/** One worker as its pool sees it: what it has been sent, what it has finished, and whether it lives. */
import { WorkerCrashed } from "../../../TaskError.ts"
import type { WorkerStats } from "../../../RunnerStats.ts"
import { Told } from "../wire/Fingerprints.ts"
import type { Job } from "./Job.ts"
import type { End, Spawn, Transport } from "./Transport.ts"
import type { Refusal } from "../../../internal/values/Uncloneable.ts"
import * as Wire from "../wire/Wire.ts"
const { Op } = Wire

/** How much work, in milliseconds, is sent ahead to a worker: enough to bridge a turn of the pool's event loop. */
const aheadMillis = 2

/** How many tasks are sent ahead at most. */
const maxAhead = 512

/** What a task costs besides its handler, in milliseconds. */
const overhead = 0.003

/** How often, in milliseconds, it is seen whether workers with tasks sent ahead get on. */
export const watchInterval = 1

/** A task that a worker has a handler for: its place in the worker's list, and what the worker knows of its callers. */
export class HandledTask extends Told {
  readonly index: number

  constructor(index: number) {
    super()
    this.index = index
  }
}

/** What a worker tells its pool. */
export interface Owner {
  readonly concurrency: number
  /** After how many tasks, and after which growth of its memory, a worker is replaced. */
  readonly recycleTasks: number
  readonly recycleBytes: number
  readonly onRecords: (worker: PoolWorker, records: Wire.Records) => void
  readonly onEnd: (worker: PoolWorker, end: End) => void
  readonly onOutput: (worker: PoolWorker, stream: "stdout" | "stderr", line: string) => void
  readonly onRefused: (worker: PoolWorker, record: Wire.Records, refusal: Refusal) => void
}

export class PoolWorker {
  readonly transport: Transport
  readonly outbox = new Wire.Outbox()
  /** Tasks that have been sent and have not come back, by number, oldest first. */
  readonly outstanding = new Map<number, Job>()
  state: "starting" | "ready" | "retiring" | "closing" | "killed" | "ended" = "starting"
  /** The tasks it has handlers for. */
  tasks: ReadonlyMap<string, HandledTask> = new Map()
  /** How its handlers define the tasks that they call, by name. */
  readonly definitions = new Map<string, string>()
  /** Outstanding tasks that wait for tasks of their own. */
  waiting = 0
  completed = 0
  /** It has finished nothing for a while, so nothing is sent ahead to it. */
  stuck = false
  /** When it last finished a task, or got one while it had none, as its pool tells the time. */
  progressedAt = 0
  /**
   * How many of its tasks have taken along what cannot be sent a second time. While there are any nothing is sent ahead,
   * so that they need not be taken back.
   */
  moved = 0
  /** How many of its tasks are of a name that takes long. */
  slowJobs = 0
  /** What `completed` was when it was last watched. */
  watched = 0
  /** The lowest of the priorities that have been sent ahead since it had nothing to do. */
  aheadPriority = -Infinity
  /** When it has had nothing to do since. */
  idleSince = performance.now()
  /** Bytes of heap that it used when it last said so. */
  memory = 0
  firstMemory = 0
  private readonly owner: Owner
  private readonly startedAt = performance.now()
  private busyMillis = 0
  private meanMillis = Infinity
  private nextSeq = 0
  private highestDone = -1
  private flushScheduled = false

  constructor(owner: Owner, spawn: Spawn, init: Omit<Wire.WorkerInit, "label">, number: number) {
    this.owner = owner
    this.transport = spawn(init, number, {
      onFrames: (frames) => {
        if (this.state !== "ended" && this.state !== "killed") owner.onRecords(this, Wire.read(frames))
      },
      onEnd: (end) => {
        if (this.state === "ended") return
        owner.onEnd(this, end)
      },
      onOutput: (stream, line) => owner.onOutput(this, stream, line)
    })
  }

  get label(): string {
    return this.transport.label
  }

  /** Tasks that it has and that need its attention. */
  get load(): number {
    return this.outstanding.size - this.waiting
  }

  /** Whether it has been sent more than it works on. */
  get hasAhead(): boolean {
    return this.load > this.owner.concurrency
  }

  /** Whether it is to be replaced, or is being so. */
  get worn(): boolean {
    const { recycleBytes, recycleTasks } = this.owner
    return this.state === "retiring" || this.completed >= recycleTasks || this.memory - this.firstMemory > recycleBytes
  }

  /** How many more tasks may be sent. */
  get room(): number {
    if (this.state !== "ready") return 0
    const { concurrency, recycleTasks } = this.owner
    const left = recycleTasks - this.completed - this.outstanding.size
    if (this.load < concurrency) return Math.min(concurrency - this.load, left)
    if (this.stuck || this.moved > 0) return 0
    const ahead = Math.min(maxAhead, Math.floor(aheadMillis / (this.meanMillis + overhead)))
    const reach = this.transport.startNumbers.reach - (this.nextSeq - this.highestDone - 1)
    return Math.min(concurrency + ahead - this.load, reach, left)
  }

  /** True for tasks that have nothing before them any more. */
  isWorkingOn(job: Job): boolean {
    let place = 0
    for (const other of this.outstanding.values()) {
      if (place - this.waiting >= this.owner.concurrency) return false
      if (other === job) return true
      place++
    }
    return false
  }

  /** Sends a task, with the frame of this turn. */
  assign(job: Job, turn: number): void {
    if (this.load < this.owner.concurrency) {
      if (this.load === 0) {
        this.aheadPriority = -Infinity
        this.progressedAt = turn
      }
    } else if (job.priority > this.aheadPriority) this.aheadPriority = job.priority
    const seq = this.nextSeq++
    if (job.slow) this.slowJobs++
    job.worker = this
    job.seq = seq
    this.outstanding.set(seq, job)
    const index = job.portable ? Wire.portableIndex : this.define(job)
    if (job.transfer !== undefined) this.outbox.transfer(job.transfer)
    if (this.takesAlong(job)) this.moved++
    if (!job.text) this.outbox.text = false
    this.outbox.add(Op.Run, seq, index, job.wireId, job.payload, job.meta ?? 0)
  }

  /** Gives the index of a job's task, and sees to it that the worker knows how the caller defines it. */
  private define(job: Job): number {
    const task = this.tasks.get(job.name)!
    if (task.latest !== job.definedAs) {
      const fingerprint = task.changeTo(job.definedAs)
      if (fingerprint !== undefined) this.outbox.add(Op.Define, task.index, fingerprint)
    }
    return task.index
  }

  /** Whether a task moves something here, and so cannot be sent ahead. */
  takesAlong(job: Job): boolean {
    return this.transport.moves && job.transfer !== undefined
  }

  /** Adds a record to the frame of this turn. */
  say<N extends Wire.Names>(text: boolean, operation: Wire.Operation<N>, ...values: Wire.Values<N>): void {
    this.outbox.add(operation, ...values)
    if (!text) this.outbox.text = false
    if (this.flushScheduled) return
    this.flushScheduled = true
    queueMicrotask(() => {
      this.flushScheduled = false
      this.flush()
    })
  }

  flush(): void {
    if (this.outbox.records.length === 0) return
    this.transport.startNumbers.extend(this.nextSeq)
    this.outbox.flush(this.transport.send, (record, refusal) => this.owner.onRefused(this, record, refusal))
  }

  /** Takes a finished task out. */
  finish(seq: number, micros: number, now: number): Job | undefined {
    const job = this.outstanding.get(seq)
    if (job === undefined) return undefined
    this.remove(job, now)
    this.completed++
    this.stuck = false
    const millis = micros / 1000
    this.busyMillis += millis
    // A rare long task says nothing of the others, and what is sent behind it is taken back anyway.
    const typical = Math.min(millis, watchInterval)
    this.meanMillis = this.meanMillis === Infinity ? millis : Math.min(this.meanMillis, 4) * 0.95 + typical * 0.05
    return job
  }

  /** Takes a task out that will not come back. */
  remove(job: Job, now: number): void {
    this.outstanding.delete(job.seq)
    if (job.slow) this.slowJobs--
    if (job.calls > 0) this.waiting--
    if (this.moved > 0 && this.takesAlong(job)) this.moved--
    if (job.seq > this.highestDone) this.highestDone = job.seq
    if (this.outstanding.size === 0) {
      this.idleSince = now
      this.transport.startNumbers.compact()
    }
  }

  /**
   * Takes back what the worker has not started, oldest first. While it has what cannot be sent again that stays, and so
   * does the rest, unless the worker is about to end.
   */
  takeBack(ending: boolean): Array<Job> {
    const back: Array<Job> = []
    this.flush()
    if (this.moved > 0 && !ending) return back
    const { from, to } = this.transport.startNumbers.takeAll()
    for (let seq = from; seq < to; seq++) {
      const job = this.outstanding.get(seq)
      if (job === undefined || (this.moved > 0 && this.takesAlong(job))) continue
      this.outstanding.delete(seq)
      if (job.slow) this.slowJobs--
      job.worker = undefined
      job.seq = -1
      back.push(job)
    }
    if (!this.hasAhead) this.aheadPriority = -Infinity
    return back
  }

  kill(): void {
    if (this.state === "killed" || this.state === "ended") return
    this.state = "killed"
    this.transport.kill()
  }

  /** The thread or process is gone. */
  ended(): void {
    this.state = "ended"
    this.outstanding.clear()
    this.transport.startNumbers.close()
  }

  /** The error of a task that was lost with this worker. */
  lost(job: Job, end: End): WorkerCrashed {
    return new WorkerCrashed({
      task: job.name,
      taskId: job.id,
      worker: this.label,
      ...end,
      ...(this.state === "killed" && { reason: "Killed" as const })
    })
  }

  stats(now: number): WorkerStats {
    return {
      worker: this.label,
      running: Math.min(this.load, this.owner.concurrency) + this.waiting,
      completed: this.completed,
      utilisation: Math.min(1, this.busyMillis / this.owner.concurrency / (now - this.startedAt || 1))
    }
  }
}
