/** The types that `BackgroundProcess` shows, where what makes their values can import them, too. */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { ModuleInvalid, NotTransferable, PayloadInvalid, TaskError, TaskNotFound } from "../../TaskError.ts"
import type { ProcessNotReady, ProcessNotStarted } from "../ProcessError.ts"

/** A line that a process has printed. */
export interface Line {
  readonly source: "stdout" | "stderr"
  /** Without the end of the line. */
  readonly text: string
}

/**
 * A sign that a process is ready.
 *
 * **Details**
 *
 * - `delay`: it has lived for so long
 * - `check`: an Effect says `true`; one that fails says that it is not ready yet
 * - `line`: it has printed a line that contains the text, or matches the pattern, on standard output or standard error, or
 *   on the one given as `on`
 * - `port`: it, or whoever has the port, accepts a TCP connection
 * - `url`: a GET request is answered with the expected status; redirects are not followed
 *
 * Checks, ports and URLs are asked every `interval`, at first at once.
 */
export type Ready<R = never> =
  | { readonly delay: Duration.Input }
  | {
      readonly check: Effect.Effect<boolean, unknown, R>
      /** @default "100 millis" */
      readonly interval?: Duration.Input | undefined
    }
  | {
      readonly line: string | RegExp
      /** @default both */
      readonly on?: "stdout" | "stderr" | undefined
    }
  | {
      readonly port: number
      /** @default "localhost" */
      readonly host?: string | undefined
      /** @default "100 millis" */
      readonly interval?: Duration.Input | undefined
    }
  | {
      readonly url: string | URL
      /**
       * One status, several, or what says of one whether it will do.
       *
       * @default 200 to 299
       */
      readonly status?: number | ReadonlyArray<number> | ((status: number) => boolean) | undefined
      /** @default "100 millis" */
      readonly interval?: Duration.Input | undefined
    }

/** How a background process ended for good. */
export interface ProcessExit {
  /**
   * - `Ended`: by itself, and its `restart` has it not started again
   * - `Stopped`: by `stop`, or with its scope
   * - `TimedOut`: it was stopped at the end of its `timeout`
   * - `GaveUp`: it would have been started again, but its `schedule` is over
   */
  readonly reason: "Ended" | "Stopped" | "TimedOut" | "GaveUp"
  /** The exit code of its last run; undefined when a signal ended it. */
  readonly exitCode: number | undefined
  /** The signal that ended its last run. */
  readonly signal: string | undefined
  /** How often it was started again. */
  readonly restarts: number
  /** What its last run printed last, on standard output and standard error. */
  readonly lastLines: ReadonlyArray<string>
  /** Why its last run was no use, when it could not be started or was not ready in time. */
  readonly failure: ProcessNotStarted | ProcessNotReady | undefined
}

/**
 * Where a background process is in its life.
 *
 * **Details**
 *
 * - `Starting`: it runs and is not ready yet
 * - `Ready`: it is ready
 * - `Restarting`: a run has ended, and the next begins after `delay` milliseconds
 * - `Stopped`: it is over as it was meant to be: it ended with code 0, or was stopped
 * - `Failed`: it is over in any other way
 *
 * `run` is 1 at first and one more with each restart.
 */
export type ProcessStatus =
  | { readonly _tag: "Starting"; readonly run: number; readonly pid: number }
  | { readonly _tag: "Ready"; readonly run: number; readonly pid: number }
  | {
      readonly _tag: "Restarting"
      /** The run that comes next. */
      readonly run: number
      readonly delay: number
      /** How the last run ended. */
      readonly exitCode: number | undefined
      readonly signal: string | undefined
      /** What the last run printed last. */
      readonly lastLines: ReadonlyArray<string>
    }
  | { readonly _tag: "Stopped"; readonly exit: ProcessExit }
  | { readonly _tag: "Failed"; readonly exit: ProcessExit }

/** What is known of a run that is over. */
export interface RunEnd {
  /** 1 at first. */
  readonly run: number
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  /** How long it was ready, in milliseconds; undefined when it never was. */
  readonly readyFor: number | undefined
  readonly failure: ProcessNotStarted | ProcessNotReady | undefined
}

/**
 * A process in the background of a program.
 *
 * **Details**
 *
 * Streams of output begin with the lines that were kept (`keepLines`) and go on until the process is over; each reader
 * gets all lines, of restarted processes as well. A process never waits for a reader: one that falls behind by more than
 * 16,384 lines misses the oldest of them. A line of more than 65,536 characters comes in pieces.
 */
export interface BackgroundProcess {
  /** Its name in logs and errors. */
  readonly name: string
  /** The number of the process that runs now, or ran last. */
  readonly pid: Effect.Effect<number>
  readonly status: Effect.Effect<ProcessStatus>
  /** The status, and each one that follows. Ends with the process. */
  readonly statusChanges: Stream.Stream<ProcessStatus>
  /** How often it was started again. */
  readonly restarts: Effect.Effect<number>
  /** The lines of standard output. */
  readonly stdout: Stream.Stream<string>
  /** The lines of standard error. */
  readonly stderr: Stream.Stream<string>
  /** The lines of both, in the order in which they arrived. */
  readonly output: Stream.Stream<Line>
  /** Waits until it is over for good, and tells how. Interrupting it leaves the process alone. */
  readonly exit: Effect.Effect<ProcessExit>
  /** Ends it with all that it has started, does not start it again, and completes when all are gone. */
  readonly stop: Effect.Effect<ProcessExit>
}

/** A task in a process of its own. */
export interface TaskProcess<A, E> extends BackgroundProcess {
  /**
   * Waits until the process is over for good, and gives what the handler gave at last.
   *
   * Fails with the task's own errors, with `WorkerCrashed` when the process died without a result, with `TaskCancelled`
   * when it was stopped, and with `TaskTimeout` when its `timeout` had passed.
   */
  readonly result: Effect.Effect<A, E | TaskError>
}

/** Why the handler of a task could not even begin. */
export type StartError = ModuleInvalid | TaskNotFound | PayloadInvalid | NotTransferable
