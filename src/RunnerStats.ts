/**
 * Counters and times of a runner.
 *
 * @since 0.1.0
 */

/**
 * How long something took, over all tasks of a runner, in milliseconds. Percentiles are exact to about 10 %.
 *
 * @category models
 * @since 0.1.0
 */
export interface Durations {
  readonly count: number
  readonly mean: number
  readonly max: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
}

/**
 * One worker of a pool.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerStats {
  /** For example `thread 3` or `process 3 (pid 4711)`. */
  readonly worker: string
  /** Tasks that it is working on. */
  readonly running: number
  /** Tasks that it has finished. */
  readonly completed: number
  /** The part of its life that it spent on tasks, from 0 to 1. */
  readonly utilisation: number
}

/**
 * Counters and times of a runner, since it was made.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunnerStats {
  /** Tasks that wait for a free worker. */
  readonly queued: number
  /** Tasks that are being worked on. */
  readonly running: number
  readonly completed: number
  /** Tasks that ended with an error, a defect or an interruption. */
  readonly failed: number
  /** From the call to the start of the handler. */
  readonly waitTime: Durations
  /** From the start of the handler to its end. */
  readonly runTime: Durations
  /** The workers of a pool; empty for fibers. */
  readonly workers: ReadonlyArray<WorkerStats>
}

const stepsBits = 3
const steps = 1 << stepsBits

/** The bucket of a number of microseconds: its power of two, in eight steps. */
const bucketOf = (micros: number): number => {
  if (micros < steps) return micros
  const power = 31 - Math.clz32(micros)
  return ((power - stepsBits) << stepsBits) + (micros >> (power - stepsBits))
}

/** The middle of a bucket, in microseconds. */
const middleOf = (bucket: number): number => {
  if (bucket < steps) return bucket
  const power = (bucket >> stepsBits) - 1
  const low = (steps + (bucket & (steps - 1))) * 2 ** power
  return low + 2 ** power / 2
}

const buckets = bucketOf(0x7fffffff) + 1

/**
 * Durations in buckets that are at most an eighth of their value wide, from a microsecond to half an hour: adding one
 * costs a few nanoseconds.
 *
 * @category models
 * @since 0.1.0
 */
export class DurationHistogram {
  private readonly counts = new Float64Array(buckets)
  private count = 0
  private sum = 0
  private max = 0

  add(millis: number): void {
    this.count++
    this.sum += millis
    if (millis > this.max) this.max = millis
    this.counts[bucketOf(millis >= 2_000_000 ? 0x7fffffff : (millis * 1000) | 0)]!++
  }

  private percentile(ratio: number): number {
    let left = Math.ceil(this.count * ratio)
    for (let bucket = 0; bucket < buckets; bucket++) {
      left -= this.counts[bucket]!
      if (left <= 0) return Math.min(this.max, middleOf(bucket) / 1000)
    }
    return this.max
  }

  get snapshot(): Durations {
    return {
      count: this.count,
      mean: this.count === 0 ? 0 : this.sum / this.count,
      max: this.max,
      p50: this.count === 0 ? 0 : this.percentile(0.5),
      p90: this.count === 0 ? 0 : this.percentile(0.9),
      p99: this.count === 0 ? 0 : this.percentile(0.99)
    }
  }
}
