// Lines and frames are the same however their bytes come in.
import { assert, describe, it, vi } from "@effect/vitest"
import * as Schema from "effect/Schema"
import * as Frames from "../../../src/process/internal/Frames.ts"
import { maxLength, Output, splitter } from "../../../src/process/internal/Output.ts"

/** Cuts bytes at the places that the numbers say. */
const cut = (bytes: Uint8Array, cuts: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const places = [0, ...cuts.map((n) => n % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end))
}

const linesOf = (parts: ReadonlyArray<Uint8Array>): ReadonlyArray<string> => {
  const all: Array<string> = []
  const { end, write } = splitter((lines) => all.push(...lines))
  parts.forEach(write)
  end()
  return all
}

const Cuts = Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10_000 })))
const Text = Schema.Array(Schema.Literals(["a", "é", "😀", "\n", "\r\n", " ", "long enough"]))

describe("lines", () => {
  it.prop("do not depend on how their bytes are cut", [Text, Cuts], ([parts, cuts]) => {
    const text = parts.join("")
    const expected = text.split(/\r?\n/)
    if (expected.at(-1) === "") expected.pop()
    assert.deepStrictEqual(linesOf(cut(new TextEncoder().encode(text), cuts)), expected)
  })

  it("come in pieces when they are long, with and without an end", () => {
    const long = "x".repeat(2 * maxLength + 5)
    const expected = [maxLength, maxLength, 5]
    for (const [text, cuts] of [
      [long, []],
      [`${long}\n`, []],
      [`${long}\n`, [70_000, 100_000]]
    ] as const) {
      const lengths = linesOf(cut(new TextEncoder().encode(text), cuts)).map((line) => line.length)
      assert.deepStrictEqual(lengths, expected)
    }
  })

  it.prop("are kept, the last ones, of the run that is under way", [Cuts, Cuts], ([before, since]) => {
    const output = new Output(5)
    const publish = (numbers: ReadonlyArray<number>) =>
      numbers.forEach((n) => output.publish([{ source: "stdout", text: String(n) }]))
    publish(before)
    output.begin()
    publish(since)
    assert.deepStrictEqual(output.lastLines, since.slice(-5).map(String))
  })
})

describe("frames", () => {
  it("may be large", () => {
    const value = "x".repeat(50_000_000)
    const bytes = Frames.encode({ _tag: "Success", value })
    let received: Frames.Reply | undefined
    const read = Frames.reader<Frames.Reply>((frame) => (received = frame))
    const joined = vi.spyOn(Buffer, "concat")
    for (let at = 0; at < bytes.length; at += 8192) read(bytes.subarray(at, at + 8192))
    assert.isTrue(received?._tag === "Success" && received.value === value)
    // It is copied when its length is known and when it is whole, not for each piece.
    assert.isAtMost(joined.mock.calls.length, 3)
    joined.mockRestore()
  })

  it.prop("do not depend on how their bytes are cut", [Schema.Array(Schema.String), Cuts], ([values, cuts]) => {
    const frames = values.map((value): Frames.Reply => ({ _tag: "Success", value }))
    const received: Array<Frames.Reply> = []
    const read = Frames.reader<Frames.Reply>((frame) => received.push(frame))
    for (const part of cut(Buffer.concat(frames.map(Frames.encode)), cuts)) read(part)
    assert.deepStrictEqual(received, frames)
  })
})
