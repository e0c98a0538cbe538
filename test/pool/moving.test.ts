// Schemas that move bytes instead of copying them, to a thread and back.
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as FiberRunner from "../../src/runner/FiberRunner.ts"
import * as ProcessRunner from "../../src/runner/ProcessRunner.ts"
import * as ThreadRunner from "../../src/runner/ThreadRunner.ts"
import * as Leaks from "../leaks.ts"
import handlers, * as tasks from "./movingTasks.ts"

Leaks.check()

const module = new URL("./movingTasks.ts", import.meta.url)

it.layer(ThreadRunner.layer({ module, size: 1 }), { excludeTestServices: true })("threads", (it) => {
  it.effect("a payload moves: the caller's bytes are gone", () =>
    Effect.gen(function* () {
      const bytes = new Uint8Array(1 << 20)
      const filled = yield* tasks.fill.run({ bytes, value: 3 })
      assert.strictEqual(bytes.byteLength, 0)
      assert.strictEqual(filled.byteLength, 1 << 20)
      assert.isTrue(filled.every((byte) => byte === 3))
    })
  )

  it.effect("a result moves: the handler's bytes are gone", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* tasks.giveAndKeep.run(), 1024)
      assert.strictEqual((yield* tasks.give.run()).byteLength, 1024)
      assert.strictEqual(yield* tasks.giveAndKeep.run(), 0)
    })
  )

  it.effect("the elements of a stream move", () =>
    Effect.gen(function* () {
      const lengths = yield* tasks.parts.stream(100).pipe(
        Stream.map((part) => part.byteLength),
        Stream.runCollect
      )
      assert.deepStrictEqual(
        lengths,
        Array.from({ length: 100 }, (_, index) => index + 1)
      )
    })
  )

  it.effect("a value that does not match is PayloadInvalid all the same", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(tasks.fill.run({ bytes: new Uint8Array(1), value: 0.5 }))
      assert.strictEqual(error._tag, "PayloadInvalid")
    })
  )
})

it.live("processes and fibers take the same tasks", () =>
  Effect.gen(function* () {
    for (const runner of [ProcessRunner.layer({ module, size: 1 }), FiberRunner.layer(handlers)]) {
      const filled = yield* tasks.fill
        .run({ bytes: new Uint8Array(16), value: 5 })
        .pipe(Effect.provide(Layer.fresh(runner)))
      assert.deepStrictEqual(Array.from(filled), new Array(16).fill(5))
    }
  })
)
