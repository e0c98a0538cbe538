// A time that is made up, for what waits for real timers and real processes: it passes while these go on with their work.
import { vi } from "@effect/vitest"
import * as Effect from "effect/Effect"

/**
 * Runs an Effect whose timers, and whose clocks, are those of a time that passes by small steps. How much of it has passed
 * says how long something has waited, whatever else the machine does. It says nothing of what did not wait.
 */
export const inMadeUpTime = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] })
      return setInterval(() => vi.advanceTimersByTime(5), 1)
    }),
    () => effect,
    (steps) =>
      Effect.sync(() => {
        clearInterval(steps)
        vi.useRealTimers()
      })
  )
