/**
 * Payloads, exits, failures and progress come back as they were given.
 *
 * @since 0.2.0
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { isDeepStrictEqual } from "node:util"
import { untilEffect } from "../Subject.ts"
import * as Subject from "./StoreSubject.ts"

/** A key that formats richer than JSON may refuse. */
const hostile: unknown = JSON.parse('{"__proto__":{"a":1},"constructor":null,"toJSON":1,"length":2}')

/** Values that survive JSON. */
const texts: ReadonlyArray<unknown> = [
  null,
  true,
  false,
  0,
  -1.5,
  1e300,
  5e-324,
  Number.MAX_SAFE_INTEGER,
  "",
  "null",
  "1",
  '"',
  "\u0000 ünïcödé 🧵 \ud800 \u2028 \\u0000",
  [],
  {},
  [[[]], [{}], null],
  { "": "", " ": " ", "a.b": { $c: ["d"] }, "1": 1 },
  hostile,
  { _tag: "Success", value: { _tag: "Failure", cause: [] } },
  JSON.parse(`${"[".repeat(500)}${"]".repeat(500)}`)
]

/** Values that only their codec and the store's own format know of. */
const others: ReadonlyArray<unknown> = [
  undefined,
  [undefined, null],
  { a: undefined, b: null },
  Number.NaN,
  [-0, Infinity, -Infinity],
  2n ** 70n,
  -1n,
  new Date(1_234_567_890_123),
  new Uint8Array([0, 1, 255]),
  new Uint8Array(0),
  new Uint8Array(new Uint8Array([9, 1, 2, 3, 9]).buffer, 1, 3),
  new Map<unknown, unknown>([
    ["a", new Map([[1, new Date(1)]])],
    [{ k: 1 }, 2n]
  ]),
  new Set<unknown>([1n, "a", new Uint8Array([1])]),
  { bytes: new Uint8Array(1000).fill(7), list: [new Date(0), { big: 3n, text: "ü", none: undefined }] }
]

/** Sends a value through all places of a record, and gives what came out. */
const journey = Effect.fnUntraced(function* (
  client: Subject.Client,
  reader: Subject.Reader,
  value: unknown,
  text: boolean
) {
  const id = yield* Subject.offer(client, { payload: value, text })
  const waiting = yield* Subject.record(client, id)
  const first = yield* reader.one
  yield* reader.settle(first, { _tag: "Retry", runAt: 0, cause: value, text })
  const retried = yield* Subject.record(client, id)
  const second = yield* reader.one
  yield* reader.settle(second, Subject.done(value, text))
  const completed = yield* Subject.record(client, id)
  yield* Subject.offer(client, { payload: 0 })
  const exit = { _tag: "Failure", cause: value } as const
  const failing = yield* Subject.run(reader, { _tag: "Done", status: "failed", exit, text })
  const failed = yield* Subject.record(client, failing.id)
  return {
    "payload of the record": waiting.payload,
    "payload of the claim": first.payload,
    "payload of the second claim": second.payload,
    failure: retried.failure,
    "payload of the record that is over": completed.payload,
    "value of the exit": completed.exit?._tag === "Success" ? completed.exit.value : "none",
    "cause of the exit": failed.exit?._tag === "Failure" ? failed.exit.cause : "none"
  }
})

/** Tests of stored values. */
export const storedValues = (subject: Subject.StoreSubject): void => {
  const test = Subject.testWith(subject)

  for (const [name, values, text] of [
    ["JSON of every kind", texts, true],
    ["bytes, dates, maps, sets, bigints, undefined and the like", others, false],
    ["JSON that is not known to be such", texts.filter((value) => value !== hostile), false]
  ] as const) {
    test(`${name} comes back as it was`, (client, other) =>
      Effect.gen(function* () {
        const reader = yield* Subject.reader(other)
        for (const value of values) {
          for (const [place, got] of Object.entries(yield* journey(client, reader, value, text))) {
            assert.isTrue(
              isDeepStrictEqual(got, value),
              `${place} of value ${values.indexOf(value)}, a ${Object.prototype.toString.call(value)}`
            )
          }
        }
      }))
  }

  it.live.prop(
    "random JSON comes back as it was",
    [Schema.Array(Schema.Json)],
    ([given]) =>
      Effect.gen(function* () {
        const values: ReadonlyArray<unknown> = JSON.parse(JSON.stringify(given))
        const client = yield* (yield* Subject.makeWorld(subject)).open()
        const reader = yield* Subject.reader(client)
        for (const value of values) {
          const places = yield* journey(client, reader, value, true)
          for (const [place, got] of Object.entries(places)) assert.deepStrictEqual(got, value, place)
        }
        return true
      }),
    { arbitrary: { runs: 40 } }
  )

  test("bytes are plain bytes, and no view of something larger", (client) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const bytes = new Uint8Array(new ArrayBuffer(100), 10, 20).fill(3)
      for (const got of Object.values(yield* journey(client, reader, { bytes }, false))) {
        const value = (got as { readonly bytes: Uint8Array }).bytes
        assert.strictEqual(Object.getPrototypeOf(value), Uint8Array.prototype)
        assert.deepStrictEqual([...value], [...bytes])
      }
    }))

  for (const [name, value, text] of [
    ["text", "0123456789äöü🧵".repeat(420_000), true],
    ["bytes", new Uint8Array(8 * 1024 * 1024).map((_, index) => index % 251), false]
  ] as const) {
    test(`8 MB of ${name} come back as they were`, (client, other) =>
      Effect.gen(function* () {
        const reader = yield* Subject.reader(other)
        const places = yield* journey(client, reader, { value }, text)
        for (const [place, got] of Object.entries(places)) {
          const there = (got as { readonly value: string | Uint8Array }).value
          assert.strictEqual(there.length, value.length, place)
          assert.isTrue(Buffer.from(there as string).equals(Buffer.from(value as string)), place)
        }
      }))
  }

  test("progress may be any value that its codec writes", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const id = yield* Subject.offer(client)
      const claim = yield* reader.one
      for (const value of [1, "half", null, { done: [1, 2] }, new Date(5), new Map([[1n, new Uint8Array([1])]])]) {
        reader.progress(claim, value)
        yield* untilEffect(
          `progress ${String(value)}`,
          Effect.map(Subject.record(other, id), ({ progress }) => isDeepStrictEqual(progress, value))
        )
      }
      yield* reader.settle(claim, Subject.done())
      assert.deepStrictEqual((yield* Subject.record(other, id)).progress, new Map([[1n, new Uint8Array([1])]]))
    }))
}
