/**
 * A time limit for calls that have none of their own, or one that is longer.
 *
 * @since 0.3.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Task from "../Task.ts"
import type { Asked } from "../TaskDefinition.ts"
import { TaskTimeout } from "../TaskError.ts"
import type { TaskRequest } from "../TaskRequest.ts"
import * as Call from "../internal/call/Call.ts"
import { both } from "./internal/both.ts"
import * as Middleware from "./Middleware.ts"
import { positiveMillis } from "../internal/values/options.ts"

/**
 * Stops calls that take too long: they fail with `TaskTimeout`.
 *
 * **Details**
 *
 * - the time limit is a duration, or a function that gives one for a call; an infinite one is none
 * - it is about everything further inside: other middlewares, waiting for a worker, and running. A call's own `timeout`
 *   counts besides, and the one that ends first ends the call
 * - in front of a `Middleware.retry` it is for all attempts together, behind it for each
 * - the time limit of a stream is for the whole stream
 * - `TaskContext.deadline` says when it ends
 * - the `delay` of a call counts as waiting
 *
 * **Example** (A limit for all tasks of a runner)
 *
 * ```ts
 * import { Effect, Layer } from "effect"
 * import { FiberRunner, Middleware, Task } from "effect-strand"
 *
 * const nap = Task.make("nap")
 *
 * const runner = Middleware.timeout("10 millis").pipe(
 *   Layer.provide(FiberRunner.layer(nap.toLayer(() => Effect.sleep("1 hour"))))
 * )
 *
 * console.log((await Effect.runPromise(Effect.flip(nap.run()).pipe(Effect.provide(runner))))._tag)
 * // prints: TaskTimeout
 * ```
 *
 * @category middleware
 * @since 0.3.0
 */
export const timeout = <T extends Task.Any = Task.Any>(
  limit: Duration.Input | Asked<[request: Middleware.RequestOf<T>], Duration.Input>,
  options?: Middleware.ForTasks<T>
): Middleware.Middleware =>
  Middleware.make(
    Effect.sync((): Middleware.Around => {
      const millisOf = (input: Duration.Input) =>
        Duration.isFinite(Duration.fromInputUnsafe(input)) ? positiveMillis("timeout", input) : Infinity
      const fixed = typeof limit === "function" ? undefined : millisOf(limit)
      const of = (request: TaskRequest) =>
        fixed ?? millisOf((limit as (request: TaskRequest) => Duration.Input)(request))
      return both((kind, request, next) =>
        kind.suspend(() => {
          const millis = of(request)
          if (millis === Infinity) return next
          const end = Call.of(request).limitTime(millis)
          const error = () => new TaskTimeout({ task: request.name, taskId: request.id, timeout: millis })
          return kind.onExit(
            kind.limitTime(next, () => Duration.millis(millis), error),
            end
          )
        })
      )
    }),
    options
  )
