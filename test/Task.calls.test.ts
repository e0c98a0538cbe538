// What a call can say beside its payload: hooks, a part of the payload in advance, that the result is not wanted.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { threadId } from "node:worker_threads"
import { FiberRunner, Task, ThreadRunner } from "effect-strand"
import * as Leaks from "./helpers/leaks.ts"

Leaks.check()

class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Int }) {}

const half = Task.make("half", { payload: Schema.Int, success: Schema.Int, error: Odd })
const join = Task.make("join", {
  payload: { words: Schema.Array(Schema.String), by: Schema.String, upper: Schema.optionalKey(Schema.Boolean) },
  success: Schema.String
})
const count = Task.stream("count", { payload: { from: Schema.Int, to: Schema.Int }, success: Schema.Int, error: Odd })
const split = Task.make("split", { payload: Schema.String, success: Schema.Array(Schema.String) })
const never = Task.make("never")
const area = Task.fn("area", (width: number, height: number, unit: string) => `${width * height} ${unit}`)

const handlers = Layer.mergeAll(
  half.toLayer((n) => (n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail(new Odd({ n })))),
  join.toLayer(({ by, upper, words }) => Effect.succeed(upper ? words.join(by).toUpperCase() : words.join(by))),
  count.toLayer(({ from, to }) =>
    Stream.range(from, to).pipe(Stream.tap((n) => (n === 13 ? Effect.fail(new Odd({ n })) : Effect.void)))
  ),
  split.toLayer((text) => Effect.succeed(text.split(" "))),
  never.toLayer(() => Effect.never),
  area.layer
)

const runners = {
  fibers: FiberRunner.layer(handlers),
  inline: FiberRunner.layerInline(handlers)
}

/** Keeps what hooks are called with. */
const makeHooks = () => {
  const calls: Array<unknown> = []
  return {
    calls,
    hooks: {
      onEnd: (value: unknown) => calls.push(["end", value]),
      onError: (cause: Cause.Cause<unknown>) => calls.push(["error", Cause.squash(cause)])
    }
  }
}

for (const [name, runner] of Object.entries(runners)) {
  describe(`hooks on ${name}`, () => {
    it.live("onEnd gets the result, once, before run and the handle are over", () =>
      Effect.gen(function* () {
        const { calls, hooks } = makeHooks()
        assert.strictEqual(yield* half.run(4, hooks), 2)
        assert.deepStrictEqual(calls, [["end", 2]])
        const fiber = yield* half.fork(8, hooks)
        assert.strictEqual(yield* Fiber.join(fiber), 4)
        assert.deepStrictEqual(calls.slice(1), [["end", 4]])
      }).pipe(Effect.provide(runner))
    )

    it.live("onError gets typed errors, errors of the runner and defects; the call fails all the same", () =>
      Effect.gen(function* () {
        const { calls, hooks } = makeHooks()
        assert.strictEqual((yield* Effect.flip(half.run(3, hooks)))._tag, "Odd")
        assert.strictEqual((yield* Effect.flip(half.run(0.5, hooks)))._tag, "PayloadInvalid")
        const fiber = yield* half.fork(5, hooks)
        assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "Odd")
        assert.deepStrictEqual(
          calls.map((call) => (call as [string, { readonly _tag: string }])[1]._tag),
          ["Odd", "PayloadInvalid", "Odd"]
        )
      }).pipe(Effect.provide(runner))
    )

    it.live("interruption calls no hook, and stops the work", () =>
      Effect.gen(function* () {
        const { calls, hooks } = makeHooks()
        const fiber = yield* never.fork(undefined, hooks)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(yield* fiber.status, "cancelled")
        assert.deepStrictEqual(calls, [])
      }).pipe(Effect.provide(runner))
    )

    it.live("onIter gets the elements one by one, and the next waits for it", () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const onIter = (n: number) =>
          Effect.gen(function* () {
            log.push(`${n} begins`)
            yield* Effect.yieldNow
            log.push(`${n} ends`)
          })
        yield* count.run({ from: 1, to: 2 }, { onIter, onEnd: () => log.push("end") })
        assert.deepStrictEqual(log, ["1 begins", "1 ends", "2 begins", "2 ends", "end"])
        log.length = 0
        const fiber = yield* count.fork({ from: 12, to: 14 }, { onIter, onError: () => log.push("error") })
        assert.strictEqual((yield* Effect.flip(Fiber.join(fiber)))._tag, "Odd")
        assert.deepStrictEqual(log, ["12 begins", "12 ends", "error"])
      }).pipe(Effect.provide(runner))
    )

    it.live("onIter gets the elements of one result, before onEnd", () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const hooks = { onIter: (word: string) => log.push(word), onEnd: () => log.push("end") }
        assert.deepStrictEqual(yield* split.run("a b", hooks), ["a", "b"])
        yield* Fiber.join(yield* split.fork("c", hooks))
        assert.deepStrictEqual(log, ["a", "b", "end", "c", "end"])
      }).pipe(Effect.provide(runner))
    )

    it.live("a hook may give a Promise, and what it throws is a defect of the call", () =>
      Effect.gen(function* () {
        let waited = false
        yield* half.run(4, { onEnd: () => Promise.resolve().then(() => (waited = true)) })
        assert.isTrue(waited)
        const thrown = yield* Effect.exit(
          half.run(4, {
            onEnd: () => {
              throw new TypeError("in the hook")
            }
          })
        )
        assert.isTrue(Exit.isFailure(thrown) && Cause.hasDies(thrown.cause))
        const rejected = yield* half.fork(4, { onEnd: () => Promise.reject(new TypeError("in the hook")) })
        const exit = yield* Fiber.await(rejected)
        assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "in the hook")
      }).pipe(Effect.provide(runner))
    )
  })
}

describe("hooks", () => {
  it.live("run where the task was called, not where it runs", () =>
    Effect.gen(function* () {
      const thread = Task.portable("thread", () => process.getBuiltinModule("node:worker_threads").threadId)
      let here: number | undefined
      const there = yield* thread.run(undefined, {
        onEnd: () => {
          here = threadId
        }
      })
      assert.isDefined(here)
      assert.notStrictEqual(here, there)
    }).pipe(Effect.provide(ThreadRunner.layer({ size: 1 })))
  )
})

describe("partial", () => {
  it.effect("fields of a struct are given in advance; calls give the rest, and may replace them", () =>
    Effect.gen(function* () {
      const dashed = join.partial({ by: "-" })
      assert.strictEqual(yield* dashed.run({ words: ["a", "b"] }), "a-b")
      assert.strictEqual(yield* dashed.run({ words: ["a", "b"], by: "+" }), "a+b")
      assert.strictEqual(yield* Effect.flatMap(dashed.fork({ words: ["c"] }), Fiber.join), "c")
      const loud = dashed.partial({ upper: true, words: ["x", "y"] })
      assert.strictEqual(yield* loud.run(), "X-Y")
      assert.deepStrictEqual(yield* Task.forEach(dashed, [{ words: ["a", "b"] }, { words: [] }]), ["a-b", ""])
      // The whole task is as it was.
      assert.strictEqual(yield* join.run({ words: ["a", "b"], by: " " }), "a b")
    }).pipe(Effect.provide(runners.fibers))
  )

  it.effect("the first elements of a tuple are given in advance", () =>
    Effect.gen(function* () {
      const wide = area.partial([3])
      assert.strictEqual(yield* wide.run([4, "m"]), "12 m")
      const square = wide.partial([3])
      assert.strictEqual(yield* square.run(["cm"]), "9 cm")
    }).pipe(Effect.provide(runners.fibers))
  )

  it.effect("streams, too, and the payload is checked as a whole", () =>
    Effect.gen(function* () {
      const fromTwo = count.partial({ from: 2 })
      assert.deepStrictEqual(yield* Stream.runCollect(fromTwo.stream({ to: 4 })), [2, 3, 4])
      const error = yield* Effect.flip(join.partial({ by: 1 as unknown as string }).run({ words: [] }))
      assert.strictEqual(error._tag, "PayloadInvalid")
    }).pipe(Effect.provide(runners.fibers))
  )
})
