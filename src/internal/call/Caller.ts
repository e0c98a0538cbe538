/** Who calls a task: what a request takes over from the fiber that made it. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { TaskContext } from "../../TaskContext.ts"
import type { Caller } from "../../TaskRequest.ts"

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
