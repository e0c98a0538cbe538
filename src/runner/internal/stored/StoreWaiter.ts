/** A call that waits for a task of a store: it follows what the store says of it, and ends with it. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import { DurationHistogram } from "../../../RunnerStats.ts"
import type { Offered, TaskQueue } from "../../../store/TaskQueue.ts"
import type { EncodedExit, TaskChange, TaskRecord, TaskStore } from "../../../store/TaskStore.ts"
import * as TaskExit from "../../../internal/values/TaskExit.ts"
import { type StoreFailure, TaskCancelled, TaskTimeout } from "../../../TaskError.ts"
import { millis } from "../../../internal/values/options.ts"
import type { Call } from "../../../internal/call/Call.ts"
import { Front } from "../../../internal/call/Front.ts"
import type { Execution, TaskStatus } from "../../../TaskRequest.ts"

/** How much longer than its time limit a running task is waited for, which is stopped where it runs, in milliseconds. */
const slack = 250

/** A store that could not be reached is tried again, for what must not be left undone. */
const patiently = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")])

/** What a task's record says of its end, as its caller gets it. */
const exitOf = (request: Call, exit: EncodedExit): Exit.Exit<unknown, unknown> => {
  // An earlier call may stand for this one, which did not want the result.
  if (exit._tag === "Success" && (request.discard || exit.discarded)) return Exit.void
  return TaskExit.decode(request.task, exit)
}

/** Makes an Effect interruptible again, in a region that is not. */
export type Restore = <A, E>(effect: Effect.Effect<A, E>) => Effect.Effect<A, E>

/** The calls of one runner that wait. */
export class Waiters {
  readonly store: TaskStore["Service"]
  readonly queue: TaskQueue["Service"]
  readonly clock: Clock.Clock
  private readonly context: Context.Context<never>
  private readonly all = new Set<Waiter>()
  private closed = false
  readonly front = new Front({ accepts: false, waitsFor: (id) => this.has(id) })
  readonly waitTime = new DurationHistogram()
  readonly runTime = new DurationHistogram()
  running = 0
  completed = 0
  failed = 0

  constructor(store: TaskStore["Service"], queue: TaskQueue["Service"], context: Context.Context<never>) {
    this.store = store
    this.queue = queue
    this.context = context
    this.clock = Context.get(context, Clock.Clock)
  }

  get queued(): number {
    return this.all.size - this.running
  }

  /** Tries again what must not be left undone, as long as this runner is there. */
  patiently<A>(effect: Effect.Effect<A, StoreFailure>): Effect.Effect<A, StoreFailure> {
    return Effect.retry(effect, { schedule: patiently, while: () => !this.closed })
  }

  fork<A>(effect: Effect.Effect<A, StoreFailure>): Fiber.Fiber<A, StoreFailure> {
    return Effect.runForkWith(this.context)(effect)
  }

  begin(waiter: Waiter): void {
    this.all.add(waiter)
    this.front.begin(waiter.request)
  }

  settle(waiter: Waiter, exit: Exit.Exit<unknown, unknown>): void {
    this.all.delete(waiter)
    this.front.settle(waiter.request, exit)
  }

  /** Whether a task is waited for. */
  private has(id: string): boolean {
    return Array.from(this.all).some(({ request }) => request.id === id)
  }

  /** Lets all of them go. Their tasks go on. */
  close(): void {
    this.closed = true
    for (const waiter of Array.from(this.all)) waiter.end(Exit.interrupt())
  }

  /** Asks for the end of a task, until the store has heard of it. */
  cancel(id: string, exit?: EncodedExit): Effect.Effect<boolean, StoreFailure> {
    return this.queue.cancel(id, exit).pipe(
      Effect.tapError((error) => Effect.logWarning(`Task ${id} is to be cancelled. ${error.message}. Trying again`)),
      (effect) => this.patiently(effect)
    )
  }
}

/** A call that waits for its task. */
export class Waiter implements Execution {
  readonly request: Call
  private readonly waiters: Waiters
  status: Execution["status"] = "pending"
  private readonly since = performance.now()
  private startedAt = 0
  private attempts = 0
  private exit: Exit.Exit<unknown, unknown> | undefined = undefined
  private timedOut = false
  private timer: Fiber.Fiber<unknown, unknown> | undefined = undefined
  private unobserve: (() => void) | undefined = undefined
  private readonly observers: Array<(exit: Exit.Exit<unknown, unknown>) => void> = []

  constructor(waiters: Waiters, request: Call) {
    this.waiters = waiters
    this.request = request
    request.begin(this)
    waiters.begin(this)
  }

  /** Follows the task from now on. */
  observe(): void {
    this.unobserve?.()
    this.unobserve = this.waiters.store.observe(this.request.id, (change) => this.receive(change))
  }

  /** The task is stored, or an earlier one stands for it. */
  accepted(offered: Offered, runAt: number, deadline: number | undefined): void {
    const { request } = this
    if (offered.created) {
      if (runAt > request.createdAt && this.attempts === 0) this.status = "scheduled"
      this.limit(deadline)
    } else {
      request.resume({ id: offered.id, createdAt: request.createdAt, attempt: 1 })
      this.observe()
      this.refresh()
    }
    request.accept()
  }

  /** Reads the record, for what may have happened before anybody followed it. */
  refresh(): void {
    const { id } = this.request
    this.waiters.fork(this.waiters.patiently(this.waiters.store.get(id))).addObserver((exit) => {
      if (Exit.isFailure(exit)) this.end(Exit.failCause(exit.cause))
      else if (Option.isNone(exit.value)) this.receive({ _tag: "Removed" })
      else this.read(exit.value.value)
    })
  }

  /** Takes over what a record says. */
  read(record: TaskRecord): void {
    if (this.exit !== undefined) return
    const { request } = this
    if (this.attempts <= record.attempts) {
      request.resume({ id: record.id, createdAt: record.createdAt, attempt: Math.max(1, record.attempts) })
      this.follow(record.status, record.attempts)
    }
    if (record.progress !== undefined) request.reportProgress(record.progress)
    if (record.exit !== undefined) return this.receive({ _tag: "Settled", status: record.status, exit: record.exit })
    this.limit(record.deadline)
  }

  private receive(change: TaskChange): void {
    if (this.exit !== undefined) return
    switch (change._tag) {
      case "Status":
        return this.follow(change.status, change.attempts)
      case "Progress":
        return this.request.reportProgress(change.value)
      case "Settled":
        return this.settled(change.status, exitOf(this.request, change.exit))
      case "Removed": {
        const { id, name } = this.request
        return this.settled("cancelled", Exit.fail(new TaskCancelled({ task: name, taskId: id })))
      }
    }
  }

  private follow(status: TaskStatus, attempts: number): void {
    if (status !== "scheduled" && status !== "pending" && status !== "running") return
    const { waiters } = this
    const wasRunning = this.status === "running"
    if (status === "running" && !wasRunning) {
      const now = performance.now()
      waiters.running++
      if (this.startedAt === 0) waiters.waitTime.add(now - this.since)
      this.startedAt = now
      this.request.attempt = Math.max(1, attempts)
    } else if (status !== "running" && wasRunning) {
      waiters.running--
      // An attempt that does not count has been handed back.
      if (attempts >= this.attempts) this.ran(false)
    }
    this.attempts = attempts
    this.status = status
  }

  private ran(succeeded: boolean): void {
    const { waiters } = this
    if (succeeded) waiters.completed++
    else waiters.failed++
    const now = performance.now()
    if (this.startedAt === 0) waiters.waitTime.add((this.startedAt = now) - this.since)
    waiters.runTime.add(now - this.startedAt)
  }

  private settled(status: TaskStatus, exit: Exit.Exit<unknown, unknown>): void {
    const { request } = this
    if (this.status === "running" || status !== "cancelled") this.ran(Exit.isSuccess(exit))
    if (this.timedOut && Exit.isFailure(exit)) return this.end(Exit.fail(this.timeoutError()))
    if (status === "cancelled") request.cancelled = true
    this.end(exit)
  }

  /** Ends the call. */
  end(exit: Exit.Exit<unknown, unknown>): void {
    if (this.exit !== undefined) return
    this.exit = exit
    if (this.status === "running") this.waiters.running--
    this.unobserve?.()
    this.timer?.interruptUnsafe()
    this.waiters.settle(this, exit)
    for (const observer of this.observers) observer(exit)
  }

  // -------------------------------------------------------------------------------------------------------------------
  // The end that the caller asks for
  // -------------------------------------------------------------------------------------------------------------------

  abort(): void {
    this.cancel()
  }

  private cancel(exit?: EncodedExit): void {
    // Of a task that is over, or is not there, nothing more is heard unless it is looked for.
    this.waiters.fork(this.waiters.cancel(this.request.id, exit)).addObserver((exit) => {
      if (Exit.isSuccess(exit) && !exit.value && this.exit === undefined) this.refresh()
    })
  }

  private limit(deadline: number | undefined): void {
    if (deadline === undefined || this.timer !== undefined) return
    this.request.deadline = deadline
    const left = Math.max(0, deadline - this.waiters.clock.currentTimeMillisUnsafe())
    const lost = Effect.suspend(() => (this.status === "running" ? Effect.sleep(slack) : Effect.void))
    this.timer = this.waiters.fork(
      Effect.sleep(left).pipe(
        Effect.andThen(lost),
        Effect.andThen(
          Effect.sync(() => {
            this.timer = undefined
            this.timedOut = true
            this.cancel(TaskExit.ofError(this.timeoutError()).exit)
          })
        )
      )
    )
  }

  private timeoutError(): TaskTimeout {
    const { createdAt, deadline, id, name, options } = this.request
    const timeout = options.timeout === undefined ? deadline! - createdAt : millis(options.timeout)
    return new TaskTimeout({ task: name, taskId: id, timeout })
  }

  /** How the task ends. An interruption cancels the task, and is over when that is. */
  wait(restore: Restore): Effect.Effect<unknown, unknown> {
    const end = Effect.callback<unknown, unknown>((resume) => {
      if (this.exit !== undefined) return resume(this.exit)
      this.observers.push(resume)
    })
    return Effect.onInterrupt(restore(end), () => this.stop)
  }

  private readonly stop: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.exit !== undefined) return resume(Effect.void)
    this.observers.push(() => resume(Effect.void))
    this.cancel()
  })
}
