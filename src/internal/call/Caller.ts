/** Who calls a task: what a request takes over from the fiber that made it. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { TaskContext } from "../../TaskContext.ts"

/** What a request takes over from the fiber that made it. */
export interface Caller {
  /** Its loggers, its services. */
  readonly context: Context.Context<never>
  readonly clock: Clock.Clock
  readonly span: Tracer.AnySpan | undefined
  readonly minimumLogLevel: LogLevel.LogLevel
  /** The id of the task whose handler it is. */
  readonly taskId: string | undefined
  /** For whom that task is run. */
  readonly principal: unknown
}

// A fiber that calls many tasks, and fibers forked from it, have one context: what is looked up there is kept.
let lastCaller: Caller | undefined

/** The caller in a Context. */
export const callerOf = (context: Context.Context<never>): Caller => {
  if (lastCaller?.context === context) return lastCaller
  const task = Context.getOrUndefined(context, TaskContext)
  return (lastCaller = {
    context,
    clock: Context.get(context, Clock.Clock),
    span: Context.getOrUndefined(context, Tracer.ParentSpan),
    minimumLogLevel: Context.get(context, References.MinimumLogLevel),
    taskId: task?.id,
    principal: task?.principal
  })
}
