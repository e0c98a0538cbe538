/**
 * The workers of a pool, from their start to their end: how many there are, who takes over from whom, and what becomes of
 * a start that fails.
 */
import { ModuleInvalid } from "../../../TaskError.ts"
import { idPrefix } from "../../../internal/task/TaskId.ts"
import { type Owner, PoolWorker, HandledTask } from "./PoolWorker.ts"
import type { End, Spawn } from "./Transport.ts"
import * as Wire from "../wire/Wire.ts"

/** How the workers of a pool are kept. Times are in milliseconds. */
export interface WorkersOptions {
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
  readonly forceKillAfter: number
  /** After how many tasks, and after which growth of its memory, a worker is replaced. */
  readonly recycleTasks: number
  readonly recycleBytes: number
}

/** The pool, as its workers see it. */
export interface WorkersOwner extends Owner {
  /** How many tasks wait for a worker. */
  readonly waiting: number
  /** Takes back what a worker has not started. */
  readonly recall: (worker: PoolWorker) => void
}

/** A start that failed is not tried again at once, in milliseconds. */
const retryStartAfter = 1000

export class Workers {
  /** Those that take tasks, or will when they are ready. */
  readonly active = new Set<PoolWorker>()
  /** The tasks there are handlers for; unknown until the first worker is ready. */
  names: ReadonlySet<string> | undefined = undefined
  closed = false
  private readonly owner: WorkersOwner
  private readonly options: WorkersOptions
  private spares: Array<PoolWorker> = []
  /** Those that have tasks which ought to have stopped, and how many. */
  private readonly suspects = new Map<PoolWorker, number>()
  /** Every worker that has been started and has not ended. */
  private readonly alive = new Set<PoolWorker>()
  private minSize: number
  private maxSize: number
  private number = 0
  private idleCheck: NodeJS.Timeout | undefined = undefined
  startFailure: { readonly error: ModuleInvalid; readonly at: number } | undefined = undefined
  private readonly readyObservers = new Set<() => void>()
  private readonly endObservers = new Set<() => void>()

  constructor(owner: WorkersOwner, options: WorkersOptions) {
    this.owner = owner
    this.options = options
    this.minSize = options.minSize
    this.maxSize = options.maxSize
  }

  /** Starts as many as there are without work. */
  open(): void {
    while (this.active.size < this.minSize) this.start()
  }

  private spawn(): PoolWorker {
    const { concurrency, forceKillAfter, modules, recycleBytes, spawn } = this.options
    const init = { modules, concurrency, idPrefix, closeGrace: forceKillAfter, reportMemory: recycleBytes !== Infinity }
    const worker = new PoolWorker(this.owner, spawn, init, ++this.number)
    this.alive.add(worker)
    return worker
  }

  /** Adds a worker. True when it is ready, as one that has been started ahead may be. */
  private start(): boolean {
    const worker = this.spares.shift() ?? this.spawn()
    this.active.add(worker)
    this.startSpares()
    if (worker.state !== "ready") return false
    worker.idleSince = performance.now()
    this.checkIdle()
    return true
  }

  /** Spares are started behind the first worker, which they would only delay. */
  private startSpares(): void {
    if (this.names === undefined) return
    while (this.spares.length < this.options.spares + this.suspects.size) this.spares.push(this.spawn())
  }

  /** Starts workers for so many tasks, as far as `maxSize` allows. True when one of them is ready. */
  grow(tasks: number): boolean {
    let ready = false
    let starting = 0
    for (const worker of this.active) if (worker.state === "starting") starting++
    while (this.active.size < this.maxSize && starting < tasks) {
      if (this.start()) ready = true
      starting++
    }
    return ready
  }

  /** A worker is gone, or as good as gone. */
  private replace(worker: PoolWorker): void {
    this.active.delete(worker)
    if (this.closed) return
    // Its successor may have been started already.
    const ahead = this.spares.length > this.options.spares + this.suspects.size && this.active.size < this.maxSize
    if (ahead || this.active.size < this.minSize) this.start()
    if (this.owner.waiting > 0) this.grow(this.owner.waiting)
  }

  // -------------------------------------------------------------------------------------------------------------------
  // The start
  // -------------------------------------------------------------------------------------------------------------------

  /** A worker has loaded the tasks modules. True for the first. */
  ready(worker: PoolWorker, names: ReadonlyArray<string>): boolean {
    worker.state = "ready"
    worker.tasks = new Map(names.map((name, index) => [name, new HandledTask(index)]))
    worker.idleSince = performance.now()
    this.startFailure = undefined
    const first = this.names === undefined
    this.names ??= new Set(names)
    this.startSpares()
    for (const observer of this.readyObservers) observer()
    this.checkIdle()
    return first
  }

  /** A worker could not load the tasks modules. True when no other can take tasks, so that nobody waits in vain. */
  startFailed(worker: PoolWorker, error: ModuleInvalid): boolean {
    worker.kill()
    this.active.delete(worker)
    this.spares = this.spares.filter((spare) => spare !== worker)
    this.startFailure = { error, at: performance.now() }
    for (const observer of this.readyObservers) observer()
    return !this.isAnyReady
  }

  private get isAnyReady(): boolean {
    for (const worker of this.active) if (worker.state === "ready") return true
    return false
  }

  /** The failure of the last start, when it was just now and no worker lives. */
  recentStartFailure(): ModuleInvalid | undefined {
    if (this.startFailure === undefined || this.isAnyReady) return undefined
    if (performance.now() - this.startFailure.at < retryStartAfter) return this.startFailure.error
    this.startFailure = undefined
    if (this.active.size < this.minSize) this.start()
    return undefined
  }

  /** The error of a worker that ended before it was ready. */
  endedAtStart(worker: PoolWorker, end: End): ModuleInvalid {
    const how = end.exitCode === undefined ? end.reason : `${end.reason} ${end.exitCode}`
    const detail = end.detail === undefined ? "" : `: ${end.detail}`
    return new ModuleInvalid({
      module: this.options.modules.join(", "),
      reason: `${worker.label} ended while it started (${how})${detail}`
    })
  }

  /** Calls back once `minSize` workers are ready, or with the reason why they are not. */
  whenReady(callback: (failure: ModuleInvalid | undefined) => void): void {
    const observer = () => {
      const ready = Array.from(this.active).filter((worker) => worker.state === "ready").length
      if (ready < this.minSize && this.startFailure === undefined) return
      this.readyObservers.delete(observer)
      callback(ready < this.minSize ? this.startFailure?.error : undefined)
    }
    this.readyObservers.add(observer)
    observer()
  }

  // -------------------------------------------------------------------------------------------------------------------
  // The end
  // -------------------------------------------------------------------------------------------------------------------

  /** A worker has a task that ought to have stopped: its successor is started, in case that it is killed. */
  suspect(worker: PoolWorker): void {
    this.suspects.set(worker, (this.suspects.get(worker) ?? 0) + 1)
    this.startSpares()
  }

  /** One of the tasks for which a worker was suspected is over. */
  acquit(worker: PoolWorker): void {
    const others = (this.suspects.get(worker) ?? 1) - 1
    if (others === 0) this.suspects.delete(worker)
    else this.suspects.set(worker, others)
    while (this.spares.length > this.options.spares + this.suspects.size) this.closeOne(this.spares.pop()!)
  }

  /** Ends a worker at once, whatever it does. */
  kill(worker: PoolWorker): void {
    this.suspects.delete(worker)
    worker.kill()
    this.replace(worker)
  }

  /** A worker has ended. */
  ended(worker: PoolWorker): void {
    const { state } = worker
    const useless = worker.completed === 0 && worker.outstanding.size === 0 && state === "ready"
    worker.ended()
    this.alive.delete(worker)
    this.spares = this.spares.filter((spare) => spare !== worker)
    // One that ends without having done anything would do so again and again.
    if (useless) {
      this.active.delete(worker)
      setTimeout(() => this.replace(worker), retryStartAfter).unref()
    } else if (state !== "killed" && state !== "starting") this.replace(worker)
    for (const observer of this.endObservers) observer()
  }

  /** Replaces a worker that is worn, once it has finished what it has. */
  recycle(worker: PoolWorker): void {
    if (worker.state === "retiring") this.closeIfDone(worker)
    else if (worker.state === "ready") this.retire(worker)
  }

  /** Gives a worker nothing more, and ends it when it has finished what it has. */
  private retire(worker: PoolWorker): void {
    this.owner.recall(worker)
    worker.state = "retiring"
    this.replace(worker)
    this.closeIfDone(worker)
  }

  private closeIfDone(worker: PoolWorker): void {
    if (worker.outstanding.size === 0) this.closeOne(worker)
  }

  /** Ends a worker in order; kills it when that takes too long. */
  private closeOne(worker: PoolWorker): void {
    if (worker.state === "closing" || worker.state === "killed" || worker.state === "ended") return
    worker.state = "closing"
    worker.say(true, Wire.Op.Close)
    worker.flush()
    setTimeout(() => worker.kill(), this.options.forceKillAfter + 1000).unref()
  }

  /** Ends workers above `minSize` that have had nothing to do for a while. */
  private checkIdle(): void {
    if (this.idleCheck !== undefined || this.closed || this.active.size <= this.minSize) return
    const { idleTimeout } = this.options
    this.idleCheck = setTimeout(
      () => {
        this.idleCheck = undefined
        const now = performance.now()
        for (const worker of this.active) {
          if (this.active.size <= this.minSize) break
          const idle = worker.state === "ready" && worker.outstanding.size === 0
          if (idle && now - worker.idleSince >= idleTimeout) this.retire(worker)
        }
        this.checkIdle()
      },
      Math.max(10, idleTimeout / 2)
    )
    this.idleCheck.unref()
  }

  resize(size: number): void {
    this.minSize = size
    this.maxSize = size
    for (const worker of Array.from(this.active).toSorted((a, b) => a.load - b.load)) {
      if (this.active.size <= size) break
      this.retire(worker)
    }
    this.open()
  }

  /** Ends all workers, running the finalizers of the tasks modules, and calls back when none is left. */
  close(callback: () => void): void {
    this.closed = true
    clearTimeout(this.idleCheck)
    for (const worker of this.alive) this.closeOne(worker)
    const observer = () => {
      if (this.alive.size > 0) return
      this.endObservers.delete(observer)
      callback()
    }
    this.endObservers.add(observer)
    observer()
  }
}
