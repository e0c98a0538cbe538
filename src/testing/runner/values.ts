/**
 * Payloads and results keep their types, whatever lies between caller and handler.
 *
 * @since 0.1.0
 */
import { assert } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as tasks from "../definitions.ts"
import type { SharedIt, Subject } from "../Subject.ts"

const equivalent = Schema.toEquivalence(tasks.Everything)

const sample: tasks.Everything = {
  text: "\u0000 ünïcödé 🧵 \ud800",
  number: Number.NaN,
  boolean: true,
  bigint: 2n ** 70n,
  date: new Date(1234567890123),
  bytes: new Uint8Array([0, 1, 255]),
  map: new Map([["a", new Date(1)]]),
  set: new Set([1n, 2n ** 65n]),
  hashMap: HashMap.make(["k", 1]),
  chunk: Chunk.make(1, 2, 3),
  option: Option.some(new Date(2)),
  result: Result.fail("no"),
  duration: Duration.nanos(5n),
  dateTime: DateTime.makeUnsafe(3),
  nothing: undefined,
  maybe: undefined,
  nullable: null,
  tuple: ["t", Number.POSITIVE_INFINITY],
  record: { big: 3n, ["__proto__x"]: 4n },
  union: { _tag: "Square", sides: new Map([[1, 2n]]) },
  point: new tasks.Point({ x: 3, y: 4 }),
  tree: { value: 1, children: [{ value: 2, children: [] }] }
}

/** Tests of what values come to. */
export const values = (it: SharedIt, { capabilities }: Subject): void => {
  it.effect("a value of every kind arrives as what it was", () =>
    Effect.gen(function* () {
      const result = yield* tasks.echo.run(sample)
      assert.isTrue(equivalent(result, sample))
      assert.instanceOf(result.point, tasks.Point)
      assert.strictEqual(result.point.length, 5)
      assert.instanceOf(result.date, Date)
      assert.instanceOf(result.map, Map)
      assert.instanceOf(result.set, Set)
      assert.instanceOf(result.bytes, Uint8Array)
      assert.isTrue(Option.isOption(result.option))
      assert.isTrue("nothing" in result && "maybe" in result && !("missing" in result))
      assert.strictEqual(result.text, sample.text)
    })
  )

  it.effect("the handler sees the same types as the caller", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* tasks.classes.run(sample), {
        bigint: "BigInt",
        date: "Date",
        bytes: "Uint8Array",
        map: "Map of Date",
        set: "Set",
        hashMap: "HashMap",
        chunk: "Chunk",
        option: "Option of Date",
        nothing: "Undefined",
        nullable: "Null",
        point: "Point of length 5"
      })
    })
  )

  it.effect("NaN, the infinities and undefined are not lost", () =>
    Effect.gen(function* () {
      for (const value of [Number.NaN, Infinity, -Infinity, 0, Number.MAX_VALUE, Number.MIN_VALUE, 0.1]) {
        assert.deepStrictEqual(yield* tasks.number.run(value), value)
      }
      assert.strictEqual(yield* tasks.anything.run(undefined), undefined)
      assert.strictEqual(yield* tasks.anything.run(null), null)
    })
  )

  it.effect.prop(
    "a thousand random values come back as they went",
    [tasks.Everything],
    ([value]) => Effect.map(tasks.echo.run(value), (result) => equivalent(result, value)),
    { arbitrary: { runs: 1000 } }
  )

  if (!capabilities.durable) {
    it.effect.prop(
      "random values come back from a stream as they went",
      [tasks.Everything],
      ([value]) =>
        Effect.map(
          Stream.runCollect(tasks.echoes.stream({ value, times: 2 })),
          (results) => results.length === 2 && results.every((result) => equivalent(result, value))
        ),
      { arbitrary: { runs: 20 } }
    )
  }

  it.effect("a value without a schema keeps what the runner can clone", () =>
    Effect.gen(function* () {
      const value = { date: new Date(1), map: new Map([[1, new Set(["a"])]]), big: 1n, list: [undefined, null, -0] }
      assert.deepStrictEqual(yield* tasks.anything.run(value), value)
    })
  )

  it.effect("64 MB go there and come back", () =>
    Effect.gen(function* () {
      const bytes = new Uint8Array(64 * 1024 * 1024)
      for (let index = 0; index < bytes.length; index += 4096) bytes[index] = index / 4096
      const expected = bytes.slice()
      expected[0]!++
      expected[expected.length - 1]!++
      const result = yield* tasks.bytes.run(bytes)
      assert.strictEqual(result.length, expected.length)
      assert.strictEqual(Buffer.compare(result, expected), 0)
      if (capabilities.boundary) assert.strictEqual(bytes[0], 0, "the caller's bytes are left alone")
    })
  )

  it.effect("64 MB move there", () =>
    Effect.gen(function* () {
      const bytes = new Uint8Array(64 * 1024 * 1024)
      bytes[4096] = 7
      const result = yield* tasks.bytes.run(bytes, { transfer: [bytes.buffer] })
      assert.strictEqual(result.length, 64 * 1024 * 1024)
      assert.deepStrictEqual([result[0], result[4096], result.at(-1)], [1, 7, 1])
      assert.strictEqual(bytes.byteLength, capabilities.transfer ? 0 : 64 * 1024 * 1024)
    })
  )

  if (capabilities.transfer) {
    it.effect("shared memory is shared", () =>
      Effect.gen(function* () {
        const shared = new SharedArrayBuffer(8)
        const result = (yield* tasks.anything.run({ shared })) as { readonly shared: SharedArrayBuffer }
        new Uint8Array(shared)[0] = 9
        assert.strictEqual(new Uint8Array(result.shared)[0], 9)
      })
    )
  }
}
