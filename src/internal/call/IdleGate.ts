/**
 * Keeps calls in front of a runner while somebody waits for it to be idle.
 *
 * A call at the gate is not with the runner yet: it is no live task, or it would be waited for itself.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { TaskError } from "../../TaskError.ts"
import type { Call } from "./Call.ts"
import { attend } from "./InFront.ts"

/** The gate of one runner: open, unless something keeps it shut. */
export class IdleGate {
  /** Whether calls from outside have to wait. */
  shut = false
  private keepers = 0
  private ended = false
  private readonly latch = Latch.makeUnsafe(true)

  /** Waits with a request until the gate is open. Its time limit goes on meanwhile. */
  wait(call: Call): Effect.Effect<void, TaskError> {
    return Effect.suspend(() => {
      if (!call.timed) call.startTimeout()
      return attend(call, this.latch.await)
    })
  }

  /** Keeps the gate shut until an Effect is over, however it ends. Those who wait then go on in their order. */
  shutDuring<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const keep = (change: 1 | -1) =>
      Effect.sync(() => {
        this.keepers += change
        this.move()
      })
    return Effect.acquireUseRelease(
      keep(1),
      () => effect,
      () => keep(-1)
    )
  }

  /** Opens it for good: the runner has closed, and says so to whoever comes. */
  end(): void {
    this.ended = true
    this.move()
  }

  private move(): void {
    this.shut = this.keepers > 0 && !this.ended
    if (this.shut) this.latch.closeUnsafe()
    else this.latch.openUnsafe()
  }
}
