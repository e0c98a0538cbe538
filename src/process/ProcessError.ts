/**
 * Why a background process could not be had.
 *
 * Each is a `Schema.TaggedError` of its own, for `Effect.catchTag`; `RunProcessError` is their union.
 *
 * @since 0.3.0
 */
import * as Schema from "effect/Schema"

/** The last lines of a process, below what is said of it. */
const saying = (lines: ReadonlyArray<string>): string => {
  if (lines.length === 0) return ". It printed nothing"
  const shown = lines.slice(-20)
  return `. ${shown.length === lines.length ? "It printed" : "Its last lines"}:\n${shown.map((line) => `  ${line}`).join("\n")}`
}

/**
 * The command could not be started: it does not exist, it may not be run, or the machine has no room for it.
 *
 * @category errors
 * @since 0.3.0
 */
export class ProcessNotStarted extends Schema.TaggedError<ProcessNotStarted>()("ProcessNotStarted", {
  process: Schema.String,
  command: Schema.String,
  /** The system's name of the reason, for example `ENOENT`, where there is one. */
  code: Schema.optionalKey(Schema.String),
  reason: Schema.String
}) {
  override get message(): string {
    return `Process "${this.process}" could not be started: ${this.reason}`
  }
}

/**
 * The process was not ready within its `readyTimeout`. It has been stopped.
 *
 * @category errors
 * @since 0.3.0
 */
export class ProcessNotReady extends Schema.TaggedError<ProcessNotReady>()("ProcessNotReady", {
  process: Schema.String,
  /** The time limit in milliseconds. */
  timeout: Schema.Number,
  /** What was waited for, for example `port 6379 of localhost`. */
  waitedFor: Schema.String,
  /** What it printed last, on standard output and standard error. */
  lastLines: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return (
      `Process "${this.process}" was not ready within ${this.timeout} ms and was stopped; it was waited for ` +
      `${this.waitedFor}${saying(this.lastLines)}`
    )
  }
}

/**
 * The process ended before it was ready.
 *
 * @category errors
 * @since 0.3.0
 */
export class ProcessExited extends Schema.TaggedError<ProcessExited>()("ProcessExited", {
  process: Schema.String,
  exitCode: Schema.optionalKey(Schema.Number),
  signal: Schema.optionalKey(Schema.String),
  /** What it printed last, on standard output and standard error. */
  lastLines: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const how = this.signal === undefined ? `exited with code ${this.exitCode}` : `was ended by signal ${this.signal}`
    return `Process "${this.process}" ${how} before it was ready${saying(this.lastLines)}`
  }
}

/**
 * Every way in which a process fails to start.
 *
 * @category errors
 * @since 0.3.0
 */
export const RunProcessError = Schema.Union([ProcessNotStarted, ProcessNotReady, ProcessExited])

/**
 * The type of {@link RunProcessError}.
 *
 * @category errors
 * @since 0.3.0
 */
export type RunProcessError = typeof RunProcessError.Type
