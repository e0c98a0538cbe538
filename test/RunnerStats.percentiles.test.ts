// The histogram's percentiles are those of the sorted list, as exactly as they promise.
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { DurationHistogram } from "effect-strand/RunnerStats"

/** As many decades as a duration may have: a microsecond to two hours, in milliseconds. */
const Exponent = Schema.Finite.check(Schema.isBetween({ minimum: -3, maximum: Math.log10(2 * 3600 * 1000) }))

const exact = (sorted: ReadonlyArray<number>, ratio: number) => sorted[Math.ceil(sorted.length * ratio) - 1]!

describe("DurationHistogram", () => {
  it.prop(
    "percentiles are within 10 % of the exact ones",
    [Schema.NonEmptyArray(Exponent)],
    ([exponents]) => {
      const durations = exponents.map((exponent) => 10 ** exponent)
      const histogram = new DurationHistogram()
      for (const duration of durations) histogram.add(duration)
      const sorted = durations.toSorted((a, b) => a - b)
      const { count, max, mean, ...percentiles } = histogram.snapshot
      assert.strictEqual(count, durations.length)
      assert.strictEqual(max, sorted.at(-1))
      assert.approximately(mean, durations.reduce((sum, duration) => sum + duration, 0) / count, mean * 1e-9)
      for (const [name, ratio] of [
        ["p50", 0.5],
        ["p90", 0.9],
        ["p99", 0.99]
      ] as const) {
        const expected = exact(sorted, ratio)
        assert.approximately(percentiles[name], expected, expected * 0.1 + 1e-9, name)
      }
      assert.isTrue(percentiles.p50 <= percentiles.p90 && percentiles.p90 <= percentiles.p99 && percentiles.p99 <= max)
    },
    { arbitrary: { runs: 300, size: 300 } }
  )

  it("is all zeros when it is empty", () => {
    assert.deepInclude(new DurationHistogram().snapshot, { count: 0, mean: 0, max: 0, p50: 0, p90: 0, p99: 0 })
  })

  it("counts what is too short and too long for its buckets", () => {
    const histogram = new DurationHistogram()
    histogram.add(0)
    assert.deepInclude(histogram.snapshot, { count: 1, mean: 0, max: 0, p50: 0, p90: 0, p99: 0 })
    const day = 24 * 3600 * 1000
    histogram.add(day)
    const { max, p50, p99 } = histogram.snapshot
    assert.strictEqual(max, day)
    assert.isBelow(p50, 0.002)
    assert.isAbove(p99, 3600 * 1000)
  })
})
