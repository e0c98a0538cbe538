/**
 * The one task of this program: what it takes, what it gives and how it can fail.
 *
 * There is no code here that does the work. A program that calls the task needs this file alone; the parser and
 * everything else that the work takes is loaded where the work is done.
 */
import * as Schema from "effect/Schema"
import { Task } from "effect-strand"

export const FunctionInfo = Schema.Struct({
  name: Schema.String,
  /** The line where the function begins, counted from 1. */
  line: Schema.Int,
  /** How many lines it takes. */
  lines: Schema.Int,
  /** A hash of its parameters and body without types, comments and layout. */
  fingerprint: Schema.String
})

export type FunctionInfo = typeof FunctionInfo.Type

export const FileStatistics = Schema.Struct({
  bytes: Schema.Int,
  /** The size without types, comments and layout. */
  compactBytes: Schema.Int,
  /** The same, compressed with gzip as a web server does. */
  compressedBytes: Schema.Int,
  lines: Schema.Int,
  commentLines: Schema.Int,
  blankLines: Schema.Int,
  functions: Schema.Int,
  /** `if`, loops, `case`, `catch`, `?:`, `&&`, `||` and `??`: the places where the code can go two ways. */
  branches: Schema.Int,
  /** The functions that are long enough to be of interest, in the order of the file. */
  longFunctions: Schema.Array(FunctionInfo),
  /** How often each identifier of three letters or more occurs. */
  identifiers: Schema.ReadonlyMap(Schema.String, Schema.Int),
  /** A hash of the content. */
  hash: Schema.String
})

export type FileStatistics = typeof FileStatistics.Type

/** The file cannot be read, or is not valid source code. */
export class Unreadable extends Schema.TaggedError<Unreadable>()("Unreadable", {
  path: Schema.String,
  reason: Schema.String
}) {
  override get message(): string {
    return `${this.path}: ${this.reason}`
  }
}

export const analyzeFile = Task.make("analyzeFile", {
  payload: { path: Schema.String },
  success: FileStatistics,
  error: Unreadable
})
