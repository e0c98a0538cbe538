// A plain function gets its payload as its argument, or the elements of its payload as its arguments.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { FiberRunner, Strand, Task, ThreadRunner } from "effect-strand"
import * as Portable from "../../../src/internal/values/Portable.ts"
import * as Leaks from "../../helpers/leaks.ts"

Leaks.check()

const one: ReadonlyArray<Portable.AnyFunction> = [
  () => 0,
  (a) => a,
  async (a) => a,
  ({ a, b = 2 }) => a + b,
  ([a, ...rest]) => [a, rest],
  function (a) {
    const b = (...c: ReadonlyArray<number>) => c.length
    return a === b(1)
  },
  (a /* = 1, b */) => a,
  { method: (a: number) => a }.method,
  Math.sqrt,
  Math.sqrt.bind(Math)
]

const several: ReadonlyArray<Portable.AnyFunction> = [
  (a, b) => a + b,
  (a = 1) => a,
  (a, b = 2) => a + b,
  (a = ")", b = [1, "("], { c } = { c: "=>" }) => [a, b, c],
  (...all) => all,
  (a, ...rest) => [a, rest],
  async (a, b = (x: number) => x) => b(a),
  function named(a, b = "'") {
    return [a, b]
  },
  {
    method(a: number, b = 2) {
      return a + b
    }
  }.method,
  Math.max
]

describe("Portable", () => {
  it("knows which functions take several arguments, by default values and rest parameters, too", () => {
    for (const f of one) assert.isFalse(Portable.takesSeveral(f), String(f))
    for (const f of several) assert.isTrue(Portable.takesSeveral(f), String(f))
  })

  it.live("the arguments of a function may have default values, wherever it runs", () =>
    Effect.gen(function* () {
      const power = Task.portable("power", (base: number, exponent: number = 2) => base ** exponent)
      const sum = Task.portable("sum", (...all: Array<number>) => all.reduce((a, b) => a + b, 0))
      const runners = [FiberRunner.layer(power.layer), ThreadRunner.layer({ size: 1 })]
      for (const runner of runners) {
        const results = Effect.all([power.run([3]), power.run([3, 3]), sum.run([1, 2, 3])])
        assert.deepStrictEqual(yield* Effect.provide(results, runner), [9, 27, 6])
      }
      const add = Strand.asTask((a: number, b: number = 2) => a + b, { runner: "inline" })
      assert.deepStrictEqual([yield* add(1), yield* add(1, 5)], [3, 6])
    })
  )
})
