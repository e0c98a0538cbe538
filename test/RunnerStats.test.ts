// Percentiles out of buckets are close to those of all values, and those of several runners are those of one.
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { DurationHistogram, Durations, merge, type RunnerStats } from "effect-strand/RunnerStats"

describe("DurationHistogram", () => {
  it("is all zero without values", () => {
    assert.deepInclude(new DurationHistogram().snapshot, { count: 0, mean: 0, max: 0, p50: 0, p90: 0, p99: 0 })
  })

  it("is exact for one value", () => {
    const histogram = new DurationHistogram()
    histogram.add(5)
    const { count, max, mean, p50 } = histogram.snapshot
    assert.deepStrictEqual({ count, max, mean }, { count: 1, max: 5, mean: 5 })
    assert.approximately(p50, 5, 0.5)
  })

  for (const scale of [0.002, 1, 60_000]) {
    it(`knows percentiles to a tenth around ${scale} ms`, () => {
      const histogram = new DurationHistogram()
      const values = Array.from({ length: 1000 }, (_, index) => (scale * (index + 1)) / 100)
      for (const value of values) histogram.add(value)
      const snapshot = histogram.snapshot
      assert.strictEqual(snapshot.count, 1000)
      assert.strictEqual(snapshot.max, values.at(-1))
      for (const [ratio, got] of [
        [0.5, snapshot.p50],
        [0.9, snapshot.p90],
        [0.99, snapshot.p99]
      ] as const) {
        const exact = values[Math.ceil(1000 * ratio) - 1]!
        assert.approximately(got, exact, Math.max(exact * 0.1, 0.001), `p${ratio * 100}`)
      }
    })
  }

  it("never gives more than the longest", () => {
    const histogram = new DurationHistogram()
    for (const value of [0, 0.0001, 1e9]) histogram.add(value)
    assert.isAtMost(histogram.snapshot.p99, 1e9)
    assert.isAtLeast(histogram.snapshot.p50, 0)
  })
})

describe("the durations of several runners", () => {
  const histogramOf = (times: ReadonlyArray<number>): DurationHistogram => {
    const histogram = new DurationHistogram()
    for (const time of times) histogram.add(time)
    return histogram
  }
  const Times = Schema.Array(Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 100_000 })))

  it.prop("are exactly those of one that saw everything", [Schema.Array(Times)], ([lists]) => {
    const { mean, ...exact } = histogramOf(lists.flat()).snapshot
    const merged = Durations.merge(lists.map((times) => histogramOf(times).snapshot))
    assert.deepInclude(merged, exact)
    // Sums of rounded numbers depend on their order.
    assert.approximately(merged.mean, mean, 1e-9 * (1 + mean))
    // What has been added up can be added up again.
    assert.deepInclude(Durations.merge([merged, new DurationHistogram().snapshot]), exact)
  })

  it("are those of a moment", () => {
    const histogram = histogramOf([1, 2])
    const snapshot = histogram.snapshot
    histogram.add(1000)
    assert.deepInclude(Durations.merge([snapshot]), { count: 2, max: 2 })
  })

  it("are printed and sent without their histogram", () => {
    assert.sameMembers(Object.keys(histogramOf([1]).snapshot), ["count", "mean", "max", "p50", "p90", "p99"])
  })

  it("are merged with the counters", () => {
    const statsOf = (times: ReadonlyArray<number>, worker: string): RunnerStats => ({
      queued: 1,
      running: 2,
      completed: 3,
      failed: 4,
      waitTime: histogramOf(times).snapshot,
      runTime: histogramOf([]).snapshot,
      workers: [{ worker, running: 0, completed: 1, utilisation: 0.5 }]
    })
    const merged = merge([statsOf([1], "a"), statsOf([5, 9], "b")])
    assert.deepInclude(merged, { queued: 2, running: 4, completed: 6, failed: 8 })
    assert.deepInclude(merged.waitTime, { count: 3, max: 9, mean: 5 })
    assert.strictEqual(merged.runTime.count, 0)
    assert.deepStrictEqual(
      merged.workers.map(({ worker }) => worker),
      ["a", "b"]
    )
    assert.deepInclude(merge([]), { queued: 0, running: 0, completed: 0, failed: 0, workers: [] })
  })
})
