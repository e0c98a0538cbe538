/** Waiting for processes, in real time, since they know no other; and what of it keeps this program alive. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"

/** The longest time that a timer of Node takes, in milliseconds. */
const longest = 2 ** 31 - 1

/** Waits. Background work does not keep a program alive that has nothing else to do. */
export const sleep = (millis: number, kind: "foreground" | "background"): Effect.Effect<void> =>
  Effect.callback((resume) => {
    const end = performance.now() + millis
    let timer: NodeJS.Timeout
    const wait = () => {
      const left = end - performance.now()
      if (left <= 0) return resume(Effect.void)
      timer = setTimeout(wait, Math.min(left, longest))
      if (kind === "background") timer.unref()
    }
    wait()
    return Effect.sync(() => clearTimeout(timer))
  })

/** Keeps the program alive until the scope closes. */
export const keepAlive: Effect.Effect<void, never, Scope.Scope> = Effect.asVoid(
  Effect.acquireRelease(
    Effect.sync(() => setInterval(() => {}, longest)),
    (timer) => Effect.sync(() => clearInterval(timer))
  )
)

/** Keeps the program alive while an Effect is waited for: processes do not. */
export const whileAwaiting = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.scoped(Effect.andThen(keepAlive, effect))
