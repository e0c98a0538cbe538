/**
 * What is done round every task of a runner: before it, after it, instead of it.
 *
 * A middleware is a Layer that needs a `TaskRunner` and provides one: the same, with something round each call. It knows
 * requests and what becomes of them, never how they are run, so it works with every runner.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { TaskRequest } from "../TaskRequest.ts"
import { TaskRunner } from "../TaskRunner.ts"

/**
 * What a middleware does round a call.
 *
 * @category models
 * @since 0.2.0
 */
export interface Around {
  /** Round a task with one result. `next` runs it, once for each time that it is run. */
  readonly execute: (request: TaskRequest, next: Effect.Effect<unknown, unknown>) => Effect.Effect<unknown, unknown>
  /**
   * Round a streaming task.
   *
   * @default nothing
   */
  readonly stream?:
    | ((request: TaskRequest, next: Stream.Stream<unknown, unknown>) => Stream.Stream<unknown, unknown>)
    | undefined
}

/**
 * A middleware: a Layer between a program and its runner.
 *
 * @category models
 * @since 0.2.0
 */
export type Middleware<E = never, R = never> = Layer.Layer<TaskRunner, E, TaskRunner | R>

const wrap = (runner: TaskRunner["Service"], { execute, stream }: Around): TaskRunner["Service"] => {
  const around = (request: TaskRequest) => execute(request, runner.execute(request))
  return TaskRunner.of({
    ...runner,
    execute: around,
    stream: stream === undefined ? runner.stream : (request) => stream(request, runner.stream(request)),
    fork: TaskRunner.forkWith(around),
    // Handed over many at once, requests would pass by.
    enqueue: undefined
  })
}

/**
 * Makes a middleware.
 *
 * **Details**
 *
 * Give what is done round a call, or an Effect that makes it once for the life of the Layer. The handle of a task is given
 * out when the runner has accepted the request, so what comes before `next` is waited for by `fork`.
 *
 * **Example** (Counting calls)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { FiberRunner, Middleware, Task } from "effect-strand"
 *
 * const double = Task.make("double", { payload: Schema.Int, success: Schema.Int })
 *
 * const calls = new Map<string, number>()
 * const counting = Middleware.make((request, next) => {
 *   calls.set(request.name, (calls.get(request.name) ?? 0) + 1)
 *   return next
 * })
 *
 * const runner = counting.pipe(Layer.provide(FiberRunner.layer(double.toLayer((n) => Effect.succeed(2 * n)))))
 *
 * await Effect.runPromise(Effect.provide(Effect.all([double.run(1), double.run(2)]), runner))
 * console.log(calls.get("double"))
 * // prints: 2
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = <E = never, R = never>(
  around: Around | Around["execute"] | Effect.Effect<Around | Around["execute"], E, R>
): Middleware<E, Exclude<R, Scope.Scope>> =>
  // Memoised, a middleware in front of several runners would bring along the first of them.
  Layer.fresh(
    Layer.effect(
      TaskRunner,
      Effect.gen(function* () {
        const runner = yield* TaskRunner
        const made = Effect.isEffect(around) ? yield* around : around
        return wrap(runner, typeof made === "function" ? { execute: made } : made)
      })
    )
  )
