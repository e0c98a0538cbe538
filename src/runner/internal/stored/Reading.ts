/**
 * The work of a reader: which claims it holds, when it takes more, what becomes of each.
 *
 * A claim goes from the backlog to the runner, and from there to its settlement. Claims come in batches, and while tasks
 * are short, ahead of what there is room for: that lets the store write many results and the next batch at once.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Tracer from "effect/Tracer"
import * as PortableTask from "../portable/PortableTask.ts"
import type { Claim, Consumer, Settlement, ConsumerSignal } from "../../../store/TaskQueue.ts"
import { discarded } from "../../../store/TaskStore.ts"
import * as Task from "../../../Task.ts"
import * as TaskCodec from "../../../internal/values/TaskCodec.ts"
import * as TaskExit from "../../../internal/values/TaskExit.ts"
import { type StoreFailure, TaskCancelled, type TaskError, TaskTimeout } from "../../../TaskError.ts"
import { Call } from "../../../internal/call/Call.ts"
import type { Caller } from "../../../TaskRequest.ts"
import type { TaskRunner } from "../../../TaskRunner.ts"
import * as StoredTask from "./StoredTask.ts"

/** What a reader works with. */
export interface Environment {
  readonly context: Context.Context<never>
  readonly runner: TaskRunner["Service"]
  readonly tasks: ReadonlyMap<string, Task.Any>
  readonly concurrency: number
  readonly batchSize: number | undefined
  /** In milliseconds. */
  readonly pollInterval: number
}

/** How many claims are held at most when they are taken ahead. */
const maxWindow = 1000
/** How long a claim may wait here, in milliseconds. */
const maxWait = 10
/** Tasks that take less are taken ahead, in milliseconds. */
const short = 1

/** After how many vain attempts to write a value it is the value that is to blame, and not the store. */
const doubts = 3

const settlePatiently = Schedule.min([Schedule.exponential("50 millis"), Schedule.spaced("5 seconds")])

/** A claim on its way, which is also the request that is made of it. */
class ClaimedCall extends Call {
  readonly claim: Claim
  private readonly reading: Reading
  startedAt = 0
  /** Its fate has been sealed elsewhere: it is over for this reader once its handler has stopped. */
  lost = false
  /** It goes back once its handler has stopped. */
  released = false
  /** Somebody has asked for its end, here or where it was called. Other than `cancelled`, known also once it is over. */
  unwanted = false
  fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined

  constructor(
    reading: Reading,
    task: Task.Any,
    payload: unknown,
    options: Task.RunOptions & { readonly discardResult: boolean },
    caller: Caller,
    claim: Claim
  ) {
    super(task, payload, options, caller)
    this.reading = reading
    this.claim = claim
    this.resume({ id: claim.id, createdAt: claim.createdAt, attempt: claim.attempt })
  }

  override reportProgress(value: unknown): void {
    super.reportProgress(value)
    this.reading.progress(this.claim, value)
  }

  override requestCancel(): void {
    if (!this.settled) this.unwanted = true
    super.requestCancel()
  }

  /** Asks for the end of the handler. A runner that has not taken it on yet is left. */
  stop(): void {
    this.requestCancel()
    if (!this.begun && !this.settled) this.fiber?.interruptUnsafe()
  }
}

/** Everything that a reader holds. */
export class Reading {
  private readonly environment: Environment
  private readonly runFork: <A, E>(effect: Effect.Effect<A, E>) => Fiber.Fiber<A, E>
  private readonly caller: Caller
  private readonly portables = new Map<string, Task.Any>()
  private consumer: Consumer | undefined
  /** Claims that have not been started, the first ones at the end. */
  private backlog: Array<Claim> = []
  /** Started, and not yet settled. */
  private readonly works = new Map<string, ClaimedCall>()
  private running = 0
  /** Settlements that are being written, of claims that were never started. */
  private settling = 0
  private claiming = false
  private claimAgain = false
  /** There may be tasks to be claimed. */
  private more = true
  private pumping = false
  private closing = false
  private window: number
  /** The latest claims are such that none is taken ahead. */
  private precious = false
  private mean = short
  private claimedAt = 0
  private lastStart = 0
  private releaseTimer: ReturnType<typeof setTimeout> | undefined
  private retryTimer: ReturnType<typeof setTimeout> | undefined
  private onEmpty: (() => void) | undefined

  constructor(environment: Environment) {
    this.environment = environment
    this.runFork = Effect.runForkWith(environment.context)
    this.window = Math.max(environment.concurrency, environment.batchSize ?? 0)
    this.caller = {
      context: environment.context,
      clock: Context.get(environment.context, Clock.Clock),
      span: undefined,
      minimumLogLevel: Context.get(environment.context, References.MinimumLogLevel),
      taskId: undefined,
      principal: undefined
    }
  }

  start(consumer: Consumer): void {
    this.consumer = consumer
    this.pump()
  }

  progress(claim: Claim, value: unknown): void {
    this.consumer?.progress(claim, value)
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Taking
  // -------------------------------------------------------------------------------------------------------------------

  /** Starts what may be started, and takes more. */
  private pump(): void {
    // A task that ends at once comes back here from within this loop, which then goes on by itself.
    if (this.pumping || this.consumer === undefined) return
    this.pumping = true
    while (this.running < this.environment.concurrency && this.backlog.length > 0) this.begin(this.backlog.pop()!)
    this.pumping = false
    this.adapt()
    this.claim(this.consumer)
  }

  /** Takes further ahead while that keeps no claim waiting, and less far when it has. */
  private adapt(): void {
    if (this.environment.batchSize !== undefined) return
    if (this.backlog.length > 0) {
      this.releaseTimer ??= setTimeout(() => this.releaseLate(), maxWait)
    } else if (this.claimedAt > 0) {
      const waited = performance.now() - this.claimedAt
      this.claimedAt = 0
      if (this.mean < short && waited < maxWait / 2 && !this.precious)
        this.window = Math.min(maxWindow, this.window * 4)
      else if (this.mean >= short || waited > maxWait) {
        this.window = Math.max(this.environment.concurrency, this.window >> 1)
      }
    }
  }

  /** Gives claims back that a long task keeps waiting. */
  private releaseLate(): void {
    this.releaseTimer = undefined
    if (this.backlog.length === 0 || this.closing) return
    if (performance.now() - this.lastStart < maxWait) return this.adapt()
    this.window = this.environment.concurrency
    this.mean = maxWait
    this.claimedAt = 0
    this.releaseBacklog()
  }

  private releaseBacklog(): void {
    const { backlog } = this
    this.backlog = []
    for (const claim of backlog) this.settleUnstarted(claim, { _tag: "Release" })
  }

  private claim(consumer: Consumer): void {
    if (this.claiming || this.closing || !this.more) return
    const held = this.running + this.backlog.length
    const { batchSize, concurrency } = this.environment
    // Taken ahead, claims come in large batches; otherwise as soon as there is room.
    if (this.window > concurrency ? held > this.window >> 1 : held >= this.window) return
    const limit = Math.min(this.window - held, batchSize ?? Infinity)
    this.claiming = true
    this.claimAgain = false
    this.runFork(consumer.claim(limit)).addObserver((exit) => {
      this.claiming = false
      if (Exit.isFailure(exit)) return this.claimFailed(exit.cause)
      this.more = exit.value.length >= limit || this.claimAgain
      if (this.closing) {
        for (const claim of exit.value) this.settleUnstarted(claim, { _tag: "Release" })
        return this.left()
      }
      if (exit.value.length > 0) {
        this.backlog = exit.value.toReversed().concat(this.backlog)
        this.claimedAt = this.lastStart = performance.now()
        this.keepPrecious(exit.value)
      }
      this.pump()
    })
  }

  /**
   * A claim counts as an attempt when its reader dies, also one that was only taken ahead. So tasks that have died with a
   * reader before, or may not be started again, are taken no further ahead than they are started: what has killed their
   * reader would otherwise end them too.
   */
  private keepPrecious(claims: ReadonlyArray<Claim>): void {
    this.precious = claims.some(({ attempt, maxAttempts }) => attempt > 1 || attempt >= maxAttempts)
    if (!this.precious || this.environment.batchSize !== undefined) return
    const { concurrency } = this.environment
    this.window = concurrency
    const room = concurrency - this.running
    // The first ones are at the end.
    const tooMany = this.backlog.splice(0, Math.max(0, this.backlog.length - room))
    if (tooMany.length > 0) this.more = true
    for (const claim of tooMany) this.settleUnstarted(claim, { _tag: "Release" })
  }

  private claimFailed(cause: Cause.Cause<StoreFailure>): void {
    if (this.closing) return this.left()
    this.runFork(Effect.logWarning("A reader could not take tasks and tries again", cause))
    this.more = false
    this.retryTimer = setTimeout(() => this.wake(), this.environment.pollInterval)
  }

  private wake(): void {
    this.more = true
    if (this.claiming) this.claimAgain = true
    else this.pump()
  }

  readonly onSignal = (signal: ConsumerSignal): void => {
    if (signal._tag === "Work") return this.wake()
    const waiting = this.backlog.find(({ id, token }) => id === signal.id && token === signal.token)
    if (waiting !== undefined) {
      this.backlog = this.backlog.filter((claim) => claim !== waiting)
      if (signal._tag === "Cancel") this.settleUnstarted(waiting, this.cancelled(this.taskOf(waiting), waiting))
      return
    }
    const work = this.works.get(signal.id)
    if (work === undefined || work.claim.token !== signal.token) return
    if (signal._tag === "Lost") work.lost = true
    work.stop()
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Running
  // -------------------------------------------------------------------------------------------------------------------

  /** The definition that a claim is about. */
  private taskOf(claim: Claim): Task.Any {
    const name = StoredTask.nameOf(claim)
    const known = this.environment.tasks.get(name)
    if (known !== undefined) return known
    const { source } = PortableTask.read(claim.payload)
    let task = this.portables.get(source)
    if (task === undefined || task.name !== name) {
      const { handle } = PortableTask.handler(name, source)
      // A function of one parameter, so that a payload of several arguments is not spread twice.
      const f = (payload: unknown) => handle(payload)
      task = { ...Task.fn(name, f), portable: { f, source } } as Task.Any
      this.portables.set(source, task)
    }
    return task
  }

  private begin(claim: Claim): void {
    const task = this.taskOf(claim)
    const refuse = (error: TaskError) => this.settleUnstarted(claim, failed(error))
    const sent = task.portable === undefined ? claim.payload : PortableTask.read(claim.payload).payload
    const payload = TaskCodec.decodePayload(task, sent)
    if (Result.isFailure(payload)) return refuse(payload.failure)
    const { deadline, discardResult, parentId, principal, priority, tags, trace } = claim
    const left = deadline === undefined ? undefined : deadline - this.caller.clock.currentTimeMillisUnsafe()
    if (left !== undefined && left <= 0) return refuse(timeoutOf(task, claim))
    const caller =
      trace === undefined && parentId === undefined && principal === undefined
        ? this.caller
        : { ...this.caller, span: trace && Tracer.externalSpan(trace), taskId: parentId, principal }
    const options = { priority, tags, timeout: left, discardResult }
    this.run(new ClaimedCall(this, task, payload.success, options, caller, claim))
  }

  private run(work: ClaimedCall): void {
    const { id } = work.claim
    this.works.set(id, work)
    this.running++
    work.startedAt = this.lastStart = performance.now()
    const fiber = this.runFork(
      Effect.onExitPrimitive(this.environment.runner.execute(work), (exit) => this.ended(work, exit))
    )
    work.fiber = fiber
    fiber.addObserver(() => {
      if (this.works.get(id) === work) this.works.delete(id)
      this.left()
    })
  }

  /** The handler has ended: its place is free, and what came of it is written. */
  private ended(work: ClaimedCall, exit: Exit.Exit<unknown, unknown>): Effect.Effect<unknown> | undefined {
    this.running--
    this.mean += (performance.now() - work.startedAt - this.mean) / 8
    const settlement = work.lost ? undefined : this.settlementOf(work, exit)
    this.pump()
    return settlement && this.settle(work.claim, settlement)
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Settling
  // -------------------------------------------------------------------------------------------------------------------

  private settlementOf(work: ClaimedCall, exit: Exit.Exit<unknown, unknown>): Settlement {
    const { claim, task } = work
    if (Exit.isSuccess(exit)) return work.discard ? unwanted : done(TaskExit.encode(task, exit))
    if (work.released) return { _tag: "Release" }
    if (work.unwanted) return this.cancelled(task, claim)
    if (Cause.hasInterruptsOnly(exit.cause)) return done(TaskExit.encodeFailure(task, exit.cause), "cancelled")
    const cause = Cause.map(exit.cause, (error) =>
      error instanceof TaskTimeout && error.taskId === claim.id ? timeoutOf(task, claim) : error
    )
    const delay = delayAfter(task, claim, cause)
    // A handler may cancel its own task.
    const { exit: failure, text } = TaskExit.encodeFailure(task, cause)
    if (delay === undefined) return done({ exit: failure, text }, work.status === "cancelled" ? "cancelled" : "failed")
    const runAt = this.caller.clock.currentTimeMillisUnsafe() + delay
    return { _tag: "Retry", runAt, cause: failure.cause, text }
  }

  /** A task that was cancelled because its time was over has failed. */
  private cancelled(task: Task.Any, claim: Claim): Settlement {
    if (claim.deadline !== undefined && claim.deadline <= this.caller.clock.currentTimeMillisUnsafe()) {
      return failed(timeoutOf(task, claim))
    }
    return failed(new TaskCancelled({ task: task.name, taskId: claim.id }), "cancelled")
  }

  /** Writes how a claim ends. */
  private settle(claim: Claim, settlement: Settlement): Effect.Effect<unknown> {
    return Effect.catch(this.consumer!.settle(claim, settlement), (error) =>
      this.settleAgain(claim, settlement, error.message)
    )
  }

  /** Writes how a claim ends, until it is written, or another reader has it. What the store cannot write becomes an error. */
  private settleAgain(claim: Claim, settlement: Settlement, reason: string): Effect.Effect<unknown> {
    let tries = 0
    const attempt = Effect.suspend(() =>
      this.consumer!.settle(claim, ++tries < doubts ? settlement : writable(claim, settlement, reason))
    )
    return Effect.logWarning(`How task ${claim.id} ended could not be written, and is tried again. ${reason}`).pipe(
      Effect.andThen(Effect.retry(attempt, { schedule: settlePatiently, while: () => !this.closing })),
      Effect.catch((error) => Effect.logError(`How task ${claim.id} ended could not be written. ${error.message}`))
    )
  }

  private settleUnstarted(claim: Claim, settlement: Settlement): void {
    this.settling++
    this.runFork(this.settle(claim, settlement)).addObserver(() => {
      this.settling--
      this.left()
    })
  }

  // -------------------------------------------------------------------------------------------------------------------
  // The end
  // -------------------------------------------------------------------------------------------------------------------

  /** A claim is out of this reader's hands. */
  private left(): void {
    if (this.closing && this.isEmpty) this.onEmpty?.()
  }

  private get isEmpty(): boolean {
    return this.works.size === 0 && this.settling === 0 && !this.claiming
  }

  private readonly awaitEmpty: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.isEmpty) return resume(Effect.void)
    this.onEmpty = () => resume(Effect.void)
  })

  /** Takes no more, waits for what runs, and gives back the rest. */
  stop(grace: Duration.Input): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      this.closing = true
      clearTimeout(this.releaseTimer)
      clearTimeout(this.retryTimer)
      this.releaseBacklog()
      yield* Effect.timeoutOption(this.awaitEmpty, grace)
      for (const work of this.works.values()) {
        work.released = true
        work.stop()
      }
      yield* this.awaitEmpty
    })
  }
}

const timeoutOf = (task: Task.Any, { attempt, createdAt, deadline, id, runAt }: Claim): TaskTimeout =>
  // When the time began of a task that was delayed and has been tried again is not known any more.
  new TaskTimeout({ task: task.name, taskId: id, timeout: deadline! - (attempt === 1 ? runAt : createdAt) })

/** The same end without its value, when that is not all JSON, so that a serialization may have been unable to write it. */
const writable = ({ name }: Claim, settlement: Settlement, reason: string): Settlement => {
  if (settlement._tag === "Release" || settlement.text) return settlement
  const what = settlement._tag === "Done" ? settlement.exit._tag : "Failure"
  const { exit, text } = TaskExit.ofError(TaskExit.refusalOf(name, what, { path: "", reason }))
  return settlement._tag === "Retry" ? { ...settlement, cause: exit.cause, text } : done({ exit, text })
}

const delayAfter = (task: Task.Any, claim: Claim, cause: Cause.Cause<unknown>): number | undefined => {
  try {
    return StoredTask.delayAfter(task, claim, cause)
  } catch {
    // What the policy of a definition throws is no reason to try again for ever.
    return undefined
  }
}

/** The end of a task. What it has given may turn out to be none that can be written. */
const done = (
  { exit, text }: TaskExit.Written,
  status: "completed" | "failed" | "cancelled" = exit._tag === "Success" ? "completed" : "failed"
): Settlement => ({ _tag: "Done", status, exit, text })

const failed = (error: TaskError, status: "failed" | "cancelled" = "failed"): Settlement =>
  done(TaskExit.ofError(error), status)

const unwanted: Settlement = { _tag: "Done", status: "completed", exit: discarded, text: true }
