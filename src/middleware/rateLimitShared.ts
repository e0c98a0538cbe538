/**
 * A rate limit that programs share, counted where Effect's `RateLimiter` keeps its counts.
 *
 * @since 0.3.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as RateLimiter from "effect/persistence/RateLimiter"
import type * as Task from "../Task.ts"
import { StoreFailure, type TaskError } from "../TaskError.ts"
import type { TaskRequest } from "../TaskRequest.ts"
import { Line, type Turn } from "../internal/limit/Line.ts"
import * as Middleware from "./Middleware.ts"
import { positiveMillis, wholeNumber } from "../internal/values/options.ts"
import { around, inTurn, limits, type RateLimitCommonOptions } from "./rateLimit.ts"

/**
 * Options of {@link rateLimitShared}.
 *
 * @category models
 * @since 0.3.0
 */
export interface RateLimitSharedOptions<T extends Task.Any = Task.Any> extends RateLimitCommonOptions<T> {
  /** The name of the limit. Programs whose limits have the same name share it, and have to give it the same numbers. */
  readonly name: string
  /**
   * How calls are counted, as Effect's `RateLimiter` does it. `"token-bucket"`: `limit` calls at once, then one for each
   * `window / limit`. `"fixed-window"`: `limit` calls, and none until the time has passed that as many calls may take.
   *
   * @default "token-bucket"
   */
  readonly algorithm?: "token-bucket" | "fixed-window" | undefined
}

const make = (options: RateLimitSharedOptions, limiter: RateLimiter.RateLimiter): Middleware.Around => {
  const limit = wholeNumber("rateLimitShared: limit", options.limit, 1)
  const window = Duration.millis(positiveMillis("rateLimitShared: window", options.window))
  const { algorithm = "token-bucket", name } = options
  const { costOf, refusal } = limits(options, limit)
  /** The calls of this program that wait, by key. */
  const lines = new Map<string, Line<Turn<void>>>()

  const take = (key: string, cost: number): Effect.Effect<number, StoreFailure> =>
    limiter
      .consume({
        algorithm,
        key: key === "" ? name : `${name}:${key}`,
        limit,
        onExceeded: "fail",
        tokens: cost,
        window
      })
      .pipe(
        Effect.as(0),
        Effect.catch(({ reason }) =>
          reason._tag === "RateLimitExceeded"
            ? Effect.succeed(Math.max(1, Math.ceil(Duration.toMillis(reason.retryAfter))))
            : Effect.fail(new StoreFailure({ operation: "count a call for its rate limit", cause: reason }))
        )
      )

  const wait = (request: TaskRequest, key: string, cost: number, millis: number): Effect.Effect<void, TaskError> =>
    Effect.suspend(() => {
      let line = lines.get(key)
      if (line === undefined) lines.set(key, (line = new Line()))
      const waiting = line
      const refused = refusal(request, cost, waiting, millis)
      const waited =
        refused === undefined ? inTurn(request, waiting, cost, (cost) => take(key, cost)) : Effect.fail(refused)
      return Effect.onExitPrimitive(waited, (): undefined => {
        if (waiting.size === 0 && lines.get(key) === waiting) lines.delete(key)
      })
    })

  return around((request) => {
    const cost = costOf(request)
    if (cost === 0) return undefined
    const key = options.key?.(request) ?? ""
    if (cost > limit) return wait(request, key, cost, Infinity)
    // Who comes later does not overtake those who wait.
    if (lines.has(key)) return wait(request, key, cost, 1)
    return Effect.flatMap(take(key, cost), (millis) => (millis === 0 ? Effect.void : wait(request, key, cost, millis)))
  })
}

/**
 * Lets so many calls start in such a time, in all programs that share the limit.
 *
 * **Details**
 *
 * Needs Effect's `RateLimiter`, whose store says who shares: `RateLimiter.layerStoreRedis` all programs that use the Redis
 * server, `RateLimiter.layerStoreMemory` this one. Waiting is as with `rateLimit`: first come, first served, of each key and
 * in each program. Each call that waits asks anew when its time has come, and what it has not taken it need not give back.
 * A call fails with `StoreFailure` when the store does.
 *
 * **Example** (A limit of one call)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { RateLimiter } from "effect/persistence"
 * import { FiberRunner, Middleware, Task } from "effect-strand"
 *
 * const ping = Task.make("ping")
 * const Store = RateLimiter.layer.pipe(Layer.provide(RateLimiter.layerStoreMemory))
 *
 * const runner = Middleware.rateLimitShared({ name: "ping", limit: 1, window: "1 minute", onExceeded: "fail" }).pipe(
 *   Layer.provide(FiberRunner.layer(ping.toLayer(() => Effect.void))),
 *   Layer.provide(Store)
 * )
 *
 * const program = Effect.andThen(ping.run(), Effect.flip(ping.run()))
 * console.log((await Effect.runPromise(program.pipe(Effect.provide(runner))))._tag)
 * // prints: RateLimited
 * ```
 *
 * @category middleware
 * @since 0.3.0
 */
export const rateLimitShared = <T extends Task.Any = Task.Any>(
  options: RateLimitSharedOptions<T>
): Middleware.Middleware<never, RateLimiter.RateLimiter> =>
  Middleware.make(
    // Loaded by those who use it: it takes a tenth of what a worker needs to start.
    Effect.flatMap(
      Effect.promise(() => import("effect/persistence/RateLimiter")),
      ({ RateLimiter }) => Effect.map(RateLimiter, (limiter) => make(options, limiter))
    ),
    options
  )
