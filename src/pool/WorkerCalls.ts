/**
 * Tasks that a worker's handlers run: the `TaskRunner` inside a worker.
 *
 * A handler that runs a task asks the pool to do it, so that it runs on whichever worker is free, under the pool's
 * limits and priorities. While a task waits for tasks of its own it lends its place to others.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { TaskContext } from "../TaskContext.ts"
import { NotTransferable } from "../TaskError.ts"
import type { TaskWork } from "../TaskRequest.ts"
import * as TaskRunner from "../TaskRunner.ts"
import * as Exchange from "./Exchange.ts"
import * as Receiver from "./Receiver.ts"
import type { Refusal } from "./Uncloneable.ts"
import * as Wire from "./Wire.ts"
import type { WorkerMain } from "./WorkerMain.ts"
const { Op } = Wire

/** A call that the pool is busy with. */
class Call implements TaskWork, Receiver.Work {
  readonly status = "running"
  readonly number: number
  /** The number of the task whose handler made the call; -1 when none did. */
  readonly parent: number
  readonly receiver: Receiver.Receiver
  private readonly worker: WorkerMain

  constructor(worker: WorkerMain, number: number, parent: number, receiver: Receiver.Receiver) {
    this.worker = worker
    this.number = number
    this.parent = parent
    this.receiver = receiver
  }

  readonly abort = (): void => {
    if (!this.receiver.ended) this.worker.say(true, Op.CallInterrupt, this.number)
  }

  readonly credit = (): void => {
    this.worker.say(true, Op.CallCredit, this.number, 1)
  }
}

/** The calls of one worker. */
export class WorkerCalls {
  private readonly worker: WorkerMain
  private readonly calls = new Map<number, Call>()
  private readonly controls = new Map<number, (value: unknown) => void>()
  private counter = 0

  constructor(worker: WorkerMain) {
    this.worker = worker
  }

  readonly makeRunner = Effect.suspend(() =>
    TaskRunner.make({
      execute: (request) => Receiver.execute(request, this.begin),
      stream: (request) => Receiver.stream(request, this.begin),
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

  private readonly begin: Receiver.Begin = (receiver, payload, text) => {
    const { request } = receiver
    const number = ++this.counter
    const parent = this.worker.seqOf(Context.getOrUndefined(request.caller.context, TaskContext))
    const call = new Call(this.worker, number, parent, receiver)
    request.work = call
    this.calls.set(number, call)
    this.worker.changeCalls(parent, 1)
    const meta = { ...Exchange.metaOf(request, receiver.isStream), id: request.id }
    if (request.options.transfer !== undefined) this.worker.outbox.transfer(request.options.transfer)
    const name = request.task.portable === undefined ? request.name : null
    this.worker.say(text, Op.Call, number, parent, name, payload, meta)
    return call
  }

  private take(number: number): Receiver.Receiver | undefined {
    const call = this.calls.get(number)
    if (call === undefined) return undefined
    this.calls.delete(number)
    this.worker.changeCalls(call.parent, -1)
    return call.receiver
  }

  /** Takes a record that is about a call. */
  receive(records: ReadonlyArray<unknown>, at: number): void {
    const number = records[at + 1] as number
    switch (records[at]) {
      case Op.CallOk: {
        const control = this.controls.get(number)
        if (control !== undefined) {
          this.controls.delete(number)
          control(records[at + 2])
        } else this.take(number)?.succeed(records[at + 2])
        break
      }
      case Op.CallFail:
        this.take(number)?.fail(records[at + 2])
        break
      case Op.CallChunk:
        this.calls.get(number)?.receiver.chunk(records[at + 2] as ReadonlyArray<unknown>)
        break
      case Op.CallProgress:
        this.calls.get(number)?.receiver.progress(records[at + 2])
        break
      case Op.CallAccepted:
        this.calls.get(number)?.receiver.accept()
        break
    }
  }

  /** A call could not be sent. */
  refused(record: ReadonlyArray<unknown>, refusal: Refusal): void {
    if (record[0] !== Op.Call) return
    const receiver = this.take(record[1] as number)
    receiver?.failWith(
      new NotTransferable({ task: receiver.request.name, path: `payload${refusal.path}`, reason: refusal.reason })
    )
  }
}
