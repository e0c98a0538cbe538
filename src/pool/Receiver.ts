/**
 * The caller's end of a task that runs elsewhere: writes its payload, reads what comes back and completes the call with it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import type * as Stream from "effect/Stream"
import * as TaskCodec from "../TaskCodec.ts"
import { NotTransferable, PayloadInvalid, type TaskError } from "../TaskError.ts"
import type { TaskRequest } from "../TaskRequest.ts"
import { ChunkBuffer } from "./ChunkBuffer.ts"
import * as Exchange from "./Exchange.ts"
import * as FreeVariables from "./FreeVariables.ts"
import * as Uncloneable from "./Uncloneable.ts"
import type * as Wire from "./Wire.ts"

/** What travels in place of the payload of a task that brings its source along. */
export interface PortablePayload {
  readonly name: string
  readonly source: string
  readonly payload: unknown
}

/** A task that has been handed over. */
export interface Work {
  /** Asks for the end of the work. */
  readonly abort: () => void
  /** Lets a stream send another chunk. */
  readonly credit: () => void
}

/** Hands a task over. The payload is as it travels; `text` tells whether it survives JSON. */
export type Begin = (receiver: Receiver, payload: unknown, text: boolean) => Work

/** The caller's end of one call. */
export class Receiver {
  readonly request: TaskRequest
  readonly codec: TaskCodec.TaskCodec
  ended = false
  private readonly resume: (exit: Exit.Exit<unknown, unknown>) => void
  private readonly chunks: ChunkBuffer | undefined
  private onEnd: (() => void) | undefined = undefined

  constructor(
    request: TaskRequest,
    resume: (exit: Exit.Exit<unknown, unknown>) => void,
    chunks: ChunkBuffer | undefined
  ) {
    this.request = request
    this.codec = TaskCodec.of(request.task)
    this.resume = resume
    this.chunks = chunks
  }

  get isStream(): boolean {
    return this.chunks !== undefined
  }

  private end(exit: Exit.Exit<unknown, unknown>): void {
    if (this.ended) return
    this.ended = true
    this.resume(exit)
    this.onEnd?.()
  }

  accept(): void {
    this.request.accept()
  }

  succeed(value: unknown): void {
    this.end(this.isStream ? Exit.void : this.read(value))
  }

  fail(failure: unknown): void {
    this.end(this.request.cancelled ? this.request.stopped : TaskCodec.decodeFailure(this.codec, failure))
  }

  failWith(error: TaskError): void {
    this.end(Exit.fail(error))
  }

  interrupted(): void {
    this.end(this.request.stopped)
  }

  chunk(values: ReadonlyArray<unknown>): void {
    const decoded: Array<unknown> = []
    for (const value of values) {
      const exit = this.read(value)
      if (Exit.isFailure(exit)) return this.chunks?.end(exit)
      decoded.push(exit.value)
    }
    this.chunks?.push(decoded)
  }

  progress(value: unknown): void {
    this.request.reportProgress(value)
  }

  log(entry: Wire.LogEntry, worker: string): void {
    Effect.runForkWith(this.request.caller.context)(Exchange.logEntry(entry, worker))
  }

  private read(value: unknown): Exit.Exit<unknown, unknown> {
    const result = this.codec.success.decode(value)
    return Result.isSuccess(result)
      ? Exit.succeed(result.success)
      : Exit.die(new Error(`The result of task "${this.request.name}" could not be read: ${result.failure.message}`))
  }

  /** Writes the payload and hands the task over; undefined when that could not be done, which ends the call. */
  begin(begin: Begin): Work | undefined {
    const { request } = this
    const codec = this.codec.payload
    const encoded = codec.encode(request.payload)
    if (Result.isFailure(encoded)) {
      this.failWith(new PayloadInvalid({ task: request.name, issue: encoded.failure.message }))
      return undefined
    }
    const uncloneable = codec.text ? undefined : Uncloneable.check(encoded.success, request.options.transfer)
    if (uncloneable !== undefined) {
      const path = `payload${uncloneable.path}`
      this.failWith(new NotTransferable({ task: request.name, path, reason: uncloneable.reason }))
      return undefined
    }
    const { portable } = request.task
    if (portable === undefined) return begin(this, encoded.success, codec.text)
    const refusal = FreeVariables.check(portable.source)
    if (refusal !== undefined) {
      this.failWith(new NotTransferable({ task: request.name, ...refusal }))
      return undefined
    }
    const payload: PortablePayload = { name: request.name, source: portable.source, payload: encoded.success }
    return begin(this, payload, false)
  }

  /** Asks for the end of the work, and waits for it. */
  stop(work: Work): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.ended) return resume(Effect.void)
      this.onEnd = () => resume(Effect.void)
      work.abort()
    })
  }
}

/** Runs a request that `begin` hands over. */
export const execute = (request: TaskRequest, begin: Begin): Effect.Effect<unknown, unknown> =>
  Effect.callback((resume) => {
    const receiver = new Receiver(request, resume, undefined)
    const work = receiver.begin(begin)
    return work === undefined ? undefined : receiver.stop(work)
  })

/** Runs the request of a streaming task that `begin` hands over. */
export const stream = (request: TaskRequest, begin: Begin): Stream.Stream<unknown, unknown> =>
  ChunkBuffer.stream((chunks) => {
    const receiver = new Receiver(request, (exit) => chunks.end(exit), chunks)
    const work = receiver.begin(begin)
    if (work === undefined) return Effect.void
    chunks.onTaken = () => work.credit()
    return receiver.stop(work)
  })
