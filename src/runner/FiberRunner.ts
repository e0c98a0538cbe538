/**
 * Runs tasks in fibers of this program.
 *
 * `layer` gives each task a fiber of its own, at most `concurrency` of them at once, by priority. `layerInline` runs each
 * task in the fiber that calls it. Both are what a program is tested with, and the right choice for work that waits more
 * than it computes. Nothing is encoded; payloads and results are checked against their schemas.
 *
 * @since 0.1.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { millis } from "../internal/values/options.ts"
import type { QueueOptions } from "../internal/limit/Intake.ts"
import { registerMetrics, snapshot } from "../RunnerStats.ts"
import { QueueFull } from "../TaskError.ts"
import * as TaskHandlers from "../TaskHandlers.ts"
import * as Call from "../internal/call/Call.ts"
import { streams } from "../internal/call/Kind.ts"
import type { CallControl, TaskRequest } from "../TaskRequest.ts"
import * as TaskRunner from "../TaskRunner.ts"
import { Blocking } from "./internal/fiber/Blocking.ts"
import { Seat, Seats } from "./internal/fiber/Seats.ts"

/**
 * Options of {@link layer}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options extends QueueOptions {
  /**
   * The name of the runner in Metrics.
   *
   * @default "fibers", or "inline" for layerInline
   */
  readonly name?: string | undefined
  /**
   * How many tasks run at once. A task that waits for tasks of its own does not count.
   *
   * @default "unbounded"
   */
  readonly concurrency?: number | "unbounded" | undefined
  /**
   * After how many elements a streaming handler lets the event loop have a turn, so that a long stream that never waits
   * does not hold everything else up.
   *
   * @default 1024
   */
  readonly yieldOnIter?: number | undefined
  /**
   * A handler that keeps the event loop busy for longer than this is warned about, once for each name, since nothing else
   * in this program gets on meanwhile. Exact up to where the handler first waits for something; what comes later is found
   * by a look at the event loop every quarter of this time, while tasks run, and the warning says that it may have been
   * something else. `false` warns of nothing.
   *
   * @default "100 millis"
   */
  readonly warnBlocking?: Duration.Input | false | undefined
  /**
   * How long the end of the Layer waits for tasks before it interrupts them.
   *
   * @default "5 seconds"
   */
  readonly shutdownGrace?: Duration.Input | undefined
}

/** What warns of handlers that keep the event loop busy, if it is to. */
const watch = (seats: Seats, { warnBlocking = "100 millis" }: Options): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    if (warnBlocking === false) return
    const runFork = Effect.runForkWith(yield* Effect.context<never>())
    const blocking = new Blocking(
      millis(warnBlocking),
      (message) => runFork(Effect.logWarning(message)),
      () => seats.seated.values()
    )
    seats.blocking = blocking
    yield* Effect.addFinalizer(() => Effect.sync(() => blocking.close()))
  })

const make = (local: TaskHandlers.LocalHandlers, options: Options) =>
  Effect.gen(function* () {
    const seats = new Seats(options)
    yield* watch(seats, options)
    yield* registerMetrics(options.name ?? "fibers", seats)

    const execute = (made: TaskRequest): Effect.Effect<unknown, unknown> =>
      Effect.suspend(() => {
        const request = Call.of(made)
        const found = local.find(request)
        if (Result.isFailure(found)) return Effect.fail(found.failure)
        const handler = found.success
        return Effect.callback((resume) => {
          let fiber: Fiber.Fiber<unknown, unknown> | undefined
          const seat = new Seat(
            request,
            () => {
              // Who has waited for the task to be accepted may have cancelled it in the same moment.
              if (request.cancelled) {
                seats.release(seat, false)
                return resume(request.stopped)
              }
              const outer = seats.blocking?.begin()
              fiber = Effect.runForkWith(local.contextOf(handler, request))(local.handle(handler, request))
              let now: number | undefined
              if (outer !== undefined) now = seats.blocking!.began(seat, outer, fiber.pollUnsafe() === undefined)
              fiber.addObserver((made) => {
                const exit = TaskHandlers.checked(request, made)
                seats.release(seat, Exit.isSuccess(exit), now)
                resume(request.cancelled && Exit.isFailure(exit) ? request.stopped : exit)
              })
              now = undefined
            },
            () => {
              if (seats.leave(seat)) resume(request.stopped)
              else fiber?.interruptUnsafe()
            }
          )
          if (!seats.enter(seat))
            return resume(Effect.fail(new QueueFull({ task: request.name, limit: seats.intake.limit })))
          return Effect.suspend(() => {
            if (seats.leave(seat) || fiber === undefined) return Effect.void
            fiber.interruptUnsafe()
            return Fiber.await(fiber)
          })
        })
      })

    // A stream holds a place from its first pull to its end.
    const stream = (made: TaskRequest): Stream.Stream<unknown, unknown> =>
      Stream.suspend(() => {
        const request = Call.of(made)
        const found = local.find(request)
        if (Result.isFailure(found)) return Stream.fail(found.failure)
        const aborted = Latch.makeUnsafe(false)
        const seated = Effect.callback<Seat, QueueFull>((resume) => {
          const seat: Seat = new Seat(
            request,
            () => {
              // Where it is run by whoever reads from it, nothing of it can be measured.
              seats.blocking?.began(seat, seats.blocking.begin(), true)
              resume(Effect.succeed(seat))
            },
            () => aborted.openUnsafe()
          )
          if (!seats.enter(seat)) resume(Effect.fail(new QueueFull({ task: request.name, limit: seats.intake.limit })))
          return Effect.sync(() => void seats.leave(seat))
        })
        return Stream.unwrap(
          Effect.map(
            Effect.acquireRelease(
              seated,
              (seat, exit) => Effect.sync(() => seats.release(seat, Exit.isSuccess(exit))),
              {
                interruptible: true
              }
            ),
            () => local.stream(request, options.yieldOnIter)
          )
        ).pipe(Stream.interruptWhen(Effect.flatMap(aborted.await, () => request.stopped)))
      })

    const runner = yield* TaskRunner.make({
      execute,
      stream,
      cancels: true,
      pause: Effect.sync(() => void (seats.paused = true)),
      resume: Effect.sync(() => {
        seats.paused = false
        seats.fill()
      }),
      resize: (size) =>
        Effect.sync(() => {
          seats.capacity = size
          seats.fill()
        }),
      stats: Effect.sync(() => snapshot(seats)),
      shutdownGrace: options.shutdownGrace
    })
    yield* local.provide(runner, (request) => seats.lend(request))
    return runner
  })

/**
 * Runs each task in a fiber of its own.
 *
 * **Example** (One at a time, the urgent ones first)
 *
 * ```ts
 * import { Console, Effect, Schema } from "effect"
 * import { FiberRunner, Task, TaskRunner } from "effect-strand"
 *
 * const visit = Task.make("visit", { payload: Schema.String })
 *
 * const program = Effect.gen(function* () {
 *   const runner = yield* TaskRunner.TaskRunner
 *   yield* runner.pause
 *   yield* visit.fork("Ann")
 *   yield* visit.fork("Ben", { priority: 1 })
 *   yield* runner.resume
 *   yield* runner.awaitIdle()
 * })
 *
 * const handlers = visit.toLayer((name) => Console.log(name))
 *
 * await Effect.runPromise(Effect.provide(program, FiberRunner.layer(handlers, { concurrency: 1 })))
 *
 * // prints: Ben
 * // prints: Ann
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = <H, E, R>(
  handlers: Layer.Layer<H, E, R>,
  options?: Options
): Layer.Layer<TaskRunner.TaskRunner, E, R> =>
  Layer.effect(
    TaskRunner.TaskRunner,
    Effect.flatMap(TaskHandlers.local, (local) => make(local, options ?? {}))
  ).pipe(Layer.provide(handlers))

/**
 * Runs each task in the fiber that calls it.
 *
 * **Gotchas**
 *
 * The task is the caller's fiber: cancelling a `run` by its id interrupts the caller. Tasks made by `fork` have a fiber of
 * their own and no such effect. Priorities have nothing to order, since nothing waits.
 *
 * **Example** (A call that is over at once)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { FiberRunner, Task } from "effect-strand"
 *
 * const half = Task.make("half", { payload: Schema.Number, success: Schema.Number })
 *
 * const runner = FiberRunner.layerInline(half.toLayer((n) => Effect.succeed(n / 2)))
 *
 * console.log(Effect.runSync(Effect.provide(half.run(42), runner)))
 *
 * // prints: 21
 * ```
 *
 * @category layers
 * @since 0.1.0
 */
export const layerInline = <H, E, R>(
  handlers: Layer.Layer<H, E, R>,
  options?: Pick<Options, "name" | "shutdownGrace" | "yieldOnIter">
): Layer.Layer<TaskRunner.TaskRunner, E, R> =>
  Layer.effect(
    TaskRunner.TaskRunner,
    Effect.flatMap(TaskHandlers.local, (local) => makeInline(local, options ?? {}))
  ).pipe(Layer.provide(handlers))

const makeInline = (local: TaskHandlers.LocalHandlers, options: Options) => {
  const run = (request: TaskRequest, control: CallControl) =>
    Effect.withFiber((fiber) => {
      control.begin({ status: "running", abort: () => fiber.interruptUnsafe() })
      return local.execute(request)
    })
  return TaskRunner.make({
    name: options.name ?? "inline",
    handlers: local,
    cancels: true,
    execute: (request, control) => {
      const call = Call.of(request)
      return call.forked ? cancellable(call, run(request, control)) : run(request, control)
    },
    stream: (request) => streams.cancellable(Call.of(request), () => local.stream(request, options.yieldOnIter)),
    shutdownGrace: options.shutdownGrace
  })
}

/** Keeps the fiber of a handle apart from the task's, so that the handle lives on to tell of the task's cancellation. */
const cancellable = (request: Call.Call, effect: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> =>
  Effect.withFiber((handle) =>
    Effect.callback((resume) => {
      const fiber = Effect.runForkWith(handle.context)(effect)
      fiber.addObserver((exit) => resume(Exit.isFailure(exit) && request.cancelled ? request.stopped : exit))
      return Effect.suspend(() => {
        fiber.interruptUnsafe()
        return Fiber.await(fiber)
      })
    })
  )
