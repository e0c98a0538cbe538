/**
 * The caller's end of a task that runs elsewhere: writes its payload, reads what comes back and completes the call with it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import type * as Stream from "effect/Stream"
import * as TaskCodec from "../../../internal/values/TaskCodec.ts"
import * as TaskExit from "../../../internal/values/TaskExit.ts"
import type { NotTransferable, PayloadInvalid, TaskError } from "../../../TaskError.ts"
import type { Call } from "../../../internal/call/Call.ts"
import { ChunkBuffer } from "../wire/ChunkBuffer.ts"
import * as PortableTask from "../portable/PortableTask.ts"
import * as Exchange from "../wire/Exchange.ts"
import * as Uncloneable from "../../../internal/values/Uncloneable.ts"
import type * as Wire from "../wire/Wire.ts"

/** A task that has been handed over. */
export interface Work {
  /** Asks for the end of the work. */
  readonly abort: () => void
  /** Lets a stream send another chunk. */
  readonly credit: () => void
}

/**
 * The caller's end of one call, as part of whatever stands for the call: the functions of this module read what comes
 * back, and complete the call. It is also the Effect that asks for the end of the work and waits for it ({@link stop}).
 */
export interface Receiver extends Work, Effect.Effect<void> {
  readonly request: Call
  readonly resume: (exit: Exit.Exit<unknown, unknown>) => void
  /** Where the elements of a streaming task go. */
  readonly chunks: ChunkBuffer | undefined
  ended: boolean
  /** Somebody waits for the end of the work. */
  onEnd: (() => void) | undefined
}

const end = (self: Receiver, exit: Exit.Exit<unknown, unknown>): void => {
  if (self.ended) return
  self.ended = true
  self.request.stopCarrying()
  self.resume(exit)
  self.onEnd?.()
}

export const succeed = (self: Receiver, value: unknown): void =>
  end(
    self,
    self.chunks === undefined && !self.request.discard ? TaskExit.decodeResult(self.request.task, value) : Exit.void
  )

export const fail = (self: Receiver, failure: unknown): void => {
  const { request } = self
  end(self, request.cancelled ? request.stopped : TaskExit.decodeFailure(request.task, failure))
}

export const failWith = (self: Receiver, error: TaskError): void => end(self, Exit.fail(error))

export const interrupted = (self: Receiver): void => end(self, self.request.stopped)

export const chunk = (self: Receiver, values: ReadonlyArray<unknown>): void => {
  const decoded: Array<unknown> = []
  for (const value of values) {
    const exit = TaskExit.decodeResult(self.request.task, value)
    if (Exit.isFailure(exit)) return self.chunks?.end(exit)
    decoded.push(exit.value)
  }
  self.chunks?.push(decoded)
}

export const log = (self: Receiver, entry: Wire.LogEntry, worker: string): void => {
  Effect.runForkWith(self.request.caller.context)(Exchange.logEntry(entry, worker))
}

/**
 * Gives the messages to a task to whoever carries them on, once there are any, or null when none will come any more. What
 * cannot be carried is logged, as it is nobody's error here.
 */
export const takeMessages = (
  request: Call,
  send: (messages: ReadonlyArray<unknown> | null, text: boolean) => void
): void => {
  const codec = TaskCodec.of(request.task).inbox
  const take = Effect.matchCauseEffect(Queue.takeBetween(request.inbox.queue, 1, maxMessages), {
    onFailure: (cause) => Effect.sync(() => Cause.hasInterrupts(cause) || send(null, true)),
    onSuccess: (messages) => {
      request.stopCarrying()
      const sound: Array<unknown> = []
      const refused: Array<string> = []
      for (const message of messages) {
        const encoded = codec.encode(message)
        const reason = Result.isFailure(encoded)
          ? encoded.failure.message
          : codec.text
            ? undefined
            : Uncloneable.check(encoded.success, undefined)?.reason
        if (reason !== undefined) refused.push(reason)
        else if (Result.isSuccess(encoded)) sound.push(encoded.success)
      }
      send(sound, codec.text)
      return Effect.forEach(
        refused,
        (reason) => Effect.logWarning(`A message to task "${request.name}" (${request.id}) cannot be sent: ${reason}`),
        { discard: true }
      )
    }
  })
  request.inbox.carryBy(Effect.runForkWith(request.caller.context)(take))
}

/** How many messages are sent at once at most. */
const maxMessages = 64

/** Whether what a request sends survives JSON. */
export const isText = (request: Call): boolean =>
  TaskCodec.of(request.task).payload.text && request.task.portable === undefined

/** Writes the payload of a request. */
export const encode = (request: Call): Result.Result<unknown, PayloadInvalid | NotTransferable> => {
  const { payload, task, transfer } = request
  if (TaskCodec.of(task).payload.text) return TaskCodec.encodePayload(task, payload)
  const encoded = TaskCodec.encodePayloadMoving(task, payload, transfer)
  if (Result.isFailure(encoded)) return Result.fail(encoded.failure)
  const { objects, value } = encoded.success
  if (objects.length > 0) request.moved = objects
  return task.portable === undefined ? Result.succeed(value) : PortableTask.wrap(task.name, task.portable, value)
}

/**
 * Hands a task over. The payload is as it travels. What is given back stands for the call, and is a {@link Receiver} made
 * of the first three arguments.
 */
export type Begin = (
  request: Call,
  resume: (exit: Exit.Exit<unknown, unknown>) => void,
  chunks: ChunkBuffer | undefined,
  payload: unknown
) => Receiver

/** Asks for the end of the work, and waits for it. */
export const stop = (receiver: Receiver): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (receiver.ended) return resume(Effect.void)
    receiver.onEnd = () => resume(Effect.void)
    receiver.abort()
  })

/** Runs a request that `begin` hands over. */
export const execute = (request: Call, begin: Begin): Effect.Effect<unknown, unknown> =>
  Effect.callback((resume) => {
    const encoded = encode(request)
    if (Result.isFailure(encoded)) return resume(Exit.fail(encoded.failure))
    return begin(request, resume, undefined, encoded.success)
  })

/** Runs the request of a streaming task that `begin` hands over. */
export const stream = (request: Call, begin: Begin): Stream.Stream<unknown, unknown> =>
  ChunkBuffer.stream((chunks) => {
    const encoded = encode(request)
    if (Result.isFailure(encoded)) {
      chunks.end(Exit.fail(encoded.failure))
      return Effect.void
    }
    const receiver = begin(request, (exit) => chunks.end(exit), chunks, encoded.success)
    chunks.onTaken = () => receiver.credit()
    return receiver
  })
