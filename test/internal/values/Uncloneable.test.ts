// The search for what cannot be cloned agrees with the structured clone itself, and names the very value.
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Uncloneable from "../../../src/internal/values/Uncloneable.ts"

/** Random numbers below a bound, the same for the same seed. */
const makeRandom = (seed: number) => {
  let state = (seed ^ 0x9e3779b9) >>> 0
  return (bound: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

class Point {
  readonly x = 1
  get y() {
    return () => 1
  }
}

/** Values that cannot be cloned. */
const bad: ReadonlyArray<() => unknown> = [
  () => () => 1,
  () => async function named() {},
  () => Point,
  () => Symbol("s"),
  () => Promise.resolve(1),
  () => new WeakMap(),
  () => new WeakSet(),
  () => new WeakRef({}),
  () =>
    (function* () {
      yield 1
    })(),
  () =>
    (async function* () {
      yield 1
    })()
]

/** Values that can, and that look as if they could not. */
const good: ReadonlyArray<() => unknown> = [
  () => undefined,
  () => null,
  () => Number.NaN,
  () => 2n ** 70n,
  () => "text",
  () => new Date(1),
  () => /x/gi,
  () => new Uint8Array([1]),
  () => new DataView(new ArrayBuffer(2)),
  () => new SharedArrayBuffer(2),
  () => new Point(),
  () => Object.create(null) as object,
  () => new TypeError("of a type", { cause: new Date(2) }),
  () => Object.assign(new Error("with more"), { callback: () => 1 }),
  () => Object.defineProperty({}, "hidden", { value: () => 1 }),
  () => Object(1n) as object,
  () => ({ [Symbol("key")]: () => 1 }),
  // oxlint-disable-next-line no-sparse-arrays
  () => [, 1, , [,]]
]

const make = (random: (bound: number) => number, depth: number): unknown => {
  const child = () => make(random, depth - 1)
  const list = () => Array.from({ length: random(4) }, child)
  if (depth === 0 || random(6) === 0) {
    return random(8) === 0 ? bad[random(bad.length)]!() : good[random(good.length)]!()
  }
  switch (random(6)) {
    case 0:
      return list()
    case 1:
      return new Map(list().map((key) => [key, child()]))
    case 2:
      return new Set(list())
    case 3:
      return new Error("with a cause", { cause: child() })
    case 4: {
      const sparse: Array<unknown> = []
      sparse[random(5)] = child()
      return sparse
    }
    default:
      return Object.fromEntries(list().map((item, index) => [`k${index}`, item]))
  }
}

const canBeCloned = (value: unknown): boolean => {
  try {
    structuredClone(value)
    return true
  } catch {
    return false
  }
}

/** The value at a path, as refusals write it. */
const at = (value: any, path: string): unknown => {
  let rest = path
  let found = value
  const steps: ReadonlyArray<readonly [RegExp, (value: any, name: string) => unknown]> = [
    [/^\.(keys|values)\(\)/, (value, name) => Array.from(value[name]())],
    [/^\[(\d+)\]/, (value, index) => value[index]],
    [/^\.(\w+)/, (value, name) => value[name]]
  ]
  while (rest !== "") {
    const [pattern, step] = steps.find(([pattern]) => pattern.test(rest)) ?? assert.fail(`no such path: ${path}`)
    const match = pattern.exec(rest)!
    found = step(found, match[1]!)
    rest = rest.slice(match[0].length)
  }
  return found
}

describe("Uncloneable", () => {
  it.prop(
    "refuses what the structured clone refuses, and nothing else",
    [Schema.Int],
    ([seed]) => {
      const value = make(makeRandom(seed), 4)
      const refusal = Uncloneable.check(value, undefined)
      assert.strictEqual(refusal === undefined, canBeCloned(value), refusal?.path)
      if (refusal === undefined) return
      const culprit = at(value, refusal.path)
      assert.isFalse(canBeCloned(culprit))
      assert.isTrue(typeof culprit !== "object" || Uncloneable.check(culprit, undefined)?.path === "", refusal.path)
      assert.match(refusal.reason, /cannot be cloned/)
    },
    { arbitrary: { runs: 2000 } }
  )

  it("knows each kind by itself", () => {
    for (const make of good) assert.isUndefined(Uncloneable.check({ value: make() }, undefined), String(make))
    for (const make of bad) {
      assert.strictEqual(Uncloneable.check({ value: make() }, undefined)?.path, ".value", String(make))
      assert.strictEqual(Uncloneable.check(make(), undefined)?.path, "", String(make))
    }
  })

  it("comes to an end in a circle", () => {
    const circle: { self?: unknown; list: Array<unknown> } = { list: [] }
    circle.self = circle
    circle.list.push(circle, circle.list)
    assert.isUndefined(Uncloneable.check(circle, undefined))
    circle.list.push(() => 1)
    assert.strictEqual(Uncloneable.check(circle, undefined)?.path, ".list[2]")
  })

  it("gives an answer for what is nested too deeply to be cloned", () => {
    let nested: unknown = 1
    for (let depth = 0; depth < 100_000; depth++) nested = [nested]
    assert.isFalse(canBeCloned(nested))
    assert.isNotEmpty(Uncloneable.check(nested, undefined)?.reason)
  })

  it("leaves out what moves", () => {
    const { port1, port2 } = new MessageChannel()
    port2.close()
    assert.isUndefined(Uncloneable.check({ port1, list: [port1] }, [port1]))
    assert.strictEqual(Uncloneable.check({ port1, callback: () => 1 }, [port1])?.path, ".callback")
    port1.close()
  })

  it("says which field of a record it was, or what the clone said", () => {
    const record = [11, 5, 0, { items: [{ run: () => 1 }] }, "meta"]
    assert.strictEqual(Uncloneable.find(record, [], new Error("no")).path, ".items[0].run")
    assert.deepStrictEqual(Uncloneable.find([11, 5, 0, {}], [], new Error("no")), { path: "", reason: "no" })
  })
})
