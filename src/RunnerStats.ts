/**
 * Counters and times of a runner.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"

/**
 * How long something took, over all tasks of a runner, in milliseconds. Percentiles are exact to about 10 %.
 *
 * @category models
 * @since 0.1.0
 */
export class Durations {
  readonly count: number
  readonly mean: number
  readonly max: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly #histogram: DurationHistogram

  /** Those that the histogram has now. What is added to it later does not change them. */
  constructor(histogram: DurationHistogram) {
    const { count, max, sum } = histogram.state
    this.count = count
    this.mean = count === 0 ? 0 : sum / count
    this.max = max
    this.p50 = histogram.percentile(0.5)
    this.p90 = histogram.percentile(0.9)
    this.p99 = histogram.percentile(0.99)
    this.#histogram = new DurationHistogram().addAll(histogram)
  }

  /** The durations of several runners as those of one, exact as if one histogram had counted them all. */
  static merge(all: Iterable<Durations>): Durations {
    const histogram = new DurationHistogram()
    for (const durations of all) histogram.addAll(durations.#histogram)
    return new Durations(histogram)
  }
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

/**
 * The counters and times of several runners as those of one.
 *
 * @category combining
 * @since 0.4.0
 */
export const merge = (all: ReadonlyArray<RunnerStats>): RunnerStats => {
  const sum = (count: "queued" | "running" | "completed" | "failed") =>
    all.reduce((total, stats) => total + stats[count], 0)
  return {
    queued: sum("queued"),
    running: sum("running"),
    completed: sum("completed"),
    failed: sum("failed"),
    waitTime: Durations.merge(all.map(({ waitTime }) => waitTime)),
    runTime: Durations.merge(all.map(({ runTime }) => runTime)),
    workers: all.flatMap(({ workers }) => workers)
  }
}

const stepsBits = 3
const steps = 1 << stepsBits
const maxPower = 48

/** How many units a millisecond has, in which durations are sorted into buckets: sixteenths of a microsecond. */
const resolution = 16_000

/** The bucket of a number of units: its power of two, in eight steps. */
const bucketOf = (units: number): number => {
  if (units < steps) return units | 0
  const power = units <= 0x7fffffff ? 31 - Math.clz32(units) : Math.min(maxPower, Math.floor(Math.log2(units)))
  const step = Math.min(2 * steps - 1, Math.floor(units / 2 ** (power - stepsBits)))
  return ((power - stepsBits) << stepsBits) + step
}

/** The middle of a bucket, in milliseconds. */
const middleOf = (bucket: number): number => {
  if (bucket < steps) return (bucket + 0.5) / resolution
  const width = 2 ** ((bucket >> stepsBits) - 1)
  return ((steps + (bucket & (steps - 1)) + 0.5) * width) / resolution
}

const buckets = ((maxPower - stepsBits) << stepsBits) + 2 * steps

/**
 * Durations in buckets that are at most an eighth of their value wide, from half a microsecond to half a year: adding
 * one costs a few nanoseconds.
 *
 * @category models
 * @since 0.1.0
 */
export class DurationHistogram {
  private readonly counts = new Float64Array(buckets)
  private count = 0
  private sum = 0
  private min = Infinity
  private max = 0

  add(millis: number): void {
    this.count++
    this.sum += millis
    if (millis < this.min) this.min = millis
    if (millis > this.max) this.max = millis
    this.counts[bucketOf(millis * resolution)]!++
  }

  /** Counts what another histogram has counted, too. */
  addAll(other: DurationHistogram): this {
    this.count += other.count
    this.sum += other.sum
    this.min = Math.min(this.min, other.min)
    this.max = Math.max(this.max, other.max)
    for (let bucket = 0; bucket < buckets; bucket++) this.counts[bucket]! += other.counts[bucket]!
    return this
  }

  /** The duration that this part of all, from 0 to 1, does not exceed; 0 when there is none. */
  percentile(ratio: number): number {
    if (this.count === 0) return 0
    let left = Math.ceil(this.count * ratio)
    for (let bucket = 0; bucket < buckets; bucket++) {
      left -= this.counts[bucket]!
      if (left <= 0) return Math.min(this.max, middleOf(bucket))
    }
    return this.max
  }

  get snapshot(): Durations {
    return new Durations(this)
  }

  /** The same as the state of an Effect Metric: how many durations are not longer than each boundary. */
  get state(): Metric.HistogramState {
    let bucket = 0
    let counted = 0
    return {
      buckets: boundaries.map((boundary): [number, number] => {
        while (bucket < buckets && middleOf(bucket) <= boundary) counted += this.counts[bucket++]!
        return [boundary, counted]
      }),
      count: this.count,
      min: this.count === 0 ? 0 : this.min,
      max: this.max,
      sum: this.sum
    }
  }
}

/**
 * The boundaries of the Metrics of durations, in milliseconds.
 *
 * @category metrics
 * @since 0.1.0
 */
export const boundaries: ReadonlyArray<number> = Metric.exponentialBoundaries({
  start: 0.01,
  factor: Math.sqrt(10),
  count: 16
})

const attributes = { unit: "ms" }

/** The Metrics of runners, each with the attribute `runner`. Times are in milliseconds. */
const metrics = {
  queued: Metric.gauge("strand_tasks_queued", { description: "Tasks that wait for a free worker" }),
  running: Metric.gauge("strand_tasks_running", { description: "Tasks that are being worked on" }),
  completed: Metric.counter("strand_tasks_completed", { description: "Tasks that ended well", incremental: true }),
  failed: Metric.counter("strand_tasks_failed", { description: "Tasks that ended otherwise", incremental: true }),
  waitTime: Metric.histogram("strand_task_wait_time", {
    description: "From the call to the start of the handler",
    attributes,
    boundaries
  }),
  runTime: Metric.histogram("strand_task_run_time", {
    description: "From the start of the handler to its end",
    attributes,
    boundaries
  })
}

/**
 * What a runner counts.
 *
 * @category metrics
 * @since 0.1.0
 */
export interface Counters extends Pick<RunnerStats, "queued" | "running" | "completed" | "failed"> {
  readonly waitTime: DurationHistogram
  readonly runTime: DurationHistogram
}

/**
 * What a runner's counters say now.
 *
 * @category metrics
 * @since 0.4.0
 */
export const snapshot = (counters: Counters, workers: ReadonlyArray<WorkerStats> = []): RunnerStats => ({
  queued: counters.queued,
  running: counters.running,
  completed: counters.completed,
  failed: counters.failed,
  waitTime: counters.waitTime.snapshot,
  runTime: counters.runTime.snapshot,
  workers
})

/**
 * Shows a runner's counters as Effect Metrics while the current scope is open. They are read only when somebody looks, so
 * that they cost the tasks nothing. Of two runners of one name the later is shown.
 *
 * @category metrics
 * @since 0.1.0
 */
export const registerMetrics = (name: string, counters: Counters): Effect.Effect<void, never, Scope.Scope> =>
  Effect.contextWith((context: Context.Context<never>) => {
    const register = <Input, State>(metric: Metric.Metric<Input, State>, get: () => State) =>
      Metric.registerUnsafe(Metric.withAttributes(metric, { runner: name }), context, {
        get,
        update: () => {},
        modify: () => {}
      })
    const registrations = [
      register(metrics.queued, () => ({ value: counters.queued })),
      register(metrics.running, () => ({ value: counters.running })),
      register(metrics.completed, () => ({ count: counters.completed, incremental: true })),
      register(metrics.failed, () => ({ count: counters.failed, incremental: true })),
      register(metrics.waitTime, () => counters.waitTime.state),
      register(metrics.runTime, () => counters.runTime.state)
    ]
    return Effect.addFinalizer(() => Effect.sync(() => registrations.forEach((registration) => registration.remove())))
  })
