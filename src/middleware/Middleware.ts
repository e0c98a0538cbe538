/**
 * What is done round every task of a runner: before it, after it, instead of it.
 *
 * A middleware is a Layer that needs a `TaskRunner` and provides one: the same, with something round each call. It knows
 * requests and what becomes of them, never how they are run, so it works with every runner.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type * as Task from "../Task.ts"
import type { Asked } from "../TaskDefinition.ts"
import type { TaskError } from "../TaskError.ts"
import * as Call from "../internal/call/Call.ts"
import { unlisted } from "../internal/call/Front.ts"
import { effects, type Kind, streams } from "../internal/call/Kind.ts"
import type { Caller, TaskRequest } from "../TaskRequest.ts"
import { TaskRunner } from "../TaskRunner.ts"
import { wait as waitWith } from "../internal/call/InFront.ts"
import { divide, namesOf } from "./internal/divide.ts"

/**
 * What a middleware does round a call.
 *
 * @category models
 * @since 0.2.0
 */
export interface Around<T extends Task.Any = Task.Any> {
  /** Round a task with one result. `next` runs it, once for each time that it is run. */
  readonly execute: Asked<
    [request: RequestOf<T>, next: Effect.Effect<unknown, unknown>],
    Effect.Effect<unknown, unknown>
  >
  /**
   * Round a streaming task.
   *
   * @default nothing
   */
  readonly stream?:
    | Asked<[request: RequestOf<T>, next: Stream.Stream<unknown, unknown>], Stream.Stream<unknown, unknown>>
    | undefined
}

/**
 * A call of a certain task, or of one of several.
 *
 * @category utility types
 * @since 0.4.0
 */
export type RequestOf<T extends Task.Any> = T extends Task.Any
  ? TaskRequest & { readonly name: T["name"]; readonly payload: Task.Payload<T> }
  : never

/**
 * Which tasks a middleware is for. Its functions then know the types of their payloads and errors.
 *
 * @category models
 * @since 0.4.0
 */
export interface ForTasks<T extends Task.Any = Task.Any> {
  /**
   * The task or the tasks, by their names. Calls of others pass as if the middleware was not there.
   *
   * @default all tasks
   */
  readonly for?: T | ReadonlyArray<T> | undefined
}

/**
 * A middleware: a Layer between a program and its runner.
 *
 * @category models
 * @since 0.2.0
 */
export type Middleware<E = never, R = never> = Layer.Layer<TaskRunner, E, TaskRunner | R>

const wrap = (runner: TaskRunner["Service"], { execute, stream }: Around): TaskRunner["Service"] => {
  const front = runner["~front"] ?? unlisted
  // The outermost middleware has the request until it is done, and with it all others that it passes.
  const around = <X>(kind: Kind<X>, request: TaskRequest, work: (call: Call.Call) => X): X =>
    kind.suspend(() => {
      const call = Call.of(request)
      return call.front === undefined ? front.admit(kind, call, work) : work(call)
    })
  const executeAround = (request: TaskRequest) =>
    around(effects, request, (call) => execute(call, runner.execute(call)))
  return TaskRunner.of({
    ...runner,
    execute: executeAround,
    stream:
      stream === undefined
        ? runner.stream
        : (request) => around(streams, request, (call) => stream(call, runner.stream(call))),
    fork: TaskRunner.forkWith(executeAround),
    // Handed over many at once, requests would pass by.
    enqueue: undefined
  })
}

/**
 * Makes a middleware.
 *
 * **Details**
 *
 * Give what is done round a call, or an Effect that makes it once for the life of the Layer. With `for` it is round the
 * calls of certain tasks, whose payloads it then knows. A request is in the hands of
 * the outermost middleware until that is done with it: it is among the live tasks, its handle says how the middleware
 * ended it, and `next` may be run again. The handle of a task is given out when the runner has accepted the request, so
 * what comes before `next` is waited for by `fork`, unless it is done by {@link wait}.
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
export const make = <E = never, R = never, T extends Task.Any = Task.Any>(
  around: Around<T> | Around<T>["execute"] | Effect.Effect<Around<T> | Around<T>["execute"], E, R>,
  options?: ForTasks<T>
): Middleware<E, Exclude<R, Scope.Scope>> =>
  // Memoised, a middleware in front of several runners would bring along the first of them.
  Layer.fresh(
    Layer.effect(
      TaskRunner,
      Effect.gen(function* () {
        const runner = yield* TaskRunner
        const names = options?.for === undefined ? undefined : namesOf(options.for)
        const made = Effect.isEffect(around) ? yield* around : around
        const wrapped = wrap(runner, typeof made === "function" ? { execute: made } : made)
        return names === undefined ? wrapped : divide(names, wrapped, runner)
      })
    )
  )

/**
 * Waits for something in a middleware, with a request that is not, or not any more, in the hands of the runner.
 *
 * **Details**
 *
 * While it waits the task is `scheduled`: its payload is checked, `fork` gives its handle, it can be cancelled by its id,
 * and its time limit goes on. Middlewares that wait in any other way keep `fork` waiting, and a cancelled task until they
 * are done. In front of a runner with a store, which accepts a task when it is stored, `fork` waits all the same.
 *
 * **Example** (Tasks that wait for a switch)
 *
 * ```ts
 * import { Console, Effect, Fiber, Latch, Layer } from "effect"
 * import { FiberRunner, Middleware, Task } from "effect-strand"
 *
 * const greet = Task.make("greet")
 * const open = Latch.makeUnsafe(false)
 *
 * const switched = Middleware.make((request, next) => Effect.andThen(Middleware.wait(request, open.await), next))
 * const runner = switched.pipe(Layer.provide(FiberRunner.layer(greet.toLayer(() => Console.log("hello")))))
 *
 * const program = Effect.gen(function* () {
 *   const fiber = yield* greet.fork()
 *   console.log(yield* fiber.status)
 *   yield* open.open
 *   yield* Fiber.join(fiber)
 * })
 *
 * await Effect.runPromise(Effect.provide(program, runner))
 * // prints: scheduled
 * // prints: hello
 * ```
 *
 * @category combinators
 * @since 0.3.0
 */
export const wait = <A, E>(request: TaskRequest, effect: Effect.Effect<A, E>): Effect.Effect<A, E | TaskError> =>
  waitWith(Call.of(request), effect)

/**
 * Says for whom the task of a request is run, in place of its caller's principal. The principal has to survive JSON.
 *
 * @category combinators
 * @since 0.4.0
 */
export const setPrincipal = (request: TaskRequest, principal: unknown): void => {
  Call.of(request).principal = principal
}

/**
 * Puts another caller in place of a request's own: one with a span that the task is to be part of, or with other loggers.
 * Gives how to undo it, for the end of what the middleware puts round the call.
 *
 * @category combinators
 * @since 0.4.0
 */
export const setCaller = (request: TaskRequest, caller: Caller): (() => void) => {
  const call = Call.of(request)
  const before = call.caller
  call.caller = caller
  return () => {
    call.caller = before
  }
}

/**
 * What a request is that ends so: `cancelled` by its id, by its handler or by interruption, or else what the exit says.
 *
 * @category combinators
 * @since 0.4.0
 */
export const statusOf = (
  request: TaskRequest,
  exit: Exit.Exit<unknown, unknown>
): "completed" | "failed" | "cancelled" => Call.of(request).statusOf(exit)
