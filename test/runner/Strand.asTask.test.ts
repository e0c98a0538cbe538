// A plain function becomes one that runs elsewhere and gives an Effect.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { threadId } from "node:worker_threads"
import { FiberRunner, Middleware, StoreReader, StoreRunner, Strand, ThreadRunner } from "effect-strand"
import { until } from "../../src/testing/Subject.ts"
import * as MemoryStore from "effect-strand/MemoryStore"

const place = () => {
  const { threadId } = process.getBuiltinModule("node:worker_threads")
  return { pid: process.pid, threadId }
}

for (const runner of ["thread", "process", "fiber", "inline"] as const) {
  describe(`asTask on "${runner}"`, () => {
    it.live("runs there", () =>
      Effect.gen(function* () {
        const here = { pid: process.pid, threadId }
        const there = yield* Strand.asTask(place, { runner })()
        assert.strictEqual(there.pid === here.pid, runner !== "process")
        if (runner === "thread") assert.notStrictEqual(there.threadId, here.threadId)
        if (runner === "fiber" || runner === "inline") assert.deepStrictEqual(there, here)
      })
    )

    it.live("takes plain and asynchronous functions, any number of arguments, some of them in advance", () =>
      Effect.gen(function* () {
        const area = (width: number, height: number, unit: string) => `${width * height} ${unit}`
        assert.strictEqual(yield* Strand.asTask(area, { runner })(2, 3, "m"), "6 m")
        assert.strictEqual(yield* Strand.asTask(area, { runner, given: [2, 3] })("cm"), "6 cm")
        assert.strictEqual(yield* Strand.asTask(async (n: number) => n + 1, { runner })(1), 2)
        const total = Strand.asTask((numbers: ReadonlyArray<number>) => numbers.reduce((sum, n) => sum + n, 0), {
          runner
        })
        assert.strictEqual(yield* total([1, 2, 3]), 6)
      })
    )

    it.live("what a function throws is a defect, as it was thrown", () =>
      Effect.gen(function* () {
        const broken = Strand.asTask(
          () => {
            throw new RangeError("out of range")
          },
          { runner, name: "broken" }
        )
        const exit = yield* Effect.exit(broken())
        const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.isTrue(defect instanceof Error && defect.name === "RangeError" && defect.message === "out of range")
      })
    )

    it.live("options of the call: a time limit stops the work, hooks are called", () =>
      Effect.gen(function* () {
        const never = Strand.asTask(() => new Promise<void>(() => {}), { runner, name: "never", timeout: "50 millis" })
        const error = yield* Effect.flip(never())
        assert.deepInclude(error, { _tag: "TaskTimeout", task: "never" })
        const seen: Array<unknown> = []
        const letters = Strand.asTask((text: string) => [...text], {
          runner,
          onIter: (letter) => seen.push(letter),
          onEnd: (all) => seen.push(all.length)
        })
        yield* letters("ab")
        assert.deepStrictEqual(seen, ["a", "b", 2])
      })
    )
  })
}

describe("asTask", () => {
  it.live("gives the value of an Effect", () =>
    Effect.gen(function* () {
      const outside = 41
      assert.strictEqual(yield* Strand.asTask(() => Effect.succeed(outside + 1), { runner: "fiber" })(), 42)
    })
  )

  it.live("a busy loop can be interrupted", () =>
    Effect.gen(function* () {
      const busy = Strand.asTask((started: Int32Array) => {
        Atomics.store(started, 0, 1)
        for (;;);
      })
      const started = new Int32Array(new SharedArrayBuffer(4))
      const fiber = yield* Effect.forkChild(busy(started), { startImmediately: true })
      yield* until("the loop to run", () => Atomics.load(started, 0) === 1)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(yield* Strand.asTask((n: number) => n + 1)(1), 2)
    })
  )

  it.live("a runner of one's own is built once for all functions that name it", () =>
    Effect.gen(function* () {
      let builds = 0
      const counted = Layer.provideMerge(
        Layer.effectDiscard(Effect.sync(() => builds++)),
        FiberRunner.layer(Layer.empty)
      )
      assert.strictEqual(yield* Strand.asTask((n: number) => n * 2, { runner: counted })(4), 8)
      assert.strictEqual(yield* Strand.asTask((n: number) => n * 3, { runner: counted })(4), 12)
      assert.strictEqual(builds, 1)
      const seen: Array<string> = []
      const watched = Middleware.make((request, next) => {
        seen.push(request.name)
        return next
      }).pipe(Layer.provide(ThreadRunner.layer({ size: 1, shutdownGrace: 0 })))
      assert.strictEqual(yield* Strand.asTask((n: number) => n * 2, { runner: watched, name: "twice" })(4), 8)
      assert.deepStrictEqual(seen, ["twice"])
    })
  )

  it.live("a store's runner takes functions that its readers may run", () =>
    Effect.gen(function* () {
      const local = ThreadRunner.layer({ size: 1 })
      const reader = StoreReader.layer({ tasks: [], allowPortable: true }).pipe(Layer.provide(local))
      const store = Layer.provideMerge(reader, StoreRunner.layer).pipe(Layer.provide(MemoryStore.layer()))
      assert.strictEqual(yield* Strand.asTask((n: number) => n + 1, { runner: store })(41), 42)
    })
  )

  it("keeps no finished program alive, and leaves nothing behind", () => {
    const run = spawnSync(process.execPath, [fileURLToPath(new URL("./asTaskProgram.ts", import.meta.url))], {
      encoding: "utf8",
      timeout: 20_000
    })
    assert.deepStrictEqual(
      { status: run.status, stdout: run.stdout, stderr: run.stderr },
      {
        status: 0,
        stdout: "5\n6\n",
        stderr: ""
      }
    )
  })
})
