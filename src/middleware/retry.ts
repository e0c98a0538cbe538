/**
 * Tries failed calls again.
 *
 * @since 0.3.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Task from "../Task.ts"
import { retryWith } from "../internal/call/Retry.ts"
import { isFinal, type TaskError, TaskTimeout } from "../TaskError.ts"
import type { TaskRequest } from "../TaskRequest.ts"
import * as Call from "../internal/call/Call.ts"
import * as Middleware from "./Middleware.ts"
import { bound } from "../internal/values/options.ts"

/**
 * When to try failed calls again. With `for`, of which tasks.
 *
 * @category models
 * @since 0.4.0
 */
export type RetryPolicy<T extends Task.Any = Task.Any> =
  | number
  | Schedule.Schedule<unknown, unknown>
  | (Task.RetryOptions<Task.Error<T> | TaskError> & Middleware.ForTasks<T>)

/** A time limit further inside is one of an attempt. That of the call ends all of them. */
const isOver =
  (request: TaskRequest) =>
  (error: unknown): boolean => {
    if (!isFinal(error)) return false
    const left = Call.of(request).timeLeft
    return !(error instanceof TaskTimeout && error.taskId === request.id && !(left && Duration.isZero(left)))
  }

/**
 * Tries failed calls again, as a policy says that is the same as that of a call's own `retry`: a number of times, a
 * `Schedule`, or both and which errors are worth it.
 *
 * **Details**
 *
 * - a failure that would come again, such as a payload that does not match its schema, is not retried, nor are defects,
 *   interrupts and cancelled tasks. Those which the runner adds, such as `WorkerCrashed`, are
 * - all that is further inside is done anew for each attempt: a `Middleware.rateLimit` counts it, a `Middleware.timeout`
 *   starts again. The call's own `timeout` is for all attempts, and its `delay` for the first
 * - `TaskContext.attempt` rises. The id and the handle stay the same; while it waits for another attempt the task is
 *   `scheduled`, and can be cancelled
 * - a call's own `retry` counts besides: each attempt has those retries
 * - streams pass, since elements that have come out of them cannot be taken back
 *
 * **Gotchas**
 *
 * In front of a runner with a store nothing is tried again, since a task has one result there. Give `retry` with the task
 * or the call: the store keeps count of its attempts.
 *
 * **Example** (Up to three attempts)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { FiberRunner, Middleware, Task, TaskContext } from "effect-strand"
 *
 * const flaky = Task.make("flaky", { success: Schema.String, error: Schema.String })
 * const handlers = flaky.toLayer(() =>
 *   Effect.flatMap(TaskContext.TaskContext, ({ attempt }) =>
 *     attempt < 3 ? Effect.fail("not yet") : Effect.succeed(`attempt ${attempt}`)
 *   )
 * )
 *
 * const runner = Middleware.retry({ times: 2 }).pipe(Layer.provide(FiberRunner.layer(handlers)))
 *
 * console.log(await Effect.runPromise(flaky.run().pipe(Effect.provide(runner))))
 * // prints: attempt 3
 * ```
 *
 * @category middleware
 * @since 0.3.0
 */
export const retry = <T extends Task.Any = Task.Any>(policy: RetryPolicy<T>): Middleware.Middleware =>
  Middleware.make(
    Effect.sync((): Middleware.Around => {
      if (!Schedule.isSchedule(policy)) bound("retry: times", typeof policy === "number" ? policy : policy.times)
      return {
        execute: (request, next) => {
          const call = Call.of(request)
          // A store answers a call that it has seen with the result that it has.
          return call.front?.accepts
            ? retryWith(call, next, policy, (wait) => Middleware.wait(request, wait), isOver(request))
            : next
        }
      }
    }),
    typeof policy === "number" || Schedule.isSchedule(policy) ? undefined : policy
  )
