/**
 * The one task of the web server: what it takes, what it gives and how it can fail. The server needs this file alone.
 */
import * as Schema from "effect/Schema"
import { Task } from "effect-strand"

/** What may be analyzed: some code, or a file or folder of the server. */
export const Source = Schema.Union([
  Schema.Struct({ text: Schema.String.check(Schema.isMaxLength(1_000_000)) }),
  Schema.Struct({ path: Schema.String.check(Schema.isMaxLength(1_000)) })
])

export type Source = typeof Source.Type

export const Statistics = Schema.Struct({
  files: Schema.Int,
  lines: Schema.Int,
  functions: Schema.Int,
  branches: Schema.Int,
  longestFunctions: Schema.Array(Schema.Struct({ name: Schema.String, path: Schema.String, lines: Schema.Int })),
  /** Files that are no valid source code. */
  unreadable: Schema.Array(Schema.String)
})

/** There is nothing there to analyze. */
export class NothingToAnalyze extends Schema.TaggedError<NothingToAnalyze>()("NothingToAnalyze", {
  reason: Schema.String
}) {
  override get message(): string {
    return this.reason
  }
}

/** A task is kept for a day when it is over: so long can its result be asked for. */
export const analyzeSource = Task.make("analyzeSource", {
  payload: Source,
  success: Statistics,
  error: NothingToAnalyze,
  timeToLive: "1 day"
})
