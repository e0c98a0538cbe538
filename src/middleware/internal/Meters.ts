/**
 * What measures how fast calls come, for rate limits: three ways to say "so many in such a time", and the time itself.
 */

/** Measures the calls of one key. Times are in milliseconds, and never go back. */
export interface Meter {
  /** Counts a call of some cost, and gives 0, or gives the milliseconds until it may be counted. */
  readonly take: (now: number, cost: number) => number
  /** True when nothing is left that a later call depends on. */
  readonly isIdle: (now: number) => boolean
}

/**
 * At most `limit` in any stretch of time as long as `window`. Keeps the times of the calls in the last window: at most
 * `limit` of them, and at most one for each millisecond.
 */
export class SlidingWindow implements Meter {
  private readonly limit: number
  private readonly window: number
  /** Oldest first. Those before `head` are over. */
  private calls: Array<{ readonly at: number; count: number }> = []
  private head = 0
  private count = 0

  constructor(limit: number, window: number) {
    this.limit = limit
    this.window = window
  }

  /** How many times are kept. */
  get size(): number {
    return this.calls.length
  }

  private forget(now: number): void {
    while (this.head < this.calls.length && this.calls[this.head]!.at <= now - this.window) {
      this.count -= this.calls[this.head++]!.count
    }
    if (this.head * 2 > this.calls.length) {
      this.calls = this.calls.slice(this.head)
      this.head = 0
    }
  }

  take(now: number, cost: number): number {
    this.forget(now)
    let missing = this.count + cost - this.limit
    if (missing > 0) {
      let index = this.head
      while ((missing -= this.calls[index]!.count) > 0) index++
      return this.calls[index]!.at + this.window - now
    }
    this.count += cost
    const last = this.calls.at(-1)
    if (last?.at === now) last.count += cost
    else this.calls.push({ at: now, count: cost })
    return 0
  }

  isIdle(now: number): boolean {
    this.forget(now)
    return this.count === 0
  }
}

/** Sums of fractions are off by less than this. */
const rounding = 1e-9

/** At most `burst` at once, and `limit` for each `window` in the long run. */
export class TokenBucket implements Meter {
  private readonly burst: number
  private readonly perMilli: number
  private level: number
  private at = -Infinity

  constructor(limit: number, window: number, burst: number) {
    this.burst = burst
    this.perMilli = limit / window
    this.level = burst
  }

  private fill(now: number): void {
    this.level = Math.min(this.burst, this.level + (now - this.at) * this.perMilli)
    this.at = now
  }

  take(now: number, cost: number): number {
    this.fill(now)
    if (this.level + rounding < cost) return Math.max(1, Math.ceil((cost - this.level) / this.perMilli))
    this.level -= cost
    return 0
  }

  isIdle(now: number): boolean {
    this.fill(now)
    return this.level === this.burst
  }
}

/** At most `limit` in each window; a window begins with the first call behind the end of the last one. */
export class FixedWindow implements Meter {
  private readonly limit: number
  private readonly window: number
  private end = -Infinity
  private count = 0

  constructor(limit: number, window: number) {
    this.limit = limit
    this.window = window
  }

  take(now: number, cost: number): number {
    if (now >= this.end) {
      this.end = now + this.window
      this.count = 0
    }
    if (this.count + cost > this.limit) return this.end - now
    this.count += cost
    return 0
  }

  isIdle(now: number): boolean {
    return now >= this.end
  }
}

/** The time of a clock, made to never go back: where the clock is set back, time goes on from where it was. */
export class Steady {
  private last = -Infinity
  private offset = 0

  read(clock: { readonly currentTimeMillisUnsafe: () => number }): number {
    const now = clock.currentTimeMillisUnsafe() + this.offset
    if (now < this.last) this.offset += this.last - now
    return (this.last = Math.max(now, this.last))
  }
}
