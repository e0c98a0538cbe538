/**
 * Schedules tasks over workers. Threads and processes share it; it knows them by their {@link Transport}.
 *
 * **How it works**
 *
 * Tasks wait in one priority queue. Once for each turn of the event loop, what has come in is handed to the workers, to
 * the one with the least to do first, and each gets one frame. A worker that finishes small tasks quickly is sent some
 * ahead, so that it never waits. Since a task that was sent ahead can be taken back until the worker has started it
 * ({@link Claims}), sending ahead costs nothing when a task turns out to be long: what is stuck behind it returns to the
 * queue, and so does what was sent before something more urgent came.
 *
 * @since 0.1.0
 */
import { DurationHistogram } from "../RunnerStats.ts"
import { ModuleInvalid, NotTransferable, QueueFull, RunnerClosed, TaskNotFound } from "../TaskError.ts"
import * as Exchange from "./Exchange.ts"
import { idPrefix } from "../TaskRequest.ts"
import { Intake, type QueueOptions } from "./Intake.ts"
import type { Job, JobOwner } from "./Job.ts"
import { type Owner, PoolWorker, watchInterval } from "./PoolWorker.ts"
import type { End, Spawn } from "./Transport.ts"
import type { Refusal } from "./Uncloneable.ts"
import * as Wire from "./Wire.ts"
const { Op } = Wire

/** How a pool is made. Times are in milliseconds. */
export interface PoolOptions extends QueueOptions {
  readonly spawn: Spawn
  readonly modules: ReadonlyArray<string>
  readonly minSize: number
  readonly maxSize: number
  /** After which time without work a worker above `minSize` ends. */
  readonly idleTimeout: number
  /** How many workers are started ahead, to take the place of one that ends. */
  readonly spares: number
  /** How many tasks a worker works on at once. */
  readonly concurrency: number
  /** How long an interrupted task may take to stop before its worker is killed. */
  readonly grace: number
  readonly recycleTasks: number
  readonly recycleBytes: number
  /** Calls of tasks by handlers, and what workers print. */
  readonly events: PoolEvents
}

/** What a pool leaves to its runner. */
export interface PoolEvents {
  /** A handler calls a task. The result goes back by `worker.say`. */
  readonly onCall: (worker: PoolWorker, parent: Job | undefined, records: ReadonlyArray<unknown>, at: number) => void
  /** A record about a call that is under way. */
  readonly onCallRecord: (worker: PoolWorker, records: ReadonlyArray<unknown>, at: number) => void
  /** A worker has ended, with everything that its handlers had called. */
  readonly onWorkerEnd: (worker: PoolWorker) => void
  readonly onOutput: (worker: PoolWorker, stream: "stdout" | "stderr", line: string) => void
  readonly onLog: (worker: PoolWorker, entry: Wire.LogEntry) => void
}

/** After which part of its grace a task is suspected not to stop. */
const suspectAfter = 0.25

/** A start that failed is not tried again at once, in milliseconds. */
const retryStartAfter = 1000

export class Pool implements Owner, JobOwner {
  readonly concurrency: number
  readonly recycleTasks: number
  readonly workers = new Set<PoolWorker>()
  completed = 0
  failed = 0
  readonly waitTime = new DurationHistogram()
  readonly runTime = new DurationHistogram()
  private readonly options: PoolOptions
  private readonly intake: Intake<Job>
  private readonly spares: Array<PoolWorker> = []
  /** The workers that have tasks which ought to have stopped, and how many. */
  private readonly suspects = new Map<PoolWorker, number>()
  /** Every worker that has been started and has not ended. */
  private readonly alive = new Set<PoolWorker>()
  /** What handlers there are; unknown until the first worker is ready. */
  private names: ReadonlySet<string> | undefined = undefined
  private minSize: number
  private maxSize: number
  private number = 0
  private readonly timer = setInterval(() => {}, 0x7fffffff).unref()
  private paused = false
  private closed = false
  private dispatchScheduled = false
  private readonly madeAt = performance.now()
  /** When the first task of this turn of the event loop came, in tenths of milliseconds. */
  private turn = 0
  private watch: NodeJS.Timeout | undefined = undefined
  private idleCheck: NodeJS.Timeout | undefined = undefined
  private startFailure: { readonly error: ModuleInvalid; readonly at: number } | undefined = undefined
  private readonly readyObservers = new Set<() => void>()
  private readonly endObservers = new Set<() => void>()

  constructor(options: PoolOptions) {
    this.options = options
    this.concurrency = options.concurrency
    this.recycleTasks = options.recycleTasks
    this.minSize = options.minSize
    this.maxSize = options.maxSize
    this.intake = new Intake(options)
    while (this.workers.size < this.minSize) this.start()
  }

  get queued(): number {
    return this.intake.size
  }

  get running(): number {
    let running = 0
    for (const worker of this.workers) running += Math.min(worker.load, this.concurrency) + worker.waiting
    return running
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Tasks come in
  // -------------------------------------------------------------------------------------------------------------------

  submit(job: Job): void {
    if (this.closed) return job.failWith(new RunnerClosed({ task: job.name }))
    if (this.names !== undefined && !job.portable && !this.names.has(job.name)) {
      return job.failWith(this.notFound(job))
    }
    const failure = this.recentStartFailure()
    if (failure !== undefined) return job.failWith(failure)
    if (!this.dispatchScheduled) this.turn = this.tenths(performance.now())
    job.createdAt = this.turn
    this.schedule()
    if (this.assignNow(job)) return
    if (!this.intake.offer(job)) job.failWith(new QueueFull({ task: job.name, limit: this.intake.limit }))
  }

  private tenths(now: number): number {
    return Math.round((now - this.madeAt) * 10)
  }

  /** Passes the queue by, when nobody waits in it and no worker has been sent anything less urgent. */
  private assignNow(job: Job): boolean {
    if (this.intake.waiting > 0 || this.paused) return false
    const worker = this.roomiest()
    if (worker === undefined) return false
    for (const other of this.workers) if (other.aheadPriority > job.priority) return false
    job.accept()
    worker.assign(job)
    return true
  }

  private notFound(job: Job): TaskNotFound {
    return new TaskNotFound({ task: job.name, available: [...this.names!] })
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
  keepAlive(busy: boolean): void {
    if (busy || this.closed) this.timer.ref()
    else this.timer.unref()
  }

  /** Hands what waits to the workers. */
  private dispatch(): void {
    if (this.paused || this.closed) return
    this.recallForUrgent()
    while (this.intake.waiting > 0) {
      const worker = this.roomiest()
      if (worker === undefined) break
      worker.assign(this.intake.take()!)
    }
    let ahead = false
    for (const worker of this.workers) {
      worker.flush()
      if (worker.load > this.concurrency) ahead = true
    }
    if (ahead) this.startWatch()
    if (this.intake.waiting > 0) this.grow()
  }

  /** The worker that has room and the least to do. */
  private roomiest(): PoolWorker | undefined {
    let best: PoolWorker | undefined
    let least = Infinity
    for (const worker of this.workers) {
      if (worker.load < least && worker.room > 0) {
        best = worker
        least = worker.load
      }
    }
    return best
  }

  /** What was sent ahead returns when something more urgent has come. */
  private recallForUrgent(): void {
    const next = this.intake.peek()
    if (next === undefined) return
    for (const worker of this.workers) if (worker.aheadPriority > next.priority) this.recall(worker)
  }

  private recall(worker: PoolWorker): void {
    const back = worker.takeBack()
    for (let i = back.length - 1; i >= 0; i--) this.intake.putBack(back[i]!)
  }

  /**
   * While anything is sent ahead: what has got stuck behind a long task returns to the queue.
   *
   * A worker is stuck when it has finished nothing between two looks. The second look is after the event loop has
   * delivered what had arrived, since it may be this thread that is behind.
   */
  private startWatch(): void {
    if (this.watch !== undefined) return
    this.watch = setTimeout(() => {
      const suspects = [...this.workers].filter(
        (worker) => worker.load > this.concurrency && worker.completed === worker.watched
      )
      for (const worker of this.workers) worker.watched = worker.completed
      if (suspects.length === 0) return this.watchAgain()
      setImmediate(() => {
        const stuck = suspects.filter((worker) => worker.completed === worker.watched && worker.state === "ready")
        for (const worker of stuck) {
          worker.stuck = true
          this.recall(worker)
        }
        this.watchAgain()
        if (stuck.length > 0) this.dispatch()
      })
    }, watchInterval)
    this.watch.unref()
  }

  private watchAgain(): void {
    this.watch = undefined
    for (const worker of this.workers) if (worker.load > this.concurrency) return this.startWatch()
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Tasks come back
  // -------------------------------------------------------------------------------------------------------------------

  readonly onRecords = (worker: PoolWorker, records: ReadonlyArray<unknown>): void => {
    const now = performance.now()
    // First everything that makes room, so that workers have their next tasks before callers have their results.
    const jobs: Array<Job | undefined> = []
    let finished = false
    for (let at = 0; at < records.length; at = Wire.next(records, at)) {
      const seq = records[at + 1] as number
      switch (records[at]) {
        case Op.Ok:
        case Op.Fail:
        case Op.Refused: {
          const succeeded = records[at] === Op.Ok
          const micros = records[at] === Op.Refused ? 0 : (records[at + 2] as number)
          const job = worker.finish(seq, micros, now)
          if (job !== undefined) this.count(job, micros / 1000, now, succeeded)
          jobs.push(job)
          finished = true
          break
        }
        default:
          jobs.push(worker.outstanding.get(seq))
      }
    }
    if (finished) {
      this.recycle(worker)
      this.dispatch()
    }
    let index = 0
    for (let at = 0; at < records.length; at = Wire.next(records, at)) {
      const job = jobs[index++]
      switch (records[at]) {
        case Op.Ok:
          job?.succeed(records[at + 3])
          break
        case Op.Fail:
          job?.fail(records[at + 3])
          break
        case Op.Refused: {
          const path = `${records[at + 2] as string}${records[at + 3] as string}`
          job?.failWith(new NotTransferable({ task: job.name, path, reason: records[at + 4] as string }))
          break
        }
        case Op.Chunk:
          job?.chunk(records[at + 2] as ReadonlyArray<unknown>)
          break
        case Op.Progress:
          job?.progress(records[at + 2])
          break
        case Op.Log: {
          const entry = records[at + 2] as Wire.LogEntry
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
    if (succeeded) this.completed++
    else this.failed++
    this.runTime.add(millis)
    this.waitTime.add(Math.max(0, (this.tenths(now) - job.createdAt) / 10 - millis))
  }

  private onRecord(worker: PoolWorker, records: ReadonlyArray<unknown>, at: number): void {
    switch (records[at]) {
      case Op.Ready:
        return this.onReady(worker, records[at + 1] as ReadonlyArray<string>)
      case Op.Fatal:
        return this.onStartFailure(
          worker,
          new ModuleInvalid({ module: records[at + 1] as string, reason: records[at + 2] as string })
        )
      case Op.Memory:
        worker.memory = records[at + 1] as number
        if (worker.firstMemory === 0) worker.firstMemory = worker.memory
        return this.recycle(worker)
      case Op.Call:
        return this.options.events.onCall(worker, worker.outstanding.get(records[at + 2] as number), records, at)
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

  /** Stops a task, wherever it is. Its sink learns when it has stopped. */
  readonly interrupt = (job: Job): void => {
    if (this.intake.remove(job)) return job.interrupted()
    const worker = job.worker
    if (worker === undefined || job.stopping) return
    job.stopping = true
    if (worker.load > this.concurrency) {
      const back = worker.takeBack(job)
      const found = back.at(-1) === job
      if (found) back.pop()
      for (let i = back.length - 1; i >= 0; i--) this.intake.putBack(back[i]!)
      if (back.length > 0) this.schedule()
      if (found) return job.interrupted()
    }
    worker.say(true, Op.Interrupt, job.seq)
    worker.flush()
    this.watchInterruption(worker, job)
  }

  /** Kills a worker whose task does not stop. While there is still hope, its successor is started already. */
  private watchInterruption(worker: PoolWorker, job: Job): void {
    const { grace } = this.options
    const isStopping = () => worker.outstanding.get(job.seq) === job
    const early = setTimeout(() => {
      if (!isStopping() || this.closed) return
      this.suspects.set(worker, (this.suspects.get(worker) ?? 0) + 1)
      this.startSpares()
      const late = setTimeout(
        () => {
          const others = (this.suspects.get(worker) ?? 1) - 1
          if (others === 0) this.suspects.delete(worker)
          else this.suspects.set(worker, others)
          if (isStopping()) this.kill(worker, job)
          else this.trimSpares()
        },
        grace - grace * suspectAfter
      )
      late.unref()
    }, grace * suspectAfter)
    early.unref()
  }

  private kill(worker: PoolWorker, job: Job): void {
    this.recall(worker)
    this.suspects.delete(worker)
    worker.killedFor = job
    worker.kill()
    this.replace(worker)
    this.dispatch()
  }

  /** Tells a streaming task that the caller has read. */
  credit(job: Job): void {
    job.worker?.say(true, Op.Credit, job.seq, 1)
  }

  readonly onRefused = (worker: PoolWorker, record: ReadonlyArray<unknown>, refusal: Refusal): void => {
    if (record[0] !== Op.Run) {
      // The result of a task that one of its handlers has called.
      const error = new NotTransferable({ task: "", path: `result${refusal.path}`, reason: refusal.reason })
      return worker.say(true, Op.CallFail, record[1], Exchange.taskErrorFailure(error))
    }
    const job = worker.outstanding.get(record[1] as number)
    if (job === undefined) return
    worker.remove(job, performance.now())
    // What a portable task sends holds its payload.
    const path = job.portable ? refusal.path.replace(/^\.payload/, "") : refusal.path
    job.failWith(new NotTransferable({ task: job.name, path: `payload${path}`, reason: refusal.reason }))
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Workers
  // -------------------------------------------------------------------------------------------------------------------

  private spawn(): PoolWorker {
    const { grace, modules, recycleBytes, spawn } = this.options
    const init = {
      modules,
      concurrency: this.concurrency,
      idPrefix,
      closeGrace: grace,
      reportMemory: recycleBytes !== Infinity
    }
    const worker = new PoolWorker(this, spawn, init, ++this.number)
    this.alive.add(worker)
    return worker
  }

  private start(): void {
    this.workers.add(this.spares.shift() ?? this.spawn())
    this.startSpares()
  }

  /** Spares are started behind the first worker, which they would only delay. */
  private startSpares(): void {
    if (this.names === undefined) return
    while (this.spares.length < this.options.spares + this.suspects.size) this.spares.push(this.spawn())
  }

  private trimSpares(): void {
    while (this.spares.length > this.options.spares + this.suspects.size) this.closeWorker(this.spares.pop()!)
  }

  /** Starts workers for what waits, as far as `maxSize` allows. */
  private grow(): void {
    let starting = 0
    for (const worker of this.workers) if (worker.state === "starting") starting++
    while (this.workers.size < this.maxSize && starting < this.intake.waiting) {
      this.start()
      starting++
    }
  }

  /** A worker is gone, or as good as gone. */
  private replace(worker: PoolWorker): void {
    this.workers.delete(worker)
    if (this.closed) return
    if (this.workers.size < this.minSize) this.start()
    if (this.intake.waiting > 0) this.grow()
  }

  private onReady(worker: PoolWorker, names: ReadonlyArray<string>): void {
    worker.state = "ready"
    worker.indices = new Map(names.map((name, index) => [name, index]))
    worker.idleSince = performance.now()
    this.startFailure = undefined
    if (this.names === undefined) {
      this.names = new Set(names)
      for (const job of this.intake.drain()) {
        if (job.portable || this.names.has(job.name)) this.intake.offer(job)
        else job.failWith(this.notFound(job))
      }
      this.startSpares()
    }
    for (const observer of this.readyObservers) observer()
    this.dispatch()
    this.checkIdle()
  }

  /** A worker could not load the tasks modules. Others, if there are any, go on; if not, nobody waits in vain. */
  private onStartFailure(worker: PoolWorker, error: ModuleInvalid): void {
    worker.kill()
    this.workers.delete(worker)
    const spare = this.spares.indexOf(worker)
    if (spare !== -1) this.spares.splice(spare, 1)
    this.startFailure = { error, at: performance.now() }
    for (const observer of this.readyObservers) observer()
    for (const other of this.workers) if (other.state === "ready") return
    for (const job of this.intake.drain()) job.failWith(error)
  }

  /** The failure of the last start, when it was just now and no worker lives. */
  private recentStartFailure(): ModuleInvalid | undefined {
    if (this.startFailure === undefined) return undefined
    for (const worker of this.workers) if (worker.state === "ready") return undefined
    if (performance.now() - this.startFailure.at < retryStartAfter) return this.startFailure.error
    this.startFailure = undefined
    if (this.workers.size < this.minSize) this.start()
    return undefined
  }

  readonly onEnd = (worker: PoolWorker, end: End): void => {
    const starting = worker.state === "starting"
    const back = worker.takeBack()
    for (let i = back.length - 1; i >= 0; i--) this.intake.putBack(back[i]!)
    const lost = [...worker.outstanding.values()]
    const killed = worker.state === "killed"
    worker.transport.claims.close()
    if (starting && !this.closed) {
      this.onStartFailure(
        worker,
        new ModuleInvalid({
          module: this.options.modules.join(", "),
          reason: `${worker.label} ended while it started (${end.reason}${end.exitCode === undefined ? "" : ` ${end.exitCode}`})${
            end.detail === undefined ? "" : `: ${end.detail}`
          }`
        })
      )
    }
    const errors = lost.map((job) => worker.lost(job, end))
    const useless = worker.completed === 0 && lost.length === 0 && worker.state === "ready"
    worker.state = "ended"
    worker.outstanding.clear()
    this.alive.delete(worker)
    // One that ends without having done anything would do so again and again.
    if (useless) {
      this.workers.delete(worker)
      setTimeout(() => this.replace(worker), retryStartAfter).unref()
    } else if (!killed && !starting) this.replace(worker)
    const spare = this.spares.indexOf(worker)
    if (spare !== -1) this.spares.splice(spare, 1)
    this.options.events.onWorkerEnd(worker)
    this.dispatch()
    lost.forEach((job, index) => {
      this.failed++
      if (job.stopping) job.interrupted()
      else job.failWith(errors[index]!)
    })
    for (const observer of this.endObservers) observer()
  }

  readonly onOutput = (worker: PoolWorker, stream: "stdout" | "stderr", line: string): void => {
    this.options.events.onOutput(worker, stream, line)
  }

  /** Replaces a worker that has done enough, once it has finished what it has. */
  private recycle(worker: PoolWorker): void {
    const { recycleBytes } = this.options
    if (worker.state === "retiring") return this.retireIfDone(worker)
    if (worker.state !== "ready") return
    if (worker.completed >= this.recycleTasks || worker.memory - worker.firstMemory > recycleBytes) this.retire(worker)
  }

  private retire(worker: PoolWorker): void {
    this.recall(worker)
    worker.state = "retiring"
    this.replace(worker)
    this.retireIfDone(worker)
  }

  private retireIfDone(worker: PoolWorker): void {
    if (worker.outstanding.size === 0) this.closeWorker(worker)
  }

  /** Ends a worker in order; kills it when that takes too long. */
  private closeWorker(worker: PoolWorker): void {
    if (worker.state === "closing" || worker.state === "killed" || worker.state === "ended") return
    worker.state = "closing"
    worker.say(true, Op.Close)
    worker.flush()
    setTimeout(() => worker.kill(), this.options.grace + 1000).unref()
  }

  /** Ends workers above `minSize` that have had nothing to do for a while. */
  private checkIdle(): void {
    if (this.idleCheck !== undefined || this.closed || this.workers.size <= this.minSize) return
    this.idleCheck = setTimeout(
      () => {
        this.idleCheck = undefined
        const now = performance.now()
        for (const worker of this.workers) {
          if (this.workers.size <= this.minSize) break
          const idle = worker.state === "ready" && worker.outstanding.size === 0
          if (idle && now - worker.idleSince >= this.options.idleTimeout) this.retire(worker)
        }
        this.checkIdle()
      },
      Math.max(10, this.options.idleTimeout / 2)
    )
    this.idleCheck.unref()
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Controls
  // -------------------------------------------------------------------------------------------------------------------

  pause(): void {
    this.paused = true
    for (const worker of this.workers) if (worker.load > this.concurrency) this.recall(worker)
  }

  resume(): void {
    this.paused = false
    this.dispatch()
  }

  resize(size: number): void {
    this.minSize = size
    this.maxSize = size
    const workers = [...this.workers].toSorted((a, b) => a.load - b.load)
    for (const worker of workers) {
      if (this.workers.size <= size) break
      this.retire(worker)
    }
    while (this.workers.size < size) this.start()
    this.dispatch()
  }

  /** Calls back once `minSize` workers are ready, or with the reason why they are not. */
  whenReady(callback: (failure: ModuleInvalid | undefined) => void): void {
    const observer = () => {
      const ready = [...this.workers].filter((worker) => worker.state === "ready").length
      if (ready < this.minSize && this.startFailure === undefined) return
      this.readyObservers.delete(observer)
      callback(ready < this.minSize ? this.startFailure?.error : undefined)
    }
    this.readyObservers.add(observer)
    observer()
  }

  /** Ends all workers, running the finalizers of the tasks modules, and calls back when none is left. */
  close(callback: () => void): void {
    this.closed = true
    this.keepAlive(true)
    clearTimeout(this.watch)
    clearTimeout(this.idleCheck)
    for (const job of this.intake.drain()) job.failWith(new RunnerClosed({ task: job.name }))
    for (const worker of this.alive) this.closeWorker(worker)
    const observer = () => {
      if (this.alive.size > 0) return
      this.endObservers.delete(observer)
      clearInterval(this.timer)
      callback()
    }
    this.endObservers.add(observer)
    observer()
  }
}
