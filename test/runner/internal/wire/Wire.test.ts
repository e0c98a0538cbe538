// What one side says in a turn arrives on the other record by record, through a real message port.
import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads"
import type { Refusal } from "../../../../src/internal/values/Uncloneable.ts"
import * as Wire from "../../../../src/runner/internal/wire/Wire.ts"
import * as Leaks from "../../../helpers/leaks.ts"

Leaks.check()

const { Op } = Wire

type Record = ReadonlyArray<unknown>

/** One record of each operation, with the fields that its description lists. */
const samples: { readonly [K in keyof typeof Op]: Record } = {
  Run: [Op.Run.code, 7, 2, 1234, { a: [1, null] }, { attempt: 2, tags: ["x"] }],
  Interrupt: [Op.Interrupt.code, 7],
  Credit: [Op.Credit.code, 7],
  Close: [Op.Close.code],
  CallOk: [Op.CallOk.code, 3, { value: 1 }],
  CallFail: [Op.CallFail.code, 3, [{ _tag: "Interrupt" }]],
  CallChunk: [Op.CallChunk.code, 3, [1, 2, 3]],
  CallProgress: [Op.CallProgress.code, 3, 0.5],
  CallAccepted: [Op.CallAccepted.code, 3],
  Ready: [Op.Ready.code, ["a", "b"]],
  Fatal: [Op.Fatal.code, "file:///tasks.ts", "SyntaxError"],
  Ok: [Op.Ok.code, 7, 12, null],
  Fail: [Op.Fail.code, 7, 12, [{ _tag: "Die" }]],
  Chunk: [Op.Chunk.code, 7, [1, 2]],
  Progress: [Op.Progress.code, 7, "half"],
  Log: [Op.Log.code, -1, { level: "Info", message: ["m"], annotations: {}, spans: [] }],
  Call: [Op.Call.code, 3, 7, null, { name: "f", source: "() => 1", payload: 1 }, { id: "x-1" }],
  CallInterrupt: [Op.CallInterrupt.code, 3],
  CallCredit: [Op.CallCredit.code, 3],
  Control: [Op.Control.code, 3, "resize", 4],
  Memory: [Op.Memory.code, 2 ** 30],
  Refused: [Op.Refused.code, 7, "result.items[1]", "a function"],
  Messages: [Op.Messages.code, 7, ["a", { b: 1 }]],
  Listen: [Op.Listen.code, 7],
  CallMessages: [Op.CallMessages.code, 3, null],
  CallListen: [Op.CallListen.code, 3],
  Define: [Op.Define.code, 2, "effect 1 2 3 none"],
  CallDefine: [Op.CallDefine.code, "f", "stream 1 2 3 4"]
}

const all = Object.values(samples)

/** The records in a frame, one by one. */
const records = (flat: Record): ReadonlyArray<Record> => {
  const out: Array<Record> = []
  for (let at = 0; at < flat.length; at = Wire.next(flat, at)) out.push(flat.slice(at, Wire.next(flat, at)))
  return out
}

/** Sends what an outbox holds through a message port. */
const pass = (outbox: Wire.Outbox) => {
  const { port1, port2 } = new MessageChannel()
  const refused: Array<readonly [record: Record, refusal: Refusal]> = []
  outbox.flush(
    (frame, transfer) => port1.postMessage(frame, transfer as Array<ArrayBuffer>),
    (record, refusal) => refused.push([record, refusal])
  )
  const frames: Array<Wire.Frame> = []
  for (let got = receiveMessageOnPort(port2); got !== undefined; got = receiveMessageOnPort(port2)) {
    frames.push((got as { readonly message: Wire.Frame }).message)
  }
  port1.close()
  return { frames, refused, received: frames.length === 0 ? [] : records(Wire.read(frames)) }
}

const Choice = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: all.length - 1 }))

const uncloneable = [() => 1, Symbol("s"), { deep: [{ promise: Promise.resolve() }] }, new WeakMap()]

describe("Wire", () => {
  it("gives each operation a code of its own, and knows how long its record is", () => {
    const operations = Object.values(Op)
    assert.deepStrictEqual(
      operations.map(({ code }) => code),
      [...operations.keys()]
    )
    for (const record of all) assert.strictEqual(Wire.next([...record, Op.Close.code], 0), record.length)
  })

  it("reads of a record what was written into it", () => {
    const outbox = new Wire.Outbox()
    outbox.add(Op.Close)
    outbox.add(Op.Call, 3, 7, null, { name: "f" }, { id: "x-1" })
    const { records } = outbox
    const at = Wire.next(records, 0)
    assert.strictEqual(records[at], Op.Call.code)
    const { call, callMeta, caller, payload, task } = Op.Call
    assert.deepStrictEqual(
      [call, caller, task, payload, callMeta].map((place) => Wire.field<unknown>(records, at, place)),
      [3, 7, null, { name: "f" }, { id: "x-1" }]
    )
    assert.strictEqual(Wire.next(records, at), records.length)
  })

  it.prop(
    "gives the records of a frame back one by one, as text and cloned",
    [Schema.Array(Choice), Schema.Boolean],
    ([choices, text]) => {
      const expected = [...choices, 0].map((choice) => all[choice]!)
      const outbox = new Wire.Outbox()
      outbox.records.push(...expected.flat())
      outbox.text = text
      const { frames, received, refused } = pass(outbox)
      assert.deepEqual(received, expected)
      assert.deepStrictEqual(refused, [])
      // One frame, however much there is to say.
      assert.deepStrictEqual(
        frames.map((frame) => typeof frame),
        [text ? "string" : "object"]
      )
      // Empty again, and as new: there is nothing to send.
      assert.deepStrictEqual([outbox.records, outbox.text, pass(outbox).frames], [[], true, []])
    }
  )

  it("reads several frames as one", () => {
    const frames = all.map((record, index) => (index % 2 === 0 ? JSON.stringify(record) : record))
    assert.deepEqual(records(Wire.read(frames)), all)
    assert.deepStrictEqual(Wire.read([JSON.stringify(all.flat())]), all.flat())
  })

  it("clones what JSON would not keep", () => {
    const value = {
      map: new Map([[1n, new Date(5)]]),
      bytes: new Uint8Array([1, 2]),
      missing: undefined,
      nan: Number.NaN
    }
    const outbox = new Wire.Outbox()
    outbox.records.push(Op.Ok.code, 1, 2, value, Op.Ok.code, 2, 3, -0)
    outbox.text = false
    assert.deepStrictEqual(pass(outbox).received, [
      [Op.Ok.code, 1, 2, value],
      [Op.Ok.code, 2, 3, -0]
    ])
  })

  it.prop(
    "leaves out the records that cannot be cloned, and no other",
    [Schema.Array(Schema.Struct({ choice: Choice, bad: Schema.Literals([false, false, false, true]) }))],
    ([choices]) => {
      const outbox = new Wire.Outbox()
      outbox.text = false
      const good: Array<Record> = []
      const bad: Array<Record> = []
      for (const [index, { bad: isBad, choice }] of choices.entries()) {
        const record = isBad ? [Op.Ok.code, index, 0, { field: uncloneable[index % 4] }] : all[choice]!
        outbox.records.push(...record)
        ;(isBad ? bad : good).push(record)
      }
      const { received, refused } = pass(outbox)
      assert.deepEqual(received, good)
      assert.deepEqual(
        refused.map(([record]) => record),
        bad
      )
      for (const [[, index], { path, reason }] of refused) {
        assert.match(path, (index as number) % 4 === 2 ? /^\.field\.deep\[0\]\.promise$/ : /^\.field$/)
        assert.match(reason, /cannot be cloned/)
      }
    },
    { arbitrary: { runs: 100, size: 40 } }
  )

  it("moves what is to be moved, and clones the rest", () => {
    const [moved, kept] = [new Uint8Array([1, 2, 3]), new Uint8Array([4, 5])]
    const outbox = new Wire.Outbox()
    outbox.transfer([moved.buffer])
    assert.isFalse(outbox.text)
    outbox.records.push(Op.Ok.code, 1, 0, moved, Op.Ok.code, 2, 0, kept)
    const { frames, received } = pass(outbox)
    assert.strictEqual(frames.length, 1)
    assert.deepStrictEqual(received, [
      [Op.Ok.code, 1, 0, new Uint8Array([1, 2, 3])],
      [Op.Ok.code, 2, 0, new Uint8Array([4, 5])]
    ])
    assert.strictEqual(moved.byteLength, 0)
    assert.strictEqual(kept.byteLength, 2)
    // The list belonged to that frame.
    const again = new Wire.Outbox()
    again.records.push(Op.Ok.code, 3, 0, 1)
    assert.deepStrictEqual(pass(again).received, [[Op.Ok.code, 3, 0, 1]])
  })

  it("moves each list with its own record when others are refused", () => {
    const buffers = [1, 2, 3].map((n) => new Uint8Array([n]))
    const outbox = new Wire.Outbox()
    for (const [index, bytes] of buffers.entries()) {
      outbox.transfer([bytes.buffer])
      outbox.records.push(Op.Ok.code, index, 0, index === 1 ? { bytes, callback: () => 1 } : bytes)
    }
    outbox.records.push(Op.Ok.code, 3, 0, "last")
    const { received, refused } = pass(outbox)
    assert.deepStrictEqual(received, [
      [Op.Ok.code, 0, 0, new Uint8Array([1])],
      [Op.Ok.code, 2, 0, new Uint8Array([3])],
      [Op.Ok.code, 3, 0, "last"]
    ])
    assert.deepStrictEqual(
      refused.map(([record, { path }]) => [record[1], path]),
      [[1, ".callback"]]
    )
    // What was refused has not moved away.
    assert.deepStrictEqual(
      buffers.map((bytes) => bytes.byteLength),
      [0, 1, 0]
    )
  })

  it("refuses the second record that would move the same buffer", () => {
    const bytes = new Uint8Array([1])
    const outbox = new Wire.Outbox()
    for (const index of [0, 1]) {
      outbox.transfer([bytes.buffer])
      outbox.records.push(Op.Ok.code, index, 0, bytes)
    }
    const { received, refused } = pass(outbox)
    assert.deepStrictEqual(received, [[Op.Ok.code, 0, 0, new Uint8Array([1])]])
    assert.deepStrictEqual(
      refused.map(([record]) => record[1]),
      [1]
    )
    assert.isNotEmpty(refused[0]![1].reason)
  })
})
