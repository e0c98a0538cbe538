// Schemas that move bytes instead of copying them, to a thread and back.
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as FiberRunner from "effect-strand/FiberRunner"
import * as ProcessRunner from "effect-strand/ProcessRunner"
import * as ThreadRunner from "effect-strand/ThreadRunner"
import { TaskRunner } from "effect-strand/TaskRunner"
import * as Leaks from "../../helpers/leaks.ts"
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

it.live("many payloads move at once, whoever is given them in the end", () =>
  Effect.gen(function* () {
    // Quick at first, so that many are sent ahead, then slow, so that these are taken back.
    const calls = Array.from({ length: 400 }, (_, n) => ({
      bytes: new Uint8Array(1000),
      value: n % 256,
      millis: n === 200 ? 50 : 0
    }))
    const filled = yield* Effect.forEach(calls, (call) => tasks.fillSlowly.run(call), { concurrency: 64 })
    filled.forEach((bytes, n) => assert.isTrue(bytes.byteLength === 1000 && bytes[999] === n % 256))
    assert.isTrue(calls.every(({ bytes }) => bytes.byteLength === 0))
    const runner = yield* TaskRunner
    const [urgent, resized] = yield* Effect.all(
      [
        Effect.forEach(
          Array.from({ length: 60 }, (_, n) => n),
          (n) => tasks.fillSlowly.run({ bytes: new Uint8Array(10), value: n, millis: 1 }, { priority: 60 - n }),
          { concurrency: "unbounded" }
        ),
        Effect.forEach([1, 2, 1, 2], (size) => Effect.andThen(runner.resize(size), Effect.sleep("10 millis")))
      ],
      { concurrency: "unbounded" }
    )
    assert.deepStrictEqual(
      urgent.map((bytes) => bytes[9]),
      urgent.map((_, n) => n)
    )
    assert.strictEqual(resized.length, 4)
  }).pipe(Effect.provide(ThreadRunner.layer({ module, size: 2 })))
)

it.live("bytes that came from a process move on one by one", () =>
  Effect.gen(function* () {
    const both = yield* Effect.all([tasks.pair.run(1), tasks.pair.run(2)], { concurrency: "unbounded" }).pipe(
      Effect.provide(ProcessRunner.layer({ module, size: 1 }))
    )
    const parts = both.flatMap(({ first, second }) => [first, second])
    const filled = yield* Effect.forEach(parts, (bytes, value) => tasks.fill.run({ bytes, value })).pipe(
      Effect.provide(ThreadRunner.layer({ module, size: 1 }))
    )
    assert.deepStrictEqual(
      filled.map((bytes) => [bytes.byteLength, bytes[0]]),
      [
        [100, 0],
        [100, 1],
        [100, 2],
        [100, 3]
      ]
    )
  })
)

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
