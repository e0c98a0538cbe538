/**
 * A line that anything waits in, first come, first served: calls for their turn, permits or the end of their runner.
 *
 * A linked list through those that wait, because a place can be given up anywhere in a line of any length: entering, leaving
 * and letting the first one go on take the same time however many there are.
 */
import * as Effect from "effect/Effect"

/** What can be in a line, and in one only: its neighbours there. */
export interface Linked<Self> {
  before: Self | undefined
  after: Self | undefined
}

/** A line. */
export class Line<A extends Linked<A>> {
  size = 0
  first: A | undefined = undefined
  private last: A | undefined = undefined

  /** Enters behind all others. */
  enter(one: A): void {
    one.before = this.last
    if (this.last === undefined) this.first = one
    else this.last.after = one
    this.last = one
    this.size++
  }

  /** Leaves from wherever it is. False when it is not in the line. */
  leave(one: A): boolean {
    const { after, before } = one
    if (before === undefined && this.first !== one) return false
    if (before === undefined) this.first = after
    else before.after = after
    if (after === undefined) this.last = before
    else after.before = before
    one.before = undefined
    one.after = undefined
    this.size--
    return true
  }

  *[Symbol.iterator](): IterableIterator<A> {
    for (let one = this.first; one !== undefined; one = one.after) yield one
  }
}

/** Somebody in a line who waits to be given something: a permit, or just the turn. */
export class Turn<A> implements Linked<Turn<A>> {
  before: Turn<A> | undefined = undefined
  after: Turn<A> | undefined = undefined
  /** What it has been given. */
  given: A | undefined = undefined
  private called = false
  private resume: ((effect: Effect.Effect<A>) => void) | undefined = undefined

  /** Gives what is waited for. */
  give(value: A): void {
    this.called = true
    this.given = value
    this.resume?.(Effect.succeed(value))
  }

  /** Completes when it has been given what it waits for. */
  get await(): Effect.Effect<A> {
    return Effect.callback((resume) => {
      if (this.called) resume(Effect.succeed(this.given as A))
      else this.resume = resume
    })
  }
}
