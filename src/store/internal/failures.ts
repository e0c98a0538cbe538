/** The ends that a store itself gives to tasks, written as the codecs of all tasks write them. */
import * as Cause from "effect/Cause"
import * as Schema from "effect/Schema"
import { TaskError } from "../../TaskError.ts"
import type { EncodedExit } from "../TaskStore.ts"

let encode: ((cause: Cause.Cause<TaskError>) => unknown) | undefined

/** A failure with one of the errors that every task may have. */
export const encodeError = (error: TaskError): EncodedExit => {
  encode ??= Schema.encodeSync(Schema.toCodecJson(Schema.Cause(TaskError, Schema.Defect())))
  return { _tag: "Failure", cause: encode(Cause.fail(error)) }
}
