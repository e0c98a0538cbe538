/** The counters and times of several runners, as those of one. */
import type { Durations, RunnerStats } from "../../RunnerStats.ts"

/** Which part of the durations is not longer than this, by straight lines between the percentiles that are known. */
const partUpTo = ({ max, p50, p90, p99 }: Durations, millis: number): number => {
  if (millis >= max) return 1
  let [from, low] = [0, 0]
  for (const [to, high] of [
    [p50, 0.5],
    [p90, 0.9],
    [p99, 0.99],
    [max, 1]
  ] as const) {
    if (millis < to) return low + ((high - low) * (millis - from)) / (to - from)
    from = to
    low = high
  }
  return 1
}

/** The duration that a part of all are not longer than, found by halving. */
const percentile = (all: ReadonlyArray<Durations>, count: number, max: number, part: number): number => {
  let low = 0
  let high = max
  for (let step = 0; step < 50; step++) {
    const middle = (low + high) / 2
    const reached = all.reduce((sum, durations) => sum + durations.count * partUpTo(durations, middle), 0)
    if (reached < part * count) low = middle
    else high = middle
  }
  return high
}

const mergeDurations = (all: ReadonlyArray<Durations>): Durations => {
  const known = all.filter(({ count }) => count > 0)
  if (known.length === 1) return known[0]!
  const count = known.reduce((sum, durations) => sum + durations.count, 0)
  const max = known.reduce((most, durations) => Math.max(most, durations.max), 0)
  return {
    count,
    max,
    mean: count === 0 ? 0 : known.reduce((sum, durations) => sum + durations.mean * durations.count, 0) / count,
    p50: percentile(known, count, max, 0.5),
    p90: percentile(known, count, max, 0.9),
    p99: percentile(known, count, max, 0.99)
  }
}

/** Adds up. The percentiles are between those of the runners, and about right. */
export const merge = (all: ReadonlyArray<RunnerStats>): RunnerStats => {
  const sum = (count: "queued" | "running" | "completed" | "failed") =>
    all.reduce((total, stats) => total + stats[count], 0)
  return {
    queued: sum("queued"),
    running: sum("running"),
    completed: sum("completed"),
    failed: sum("failed"),
    waitTime: mergeDurations(all.map(({ waitTime }) => waitTime)),
    runTime: mergeDurations(all.map(({ runTime }) => runTime)),
    workers: all.flatMap(({ workers }) => workers)
  }
}
