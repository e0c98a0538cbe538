/**
 * What is done with a request before a runner has it, between two attempts and when it takes too long: all that the options
 * of a call ask for, and what middlewares need to wait with one.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as TaskCodec from "../values/TaskCodec.ts"
import { isFinal, type PayloadInvalid, type TaskCancelled, type TaskError, TaskTimeout } from "../../TaskError.ts"
import type { Call } from "./Call.ts"

type Execute = (request: Call) => Effect.Effect<unknown, unknown>

/** Adds what the call's options ask for. A call without options pays nothing for it. */
export const withOptions = (request: Call, execute: Execute): Effect.Effect<unknown, unknown> => {
  const { retry, timeout } = request.options
  const { early } = request
  if (timeout === undefined && retry === undefined && !early) return execute(request)
  let effect = execute(request)
  if (retry !== undefined) effect = retryWith(request, effect, retry)
  if (timeout !== undefined) effect = timeoutWith(request, effect)
  if (early) effect = Effect.andThen(untilDue(request), effect)
  return retry === undefined && !early ? effect : inOwnFiber(request, effect)
}

const timeoutWith = (request: Call, effect: Effect.Effect<unknown, unknown>) =>
  Effect.suspend(() => limitTime(effect, request.startTimeout()!, () => timeoutError(request)))

/**
 * Stops what takes too long, which then fails. What ends at once needs no timer, and that is why this is not
 * `Effect.timeoutOrElse`.
 */
export const limitTime = <A, E, E2>(
  effect: Effect.Effect<A, E>,
  limit: Duration.Duration,
  error: () => E2
): Effect.Effect<A, E | E2> =>
  Effect.withFiber((caller) =>
    Effect.callback((resume) => {
      const fiber = Effect.runForkWith(caller.context)(effect)
      const exit = fiber.pollUnsafe()
      if (exit !== undefined) return resume(exit)
      let late = false
      const timer = Effect.runForkWith(caller.context)(Effect.sleep(limit))
      timer.addObserver((exit) => {
        if (Exit.isFailure(exit)) return
        late = true
        fiber.interruptUnsafe()
      })
      fiber.addObserver((exit) => {
        timer.interruptUnsafe()
        resume(late ? Effect.fail(error()) : exit)
      })
      return stop(fiber, caller.id)
    })
  )

/** Interrupts a fiber, and waits for its end. */
const stop = (fiber: Fiber.Fiber<unknown, unknown>, by: number): Effect.Effect<void> =>
  Effect.callback((stopped) => {
    fiber.addObserver(() => stopped(Effect.void))
    fiber.interruptUnsafe(by)
  })

const timeoutError = (request: Call) =>
  new TaskTimeout({
    task: request.name,
    taskId: request.id,
    timeout: Duration.toMillis(Duration.fromInputUnsafe(request.options.timeout!))
  })

/** How a request ends that has been cancelled, or whose time is over, before it came from a middleware to its runner. */
export const endOf = (request: Call): Effect.Effect<never, TaskCancelled | TaskTimeout> | undefined => {
  if (request.cancelled) return request.stopped
  const left = request.timeLeft
  return left !== undefined && Duration.isZero(left) ? Effect.fail(timeoutError(request)) : undefined
}

/**
 * Tries again what has failed, as a policy says, unless it is final. Between two attempts `pause` has the wait for the next.
 */
export const retryWith = (
  request: Call,
  effect: Effect.Effect<unknown, unknown>,
  retry: NonNullable<Call["options"]["retry"]>,
  pause: <A, E>(wait: Effect.Effect<A, E>) => Effect.Effect<A, E | TaskError> = (wait) => wait,
  ends: (error: unknown) => boolean = isFinal
): Effect.Effect<unknown, unknown> => {
  const policy = typeof retry === "number" ? { times: retry } : Schedule.isSchedule(retry) ? { schedule: retry } : retry
  let attempts = 0
  let next: ((error: unknown) => Effect.Effect<unknown, unknown>) | undefined
  const attempt: Effect.Effect<unknown, unknown> = Effect.suspend(() => {
    if (++attempts > 1) request.attempt++
    return Effect.catch(effect, (error) => {
      const again = attempts <= (policy.times ?? Infinity) && !ends(error) && (policy.while?.(error) ?? true)
      if (!again) return Effect.fail(error)
      if (next === undefined) return attempt
      // A schedule that has come to its end leaves the last error.
      return Effect.flatMap(pause(Effect.exit(next(error))), (exit) =>
        Exit.isSuccess(exit) ? attempt : Pull.isDoneCause(exit.cause) ? Effect.fail(error) : exit
      )
    })
  })
  if (policy.schedule === undefined) return attempt
  return Effect.flatMap(Schedule.toStepWithSleep(policy.schedule), (step) => {
    next = step
    return attempt
  })
}

/** Waits for the time of a request, once its payload has been checked. */
const untilDue = (request: Call): Effect.Effect<void, PayloadInvalid> =>
  Effect.suspend(() => {
    const { delay, runAt } = request.options
    const invalid = TaskCodec.validatePayload(request.task, request.payload)
    if (invalid !== undefined) return Effect.fail(invalid)
    request.schedule()
    const now = request.caller.clock.currentTimeMillisUnsafe()
    return Effect.map(
      Effect.sleep(
        runAt !== undefined
          ? Duration.millis(Math.max(0, DateTime.toEpochMillis(DateTime.makeUnsafe(runAt)) - now))
          : Duration.fromInputUnsafe(delay!)
      ),
      () => request.becomeDue()
    )
  })

/**
 * Waits with a request in front of its runner.
 *
 * **Details**
 *
 * While it waits the request is `scheduled`: its payload is checked, `fork` gives its handle, it can be cancelled by its
 * id, and its `timeout` goes on. In front of a runner with a store, which accepts a task when it is stored, `fork` waits.
 */
export const wait = <A, E>(request: Call, effect: Effect.Effect<A, E>): Effect.Effect<A, E | TaskError> =>
  Effect.suspend((): Effect.Effect<A, E | TaskError> => {
    if (request.cancelled) return request.stopped
    const invalid = request.accepted ? undefined : TaskCodec.validatePayload(request.task, request.payload)
    if (invalid !== undefined) return Effect.fail(invalid)
    if (request.holder?.accepts) request.schedule()
    return attend(request, effect)
  })

/**
 * Has something done in front of a runner that ends when the request is cancelled, or its time is over. It stays with it
 * whether the request has been accepted.
 */
export const attend = <A, E>(request: Call, effect: Effect.Effect<A, E>): Effect.Effect<A, E | TaskError> =>
  Effect.suspend((): Effect.Effect<A, E | TaskError> => {
    if (request.cancelled) return request.stopped
    const left = request.timeLeft
    const limited: Effect.Effect<A, E | TaskError> =
      left === undefined ? effect : limitTime(effect, left, () => timeoutError(request))
    return Effect.onExitPrimitive(inOwnFiber(request, limited), () => request.release())
  })

/**
 * Waits for the `delay` or `runAt` of a call in front of its runner. A limit does so first, and counts a task when it is
 * due. Nothing is waited for in front of a runner with a store, which keeps the task until then.
 */
export const awaitDue = (request: Call): Effect.Effect<void, TaskError> | undefined =>
  request.holder?.accepts && request.early
    ? Effect.andThen(
        inOwnFiber(request, untilDue(request)),
        Effect.sync(() => void request.startTimeout())
      )
    : undefined

/** Does something with a request in a fiber of its own, so that it can be cancelled there too. */
export const inOwnFiber = <A, E>(request: Call, effect: Effect.Effect<A, E>): Effect.Effect<A, E | TaskCancelled> =>
  Effect.withFiber((caller) =>
    Effect.callback((resume) => {
      const fiber = Effect.runForkWith(caller.context)(effect)
      const around = request.waiting
      request.waiting = fiber
      fiber.addObserver((exit) => {
        request.waiting = around
        resume(request.cancelled && Exit.isFailure(exit) ? request.stopped : exit)
      })
      return stop(fiber, caller.id)
    })
  )

/** Like {@link withOptions}, for streams. */
export const streamWithOptions = (
  request: Call,
  run: (request: Call) => Stream.Stream<unknown, unknown>
): Stream.Stream<unknown, unknown> => {
  let stream = run(request)
  if (request.options.timeout !== undefined) {
    const made = stream
    stream = Stream.suspend(() => {
      const end = Effect.suspend(() => Effect.fail(timeoutError(request)))
      return Stream.interruptWhen(made, Effect.delay(end, request.startTimeout()!))
    })
  }
  if (!request.early) return stream
  return Stream.unwrap(Effect.as(inOwnFiber(request, untilDue(request)), stream))
}
