/**
 * Which objects a schema wants moved instead of copied.
 *
 * Schemas say so with `Transferable` of `effect/workers`: whoever encodes a value with such a schema is told of its
 * buffers and ports.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Transferable from "effect/workers/Transferable"

/** An encoded value, and the objects in it that are to be moved. */
export interface Moved<A> {
  readonly value: A
  readonly objects: ReadonlyArray<object>
}

/** Runs an encoding, which must not wait, and collects what is to be moved. Throws what the encoding fails with. */
export const collect = <A, E>(encoding: Effect.Effect<A, E>): Moved<A> => {
  const collector = Transferable.makeCollectorUnsafe()
  const exit = Effect.runSyncExit(Effect.provideService(encoding, Transferable.Collector, collector))
  if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
  return { value: exit.value, objects: Array.from(new Set<object>(collector.readUnsafe())) }
}
