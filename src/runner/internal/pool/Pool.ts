/**
 * Schedules tasks over workers. Threads and processes share it; it knows them by their {@link Transport}.
 *
 * **How it works**
 *
 * Tasks wait in one priority queue. Once for each turn of the event loop, what has come in is handed to the workers, to
 * the one with the least to do first, and each gets one frame. A worker that finishes small tasks quickly is sent some
 * ahead, so that it never waits. Since a task that was sent ahead can be taken back until the worker has started it
 * ({@link StartNumbers}), sending ahead costs nothing when a task turns out to be long: what is stuck behind it returns to the
 * queue, and so does what was sent before something more urgent came.
 */
import { DurationHistogram, type RunnerStats, snapshot } from "../../../RunnerStats.ts"
import { ModuleInvalid, NotTransferable, QueueFull, RunnerClosed, TaskNotFound } from "../../../TaskError.ts"
import * as TaskExit from "../../../internal/values/TaskExit.ts"
import { wholeNumber } from "../../../internal/values/options.ts"
import { Intake, type QueueOptions } from "../../../internal/limit/Intake.ts"
import type { Job, JobOwner } from "./Job.ts"
import type { PoolWorker } from "./PoolWorker.ts"
import { slowMillis, SlowNames } from "./SlowNames.ts"
import { StuckWatch } from "./StuckWatch.ts"
import type { End } from "./Transport.ts"
import type { Refusal } from "../../../internal/values/Uncloneable.ts"
import * as Wire from "../wire/Wire.ts"
import { Workers, type WorkersOptions, type WorkersOwner } from "./Workers.ts"
const { field, Op } = Wire

/** How a pool is made. */
export interface PoolOptions extends QueueOptions, WorkersOptions {
  /** Calls of tasks by handlers, and what workers print. */
  readonly events: PoolEvents
}

/** What a pool leaves to its runner. */
export interface PoolEvents {
  /** A handler calls a task. The result goes back by `worker.say`. */
  readonly onCall: (worker: PoolWorker, parent: Job | undefined, records: Wire.Records, at: number) => void
  /** A record about a call that is under way. */
  readonly onCallRecord: (worker: PoolWorker, records: Wire.Records, at: number) => void
  /** A worker has ended, with everything that its handlers had called. */
  readonly onWorkerEnd: (worker: PoolWorker) => void
  readonly onOutput: (worker: PoolWorker, stream: "stdout" | "stderr", line: string) => void
  readonly onLog: (worker: PoolWorker, entry: Wire.LogEntry) => void
}

/** After how many tenths of a millisecond without progress a worker is rather given nothing. */
const lateAfter = 5

/** After which part of its grace a task is suspected not to stop. */
const suspectAfter = 0.1

export class Pool implements WorkersOwner, JobOwner {
  readonly concurrency: number
  readonly recycleTasks: number
  readonly recycleBytes: number
  readonly onOutput: PoolEvents["onOutput"]
  completed = 0
  failed = 0
  readonly waitTime = new DurationHistogram()
  readonly runTime = new DurationHistogram()
  private readonly options: PoolOptions
  private readonly intake: Intake<Job>
  private readonly workers: Workers
  private readonly timer = setInterval(() => {}, 0x7fffffff).unref()
  private paused = false
  private dispatchScheduled = false
  private readonly slow = new SlowNames()
  private readonly watch: StuckWatch
  private readonly madeAt = performance.now()
  /** When the first task of this turn of the event loop came, in tenths of milliseconds. */
  private turn = 0

  constructor(options: PoolOptions) {
    this.options = options
    this.concurrency = options.concurrency
    this.recycleTasks = options.recycleTasks
    this.recycleBytes = options.recycleBytes
    this.onOutput = options.events.onOutput
    this.intake = new Intake(options)
    this.workers = new Workers(this, options)
    this.watch = new StuckWatch(this.workers.active, (stuck) => this.onStuck(stuck))
    this.workers.open()
  }

  get queued(): number {
    return this.intake.size
  }

  get waiting(): number {
    const { intake } = this
    return intake.size > 0 || intake.limit > 0 ? intake.size : intake.waiting
  }

  get running(): number {
    let running = 0
    for (const worker of this.workers.active) running += Math.min(worker.load, this.concurrency) + worker.waiting
    return running
  }

  get stats(): RunnerStats {
    const now = performance.now()
    return snapshot(
      this,
      Array.from(this.workers.active, (worker) => worker.stats(now))
    )
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Tasks come in
  // -------------------------------------------------------------------------------------------------------------------

  submit(job: Job): void {
    if (this.workers.closed) return job.failWith(new RunnerClosed({ task: job.name }))
    if (!this.hasHandler(job)) return job.failWith(this.notFound(job))
    if (this.workers.startFailure !== undefined) {
      const failure = this.workers.recentStartFailure()
      if (failure !== undefined) return job.failWith(failure)
    }
    if (!this.dispatchScheduled) this.turn = this.tenths(performance.now())
    job.createdAt = this.turn
    this.schedule()
    if (this.assignNow(job)) return
    if (this.intake.offer(job)) return
    // Refused, but not for ever: somebody has to be there for the next.
    this.workers.grow(1)
    job.failWith(new QueueFull({ task: job.name, limit: this.intake.limit }))
  }

  private tenths(now: number): number {
    return Math.round((now - this.madeAt) * 10)
  }

  /** Passes the queue by, when nobody waits in it and no worker has been sent anything less urgent. */
  private assignNow(job: Job): boolean {
    if (this.waiting > 0 || this.paused) return false
    const worker = this.roomiest()
    if (worker === undefined || !this.fits(worker, job)) return false
    for (const other of this.workers.active) if (other.aheadPriority > job.priority) return false
    job.accept()
    this.assign(worker, job)
    return true
  }

  /** A task that moves something waits for a worker that is free for it. */
  private fits(worker: PoolWorker, job: Job): boolean {
    return worker.load < this.concurrency || !worker.takesAlong(job)
  }

  private assign(worker: PoolWorker, job: Job): void {
    job.slow = this.slow.size > 0 && this.slow.has(job.name)
    worker.assign(job, this.turn)
  }

  /** Whether a task can be run, as far as that is known yet. */
  private hasHandler(job: Job): boolean {
    const { names } = this.workers
    return names === undefined || job.portable || names.has(job.name)
  }

  private notFound(job: Job): TaskNotFound {
    return new TaskNotFound({ task: job.name, available: [...this.workers.names!] })
  }

  private schedule(): void {
    if (this.dispatchScheduled) return
    this.dispatchScheduled = true
    queueMicrotask(() => {
      this.dispatchScheduled = false
      this.dispatch()
    })
  }

  /** Workers keep no program alive. Tasks that somebody waits for do. */
  readonly keepAlive = (busy: boolean): void => {
    if (busy || this.workers.closed) this.timer.ref()
    else this.timer.unref()
  }

  /** Hands what waits to the workers. */
  private dispatch(): void {
    if (this.paused || this.workers.closed) return
    if (this.waiting > 0) this.recallForUrgent()
    while (this.waiting > 0) {
      const worker = this.roomiest()
      if (worker === undefined) break
      const job = this.intake.take()!
      if (!this.fits(worker, job)) {
        this.intake.putBack(job)
        break
      }
      this.assign(worker, job)
    }
    let ahead = false
    for (const worker of this.workers.active) {
      worker.flush()
      if (worker.hasAhead) ahead = true
    }
    if (ahead && !this.watch.isOn) this.watch.start()
    if (this.waiting > 0 && this.workers.grow(this.waiting)) this.schedule()
  }

  /**
   * The worker that has room and the least to do. One that has been on a task for a while may be on it for long, as may one
   * whose task is of a name that takes long: it comes after those that get on.
   */
  private roomiest(): PoolWorker | undefined {
    let best: PoolWorker | undefined
    let least = Infinity
    for (const worker of this.workers.active) {
      const late = worker.load > 0 && (worker.slowJobs > 0 || this.turn - worker.progressedAt > lateAfter)
      const rank = late ? worker.load + 1e6 : worker.load
      if (rank < least && worker.room > 0) {
        best = worker
        least = rank
      }
    }
    return best
  }

  /** What was sent ahead returns when something more urgent has come. */
  private recallForUrgent(): void {
    const next = this.intake.peek()
    if (next === undefined) return
    for (const worker of this.workers.active) if (worker.aheadPriority > next.priority) this.recall(worker)
  }

  recall(worker: PoolWorker, ending = false): void {
    const back = worker.takeBack(ending)
    for (let i = back.length - 1; i >= 0; i--) this.intake.putBack(back[i]!)
  }

  /** What is stuck behind a long task returns to the queue. */
  private onStuck(workers: ReadonlyArray<PoolWorker>): void {
    for (const worker of workers) {
      worker.stuck = true
      this.recall(worker)
    }
    this.dispatch()
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Tasks come back
  // -------------------------------------------------------------------------------------------------------------------

  readonly onRecords = (worker: PoolWorker, records: Wire.Records): void => {
    const now = performance.now()
    this.turn = this.tenths(now)
    // First everything that makes room, so that workers have their next tasks before callers have their results.
    const jobs: Array<Job | undefined> = []
    let finished = false
    for (let at = 0; at < records.length; at = Wire.next(records, at)) {
      const seq = field(records, at, Op.Ok.seq)
      switch (records[at]) {
        case Op.Ok.code:
        case Op.Fail.code:
        case Op.Refused.code: {
          const succeeded = records[at] === Op.Ok.code
          const micros = records[at] === Op.Refused.code ? 0 : field(records, at, Op.Ok.micros)
          const job = worker.finish(seq, micros, now)
          if (job !== undefined) this.count(job, micros / 1000, now, succeeded)
          worker.progressedAt = this.turn
          jobs.push(job)
          finished = true
          break
        }
        default:
          jobs.push(worker.outstanding.get(seq))
      }
    }
    if (finished) {
      if (worker.worn) this.workers.recycle(worker)
      this.dispatch()
    }
    let index = 0
    for (let at = 0; at < records.length; at = Wire.next(records, at)) {
      const job = jobs[index++]
      switch (records[at]) {
        case Op.Ok.code:
          job?.succeed(field(records, at, Op.Ok.value))
          break
        case Op.Fail.code:
          job?.fail(field(records, at, Op.Fail.value))
          break
        case Op.Refused.code: {
          const path = field(records, at, Op.Refused.path)
          const reason = field(records, at, Op.Refused.reason)
          job?.failWith(new NotTransferable({ task: job.name, path, reason }))
          break
        }
        case Op.Chunk.code:
          job?.chunk(field(records, at, Op.Chunk.values))
          break
        case Op.Progress.code:
          job?.progress(field(records, at, Op.Progress.value))
          break
        case Op.Listen.code:
          job?.listen()
          break
        case Op.Log.code: {
          const entry = field(records, at, Op.Log.entry)
          if (job === undefined) this.options.events.onLog(worker, entry)
          else job.log(entry, worker.label)
          break
        }
        default:
          this.onRecord(worker, records, at)
      }
    }
  }

  private count(job: Job, millis: number, now: number, succeeded: boolean): void {
    if (millis > slowMillis || this.slow.size > 0) this.slow.note(job.name, millis)
    if (succeeded) this.completed++
    else this.failed++
    this.runTime.add(millis)
    this.waitTime.add(Math.max(0, (this.tenths(now) - job.createdAt) / 10 - millis))
  }

  private onRecord(worker: PoolWorker, records: Wire.Records, at: number): void {
    switch (records[at]) {
      case Op.Ready.code:
        return this.onReady(worker, field(records, at, Op.Ready.names))
      case Op.Fatal.code: {
        const module = field(records, at, Op.Fatal.module)
        return this.onStartFailure(worker, new ModuleInvalid({ module, reason: field(records, at, Op.Fatal.reason) }))
      }
      case Op.Memory.code:
        worker.memory = field(records, at, Op.Memory.bytes)
        if (worker.firstMemory === 0) worker.firstMemory = worker.memory
        return worker.worn ? this.workers.recycle(worker) : undefined
      case Op.Call.code: {
        const parent = worker.outstanding.get(field(records, at, Op.Call.caller))
        return this.options.events.onCall(worker, parent, records, at)
      }
      default:
        return this.options.events.onCallRecord(worker, records, at)
    }
  }

  /** A task waits for tasks of its own: its worker may work on another meanwhile. */
  changeCalls(job: Job, change: 1 | -1): void {
    job.calls += change
    const worker = job.worker
    if (worker === undefined || worker.outstanding.get(job.seq) !== job) return
    if (change === 1 && job.calls === 1) {
      worker.waiting++
      this.schedule()
    } else if (change === -1 && job.calls === 0) worker.waiting--
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Interruption
  // -------------------------------------------------------------------------------------------------------------------

  isRunning(job: Job): boolean {
    return job.worker !== undefined && job.worker.isWorkingOn(job)
  }

  /** Stops a task, wherever it is. Its sink learns when it has stopped. */
  readonly interrupt = (job: Job): void => {
    if (this.intake.remove(job)) return job.interrupted()
    const worker = job.worker
    if (worker === undefined || job.stopping) return
    job.stopping = true
    if (worker.hasAhead) {
      this.recall(worker)
      if (this.waiting > 0) this.schedule()
      if (this.intake.remove(job)) return job.interrupted()
    }
    worker.say(true, Op.Interrupt, job.seq)
    worker.flush()
    this.watchInterruption(worker, job)
  }

  /** Kills a worker whose task does not stop. While there is still hope, its successor is started already. */
  private watchInterruption(worker: PoolWorker, job: Job): void {
    const { forceKillAfter } = this.options
    const isStopping = () => worker.outstanding.get(job.seq) === job
    const early = setTimeout(() => {
      if (!isStopping() || this.workers.closed) return
      this.workers.suspect(worker)
      const late = setTimeout(
        () => {
          if (isStopping()) this.kill(worker)
          else this.workers.acquit(worker)
        },
        forceKillAfter - forceKillAfter * suspectAfter
      )
      late.unref()
    }, forceKillAfter * suspectAfter)
    early.unref()
  }

  private kill(worker: PoolWorker): void {
    this.recall(worker, true)
    this.workers.kill(worker)
    this.dispatch()
  }

  /** Gives messages to a task that has asked for them. */
  deliver(job: Job, messages: ReadonlyArray<unknown> | null, text: boolean): void {
    const worker = job.worker
    if (worker?.outstanding.get(job.seq) === job) worker.say(text, Op.Messages, job.seq, messages)
  }

  /** Tells a streaming task that the caller has read. */
  credit(job: Job): void {
    job.worker?.say(true, Op.Credit, job.seq)
  }

  readonly onRefused = (worker: PoolWorker, record: Wire.Records, refusal: Refusal): void => {
    if (record[0] !== Op.Run.code) {
      // The result of a task that one of its handlers has called.
      const error = TaskExit.refusalOf("", record[0] === Op.CallFail.code ? "Failure" : "Success", refusal)
      return worker.say(true, Op.CallFail, field(record, 0, Op.CallFail.call), TaskExit.encodeError(error))
    }
    const job = worker.outstanding.get(field(record, 0, Op.Run.seq))
    if (job === undefined) return
    worker.remove(job, performance.now())
    // What a portable task sends holds its payload.
    const path = job.portable ? refusal.path.replace(/^\.payload/, "") : refusal.path
    job.failWith(new NotTransferable({ task: job.name, path: `payload${path}`, reason: refusal.reason }))
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Workers
  // -------------------------------------------------------------------------------------------------------------------

  private onReady(worker: PoolWorker, names: ReadonlyArray<string>): void {
    if (this.workers.ready(worker, names)) {
      for (const job of this.intake.drain()) {
        if (this.hasHandler(job)) this.intake.offer(job)
        else job.failWith(this.notFound(job))
      }
    }
    this.dispatch()
  }

  private onStartFailure(worker: PoolWorker, error: ModuleInvalid): void {
    if (this.workers.startFailed(worker, error)) for (const job of this.intake.drain()) job.failWith(error)
  }

  readonly onEnd = (worker: PoolWorker, end: End): void => {
    this.recall(worker, true)
    if (worker.state === "starting" && !this.workers.closed) {
      this.onStartFailure(worker, this.workers.endedAtStart(worker, end))
    }
    const lost = Array.from(worker.outstanding.values(), (job) => ({ job, error: worker.lost(job, end) }))
    this.workers.ended(worker)
    this.options.events.onWorkerEnd(worker)
    this.dispatch()
    for (const { error, job } of lost) {
      this.failed++
      if (job.stopping) job.interrupted()
      else job.failWith(error)
    }
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Controls
  // -------------------------------------------------------------------------------------------------------------------

  pause(): void {
    this.paused = true
    for (const worker of this.workers.active) if (worker.hasAhead) this.recall(worker)
  }

  resume(): void {
    this.paused = false
    this.dispatch()
  }

  resize(size: number): void {
    this.workers.resize(wholeNumber("size", size, 1))
    this.dispatch()
  }

  /** Calls back once the workers are ready, or with the reason why they are not. */
  whenReady(callback: (failure: ModuleInvalid | undefined) => void): void {
    this.workers.whenReady(callback)
  }

  /** Ends all workers, running the finalizers of the tasks modules, and calls back when none is left. */
  close(callback: () => void): void {
    this.timer.ref()
    this.watch.stop()
    for (const job of this.intake.drain()) job.failWith(new RunnerClosed({ task: job.name }))
    this.workers.close(() => {
      clearInterval(this.timer)
      callback()
    })
  }
}
