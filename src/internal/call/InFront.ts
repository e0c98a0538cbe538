/** What a call waits for in front of its runner, where it can be cancelled and its time limit goes on. */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TaskCodec from "../values/TaskCodec.ts"
import { type PayloadInvalid, type TaskCancelled, type TaskError, TaskTimeout } from "../../TaskError.ts"
import type { Call } from "./Call.ts"
import { inOwnFiber, limitTime } from "./Fibers.ts"

export const timeoutError = (call: Call) =>
  new TaskTimeout({
    task: call.name,
    taskId: call.id,
    timeout: Duration.toMillis(Duration.fromInputUnsafe(call.options.timeout!))
  })

/** How a request ends that has been cancelled, or whose time is over, before it came from a middleware to its runner. */
export const endOf = (call: Call): Effect.Effect<never, TaskCancelled | TaskTimeout> | undefined => {
  if (call.cancelled) return call.stopped
  const left = call.timeLeft
  return left !== undefined && Duration.isZero(left) ? Effect.fail(timeoutError(call)) : undefined
}

/** Waits for the time of a request, once its payload has been checked. */
export const untilDue = (call: Call): Effect.Effect<void, PayloadInvalid> =>
  Effect.suspend(() => {
    const { delay, runAt } = call.options
    const invalid = TaskCodec.validatePayload(call.task, call.payload)
    if (invalid !== undefined) return Effect.fail(invalid)
    call.schedule()
    const now = call.caller.clock.currentTimeMillisUnsafe()
    return Effect.map(
      Effect.sleep(
        runAt !== undefined
          ? Duration.millis(Math.max(0, DateTime.toEpochMillis(DateTime.makeUnsafe(runAt)) - now))
          : Duration.fromInputUnsafe(delay!)
      ),
      () => call.becomeDue()
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
export const wait = <A, E>(call: Call, effect: Effect.Effect<A, E>): Effect.Effect<A, E | TaskError> =>
  Effect.suspend((): Effect.Effect<A, E | TaskError> => {
    if (call.cancelled) return call.stopped
    const invalid = call.accepted ? undefined : TaskCodec.validatePayload(call.task, call.payload)
    if (invalid !== undefined) return Effect.fail(invalid)
    if (call.front?.accepts) call.schedule()
    return attend(call, effect)
  })

/**
 * Has something done in front of a runner that ends when the request is cancelled, or its time is over. It stays with it
 * whether the request has been accepted.
 */
export const attend = <A, E>(call: Call, effect: Effect.Effect<A, E>): Effect.Effect<A, E | TaskError> =>
  Effect.suspend((): Effect.Effect<A, E | TaskError> => {
    if (call.cancelled) return call.stopped
    const left = call.timeLeft
    const limited: Effect.Effect<A, E | TaskError> =
      left === undefined ? effect : limitTime(effect, left, () => timeoutError(call))
    return Effect.onExitPrimitive(inOwnFiber(call, limited), () => call.release())
  })

/**
 * Waits for the `delay` or `runAt` of a call in front of its runner. A limit does so first, and counts a task when it is
 * due. Nothing is waited for in front of a runner with a store, which keeps the task until then.
 */
export const awaitDue = (call: Call): Effect.Effect<void, TaskError> | undefined =>
  call.front?.accepts && call.early
    ? Effect.andThen(
        inOwnFiber(call, untilDue(call)),
        Effect.sync(() => void call.startTimeout())
      )
    : undefined
