/**
 * Calls that wait for their turn, first come, first served.
 *
 * A linked list, because a place can be given up anywhere in a line of any length, and an array or a Set would then cost
 * time in proportion to that length.
 */
import * as Effect from "effect/Effect"

/** A place in a {@link Line}. */
export class Place {
  before: Place | undefined = undefined
  after: Place | undefined = undefined
  private called = false
  private resume: ((effect: Effect.Effect<void>) => void) | undefined = undefined

  /** Tells that it is this one's turn. */
  call(): void {
    this.called = true
    this.resume?.(Effect.void)
  }

  /** Completes when it is this one's turn. */
  get turn(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.called) resume(Effect.void)
      else this.resume = resume
    })
  }
}

/** A line of {@link Place}s. */
export class Line {
  size = 0
  first: Place | undefined = undefined
  private last: Place | undefined = undefined

  /** Takes the place behind all others. */
  enter(): Place {
    const place = new Place()
    place.before = this.last
    if (this.last === undefined) this.first = place
    else this.last.after = place
    this.last = place
    this.size++
    return place
  }

  /** Gives a place up. False when it has been given up before. */
  leave(place: Place): boolean {
    const { after, before } = place
    if (before === undefined && this.first !== place) return false
    if (before === undefined) this.first = after
    else before.after = after
    if (after === undefined) this.last = before
    else after.before = before
    place.before = undefined
    place.after = undefined
    this.size--
    return true
  }
}
