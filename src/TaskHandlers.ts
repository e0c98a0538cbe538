/**
 * The handlers of a program, by the name of their task.
 *
 * `task.toLayer(handler)` puts a handler into the Context under a key of its own, so that Layers of handlers merge,
 * share what they depend on, and replace each other like all Layers do. A runner collects them here.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { CurrentLoggers } from "effect/Logger"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as Call from "./internal/call/Call.ts"
import * as Portable from "./internal/values/Portable.ts"
import * as TaskCodec from "./internal/values/TaskCodec.ts"
import type { TaskDefinition } from "./TaskDefinition.ts"
import { TaskContext } from "./TaskContext.ts"
import { isTaskError, type PayloadInvalid, ResultInvalid, TaskNotFound } from "./TaskError.ts"
import type { TaskRequest } from "./TaskRequest.ts"
import { type Handlers, TaskRunner } from "./TaskRunner.ts"

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
 * What a handler may not give, whatever its types said, is found out here as it would be at a boundary.
 *
 * @category combinators
 * @since 0.4.0
 */
export const checked = (
  { options, task }: TaskRequest,
  exit: Exit.Exit<unknown, unknown>
): Exit.Exit<unknown, unknown> => {
  if (Exit.isSuccess(exit)) {
    if (options.discardResult) return Exit.void
    const result = TaskCodec.validate(task.success, exit.value)
    return Result.isSuccess(result)
      ? exit
      : Exit.fail(new ResultInvalid({ task: task.name, issue: result.failure.message }))
  }
  return Exit.failCause(checkedCause(task, exit.cause))
}

const checkedCause = (task: TaskDefinition, cause: Cause.Cause<unknown>): Cause.Cause<unknown> =>
  Cause.fromReasons(
    cause.reasons.map((reason) =>
      Cause.isFailReason(reason) &&
      !isTaskError(reason.error) &&
      Result.isFailure(TaskCodec.validate(task.error, reason.error))
        ? Cause.makeDieReason(reason.error)
        : reason
    )
  )

/** The elements of a streaming handler, each checked, with a pause for the event loop now and then. */
const elements = (
  handler: TaskHandler,
  request: TaskRequest,
  context: Context.Context<never>,
  yieldOnIter: number
): Stream.Stream<unknown, unknown> => {
  const { success } = request.task
  let waiting: ReadonlyArray<unknown> = []
  let from = 0
  let since = 0
  /** Some of the elements that have been made: few enough to check them in one turn of the event loop. */
  const some = (): Effect.Effect<NonEmptyReadonlyArray<unknown>, ResultInvalid> => {
    const values =
      waiting.length <= yieldOnIter
        ? waiting
        : waiting.slice(from, (from = Math.min(waiting.length, from + yieldOnIter)))
    if (waiting.length <= yieldOnIter || from === waiting.length) {
      waiting = []
      from = 0
    }
    for (const value of values) {
      const result = TaskCodec.validate(success, value)
      if (Result.isFailure(result)) {
        return Effect.fail(new ResultInvalid({ task: request.name, issue: result.failure.message }))
      }
    }
    since += values.length
    const result = Effect.succeed(values as NonEmptyReadonlyArray<unknown>)
    if (since < yieldOnIter) return result
    since = 0
    return Effect.andThen(Effect.yieldNow, result)
  }
  const made = Stream.suspend(() => handler.handle(request.payload) as Stream.Stream<unknown, unknown>)
  return Stream.transformPull(made, (pull) => {
    const next = Effect.flatMap(pull, (values) => {
      waiting = values
      return some()
    })
    return Effect.succeed(Effect.suspend(() => (waiting.length > 0 ? some() : next)))
  }).pipe(
    Stream.catchCause((cause) => Stream.failCause(checkedCause(request.task, cause))),
    Stream.provideContext(context)
  )
}

/**
 * The handlers of this program, as a runner uses them that runs tasks here.
 *
 * @category models
 * @since 0.4.0
 */
export class LocalHandlers implements Handlers {
  private readonly handlers: TaskHandlers
  private readonly bases = new Map<TaskHandler, Context.Context<never>>()
  private runner: TaskRunner["Service"] | undefined

  constructor(handlers: TaskHandlers) {
    this.handlers = handlers
  }

  private lookUp(request: TaskRequest): TaskHandler | undefined {
    return this.handlers.get(request.name) ?? ofPortable(request.task)
  }

  /** The handler of a request, once its payload has been checked. */
  find(request: TaskRequest): Result.Result<TaskHandler, TaskNotFound | PayloadInvalid> {
    const handler = this.lookUp(request)
    if (handler === undefined) {
      return Result.fail(new TaskNotFound({ task: request.name, available: [...this.handlers.keys()] }))
    }
    const invalid = TaskCodec.validatePayload(request.task, request.payload)
    return invalid === undefined ? Result.succeed(handler) : Result.fail(invalid)
  }

  readonly refusal = (request: TaskRequest): TaskNotFound | PayloadInvalid | undefined => {
    const found = this.find(request)
    return Result.isFailure(found) ? found.failure : undefined
  }

  /**
   * Sets the runner that handlers run tasks of their own on, unless somebody decides otherwise. `lend` gives the place of a
   * task to others while it waits for tasks elsewhere.
   */
  readonly provide = (runner: TaskRunner["Service"], lend: HandlersRunner["lend"] = () => () => {}) =>
    Effect.map(RunnerOfHandlers, (choose) => {
      this.runner = choose({ runner, lend })
    })

  /**
   * What a handler runs in: what its Layer was built with, its `TaskContext`, the runner, and the span and the loggers of the
   * caller.
   */
  contextOf(handler: TaskHandler, request: TaskRequest): Context.Context<never> {
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

  /** What a handler gives, as it comes. */
  handle(handler: TaskHandler, request: TaskRequest): Effect.Effect<unknown, unknown> {
    return Effect.suspend(() => handler.handle(request.payload) as Effect.Effect<unknown, unknown>)
  }

  /** Runs the handler of a request that is not refused, in this fiber, and checks what it gives. */
  readonly execute = (request: TaskRequest): Effect.Effect<unknown, unknown> =>
    Effect.suspend(() => {
      const handler = this.lookUp(request)!
      const made = Effect.provideContext(this.handle(handler, request), this.contextOf(handler, request))
      return Effect.flatMap(Effect.exit(made), (exit) => checked(request, exit))
    })

  /**
   * The elements of a streaming handler, each checked. The event loop has a turn after each `yieldOnIter` of them.
   */
  readonly stream = (request: TaskRequest, yieldOnIter = 1024): Stream.Stream<unknown, unknown> =>
    Stream.suspend(() => {
      const handler = this.lookUp(request)!
      return elements(handler, request, this.contextOf(handler, request), yieldOnIter)
    })
}

/**
 * The handlers there are here, for a runner that runs tasks in this program.
 *
 * @category constructors
 * @since 0.4.0
 */
export const local: Effect.Effect<LocalHandlers> = Effect.map(
  Effect.context<never>(),
  (context) => new LocalHandlers(fromContext(context))
)
