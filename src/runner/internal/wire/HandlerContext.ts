/** What a handler has of its caller in its Context, and how what it logs gets back there. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import type { LogEntry, Meta } from "./Wire.ts"

/** Adds to a handler's context what its caller has: the parent of its spans and the lowest level of its logs. */
export const add = (context: Context.Context<never>, meta: Meta): Context.Context<never> => {
  let out = context
  if (meta.span !== undefined) {
    const [traceId, spanId, sampled] = meta.span
    out = Context.add(out, Tracer.ParentSpan, Tracer.externalSpan({ traceId, spanId, sampled }))
  }
  if (meta.minimumLogLevel !== undefined) out = Context.add(out, References.MinimumLogLevel, meta.minimumLogLevel)
  return out
}

/** What is left of a value in a log entry after the crossing: itself where JSON keeps it, else its text. */
const plain = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) {
    return typeof value === "function" || typeof value === "symbol" || typeof value === "bigint" ? String(value) : value
  }
  if (Cause.isCause(value)) return Cause.pretty(value)
  if (value instanceof Error) return value.stack ?? value.message
  try {
    return JSON.parse(JSON.stringify(value))
  } catch {
    return String(value)
  }
}

/** A logger that gives each entry, ready to travel, to a function. */
export const makeLogger = (
  send: (entry: LogEntry, context: Context.Context<never>) => void
): Logger.Logger<unknown, void> =>
  Logger.make((options) => {
    const { logLevel: level } = options
    // These are limits, and no entry has them.
    if (level === "All" || level === "None") return
    const context = options.fiber.context
    const annotations = Context.get(context, References.CurrentLogAnnotations)
    const spans = Context.get(context, References.CurrentLogSpans)
    const now = options.date.getTime()
    send(
      {
        level,
        message: (Array.isArray(options.message) ? options.message : [options.message]).map(plain),
        annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [key, plain(value)])),
        spans: spans.map(([label, start]) => `${label}=${now - start}ms`),
        cause: options.cause.reasons.length === 0 ? undefined : Cause.pretty(options.cause)
      },
      context
    )
  })

/** Logs an entry that has travelled, with the loggers of the current fiber. */
export const logEntry = (entry: LogEntry, worker: string): Effect.Effect<void> => {
  const message = entry.cause === undefined ? entry.message : [...entry.message, entry.cause]
  return Effect.logWithLevel(entry.level)(...message).pipe(
    Effect.annotateLogs({
      ...entry.annotations,
      worker,
      ...(entry.spans.length > 0 && { spans: entry.spans.join(" ") })
    })
  )
}
