// What a serialization writes comes back, and is not read by another one.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { join } from "node:path"
import { FiberRunner, StoreRunner, Task } from "effect-strand"
import { messagePack } from "effect-strand/MessagePack"
import * as Serialization from "effect-strand/Serialization"
import * as SqliteStore from "effect-strand/SqliteStore"
import { TaskStore } from "effect-strand/TaskStore"
import * as Folders from "../helpers/folders.ts"
import * as Leaks from "../helpers/leaks.ts"

Leaks.check()

const all = { json: Serialization.json, structuredClone: Serialization.structuredClone, messagePack }

const rich = {
  bytes: new Uint8Array([0, 128, 255]),
  date: new Date(7),
  map: new Map<unknown, unknown>([[1, new Set(["a"])]]),
  big: 12345678901234567890n,
  nothing: undefined,
  list: [-0, Number.NaN, Infinity]
}

describe("Serialization", () => {
  for (const [name, serialization] of Object.entries(all)) {
    describe(name, () => {
      it.prop("all JSON", [Schema.Json], ([value]) => {
        const text = JSON.stringify(value)
        // -0 is 0 in JSON, of which only this is known.
        assert.strictEqual(JSON.stringify(serialization.decode(serialization.encode(JSON.parse(text), true))), text)
      })

      it("what JSON has no form for", () => {
        assert.deepStrictEqual(serialization.decode(serialization.encode(rich, false)), rich)
      })

      it("keys that mean something to objects", () => {
        const value = JSON.parse(`[{"__proto__":{"__proto__":1},"constructor":2}]`)
        for (const text of [false, true]) {
          assert.deepStrictEqual(serialization.decode(serialization.encode(value, text)), value)
        }
      })

      it("refuses functions", () => {
        assert.throws(() => serialization.encode({ f: () => 1 }, false))
      })
    })
  }

  it("does not read what another one wrote", () => {
    const bytes = Serialization.structuredClone.encode(1, true)
    assert.throws(() => Serialization.json.decode(bytes), /another serialization/)
    assert.throws(() => Serialization.structuredClone.decode("1"), /another serialization/)
    assert.throws(() => messagePack.decode("1"), /another serialization/)
  })

  it.live("a store says so that is opened with another one", () =>
    Effect.gen(function* () {
      const filename = join(yield* Folders.scoped, "tasks.db")
      const task = Task.make("t", { payload: Schema.Int })
      const first = StoreRunner.layer.pipe(
        Layer.provide(SqliteStore.layer({ filename, serialization: Serialization.structuredClone }))
      )
      const id = yield* Effect.provide(task.forkDiscard(1), first)
      const error = yield* Effect.flip(
        Effect.provide(
          Effect.flatMap(TaskStore, (store) => store.get(id)),
          SqliteStore.layer({ filename })
        )
      )
      assert.match(error.message, /another serialization/)
    })
  )

  for (const [name, serialization] of Object.entries(all)) {
    it.live(`tasks with bytes and open schemas run with ${name}`, () => {
      const weigh = Task.make("weigh", {
        payload: { bytes: Schema.Uint8Array, extra: Schema.Any },
        success: Schema.Any
      })
      const runner = StoreRunner.layerReading({
        tasks: [weigh],
        runner: FiberRunner.layer(weigh.toLayer(({ bytes, extra }) => Effect.succeed({ bytes, extra })))
      }).pipe(Layer.provide(SqliteStore.layerTemporary({ serialization })))
      return Effect.gen(function* () {
        const fiber = yield* weigh.fork({ bytes: rich.bytes, extra: rich })
        assert.deepStrictEqual(yield* Fiber.join(fiber), { bytes: rich.bytes, extra: rich })
      }).pipe(Effect.provide(runner))
    })
  }
})
