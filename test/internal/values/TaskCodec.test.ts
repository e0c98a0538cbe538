// What a codec writes is what is read back, on text wherever the schema allows it.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Task from "effect-strand/Task"
import * as TaskCodec from "../../../src/internal/values/TaskCodec.ts"
import * as TaskExit from "../../../src/internal/values/TaskExit.ts"
import { Everything } from "../../../src/testing/definitions.ts"

class Denied extends Schema.TaggedError<Denied>()("Denied", { at: Schema.Date }) {}

const task = Task.make("task", { payload: { n: Schema.Int }, success: Schema.Date, error: Denied })

const codecOf = (payload: Schema.Codec<unknown, unknown>) => TaskCodec.of(Task.make("task", { payload })).payload

describe("TaskCodec", () => {
  const failures: Record<string, Cause.Cause<unknown>> = {
    "a typed error": Cause.fail(new Denied({ at: new Date(1) })),
    "an interrupt": Cause.interrupt(1),
    "a defect": Cause.die(new TypeError("no")),
    "an undefined defect": Cause.die(undefined),
    "a null defect": Cause.die(null),
    "a text defect": Cause.die("text"),
    "a defect with a look of its own": Cause.die({ "~effect-strand/undefined": false }),
    "several reasons": Cause.combine(Cause.fail(new Denied({ at: new Date(1) })), Cause.die("text"))
  }

  for (const [name, cause] of Object.entries(failures)) {
    it(`writes and reads ${name} as text`, () => {
      const codec = TaskCodec.of(task)
      assert.isTrue(codec.failure.text)
      const text = JSON.stringify(TaskExit.encodeCause(codec, cause))
      const exit = TaskExit.decodeFailure(task, JSON.parse(text))
      assert.isTrue(Exit.isFailure(exit))
      if (Exit.isSuccess(exit)) return
      assert.deepStrictEqual(
        exit.cause.reasons.map((reason) => reason._tag),
        cause.reasons.map((reason) => reason._tag)
      )
      const values = (cause: Cause.Cause<unknown>) =>
        cause.reasons.map((reason) =>
          Cause.isFailReason(reason) ? reason.error : Cause.isDieReason(reason) ? reason.defect : reason.fiberId
        )
      assert.deepEqual(values(exit.cause), values(cause))
    })
  }

  it("makes a defect of an error that the task does not declare", () => {
    const codec = TaskCodec.of(task)
    const exit = TaskExit.decodeFailure(
      task,
      TaskExit.encodeCause(codec, Cause.fail(new Error("undeclared")) as Cause.Cause<unknown>)
    )
    assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons.every(Cause.isDieReason))
  })

  it("writes whatever a cause holds", () => {
    const codec = TaskCodec.of(task)
    for (const value of [() => 1, Symbol("s"), 1n, new Map(), { f: () => 1 }, Number.NaN]) {
      for (const cause of [Cause.fail(value), Cause.die(value)]) {
        const exit = TaskExit.decodeFailure(
          task,
          JSON.parse(JSON.stringify(TaskExit.encodeCause(codec, cause as Cause.Cause<unknown>)))
        )
        assert.isTrue(Exit.isFailure(exit) && exit.cause.reasons.every(Cause.isDieReason), String(value))
      }
    }
  })

  it("says what does not survive JSON", () => {
    assert.isTrue(codecOf(Schema.Struct({ date: Schema.Date, big: Schema.BigInt })).text)
    assert.isTrue(codecOf(Schema.ReadonlyMap(Schema.String, Schema.Option(Schema.Date))).text)
    assert.isFalse(codecOf(Schema.Uint8Array).text)
    assert.isFalse(codecOf(Schema.Any).text)
    assert.isFalse(codecOf(Schema.Struct({ deep: Schema.Array(Schema.Option(Schema.Unknown)) })).text)
    assert.isFalse(codecOf(Everything).text)
  })

  it("passes bytes as they are", () => {
    const codec = codecOf(Schema.Struct({ bytes: Schema.Uint8Array }))
    const bytes = new Uint8Array([1, 2])
    const encoded = Result.getOrThrow(codec.encode({ bytes })) as { readonly bytes: unknown }
    assert.strictEqual(encoded.bytes, bytes)
    const decoded = Result.getOrThrow(codec.decode(encoded)) as { readonly bytes: unknown }
    assert.strictEqual(decoded.bytes, bytes)
  })

  it("refuses what does not match", () => {
    assert.isTrue(Result.isFailure(TaskCodec.of(task).payload.encode({ n: 1.5 })))
    assert.isTrue(Result.isFailure(TaskCodec.of(task).success.decode("no date")))
    assert.strictEqual(TaskCodec.validatePayload(task, { n: "x" })?._tag, "PayloadInvalid")
    assert.isUndefined(TaskCodec.validatePayload(task, { n: 1 }))
  })

  it("compiles once for each task", () => {
    assert.strictEqual(TaskCodec.of(task), TaskCodec.of(task))
    assert.strictEqual(TaskCodec.of(task).payload, TaskCodec.of(task).payload)
  })
})
