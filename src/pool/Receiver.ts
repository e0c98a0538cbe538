/**
 * The caller's end of a task that runs elsewhere: reads what comes back and completes the call with it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as TaskCodec from "../TaskCodec.ts"
import { NotTransferable, PayloadInvalid, type TaskError } from "../TaskError.ts"
import type { TaskRequest } from "../TaskRequest.ts"
import { ChunkBuffer } from "./ChunkBuffer.ts"
import * as Exchange from "./Exchange.ts"
import * as FreeVariables from "./FreeVariables.ts"
import type * as Wire from "./Wire.ts"

/** Where what comes back from a task goes. Values are as they travelled. */
export interface Sink {
  readonly accept: () => void
  readonly succeed: (value: unknown) => void
  readonly fail: (failure: unknown) => void
  readonly failWith: (error: TaskError) => void
  readonly interrupted: () => void
  readonly chunk: (values: ReadonlyArray<unknown>) => void
  readonly progress: (value: unknown) => void
  readonly log: (entry: Wire.LogEntry, worker: string) => void
}

/** A payload, ready to travel. */
export interface Encoded {
  readonly payload: unknown
  /** True when it survives JSON. */
  readonly text: boolean
}

/** What travels in place of the payload of a task that brings its source along. */
export interface PortablePayload {
  readonly name: string
  readonly source: string
  readonly payload: unknown
}

/** Writes the payload of a request. */
export const encode = (request: TaskRequest): Result.Result<Encoded, PayloadInvalid | NotTransferable> => {
  const { payload: codec } = TaskCodec.of(request.task)
  const encoded = codec.encode(request.payload)
  if (Result.isFailure(encoded)) {
    return Result.fail(new PayloadInvalid({ task: request.name, issue: encoded.failure.message }))
  }
  const { portable } = request.task
  if (portable === undefined) return Result.succeed({ payload: encoded.success, text: codec.text })
  const refusal = FreeVariables.check(portable.source)
  if (refusal !== undefined) return Result.fail(new NotTransferable({ task: request.name, ...refusal }))
  const payload: PortablePayload = { name: request.name, source: portable.source, payload: encoded.success }
  return Result.succeed({ payload, text: false })
}

/** The caller's end of one call. */
export class Receiver implements Sink {
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
    this.end(this.isStream ? Exit.void : Exchange.decodeSuccess(this.request.task, this.codec.success, value))
  }

  fail(failure: unknown): void {
    this.end(TaskCodec.decodeFailure(this.codec, failure))
  }

  failWith(error: TaskError): void {
    this.end(Exit.fail(error))
  }

  interrupted(): void {
    this.end(Exit.interrupt())
  }

  chunk(values: ReadonlyArray<unknown>): void {
    const decoded: Array<unknown> = []
    for (const value of values) {
      const exit = Exchange.decodeSuccess(this.request.task, this.codec.success, value)
      if (Exit.isFailure(exit)) return this.chunks?.end(exit)
      decoded.push(exit.value)
    }
    this.chunks?.push(decoded)
  }

  progress(value: unknown): void {
    this.request.reportProgress(value)
  }

  log(entry: Wire.LogEntry, worker: string): void {
    Effect.runForkWith(this.request.callerContext)(Exchange.logEntry(entry, worker))
  }

  /** Asks for the end of the work, and waits for it. */
  stop(abort: () => void): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.ended) return resume(Effect.void)
      this.onEnd = () => resume(Effect.void)
      abort()
    })
  }
}

/** A call that has been begun, or the reason why it was refused. */
export interface Begun {
  readonly receiver: Receiver
  readonly abort: () => void
  /** Tells the producer of a stream that another chunk has been read. */
  readonly taken: () => void
}

/** Runs a request by a function that begins it. */
export const execute = (
  request: TaskRequest,
  begin: (receiver: Receiver, encoded: Encoded) => Begun
): Effect.Effect<unknown, unknown> =>
  Effect.callback((resume) => {
    const encoded = encode(request)
    if (Result.isFailure(encoded)) return resume(Effect.fail(encoded.failure))
    const begun = begin(new Receiver(request, resume, undefined), encoded.success)
    return begun.receiver.stop(begun.abort)
  })

/** Runs the request of a streaming task by a function that begins it. */
export const stream = (request: TaskRequest, begin: (receiver: Receiver, encoded: Encoded) => Begun) =>
  ChunkBuffer.stream((chunks) => {
    const encoded = encode(request)
    if (Result.isFailure(encoded)) {
      chunks.end(Exit.fail(encoded.failure))
      return { stop: Effect.void }
    }
    const begun = begin(new Receiver(request, (exit) => chunks.end(exit), chunks), encoded.success)
    chunks.onTaken = begun.taken
    return { stop: begun.receiver.stop(begun.abort) }
  })
