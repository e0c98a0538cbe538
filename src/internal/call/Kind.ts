/**
 * What is done alike with the Effect of a task that has one result and the Stream of a task that has many, so that it is
 * written once for both.
 */
import * as Effect from "effect/Effect"
import type * as Duration from "effect/Duration"
import type * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Stream from "effect/Stream"
import type { RetryPolicy } from "../../TaskDefinition.ts"
import type { Call } from "./Call.ts"
import { inOwnFiber, limitTime } from "./Fibers.ts"
import { retryWith } from "./Retry.ts"

/** Either of the two, as `X`. */
export interface Kind<X> {
  readonly suspend: (make: () => X) => X
  /** Does something, then what `next` makes. */
  readonly after: <E>(first: Effect.Effect<unknown, E>, next: () => X) => X
  readonly onExit: (x: X, f: (exit: Exit.Exit<unknown, unknown>) => undefined) => X
  /** Like `onExit`, with an Effect to be done, if there is one. */
  readonly onExitEffect: (x: X, f: (exit: Exit.Exit<unknown, unknown>) => Effect.Effect<void> | undefined) => X
  /** Stops what takes too long, which then fails. */
  readonly limitTime: <E>(x: X, limit: () => Duration.Duration, error: () => E) => X
  /** Has work stopped when its call is cancelled by its id. */
  readonly cancellable: (call: Call, work: () => X) => X
  /** Tries again what has failed, if it can be. */
  readonly retry: (x: X, call: Call, policy: RetryPolicy) => X
}

/** Tasks of one result. */
export const effects: Kind<Effect.Effect<unknown, unknown>> = {
  suspend: Effect.suspend,
  after: (first, next) => Effect.flatMap(first, next),
  onExit: Effect.onExitPrimitive,
  onExitEffect: Effect.onExitPrimitive,
  limitTime: (x, limit, error) => Effect.suspend(() => limitTime(x, limit(), error)),
  cancellable: (call, work) => inOwnFiber(call, Effect.suspend(work)),
  retry: (x, call, policy) => inOwnFiber(call, retryWith(call, x, policy))
}

/** Tasks of many results. Elements that have come out of a stream cannot be taken back, so it is not tried again. */
export const streams: Kind<Stream.Stream<unknown, unknown>> = {
  suspend: Stream.suspend,
  after: (first, next) => Stream.unwrap(Effect.map(first, next)),
  onExit: (x, f) => Stream.onExit(x, (exit) => Effect.sync(() => f(exit))),
  onExitEffect: (x, f) => Stream.onExit(x, (exit) => f(exit) ?? Effect.void),
  limitTime: (x, limit, error) =>
    Stream.suspend(() =>
      Stream.interruptWhen(
        x,
        Effect.delay(
          Effect.suspend(() => Effect.fail(error())),
          limit()
        )
      )
    ),
  cancellable: (call, work) => {
    const aborted = Latch.makeUnsafe(false)
    call.begin({ status: "running", abort: () => aborted.openUnsafe() })
    const stop = Effect.flatMap(aborted.await, () => call.stopped)
    return Stream.interruptWhen(Stream.suspend(work), stop)
  },
  retry: (x) => x
}
