/**
 * How a task ended, as it is written for the way to its caller, kept in a store, and read again.
 *
 * Whatever a handler has come to, something readable arrives: a result that does not match its schema is `ResultInvalid`, a
 * value that the carrier cannot copy is `NotTransferable` and says where it is, and an error that the task does not declare
 * is a defect.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { NotTransferable, ResultInvalid, type TaskError } from "../../TaskError.ts"
import { type CodedTask, of, type TaskCodec } from "./TaskCodec.ts"
import * as Uncloneable from "./Uncloneable.ts"

export interface EncodedSuccess {
  readonly _tag: "Success"
  readonly value: unknown
}

export interface EncodedFailure {
  readonly _tag: "Failure"
  readonly cause: unknown
}

/** An exit in the form in which it is sent or kept. `text` says that it survives JSON. */
export interface Written<E extends EncodedSuccess | EncodedFailure = EncodedSuccess | EncodedFailure> {
  readonly exit: E
  readonly text: boolean
}

// ---------------------------------------------------------------------------------------------------------------------
// Writing
// ---------------------------------------------------------------------------------------------------------------------

/** Writes a Cause for a carrier that finds out itself what it cannot copy. */
export const encodeCause = (codec: TaskCodec, cause: Cause.Cause<unknown>): unknown => {
  const encoded = codec.failure.encode(cause)
  if (Result.isSuccess(encoded)) return encoded.success
  const defects = Cause.fromReasons(
    cause.reasons.map((reason) => (Cause.isFailReason(reason) ? Cause.makeDieReason(reason.error) : reason))
  )
  const second = codec.failure.encode(defects)
  if (Result.isSuccess(second)) return second.success
  const last = codec.failure.encode(Cause.die(new Error(Cause.pretty(cause))))
  if (Result.isSuccess(last)) return last.success
  throw new Error(`A failure could not be written: ${last.failure.message}`)
}

/** Has no schemas of its own. Every task can read how it ends. */
const anyTask: CodedTask = {
  name: "any",
  payload: Schema.Never,
  success: Schema.Never,
  error: Schema.Never,
  inbox: undefined,
  "~codec": undefined
}

/** Writes a Cause that any task may have, whatever its schemas. It survives JSON. */
export const encodeCommon = (cause: Cause.Cause<TaskError>): unknown => encodeCause(of(anyTask), cause)

/** Writes an error of ours as the failure of any task. It survives JSON. */
export const encodeError = (error: TaskError): unknown => encodeCommon(Cause.fail(error))

/** The end of any task with an error of ours. */
export const ofError = (error: TaskError): Written<EncodedFailure> => ({
  exit: { _tag: "Failure", cause: encodeError(error) },
  text: true
})

/** What a handler has given does not match its schema. */
export const invalid = (task: string, issue: { readonly message: string }): ResultInvalid =>
  new ResultInvalid({ task, issue: issue.message })

/** What cannot be copied of an end that has been written. Errors are named as they were, not as a Cause holds them. */
export const refusalOf = (
  task: string,
  what: EncodedSuccess["_tag"] | EncodedFailure["_tag"],
  { path, reason }: Uncloneable.Refusal
): NotTransferable =>
  new NotTransferable({
    task,
    path: what === "Success" ? `result${path}` : `error${path.replace(/^\[\d+\]\.(error|defect)/, "")}`,
    reason
  })

const orRefused = <E extends EncodedSuccess | EncodedFailure>(
  task: CodedTask,
  exit: E,
  value: unknown,
  text: boolean
): Written<E | EncodedFailure> => {
  const refusal = text ? undefined : Uncloneable.check(value, undefined)
  return refusal === undefined ? { exit, text } : ofError(refusalOf(task.name, exit._tag, refusal))
}

/** Writes a failure for a carrier that copies it. */
export const encodeFailure = (task: CodedTask, cause: Cause.Cause<unknown>): Written<EncodedFailure> => {
  const codec = of(task)
  const encoded = encodeCause(codec, cause)
  return orRefused(task, { _tag: "Failure", cause: encoded }, encoded, codec.failure.text)
}

/** Writes an exit for a carrier that copies it. */
export const encode = (task: CodedTask, exit: Exit.Exit<unknown, unknown>): Written => {
  if (Exit.isFailure(exit)) return encodeFailure(task, exit.cause)
  const codec = of(task).success
  const encoded = codec.encode(exit.value)
  if (Result.isFailure(encoded)) return ofError(invalid(task.name, encoded.failure))
  return orRefused(task, { _tag: "Success", value: encoded.success }, encoded.success, codec.text)
}

// ---------------------------------------------------------------------------------------------------------------------
// Reading
// ---------------------------------------------------------------------------------------------------------------------

/** Reads a result. */
export const decodeResult = (task: CodedTask, value: unknown): Exit.Exit<unknown, ResultInvalid> => {
  const result = of(task).success.decode(value)
  return Result.isSuccess(result) ? Exit.succeed(result.success) : Exit.fail(invalid(task.name, result.failure))
}

/** Reads a failure. */
export const decodeFailure = (task: CodedTask, encoded: unknown): Exit.Exit<never, unknown> => {
  const cause = of(task).failure.decode(encoded)
  return Result.isSuccess(cause)
    ? Exit.failCause(cause.success)
    : Exit.die(new Error(`A failure could not be read: ${cause.failure.message}`, { cause: encoded }))
}

/** Reads an exit. */
export const decode = (task: CodedTask, exit: EncodedSuccess | EncodedFailure): Exit.Exit<unknown, unknown> =>
  exit._tag === "Success" ? decodeResult(task, exit.value) : decodeFailure(task, exit.cause)
