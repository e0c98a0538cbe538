// How long something takes that may be disturbed by all else that the machine does.
import * as Effect from "effect/Effect"

/** The shortest of some times. */
export const best = <E, R>(rounds: number, time: Effect.Effect<number, E, R>): Effect.Effect<number, E, R> =>
  Effect.map(Effect.all(Array.from({ length: rounds }, () => time)), (times) => Math.min(...times))
