/**
 * Tasks that a worker's handlers run: the `TaskRunner` inside a worker.
 *
 * A handler that runs a task asks the pool to do it, so that it runs on whichever worker is free, under the pool's
 * limits and priorities. While a task waits for tasks of its own it lends its place to others.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Effectable from "effect/Effectable"
import type * as Task from "../../../Task.ts"
import { TaskContext } from "../../../TaskContext.ts"
import { NotTransferable } from "../../../TaskError.ts"
import * as Call from "../../../internal/call/Call.ts"
import type { Execution } from "../../../TaskRequest.ts"
import * as TaskRunner from "../../../TaskRunner.ts"
import type { ChunkBuffer } from "../wire/ChunkBuffer.ts"
import { Told } from "../wire/Definitions.ts"
import * as Exchange from "../wire/Exchange.ts"
import * as Receiver from "../pool/Receiver.ts"
import type { Refusal } from "../../../internal/values/Uncloneable.ts"
import * as Wire from "../wire/Wire.ts"
import type { WorkerMain } from "./WorkerMain.ts"
const { field, Op } = Wire

/** A call that the pool is busy with. */
class PoolCall extends Effectable.Class<void> implements Execution, Receiver.Receiver {
  readonly status = "running"
  readonly number: number
  /** The number of the task whose handler made the call; -1 when none did. */
  readonly parent: number
  readonly request: Call.Call
  readonly resume: Receiver.Receiver["resume"]
  readonly chunks: ChunkBuffer | undefined
  ended = false
  onEnd: (() => void) | undefined = undefined
  private readonly worker: WorkerMain

  constructor(
    worker: WorkerMain,
    number: number,
    request: Call.Call,
    resume: Receiver.Receiver["resume"],
    chunks: ChunkBuffer | undefined
  ) {
    super()
    this.worker = worker
    this.number = number
    this.parent = worker.seqOf(Context.getOrUndefined(request.caller.context, TaskContext))
    this.request = request
    this.resume = resume
    this.chunks = chunks
  }

  asEffect(): Effect.Effect<void> {
    return Receiver.stop(this)
  }

  abort(): void {
    if (!this.ended) this.worker.say(true, Op.CallInterrupt, this.number)
  }

  credit(): void {
    this.worker.say(true, Op.CallCredit, this.number, 1)
  }
}

/** The calls of one worker. */
export class WorkerCalls {
  private readonly worker: WorkerMain
  private readonly calls = new Map<number, PoolCall>()
  private readonly controls = new Map<number, (value: unknown) => void>()
  private readonly told = new Map<string, Told>()
  private counter = 0

  constructor(worker: WorkerMain) {
    this.worker = worker
  }

  readonly makeRunner = Effect.suspend(() =>
    TaskRunner.make({
      execute: (request) => Receiver.execute(Call.of(request), this.begin),
      stream: (request) => Receiver.stream(Call.of(request), this.begin),
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

  private readonly begin: Receiver.Begin = (request, resume, chunks, payload) => {
    const call = new PoolCall(this.worker, ++this.counter, request, resume, chunks)
    request.begin(call)
    this.calls.set(call.number, call)
    this.worker.changeCalls(call.parent, 1)
    const meta = { ...Exchange.metaOf(request, chunks !== undefined), id: request.id }
    const name = request.task.portable === undefined ? this.define(request.task) : null
    if (request.transfer !== undefined) this.worker.outbox.transfer(request.transfer)
    this.worker.say(Receiver.isText(request), Op.Call, call.number, call.parent, name, payload, meta)
    return call
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
  private take(number: number): PoolCall | undefined {
    const call = this.calls.get(number)
    if (call === undefined) return undefined
    this.calls.delete(number)
    this.worker.changeCalls(call.parent, -1)
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
        if (control !== undefined) return control(value)
        const call = this.take(number)
        if (call !== undefined) Receiver.succeed(call, value)
        break
      }
      case Op.CallFail.code: {
        const call = this.take(number)
        if (call !== undefined) Receiver.fail(call, value)
        break
      }
      case Op.CallChunk.code: {
        const call = this.calls.get(number)
        if (call !== undefined) Receiver.chunk(call, field(records, at, Op.CallChunk.values))
        break
      }
      case Op.CallProgress.code:
        this.calls.get(number)?.request.reportProgress(value)
        break
      case Op.CallListen.code: {
        const call = this.calls.get(number)
        if (call === undefined) break
        Receiver.takeMessages(call.request, (messages, text) =>
          this.worker.say(text, Op.CallMessages, number, messages)
        )
        break
      }
      case Op.CallAccepted.code:
        this.calls.get(number)?.request.accept()
        break
    }
  }

  /** A call could not be sent. */
  refused(record: Wire.Records, { path, reason }: Refusal): void {
    if (record[0] !== Op.Call.code) return
    const call = this.take(field(record, 0, Op.Call.call))
    if (call === undefined) return
    Receiver.failWith(call, new NotTransferable({ task: call.request.name, path: `payload${path}`, reason }))
  }
}
