// Percentiles out of buckets are close to those of all values.
import { assert, describe, it } from "@effect/vitest"
import { DurationHistogram } from "../src/RunnerStats.ts"

describe("DurationHistogram", () => {
  it("is all zero without values", () => {
    assert.deepStrictEqual(new DurationHistogram().snapshot, { count: 0, mean: 0, max: 0, p50: 0, p90: 0, p99: 0 })
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
