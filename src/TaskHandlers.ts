/**
 * The handlers of a program, by the name of their task.
 *
 * `task.toLayer(handler)` puts a handler into the Context under a key of its own, so that Layers of handlers merge,
 * share what they depend on, and replace each other like all Layers do. A runner collects them here.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import { CurrentLoggers } from "effect/Logger"
import type * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as Call from "./internal/call/Call.ts"
import * as Portable from "./internal/values/Portable.ts"
import type { TaskDefinition } from "./TaskDefinition.ts"
import { TaskContext } from "./TaskContext.ts"
import type { TaskRequest } from "./TaskRequest.ts"
import { TaskRunner } from "./TaskRunner.ts"

const keyPrefix = "effect-strand/TaskHandler/"

/**
 * A task together with the code that does its work and what that code needs.
 *
 * @category models
 * @since 0.1.0
 */
export interface TaskHandler {
  readonly task: TaskDefinition
  /** An Effect, or a Stream when the task is a streaming one. */
  readonly handle: (payload: unknown) => Effect.Effect<unknown, unknown, never> | Stream.Stream<unknown, unknown, never>
  readonly context: Context.Context<never>
}

/**
 * The identifier of a task's handler in Contexts and Layers.
 *
 * @category utility types
 * @since 0.1.0
 */
export interface Handler<in out Name extends string> {
  readonly "~effect-strand/Handler": Name
}

/**
 * Handlers by the name of their task.
 *
 * @category models
 * @since 0.1.0
 */
export type TaskHandlers = ReadonlyMap<string, TaskHandler>

let definitions = 0

/**
 * The Context key of a definition's handler.
 *
 * Each definition has its own, so that two definitions of one name do not silently replace each other.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeKey = <Name extends string>(name: Name): Context.Key<Handler<Name>, TaskHandler> =>
  Context.Service<Handler<Name>, TaskHandler>(`${keyPrefix}${name}/${++definitions}`)

/**
 * Collects the handlers in a Context. Two definitions with the same name are a defect.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromContext = (context: Context.Context<never>): TaskHandlers => {
  const handlers = new Map<string, TaskHandler>()
  for (const [key, handler] of context.mapUnsafe as ReadonlyMap<string, TaskHandler>) {
    if (!key.startsWith(keyPrefix)) continue
    const name = handler.task.name
    if (handlers.has(name)) {
      throw new Error(
        `Two different tasks are named "${name}". Names are how a task is found where it runs: rename one of them`
      )
    }
    handlers.set(name, handler)
  }
  return handlers
}

/**
 * The handler of a task that needs none, because it brings its function along.
 *
 * @category constructors
 * @since 0.1.0
 */
export const ofPortable = (task: TaskDefinition): TaskHandler | undefined => {
  const portable = task.portable
  return portable === undefined
    ? undefined
    : { task, handle: (payload) => Portable.call(portable.f, payload), context: Context.empty() }
}

/**
 * A runner of this program, as those see it who decide where the tasks of its handlers run.
 *
 * @category models
 * @since 0.3.0
 */
export interface HandlersRunner {
  /** What the handlers' own tasks run on, if nobody decides otherwise. */
  readonly runner: TaskRunner["Service"]
  /** Gives the place of the task that calls this one to others, until the function is called that it gives. */
  readonly lend: (request: TaskRequest) => () => void
}

/**
 * Decides what the handlers of a runner run tasks of their own on. A runner whose handlers run in this program asks it as
 * it is made.
 *
 * @category references
 * @since 0.3.0
 */
export const RunnerOfHandlers = Context.Reference<(own: HandlersRunner) => TaskRunner["Service"]>(
  "effect-strand/TaskHandlers/RunnerOfHandlers",
  { defaultValue: () => (own) => own.runner }
)

/**
 * The Contexts that handlers run in: what the handler's Layer was built with, its `TaskContext`, the runner, and the
 * span and the loggers of the caller.
 *
 * @category models
 * @since 0.1.0
 */
export class Contexts {
  private readonly bases = new Map<TaskHandler, Context.Context<never>>()
  private runner: TaskRunner["Service"] | undefined

  /** Sets the runner that handlers run their own tasks on. */
  provide(runner: TaskRunner["Service"]): void {
    this.runner = runner
  }

  of(handler: TaskHandler, request: TaskRequest): Context.Context<never> {
    let base = this.bases.get(handler)
    if (base === undefined) {
      base = Context.add(handler.context, TaskRunner, this.runner!)
      this.bases.set(handler, base)
    }
    const { context: caller, span } = request.caller
    let context: Context.Context<never> = Context.add(base, TaskContext, Call.of(request))
    if (span !== undefined) context = Context.add(context, Tracer.ParentSpan, span)
    const loggers = Context.get(caller, CurrentLoggers)
    if (loggers !== Context.get(base, CurrentLoggers)) context = Context.add(context, CurrentLoggers, loggers)
    return context
  }
}
