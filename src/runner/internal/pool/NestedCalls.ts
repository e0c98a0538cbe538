/**
 * Tasks that handlers run: the pool's side of {@link WorkerCalls}.
 *
 * A call that comes from a worker becomes a job like any other. What comes of it goes back as it is, without being read
 * here.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { TaskCancelled, type TaskError } from "../../../TaskError.ts"
import { defaultPriority, type TaskInfo } from "../../../TaskRequest.ts"
import type { Nested } from "../../../TaskRunner.ts"
import * as TaskExit from "../../../internal/values/TaskExit.ts"
import { Job, type JobOwner } from "./Job.ts"
import type { Pool } from "./Pool.ts"
import type { PoolWorker } from "./PoolWorker.ts"
import * as PortableTask from "../portable/PortableTask.ts"
import * as Wire from "../wire/Wire.ts"
const { field, Op } = Wire

/** A job whose results go to the worker whose handler has called it. */
class NestedJob extends Job {
  readonly wireId: string
  readonly name: string
  readonly portable: boolean
  readonly definedAs: string | undefined
  readonly text = false
  readonly transfer = undefined
  private readonly caller: PoolWorker
  private readonly number: number
  private readonly parent: Job | undefined
  private readonly onEnd: () => void
  private readonly calledAt = Date.now()
  private latest: unknown = undefined
  private cancelled = false
  private readonly observers: Array<() => void> = []

  constructor(
    owner: JobOwner,
    caller: PoolWorker,
    parent: Job | undefined,
    records: Wire.Records,
    at: number,
    onEnd: () => void
  ) {
    const payload = field(records, at, Op.Call.payload)
    const name = field(records, at, Op.Call.task)
    const { id, ...meta } = field(records, at, Op.Call.callMeta)
    super(owner, payload, meta)
    this.wireId = id
    this.name = name ?? PortableTask.read(payload).name
    this.portable = name === null
    this.definedAs = caller.definitions.get(this.name)
    this.caller = caller
    this.number = field(records, at, Op.Call.call)
    this.parent = parent
    this.onEnd = onEnd
  }

  get priority(): number {
    return this.meta?.priority ?? defaultPriority
  }

  asEffect(): Effect.Effect<void> {
    return Effect.sync(() => this.abort())
  }

  private end(op: typeof Op.CallOk, value: unknown, text: boolean): void {
    this.onEnd()
    this.caller.say(text, op, this.number, value)
    for (const observer of this.observers) observer()
  }

  get info(): TaskInfo {
    return {
      id: this.id,
      name: this.name,
      status: this.status,
      priority: this.priority,
      attempt: this.meta?.attempt ?? 1,
      tags: this.meta?.tags ?? [],
      createdAt: this.calledAt,
      parentId: this.parent?.id ?? this.meta?.parentId,
      progress: this.latest
    }
  }

  /** Asks for the end of the work on behalf of somebody else than its caller, and waits for it. */
  readonly cancel: Effect.Effect<void> = Effect.callback((resume) => {
    this.observers.push(() => resume(Effect.void))
    this.cancelled = true
    this.abort()
  })

  accept(): void {
    this.caller.say(true, Op.CallAccepted, this.number)
  }
  succeed(value: unknown): void {
    this.end(Op.CallOk, value, false)
  }
  fail(failure: unknown): void {
    if (this.cancelled) this.interrupted()
    else this.end(Op.CallFail, failure, false)
  }
  failWith(error: TaskError): void {
    this.end(Op.CallFail, TaskExit.encodeError(error), true)
  }
  interrupted(): void {
    if (this.cancelled) this.failWith(new TaskCancelled({ task: this.name, taskId: this.id }))
    else this.end(Op.CallFail, TaskExit.encodeCommon(Cause.interrupt()), true)
  }
  chunk(values: ReadonlyArray<unknown>): void {
    this.caller.say(false, Op.CallChunk, this.number, values)
  }
  progress(value: unknown): void {
    this.latest = value
    this.caller.say(false, Op.CallProgress, this.number, value)
  }
  listen(): void {
    this.caller.say(true, Op.CallListen, this.number)
  }
  messages(values: ReadonlyArray<unknown> | null): void {
    this.owner.deliver(this, values, false)
  }
  log(entry: Wire.LogEntry, worker: string): void {
    this.parent?.log(entry, worker)
  }
}

/** Does what a handler asks of its runner. */
const control = (pool: Pool, name: string, argument: unknown): unknown => {
  switch (name) {
    case "pause":
      return pool.pause()
    case "resume":
      return pool.resume()
    case "resize":
      return pool.resize(Number(argument))
    default:
      return pool.stats
  }
}

/** The calls of all handlers of a pool. */
export class NestedCalls implements Nested {
  private readonly calls = new Map<PoolWorker, Map<number, NestedJob>>()

  private get all(): ReadonlyArray<NestedJob> {
    return Array.from(this.calls.values(), (calls) => [...calls.values()]).flat()
  }

  tasks(): ReadonlyArray<TaskInfo> {
    return this.all.map((job) => job.info)
  }

  get(id: string): TaskInfo | undefined {
    return this.all.find((job) => job.id === id)?.info
  }

  cancel(id: string): Effect.Effect<void> | undefined {
    return this.all.find((job) => job.id === id)?.cancel
  }

  /** A handler has called a task. */
  begin(pool: Pool, worker: PoolWorker, parent: Job | undefined, records: Wire.Records, at: number): void {
    const number = field(records, at, Op.Call.call)
    const calls = this.calls.get(worker) ?? new Map<number, NestedJob>()
    this.calls.set(worker, calls)
    const job = new NestedJob(pool, worker, parent, records, at, () => {
      calls.delete(number)
      if (parent !== undefined) pool.changeCalls(parent, -1)
    })
    calls.set(number, job)
    if (parent !== undefined) pool.changeCalls(parent, 1)
    pool.submit(job)
  }

  /** A record about a call that is under way, or about the pool itself. */
  receive(pool: Pool, worker: PoolWorker, records: Wire.Records, at: number): void {
    const number = field(records, at, Op.CallInterrupt.call)
    const job = this.calls.get(worker)?.get(number)
    switch (records[at]) {
      case Op.CallInterrupt.code:
        job?.abort()
        break
      case Op.CallCredit.code:
        job?.credit()
        break
      case Op.CallMessages.code:
        job?.messages(field(records, at, Op.CallMessages.messages))
        break
      case Op.CallDefine.code:
        worker.definitions.set(field(records, at, Op.CallDefine.name), field(records, at, Op.CallDefine.fingerprint))
        break
      case Op.Control.code: {
        const answer = control(pool, field(records, at, Op.Control.control), field(records, at, Op.Control.argument))
        worker.say(true, Op.CallOk, number, answer ?? null)
        break
      }
    }
  }

  /** A worker has ended: nobody waits for what its handlers have called. */
  end(pool: Pool, worker: PoolWorker): void {
    const calls = this.calls.get(worker)
    this.calls.delete(worker)
    if (calls !== undefined) for (const job of Array.from(calls.values())) pool.interrupt(job)
  }
}
