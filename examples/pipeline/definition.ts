/**
 * The two tasks of this program, and the pool that each runs in: parsing in processes, compressing in threads.
 *
 * A definition names its runner, so that callers need not.
 */
import * as Schema from "effect/Schema"
import { Task } from "effect-strand"

/** The file cannot be read, or is not valid source code. */
export class Unreadable extends Schema.TaggedError<Unreadable>()("Unreadable", {
  path: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `${this.path}: ${this.reason}`
  }
}

/** Reads a source file and takes it apart: what runs, without types and comments, and the text of the comments. */
export const splitFile = Task.make("splitFile", {
  payload: { path: Schema.String },
  success: Schema.Struct({ code: Schema.Uint8Array, comments: Schema.Uint8Array }),
  error: Unreadable,
  runner: "parse"
})

/** Compresses bytes with Brotli, as a build does whose result is served. */
export const weigh = Task.make("weigh", {
  payload: { bytes: Schema.Uint8Array },
  success: Schema.Struct({ bytes: Schema.Int, compressed: Schema.Int }),
  runner: "crunch"
})
