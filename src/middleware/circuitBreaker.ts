/**
 * Refuses calls for a while after too many have failed, so that what they need can recover. This is the only file that knows
 * of Effect's `CircuitBreaker`, an experimental module.
 *
 * @since 0.3.0
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as CircuitBreaker from "effect/persistence/CircuitBreaker"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Task from "../Task.ts"
import type { Asked } from "../TaskDefinition.ts"
import { CircuitOpen, classify, isTaskError, StoreFailure, type TaskError } from "../TaskError.ts"
import type { TaskRequest } from "../TaskRequest.ts"
import * as Middleware from "./Middleware.ts"
import { positiveMillis, wholeNumber } from "../internal/values/options.ts"

/**
 * A change of a circuit.
 *
 * @category models
 * @since 0.3.0
 */
export interface CircuitTransition {
  readonly key: string
  /** Closed lets calls pass, open refuses them, half-open lets one pass to see how it goes. */
  readonly from: "Closed" | "Open" | "HalfOpen"
  readonly to: "Closed" | "Open" | "HalfOpen"
  /** For how many milliseconds it will be open, when it has opened. */
  readonly retryAfter?: number | undefined
}

/**
 * Options of {@link circuitBreaker}.
 *
 * @category models
 * @since 0.3.0
 */
export interface CircuitBreakerOptions<T extends Task.Any = Task.Any> extends Middleware.ForTasks<T> {
  /**
   * How many calls have to fail, one after the other, until the circuit opens.
   *
   * @default 5
   */
  readonly failures?: number | undefined
  /**
   * In place of `failures`: opens when a part of the last calls has failed. `threshold` is that part, from 0 to 1 (default
   * 0.5), `size` how many calls are looked at (default 100), and `minimumCalls` how many there have to be (default `size`).
   */
  readonly rate?:
    | {
        readonly threshold?: number | undefined
        readonly size?: number | undefined
        readonly minimumCalls?: number | undefined
      }
    | undefined
  /**
   * How long the circuit stays open, until one call may try. A `Schedule` gives the time for the first opening, for the
   * second in a row, and so on.
   *
   * @default "30 seconds"
   */
  readonly openFor?: Duration.Input | Schedule.Schedule<unknown, number> | undefined
  /**
   * Which calls share a circuit.
   *
   * @default those of the same task
   */
  readonly key?: Asked<[request: Middleware.RequestOf<T>], string> | undefined
  /**
   * Which of the errors that tasks declare count as failures.
   *
   * @default none
   */
  readonly isFailure?: Asked<[error: Task.Error<T>, request: Middleware.RequestOf<T>], boolean> | undefined
  /** Called at each change of a circuit, which is logged besides: an opening as a warning. */
  readonly onTransition?: ((transition: CircuitTransition) => Effect.Effect<void>) | undefined
}

/** What the end of a call says of what it needs. */
const outcomeOf = (
  request: TaskRequest,
  exit: Exit.Exit<unknown, unknown>,
  isFailure: CircuitBreakerOptions["isFailure"]
): CircuitBreaker.Outcome => {
  if (Exit.isSuccess(exit)) return { _tag: "Success" }
  if (request.cancelled) return { _tag: "Ignored" }
  const error = Cause.findErrorOption(exit.cause)
  if (Option.isNone(error)) return { _tag: Cause.hasDies(exit.cause) ? "Failure" : "Ignored" }
  // All other errors of runners say that a call was not run, which says nothing of what it needs.
  if (isTaskError(error.value)) return { _tag: classify(error.value).fault === "runner" ? "Failure" : "Ignored" }
  // An error that the task declares is an answer, unless it is said to be none.
  return { _tag: isFailure?.(error.value, request) ? "Failure" : "Success" }
}

type Module = typeof CircuitBreaker

const errorOf = (request: TaskRequest, { reason }: CircuitBreaker.CircuitBreakerError): TaskError => {
  const task = request.name
  switch (reason._tag) {
    case "CircuitOpen":
      return new CircuitOpen({ task, retryAfter: Math.ceil(Duration.toMillis(reason.retryAfter)) })
    case "CircuitHalfOpen":
      return new CircuitOpen({ task, retryAfter: 0 })
    case "CircuitBreakerStoreError":
      return new StoreFailure({ operation: "ask a circuit breaker", cause: reason })
  }
}

const logged = (transition: CircuitTransition): Effect.Effect<void> => {
  const { key, retryAfter, to } = transition
  const log =
    to === "Open"
      ? Effect.logWarning(`The circuit of "${key}" is open for ${retryAfter} ms: too many calls have failed`)
      : to === "Closed"
        ? Effect.logInfo(`The circuit of "${key}" is closed again`)
        : Effect.logDebug(`The circuit of "${key}" lets a call try`)
  return Effect.annotateLogs(log, { ...transition })
}

/** Runs a stream as the call that a circuit sees. */
const streamThrough = (
  next: Stream.Stream<unknown, unknown>,
  through: (call: Effect.Effect<unknown, unknown>) => Effect.Effect<unknown, unknown>
): Stream.Stream<unknown, unknown> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const admitted = yield* Deferred.make<void, unknown>()
      const ended = yield* Deferred.make<unknown, unknown>()
      const call = Effect.andThen(Deferred.succeed(admitted, undefined), Deferred.await(ended))
      const fiber = yield* Effect.forkScoped(
        Effect.onExit(through(call), (exit) =>
          Exit.isFailure(exit) ? Deferred.failCause(admitted, exit.cause) : Effect.void
        ),
        { startImmediately: true }
      )
      yield* Deferred.await(admitted)
      return Stream.onExit(next, (exit) => Effect.andThen(Deferred.done(ended, exit), Fiber.await(fiber)))
    })
  )

const make = (
  CircuitBreaker: Module,
  options: CircuitBreakerOptions
): Effect.Effect<Middleware.Around, never, CircuitBreaker.CircuitBreakerStore | Scope.Scope> =>
  Effect.gen(function* () {
    const { isFailure, onTransition, openFor = "30 seconds", rate } = options
    if (rate !== undefined && options.failures !== undefined) {
      throw new RangeError("circuitBreaker: failures and rate are two ways to say when to open. Give one of them")
    }
    const breaker = yield* CircuitBreaker.make({
      tripPolicy:
        rate === undefined
          ? CircuitBreaker.consecutive(wholeNumber("circuitBreaker: failures", options.failures ?? 5, 1))
          : CircuitBreaker.rate(rate),
      openDuration: Schedule.isSchedule(openFor) ? openFor : positiveMillis("circuitBreaker: openFor", openFor)
    })
    yield* Effect.forkScoped(
      Stream.runForEach(breaker.transitions, (made) => {
        const { from, key, to } = made
        const retryAfter = made.to === "Open" ? Duration.toMillis(made.retryAfter) : undefined
        const transition: CircuitTransition = { key, from, to, ...(retryAfter !== undefined && { retryAfter }) }
        return Effect.andThen(logged(transition), onTransition?.(transition) ?? Effect.void)
      }),
      { startImmediately: true }
    )
    const through = (request: TaskRequest, call: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> => {
      const key = options.key?.(request) ?? request.name
      const classify = (exit: Exit.Exit<unknown, unknown>) => outcomeOf(request, exit, isFailure)
      return Effect.catch(breaker.execute(call, { key, classify }), (error) =>
        Effect.fail(error instanceof CircuitBreaker.CircuitBreakerError ? errorOf(request, error) : error)
      )
    }
    return {
      execute: through,
      stream: (request, next) => streamThrough(next, (call) => through(request, call))
    }
  })

// Loaded by those who use it: other programs and their workers start without it.
const load = Effect.promise(() => import("effect/persistence/CircuitBreaker"))

/**
 * Refuses the calls of a task with `CircuitOpen` for a while after too many have failed.
 *
 * **Details**
 *
 * - each task has a circuit of its own; `key` can say otherwise
 * - defects, `TaskTimeout`, `WorkerCrashed`, `ModuleInvalid`, `ResultInvalid`, `StoreFailure` and `TransportFailure` count
 *   as failures. An error that the task declares is an answer, and counts as a success, unless `isFailure` says otherwise.
 *   Interrupts, cancelled tasks and refused calls, such as those with a bad payload, count as nothing
 * - when the time of an open circuit is over, one call may try. If it does well the circuit closes; others are refused
 *   meanwhile, with a `retryAfter` of 0
 * - a call with retries counts once, behind a `Middleware.retry` each attempt. A `Middleware.timeout` counts when it is
 *   further inside; the call's own `timeout` always does
 * - changes are logged, and given to `onTransition`
 * - a circuit that has not been used for an hour is forgotten
 *
 * The circuits are this program's. {@link circuitBreakerShared} has some that programs share.
 *
 * **Example** (A task that is refused after two failures)
 *
 * ```ts
 * import { Effect, Layer, Logger } from "effect"
 * import { FiberRunner, Middleware, Task } from "effect-strand"
 *
 * const pay = Task.make("pay")
 * const handlers = pay.toLayer(() => Effect.die(new Error("no connection")))
 *
 * const runner = Middleware.circuitBreaker({ failures: 2, openFor: "1 minute" }).pipe(
 *   Layer.provide(FiberRunner.layer(handlers))
 * )
 *
 * const program = Effect.gen(function* () {
 *   yield* Effect.exit(pay.run())
 *   yield* Effect.exit(pay.run())
 *   console.log((yield* Effect.flip(pay.run()))._tag)
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(runner), Effect.provide(Logger.layer([]))))
 * // prints: CircuitOpen
 * ```
 *
 * @category middleware
 * @since 0.3.0
 */
export const circuitBreaker = <T extends Task.Any = Task.Any>(
  options: CircuitBreakerOptions<T> = {}
): Middleware.Middleware =>
  Middleware.make(
    Effect.flatMap(load, (module) => Effect.provide(make(module, options), module.layerStoreMemory())),
    options
  )

/**
 * Like {@link circuitBreaker}, with circuits that are kept in Effect's `CircuitBreakerStore`, and shared by all who use that:
 * `CircuitBreaker.layerStoreRedis` has them in a Redis server. A call passes when the store cannot be asked.
 *
 * **Example** (One circuit for two runners)
 *
 * ```ts
 * import { Effect, Layer, Logger } from "effect"
 * import { CircuitBreaker } from "effect/persistence"
 * import { FiberRunner, Middleware, Task } from "effect-strand"
 *
 * const pay = Task.make("pay")
 * const down = FiberRunner.layer(pay.toLayer(() => Effect.die("the bank is down")))
 *
 * const runner = () => Middleware.circuitBreakerShared({ failures: 1, openFor: "1 minute" }).pipe(Layer.provide(Layer.fresh(down)))
 *
 * const program = Effect.gen(function* () {
 *   yield* Effect.exit(Effect.provide(pay.run(), runner()))
 *   const error = yield* Effect.flip(Effect.provide(pay.run(), runner()))
 *   console.log(error._tag)
 * })
 *
 * const Shared = Layer.merge(CircuitBreaker.layerStoreMemory(), Logger.layer([]))
 *
 * await Effect.runPromise(Effect.provide(program, Shared))
 * // prints: CircuitOpen
 * ```
 *
 * @category middleware
 * @since 0.3.0
 */
export const circuitBreakerShared = <T extends Task.Any = Task.Any>(
  options: CircuitBreakerOptions<T> = {}
): Middleware.Middleware<never, CircuitBreaker.CircuitBreakerStore> =>
  Middleware.make(
    Effect.flatMap(load, (module) => make(module, options)),
    options
  )
