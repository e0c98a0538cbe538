// Tasks that run in processes of their own, without the code that does their work.
import * as Schema from "effect/Schema"
import { Task } from "effect-strand"

export class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Int, at: Schema.Date }) {}

export const half = Task.make("half", {
  payload: { n: Schema.Int, at: Schema.Date },
  success: Schema.Struct({ half: Schema.BigInt, at: Schema.Date, pid: Schema.Int, bytes: Schema.Uint8Array }),
  error: Odd
})

export const misbehave = Task.make("misbehave", {
  payload: Schema.Literals(["die", "exit", "kill", "clone", "undeclared", "hang", "hangTidily"]),
  success: Schema.Any
})

export const twice = Task.make("twice", { payload: { file: Schema.String }, success: Schema.String })
export const outer = Task.make("outer", { success: Schema.Array(Schema.Int) })
export const inner = Task.make("inner", { payload: Schema.Int, success: Schema.Int })
export const liar = Task.make("liar", { success: Schema.Int })
export const serve = Task.make("serve")
export const unknown = Task.make("unknown")
