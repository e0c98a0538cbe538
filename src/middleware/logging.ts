/**
 * Says in the log how the tasks of any runner end.
 *
 * @since 0.3.0
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as LogLevel from "effect/LogLevel"
import type * as Task from "../Task.ts"
import type { Asked } from "../TaskDefinition.ts"
import type { TaskRequest } from "../TaskRequest.ts"
import { both } from "./internal/both.ts"
import * as Middleware from "./Middleware.ts"

/**
 * Options of {@link logging}.
 *
 * @category models
 * @since 0.3.0
 */
export interface LoggingOptions<T extends Task.Any = Task.Any> extends Middleware.ForTasks<T> {
  /**
   * The level of the line about a task that ended well, or was cancelled.
   *
   * @default "Info"
   */
  readonly level?: LogLevel.Severity | undefined
  /**
   * The level of a line at the start of each task.
   *
   * @default no such line
   */
  readonly startLevel?: LogLevel.Severity | undefined
  /**
   * The level of the line about a task that failed.
   *
   * @default "Error"
   */
  readonly failureLevel?: LogLevel.Severity | undefined
  /**
   * A task that took longer than this is said to be slow, with a level of `Warn` at least.
   *
   * @default no task is slow
   */
  readonly slow?: Duration.Input | undefined
  /** What else is to be noted of a task, beside its lines. */
  readonly annotations?: Asked<[request: Middleware.RequestOf<T>], Readonly<Record<string, unknown>>> | undefined
  /**
   * Whether payloads are noted. They may be large, or nobody else's business.
   *
   * @default false
   */
  readonly payload?: boolean | undefined
  /**
   * Which tasks are logged. Asked once for each task, and only when there may be something to log.
   *
   * @default all of them
   */
  readonly filter?: Asked<[request: Middleware.RequestOf<T>], boolean> | undefined
}

/** Three digits of a time in milliseconds, with the unit that suits it. */
const format = (millis: number): string => {
  if (millis < 1000) return `${Number(millis.toPrecision(3))} ms`
  if (millis < 60_000) return `${Number((millis / 1000).toPrecision(3))} s`
  return Duration.format(Duration.seconds(Math.round(millis / 1000)))
}

const more = (a: LogLevel.Severity, b: LogLevel.Severity): LogLevel.Severity => (LogLevel.isGreaterThan(a, b) ? a : b)

const outcomeOf = (request: TaskRequest, exit: Exit.Exit<unknown, unknown>) => {
  const status = Middleware.statusOf(request, exit)
  return status === "cancelled" && !request.cancelled ? "interrupted" : status
}

const ends = {
  completed: "completed in",
  failed: "failed after",
  cancelled: "was cancelled after",
  interrupted: "was interrupted after"
}

/** Writes a line about a task. What goes wrong with that is no matter of the task's. */
const write = (
  options: LoggingOptions,
  request: TaskRequest,
  level: LogLevel.Severity,
  text: string,
  facts: Readonly<Record<string, unknown>>,
  cause: Cause.Cause<unknown> = Cause.empty
): Effect.Effect<void> =>
  Effect.suspend(() =>
    Effect.annotateLogs(Effect.logWithLevel(level)(text, cause), {
      task: request.name,
      taskId: request.id,
      ...(request.attempt > 1 && { attempt: request.attempt }),
      ...facts,
      ...(options.payload && { payload: request.payload }),
      ...options.annotations?.(request)
    })
  ).pipe(
    Effect.catchCause((failure) => Effect.logError(`The log line about task "${request.name}" is missing`, failure))
  )

const make = (options: LoggingOptions): Middleware.Around => {
  const { failureLevel = "Error", filter, level = "Info", startLevel } = options
  const slow = options.slow === undefined ? Infinity : Duration.toMillis(Duration.fromInputUnsafe(options.slow))
  const highest = [level, failureLevel, startLevel ?? level, slow === Infinity ? level : ("Warn" as const)].reduce(more)

  const wanted = (line: LogLevel.Severity, request: TaskRequest): boolean =>
    LogLevel.getOrdinal(line) >= LogLevel.getOrdinal(request.caller.minimumLogLevel)

  // Most callers want no lines about what goes well: for them there must be next to nothing to do.
  const silent = (request: TaskRequest): boolean =>
    !wanted(highest, request) || (filter !== undefined && !filter(request))

  const begin = (request: TaskRequest): Effect.Effect<void> | undefined =>
    startLevel !== undefined && wanted(startLevel, request)
      ? write(options, request, startLevel, `Task "${request.name}" begins`, {})
      : undefined

  const end = (
    request: TaskRequest,
    begun: bigint,
    exit: Exit.Exit<unknown, unknown>
  ): Effect.Effect<void> | undefined => {
    if (slow === Infinity && Exit.isSuccess(exit) && !wanted(level, request)) return undefined
    const millis = Number(request.caller.clock.monotonicTimeNanosUnsafe() - begun) / 1_000_000
    const outcome = outcomeOf(request, exit)
    const usual = outcome === "failed" ? failureLevel : level
    const line = millis > slow ? more(usual, "Warn") : usual
    if (!wanted(line, request)) return undefined
    const text = `Task "${request.name}" ${ends[outcome]} ${format(millis)}${millis > slow ? ", which is slow" : ""}`
    const cause = outcome === "failed" && Exit.isFailure(exit) ? exit.cause : undefined
    return write(options, request, line, text, { outcome, millis }, cause)
  }

  return both((kind, request, next) =>
    kind.suspend(() => {
      if (silent(request)) return next
      const begun = request.caller.clock.monotonicTimeNanosUnsafe()
      const logged = kind.onExitEffect(next, (exit) => end(request, begun, exit))
      const first = begin(request)
      return first === undefined ? logged : kind.after(first, () => logged)
    })
  )
}

/**
 * Writes a line about each task at its end: how it ended, after what time, and why, when it failed.
 *
 * **Details**
 *
 * - lines go to the loggers of the caller, at the caller's minimum log level; what that leaves out costs next to nothing
 * - `task`, `taskId`, `outcome` (`completed`, `failed`, `cancelled` by its id, or `interrupted`) and `millis` are annotations
 *   of the line, and `attempt` from the second on
 * - the time is that from the call to its end, the time that the task waits for a worker included
 * - the line about a stream says when it ended, or when its reader left
 *
 * **Gotchas**
 *
 * Tasks that handlers run themselves do not pass by here: they go straight to the runner that the handler runs on.
 *
 * **Example** (Logging what fails and what is slow)
 *
 * ```ts
 * import { Effect, Logger, Schema } from "effect"
 * import { FiberRunner, Middleware, Task } from "effect-strand"
 *
 * const root = Task.make("root", { payload: Schema.Number, success: Schema.Number, error: Schema.String })
 *
 * const handlers = root.toLayer((n) => (n < 0 ? Effect.fail(`${n} has no root`) : Effect.succeed(Math.sqrt(n))))
 *
 * const runner = Middleware.stack(
 *   FiberRunner.layer(handlers),
 *   Middleware.logging({ level: "Debug", failureLevel: "Warn", slow: "1 minute" })
 * )
 *
 * const program = Effect.forEach([9, -1], (n) => Effect.exit(root.run(n)))
 *
 * const plain = Logger.make(({ logLevel, message }) => console.log(logLevel, String(message).replace(/[\d.]+ ms/, "... ms")))
 *
 * await Effect.runPromise(program.pipe(Effect.provide(runner), Effect.provide(Logger.layer([plain]))))
 * // prints: Warn Task "root" failed after ... ms
 * ```
 *
 * @category middleware
 * @since 0.3.0
 */
export const logging = <T extends Task.Any = Task.Any>(options: LoggingOptions<T> = {}): Middleware.Middleware =>
  Middleware.make(make(options), options)
