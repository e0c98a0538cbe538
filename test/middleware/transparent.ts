// All middlewares, each told to do as little as it can, so that tasks must not notice them.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Stream from "effect/Stream"
import { Middleware, type TaskRequest, type TaskRunner, type TaskStore } from "effect-strand"
import * as Call from "../../src/internal/call/Call.ts"
import * as MemoryStore from "effect-strand/MemoryStore"

/** Changes requests, for as long as they are further inside. */
const changing = (enter: (request: TaskRequest.TaskRequest) => () => void) =>
  Middleware.make({
    execute: (request, next) =>
      Effect.suspend(() => {
        const leave = enter(request)
        return Effect.onExit(next, () => Effect.sync(leave))
      }),
    stream: (request, next) =>
      Stream.suspend(() => {
        const leave = enter(request)
        return Stream.onExit(next, () => Effect.sync(leave))
      })
  })

/** Takes away the span that `tracing` gives a task: it is not what the caller had. */
const untraced = changing((request) => {
  const { caller } = request
  const parent = caller.span?._tag === "Span" ? Option.getOrUndefined(caller.span.parent) : undefined
  return Middleware.setCaller(request, { ...caller, span: parent })
})

/** Takes away the deadline that `timeout` gives a task which has none. */
const unlimited = changing((request) => {
  const call = Call.of(request)
  const { deadline } = call
  if (call.options.timeout === undefined) call.deadline = undefined
  return () => {
    call.deadline = deadline
  }
})

type Made = Layer.Layer<
  TaskRunner.TaskRunner,
  never,
  TaskRunner.TaskRunner | TaskStore.TaskStore | RateLimiter.RateLimiter | CircuitBreaker.CircuitBreakerStore
>

/** Makes each middleware: a new one at each call. */
const transparent: Readonly<Record<string, () => Made>> = {
  auth: () => Middleware.auth({ credentials: () => "anybody", verify: () => Effect.void }),
  // Of calls that are never the same nothing is kept for others.
  cache: () => Middleware.cache({ timeToLive: "1 hour", key: ({ id }) => id }),
  circuitBreaker: () => Middleware.circuitBreaker({ failures: 1_000_000 }),
  circuitBreakerShared: () => Middleware.circuitBreakerShared({ failures: 1_000_000 }),
  concurrency: () => Middleware.concurrency({ limit: 1_000_000 }),
  // Nothing is wanted in the log, but each task is timed.
  logging: () => Middleware.logging({ level: "Trace", failureLevel: "Trace", slow: "1 hour" }),
  metrics: () => Middleware.metrics(),
  "one of one's own": () => Middleware.make((_request, next) => next),
  rateLimit: () => Middleware.rateLimit({ limit: 1_000_000, window: "1 second" }),
  rateLimitShared: () => Middleware.rateLimitShared({ name: "transparent", limit: 1_000_000, window: "1 second" }),
  recorded: () => Middleware.recorded(),
  retry: () => Middleware.retry({ times: 5, while: () => false }),
  timeout: () => Middleware.timeout("1 hour").pipe(Layer.provide(unlimited)),
  tracing: () => Middleware.tracing().pipe(Layer.provide(untraced))
}

/** The names of all of them. */
export const names = Object.keys(transparent)

/** A stack of some of them, the outermost first, with all that they need. */
export const stackOf = <E, R>(
  runner: Layer.Layer<TaskRunner.TaskRunner, E, R>,
  chosen: ReadonlyArray<string>
): Layer.Layer<TaskRunner.TaskRunner, E, R> =>
  Middleware.stack(runner, ...chosen.map((name) => transparent[name]!())).pipe(
    Layer.provide(MemoryStore.layer()),
    Layer.provide(CircuitBreaker.layerStoreMemory()),
    Layer.provide(Layer.provide(RateLimiter.layer, RateLimiter.layerStoreMemory))
  )
