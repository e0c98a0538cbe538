/**
 * Several middlewares in front of one runner, as one Layer.
 *
 * @since 0.3.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { TaskRunner } from "../TaskRunner.ts"

/**
 * What can be put on a stack: a Layer that provides a `TaskRunner`, and perhaps more.
 *
 * @category models
 * @since 0.3.0
 */
export type Stackable = Layer.Layer<TaskRunner, unknown, unknown>

/** One Layer on top of another, whose services it uses and passes on. */
type Over<Outer, Inner> =
  Outer extends Layer.Layer<infer Out, infer E, infer R>
    ? Inner extends Layer.Layer<infer InnerOut, infer InnerE, infer InnerR>
      ? Layer.Layer<InnerOut | Out, InnerE | E, InnerR | Exclude<R, InnerOut>>
      : never
    : never

/**
 * The Layer that {@link stack} makes: it provides what its parts provide, fails as they do, and needs what they need and
 * none of those further inside provides.
 *
 * @category utility types
 * @since 0.3.0
 */
export type Stack<Runner, Middlewares extends ReadonlyArray<Stackable>> = number extends Middlewares["length"]
  ? // A list of unknown length may be empty: nothing that its elements provide is sure to be there.
    Layer.Layer<
      Layer.Success<AsLayer<Runner>>,
      Layer.Error<AsLayer<Runner> | Middlewares[number]>,
      Layer.Services<AsLayer<Runner>> | Exclude<Layer.Services<Middlewares[number]>, Layer.Success<AsLayer<Runner>>>
    >
  : Middlewares extends readonly [...infer Outer extends ReadonlyArray<Stackable>, infer Last]
    ? Stack<Over<Last, Runner>, Outer>
    : Runner

type AsLayer<A> = Extract<A, Layer.Any>

/**
 * Builds a Layer anew, while all that it is made of is shared as usual. Built once for all stacks that it is part of, it
 * would give all of them the runner of the first.
 */
const anew = (layer: Stackable): Stackable =>
  Layer.fromBuild((memoMap, scope) => {
    const around: Layer.MemoMap = Object.assign(Object.create(memoMap), {
      getOrElseMemoize: ((other, otherScope, build) =>
        (other as Layer.Any) === layer
          ? build(memoMap, otherScope)
          : memoMap.getOrElseMemoize(other, otherScope, build)) satisfies Layer.MemoMap["getOrElseMemoize"]
    })
    return Effect.map(Layer.buildWithMemoMap(layer, around, scope), Context.omit(Layer.CurrentMemoMap))
  })

/**
 * Puts middlewares in front of a runner, the outermost first: of `stack(runner, A, B)`, `A` sees a call before `B` does, and
 * its end after `B` has.
 *
 * **Details**
 *
 * - what the runner and the middlewares provide besides the `TaskRunner`, such as `TaskMetrics`, is provided by the stack,
 *   and can be used by the middlewares further out
 * - a middleware may be part of several stacks, also more than once of one. Each place is a middleware of its own, with
 *   counters and limits of its own
 * - the runner is a Layer like any other: stacks on the same one share it
 *
 * **Gotchas**
 *
 * Layers end in the opposite order of their beginning, so a middleware ends before its runner, which still waits for its
 * tasks. What a middleware needs until the last of them is over, such as the store of `recorded`, is therefore provided to
 * the stack, not to the middleware.
 *
 * **Example** (Which one sees a call first)
 *
 * ```ts
 * import { Console, Effect, Schema } from "effect"
 * import { FiberRunner, Middleware, Task } from "effect-strand"
 *
 * const double = Task.make("double", { payload: Schema.Int, success: Schema.Int })
 *
 * const saying = (name: string) =>
 *   Middleware.make((request, next) =>
 *     Effect.andThen(
 *       Console.log(`${name} sees ${request.name}`),
 *       Effect.tap(next, (result) => Console.log(`${name} sees ${result}`))
 *     )
 *   )
 *
 * const runner = Middleware.stack(
 *   FiberRunner.layer(double.toLayer((n) => Effect.succeed(2 * n))),
 *   saying("the outer one"),
 *   saying("the inner one")
 * )
 *
 * await Effect.runPromise(Effect.provide(double.run(21), runner))
 * // prints: the outer one sees double
 * // prints: the inner one sees double
 * // prints: the inner one sees 42
 * // prints: the outer one sees 42
 * ```
 *
 * @category combinators
 * @since 0.3.0
 */
export function stack<Runner extends Stackable, const Middlewares extends ReadonlyArray<Stackable>>(
  runner: Runner,
  ...middlewares: Middlewares
): Stack<Runner, Middlewares>
export function stack(runner: Stackable, ...middlewares: ReadonlyArray<Stackable>): Stackable {
  return middlewares.reduceRight<Stackable>((inner, outer) => Layer.provideMerge(anew(outer), inner), runner)
}
