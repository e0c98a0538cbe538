/**
 * Tasks that a worker's handlers run: the `TaskRunner` inside a worker.
 *
 * A handler that runs a task asks the pool to do it, so that it runs on whichever worker is free, under the pool's
 * limits and priorities. While a task waits for tasks of its own it lends its place to others.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Task from "../../../Task.ts"
import { TaskContext } from "../../../TaskContext.ts"
import { NotTransferable } from "../../../TaskError.ts"
import * as TaskRunner from "../../../TaskRunner.ts"
import { Told } from "../wire/Fingerprints.ts"
import { type CallerJob, executeOn, type Job, type JobOwner, streamOn } from "../pool/Job.ts"
import type { Refusal } from "../../../internal/values/Uncloneable.ts"
import * as Wire from "../wire/Wire.ts"
import type { WorkerMain } from "./WorkerMain.ts"
const { field, Op } = Wire

/** The calls of one worker. */
export class WorkerCalls implements JobOwner {
  private readonly worker: WorkerMain
  private readonly calls = new Map<number, CallerJob>()
  private readonly controls = new Map<number, (value: unknown) => void>()
  private readonly told = new Map<string, Told>()
  private counter = 0

  constructor(worker: WorkerMain) {
    this.worker = worker
  }

  readonly makeRunner = Effect.suspend(() =>
    TaskRunner.make({
      execute: executeOn(this),
      stream: streamOn(this),
      cancels: true,
      pause: this.control("pause", null),
      resume: this.control("resume", null),
      resize: (size) => this.control("resize", size),
      stats: this.control("stats", null),
      shutdownGrace: 0
    })
  )

  /** Asks the pool to do what its program could do itself. */
  private control<A = void>(name: keyof TaskRunner.Controls, argument: unknown): Effect.Effect<A> {
    return Effect.callback((resume) => {
      const number = ++this.counter
      this.controls.set(number, (value) => resume(Effect.succeed(value as A)))
      this.worker.say(true, Op.Control, number, name, argument)
    })
  }

  submit(job: CallerJob): void {
    job.seq = ++this.counter
    this.calls.set(job.seq, job)
    const caller = this.callerOf(job)
    this.worker.changeCalls(caller, 1)
    const { id, task } = job.request
    const name = job.portable ? null : this.define(task)
    if (job.transfer !== undefined) this.worker.outbox.transfer(job.transfer)
    this.worker.say(job.text, Op.Call, job.seq, caller, name, job.payload, { ...job.meta, id })
  }

  isRunning(): boolean {
    return true
  }

  interrupt(job: Job): void {
    this.worker.say(true, Op.CallInterrupt, job.seq)
  }

  credit(job: Job): void {
    this.worker.say(true, Op.CallCredit, job.seq)
  }

  deliver(job: Job, messages: ReadonlyArray<unknown> | null, text: boolean): void {
    this.worker.say(text, Op.CallMessages, job.seq, messages)
  }

  /** The number of the task whose handler has made a call; -1 when none has. */
  private callerOf({ request }: CallerJob): number {
    return this.worker.seqOf(Context.getOrUndefined(request.caller.context, TaskContext))
  }

  /** Gives the name of a task, and sees to it that the pool knows how it is defined here. */
  private define(task: Task.Any): string {
    const { name } = task
    let told = this.told.get(name)
    if (told === undefined) this.told.set(name, (told = new Told()))
    if (told.latest !== task) {
      const fingerprint = told.changeTo(task)
      if (fingerprint !== undefined) this.worker.say(true, Op.CallDefine, name, fingerprint)
    }
    return name
  }

  /** Takes a call out that is over. */
  private take(number: number): CallerJob | undefined {
    const call = this.calls.get(number)
    if (call === undefined) return undefined
    this.calls.delete(number)
    this.worker.changeCalls(this.callerOf(call), -1)
    return call
  }

  /** Takes a record that is about a call. */
  receive(records: Wire.Records, at: number): void {
    const number = field(records, at, Op.CallOk.call)
    const value = field(records, at, Op.CallOk.value)
    switch (records[at]) {
      case Op.CallOk.code: {
        const control = this.controls.get(number)
        this.controls.delete(number)
        return control === undefined ? this.take(number)?.succeed(value) : control(value)
      }
      case Op.CallFail.code:
        return this.take(number)?.fail(value)
      case Op.CallChunk.code:
        return this.calls.get(number)?.chunk(field(records, at, Op.CallChunk.values))
      case Op.CallProgress.code:
        return this.calls.get(number)?.progress(value)
      case Op.CallListen.code:
        return this.calls.get(number)?.listen()
      case Op.CallAccepted.code:
        return this.calls.get(number)?.accept()
    }
  }

  /** A call could not be sent. */
  refused(record: Wire.Records, { path, reason }: Refusal): void {
    if (record[0] !== Op.Call.code) return
    const call = this.take(field(record, 0, Op.Call.call))
    call?.failWith(new NotTransferable({ task: call.name, path: `payload${path}`, reason }))
  }
}
