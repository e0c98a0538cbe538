/**
 * Gives each task of any runner a span of its own.
 *
 * @since 0.3.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type * as Task from "../Task.ts"
import type { Asked } from "../TaskDefinition.ts"
import type { TaskRequest } from "../TaskRequest.ts"
import * as Middleware from "./Middleware.ts"

/**
 * Options of {@link tracing}.
 *
 * @category models
 * @since 0.3.0
 */
export interface TracingOptions<T extends Task.Any = Task.Any> extends Middleware.ForTasks<T> {
  /**
   * What the names of spans begin with: a task `resize` has the span `Task.resize`.
   *
   * @default "Task"
   */
  readonly spanPrefix?: string | undefined
  /** Further attributes of the span. */
  readonly attributes?: Asked<[request: Middleware.RequestOf<T>], Readonly<Record<string, unknown>>> | undefined
}

/** What is known of a task when its span begins. */
const attributesOf = ({ attributes }: TracingOptions, request: TaskRequest): Record<string, unknown> => ({
  "task.name": request.name,
  "task.id": request.id,
  "task.kind": request.task.kind,
  "task.attempt": request.attempt,
  ...(request.tags.length > 0 && { "task.tags": request.tags }),
  ...(request.parentId !== undefined && { "task.parent": request.parentId }),
  ...attributes?.(request)
})

/** Puts a span between a request and its caller, and gives what takes it away again. */
const enter = (request: TaskRequest, span: Tracer.Span): (() => void) => {
  const { caller } = request
  // A span that nobody records must not become the parent of one that somebody does.
  const leave = Context.get(span.annotations, Tracer.DisablePropagation)
    ? undefined
    : Middleware.setCaller(request, {
        ...caller,
        span,
        context: Context.add(caller.context, Tracer.ParentSpan, span)
      })
  const { attempt } = request
  return () => {
    leave?.()
    if (request.attempt !== attempt) span.attribute("task.attempt", request.attempt)
  }
}

const make = (options: TracingOptions): Middleware.Around => {
  const nameOf = (request: TaskRequest) => `${options.spanPrefix ?? "Task"}.${request.name}`
  return {
    execute: (request, next) =>
      Effect.suspend(() =>
        Effect.useSpan(nameOf(request), { attributes: attributesOf(options, request) }, (span) => {
          const leave = enter(request, span)
          return Effect.onExitPrimitive(Effect.provideService(next, Tracer.ParentSpan, span), () => void leave())
        })
      ),
    stream: (request, next) =>
      Stream.unwrap(
        Effect.suspend(() =>
          Effect.map(Effect.makeSpanScoped(nameOf(request), { attributes: attributesOf(options, request) }), (span) => {
            const leave = enter(request, span)
            return next.pipe(
              Stream.provideService(Tracer.ParentSpan, span),
              Stream.onExit(() => Effect.sync(leave))
            )
          })
        )
      )
  }
}

/**
 * Gives each task a span: its parent is the caller's, and what the handler does is part of it, in threads, processes and on
 * readers of a store, too.
 *
 * **Details**
 *
 * - the span of a task `resize` is called `Task.resize`, and has the attributes `task.name`, `task.id`, `task.kind` (`effect`
 *   or `stream`), `task.attempt`, and, where there are any, `task.tags` and `task.parent`, which is the id of the task whose
 *   handler called it
 * - it lasts from the call to its end, the time that the task waits for a worker included, and ends as the task does
 * - there is one for all attempts that the `retry` of a call takes. A `retry` in front of `tracing` makes calls of its own,
 *   which have a span each
 *
 * **Gotchas**
 *
 * Tasks that handlers run themselves do not pass by here. The spans of their handlers belong to that of the handler that
 * called them.
 *
 * **Example** (The spans round a span)
 *
 * ```ts
 * import { Effect, Option, Schema } from "effect"
 * import { FiberRunner, Middleware, Task } from "effect-strand"
 *
 * const greet = Task.make("greet", { payload: Schema.String })
 *
 * const handlers = greet.toLayer(() =>
 *   Effect.gen(function* () {
 *     const own = yield* Effect.currentSpan
 *     const parent = Option.getOrThrow(own.parent)
 *     if (parent._tag === "Span") console.log(own.name, "is part of", parent.name)
 *   }).pipe(Effect.withSpan("speaking"), Effect.orDie)
 * )
 *
 * const runner = Middleware.stack(FiberRunner.layer(handlers), Middleware.tracing())
 *
 * await Effect.runPromise(Effect.provide(greet.run("Ada"), runner))
 * // prints: speaking is part of Task.greet
 * ```
 *
 * @category middleware
 * @since 0.3.0
 */
export const tracing = <T extends Task.Any = Task.Any>(options: TracingOptions<T> = {}): Middleware.Middleware =>
  Middleware.make(make(options), options)
