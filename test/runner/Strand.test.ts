// Everything that a runner does can be had by Promises.
import { assert, describe, it } from "@effect/vitest"
import * as Layer from "effect/Layer"
import { FiberRunner, Strand, Task } from "effect-strand"
import * as MemoryStore from "effect-strand/MemoryStore"
import { RunnerSuite } from "effect-strand/testing"
import * as tasks from "../../src/testing/definitions.ts"
import * as StoreReader from "effect-strand/StoreReader"
import * as StoreRunner from "effect-strand/StoreRunner"
import * as Leaks from "../helpers/leaks.ts"

Leaks.check()

const module = RunnerSuite.tasksModule
const { handlers } = RunnerSuite

const kinds = {
  thread: { runner: "thread", module, size: 1 },
  process: { runner: "process", module, size: 1 },
  fiber: { runner: "fiber", handlers },
  inline: { runner: "inline", handlers },
  layer: FiberRunner.layer(handlers)
} satisfies Record<string, Strand.Options>

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => assert.fail(`it gave ${String(value)}`),
    (error: unknown) => error
  )

const until = async (holds: () => boolean): Promise<void> => {
  const deadline = performance.now() + 10_000
  while (!holds()) {
    if (performance.now() > deadline) assert.fail("waited in vain")
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

for (const [kind, options] of Object.entries(kinds)) {
  describe(`Strand on ${kind}`, () => {
    it("runs tasks; a Promise rejects with the error itself", async () => {
      const strand = Strand.start(options)
      try {
        assert.strictEqual(await strand.run(tasks.add, { a: 1, b: 2 }), 3)
        assert.deepStrictEqual(
          await strand.forEach(tasks.add, [
            { a: 1, b: 1 },
            { a: 2, b: 2 }
          ]),
          [2, 4]
        )
        const typed = await rejection(strand.run(tasks.fail, { how: "unreadable" }))
        assert.isTrue(typed instanceof tasks.Unreadable)
        const invalid = await rejection(strand.run(tasks.add, { a: "1" as unknown as number, b: 2 }))
        assert.deepInclude(invalid, { _tag: "PayloadInvalid", task: "add" })
      } finally {
        await strand.close()
      }
      assert.deepInclude(await rejection(strand.run(tasks.add, { a: 1, b: 2 })), { _tag: "RunnerClosed", task: "add" })
      assert.deepInclude(await rejection(strand.stats()), { _tag: "RunnerClosed" })
    })

    it("handles tell of their task, wait for it with or without a limit, cancel it", async () => {
      const strand = Strand.start(options)
      try {
        const quick = await strand.fork(tasks.add, { a: 1, b: 2 }, { tags: ["sum"] })
        assert.strictEqual(await quick.result(), 3)
        assert.deepStrictEqual([quick.isDone, quick.status, quick.metadata.tags], [true, "completed", ["sum"]])
        assert.isFalse(await quick.cancel())
        const slow = await strand.fork(tasks.share)
        assert.isFalse(slow.isDone)
        const late = await rejection(slow.result({ timeout: "20 millis" }))
        assert.deepInclude(late, { _tag: "TimeoutError" })
        assert.isFalse(slow.isDone)
        assert.strictEqual((await strand.attach(tasks.share, slow.id)).id, slow.id)
        assert.deepStrictEqual(
          (await strand.tasks()).map(({ id }) => id),
          [slow.id]
        )
        assert.isTrue(await slow.cancel())
        assert.strictEqual(slow.status, "cancelled")
        const other = await strand.fork(tasks.share)
        assert.isTrue(await strand.cancel(other.id))
        assert.deepInclude(await rejection(other.result()), { _tag: "TaskCancelled" })
      } finally {
        await strand.close()
      }
    })

    it("messages, progress, streams and hooks", async () => {
      const strand = Strand.start(options)
      try {
        const handle = await strand.fork(tasks.share)
        await handle.send(1)
        await handle.send(2)
        await handle.endMessages()
        assert.deepStrictEqual(await handle.result(), { sum: 3, count: 2 })
        const numbers: Array<number> = []
        for await (const n of strand.stream(tasks.numbers, { count: 1000, chunk: 10 })) {
          numbers.push(n)
          if (n === 3) break
        }
        assert.deepStrictEqual(numbers, [1, 2, 3])
        const ends: Array<number> = []
        await strand.run(tasks.add, { a: 1, b: 2 }, { onEnd: (sum) => ends.push(sum) })
        assert.deepStrictEqual(ends, [3])
      } finally {
        await strand.close()
      }
    })

    it("a signal stops the call", async () => {
      const strand = Strand.start(options)
      try {
        const controller = new AbortController()
        const call = rejection(strand.run(tasks.share, undefined, { signal: controller.signal }))
        let live: ReadonlyArray<unknown> = []
        await until(() => {
          void strand.tasks().then((found) => (live = found))
          return live.length === 1
        })
        controller.abort()
        await call
        assert.deepStrictEqual(await strand.tasks(), [])
      } finally {
        await strand.close()
      }
    })

    it("controls", async () => {
      const strand = Strand.start(options)
      try {
        await strand.pause()
        const call = strand.fork(tasks.add, { a: 1, b: 2 })
        await strand.resume()
        assert.strictEqual(await (await call).result(), 3)
        await strand.awaitIdle()
        await strand.resize(1)
        assert.strictEqual((await strand.stats()).completed, 1)
        await strand.awaitIdle({ close: true })
        assert.deepInclude(await rejection(strand.run(tasks.add, { a: 1, b: 2 })), { _tag: "RunnerClosed" })
      } finally {
        await strand.close()
      }
    })
  })
}

describe("Strand", () => {
  it("is closed by the symbols of `using` and `await using`", async () => {
    const strand = Strand.start({ runner: "fiber", handlers, shutdownGrace: 0 })
    const handle = await strand.fork(tasks.share)
    await strand[Symbol.asyncDispose]()
    assert.strictEqual(handle.status, "cancelled")
    const other = Strand.start({ runner: "fiber", handlers, shutdownGrace: 0 })
    const running = await other.fork(tasks.share)
    other[Symbol.dispose]()
    await until(() => running.isDone)
  })

  it("says what is wrong with the runner at the call", async () => {
    const strand = Strand.start({ runner: "thread", module: new URL("./missing.ts", import.meta.url), warmUp: true })
    assert.deepInclude(await rejection(strand.run(tasks.add, { a: 1, b: 2 })), { _tag: "ModuleInvalid" })
    await strand.close()
  })

  it("runs over a store", async () => {
    const add = Task.portable("plus", (a: number, b: number) => a + b)
    const reader = StoreReader.layer({ tasks: [], allowPortable: true }).pipe(
      Layer.provide(FiberRunner.layer(Layer.empty))
    )
    const strand = Strand.start(Layer.provideMerge(reader, StoreRunner.layer).pipe(Layer.provide(MemoryStore.layer())))
    try {
      const handle = await strand.fork(add, [1, 2], { timeToLive: "1 minute" })
      assert.strictEqual(await handle.result({ timeout: "10 seconds" }), 3)
      assert.strictEqual(await (await strand.attach(add, handle.id)).result(), 3)
    } finally {
      await strand.close()
    }
  })
})
