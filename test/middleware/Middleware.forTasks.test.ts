// A middleware for certain tasks: their calls go through it, all others as if it was not there.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { FiberRunner, Middleware, StoreReader, StoreRunner, Task, TaskRunner } from "effect-strand"
import * as MemoryStore from "effect-strand/MemoryStore"
import * as Leaks from "../helpers/leaks.ts"

Leaks.check()

const fetch = Task.make("fetch", { payload: { host: Schema.String }, success: Schema.String })
const post = Task.make("post", { payload: { host: Schema.String, size: Schema.Int }, success: Schema.Int })
const other = Task.make("other", { success: Schema.String, error: Schema.String })
const watch = Task.stream("watch", { payload: Schema.Int, success: Schema.Int })
const pulse = Task.stream("pulse", { success: Schema.Int })

const handlers = Layer.mergeAll(
  fetch.toLayer(({ host }) => Effect.succeed(host)),
  post.toLayer(({ size }) => Effect.succeed(size)),
  other.toLayer(() => Effect.fail("no")),
  watch.toLayer((n) => Stream.range(1, n)),
  pulse.toLayer(() => Stream.make(1))
)

const over = (middleware: Middleware.Middleware) => middleware.pipe(Layer.provide(FiberRunner.layer(handlers)))

describe("a middleware with `for`", () => {
  it.effect("sees the calls of its tasks, however they are made, and no others", () => {
    const seen: Array<string> = []
    const noting = Middleware.make(
      {
        execute: (request, next) => {
          seen.push(request.name === "watch" ? `watch ${request.payload}` : `${request.name} ${request.payload.host}`)
          return next
        },
        stream: (request, next) => {
          seen.push(`stream of ${request.name}`)
          return next
        }
      },
      { for: [fetch, post.annotate(Task.Title, "Post"), watch] }
    )
    return Effect.gen(function* () {
      assert.strictEqual(yield* fetch.run({ host: "a" }), "a")
      assert.strictEqual(yield* Fiber.join(yield* fetch.fork({ host: "b" })), "b")
      assert.strictEqual(yield* post.partial({ host: "c" }).run({ size: 1 }), 1)
      assert.strictEqual(yield* Effect.flip(other.run()), "no")
      assert.strictEqual(yield* Effect.flip(Effect.flatMap(other.fork(), (fiber) => Fiber.join(fiber))), "no")
      yield* other.forkDiscard()
      assert.deepEqual(yield* Stream.runCollect(watch.stream(2)), [1, 2])
      assert.deepEqual(yield* Stream.runCollect(pulse.stream()), [1])
      yield* TaskRunner.TaskRunner.use((runner) => runner.awaitIdle())
      assert.deepEqual(seen, ["fetch a", "fetch b", "post c", "stream of watch"])
    }).pipe(Effect.provide(over(noting)))
  })

  it.effect("is one for all tasks without it", () => {
    const seen: Array<string> = []
    const noting = Middleware.make((request, next) => {
      seen.push(request.name)
      return next
    }, {})
    return Effect.gen(function* () {
      yield* fetch.run({ host: "a" })
      yield* Effect.flip(other.run())
      assert.deepEqual(seen, ["fetch", "other"])
    }).pipe(Effect.provide(over(noting)))
  })

  it.effect("is one for none with an empty list", () => {
    const never = Middleware.make(() => Effect.die("not for anybody"), { for: [] })
    return Effect.gen(function* () {
      assert.strictEqual(yield* fetch.run({ host: "a" }), "a")
    }).pipe(Effect.provide(over(never)))
  })

  const asked: Array<unknown> = []
  const ask =
    <A>(answer: A) =>
    (request: { readonly payload: { readonly host: string } }): A => {
      asked.push(request.payload.host)
      return answer
    }
  const shipped: Readonly<Record<string, Middleware.Middleware>> = {
    rateLimit: Middleware.rateLimit({ for: fetch, limit: 9, window: "1 minute", key: ask("") }),
    concurrency: Middleware.concurrency({ for: fetch, limit: 9, key: ask("") }),
    cache: Middleware.cache({ for: fetch, timeToLive: "1 minute", key: ask("") }),
    circuitBreaker: Middleware.circuitBreaker({ for: fetch, key: ask("") }),
    logging: Middleware.logging({ for: fetch, filter: ask(false) }),
    tracing: Middleware.tracing({ for: fetch, attributes: ask({}) }),
    timeout: Middleware.timeout(ask("1 minute" as const), { for: fetch })
  }
  for (const [name, middleware] of Object.entries(shipped)) {
    it.effect(`asks the functions of ${name} about its tasks alone`, () =>
      Effect.gen(function* () {
        asked.length = 0
        assert.strictEqual(yield* fetch.run({ host: "a" }), "a")
        yield* Effect.flip(other.run())
        assert.strictEqual(yield* post.run({ host: "b", size: 2 }), 2)
        assert.deepEqual(yield* Stream.runCollect(watch.stream(1)), [1])
        assert.deepEqual(asked, ["a"])
      }).pipe(Effect.provide(over(middleware)))
    )
  }

  it.effect("retries its tasks alone, while their errors are worth it", () => {
    let attempts = 0
    const flaky = Task.make("flaky", { error: Schema.Int })
    const steady = Task.make("steady", { error: Schema.Int })
    const count = () => Effect.suspend(() => Effect.fail(++attempts))
    const runner = Middleware.retry({ for: flaky, times: 9, while: (error) => error === 1 || error === 2 }).pipe(
      Layer.provide(FiberRunner.layer(Layer.merge(flaky.toLayer(count), steady.toLayer(count))))
    )
    return Effect.gen(function* () {
      assert.strictEqual(yield* Effect.flip(flaky.run()), 3)
      attempts = 0
      assert.strictEqual(yield* Effect.flip(steady.run()), 1)
    }).pipe(Effect.provide(runner))
  })

  it.live("leaves many tasks for a store in one transaction, unless it is for one of them", () => {
    const seen: Array<string> = []
    const noting = Middleware.make(
      (request, next) =>
        Effect.andThen(
          Effect.sync(() => seen.push(request.name)),
          next
        ),
      {
        for: fetch
      }
    )
    const reader = StoreReader.layer({ tasks: [fetch, other] }).pipe(Layer.provide(FiberRunner.layer(handlers)))
    return Effect.gen(function* () {
      assert.lengthOf(yield* Task.forkAllDiscard(other, [undefined, undefined]), 2)
      assert.lengthOf(yield* Task.forkAllDiscard(fetch, [{ host: "a" }]), 1)
      assert.strictEqual(yield* fetch.run({ host: "b" }), "b")
      assert.deepEqual(seen, ["fetch", "fetch"])
    }).pipe(
      Effect.provide(Layer.merge(noting.pipe(Layer.provide(StoreRunner.layer)), reader)),
      Effect.provide(MemoryStore.layer())
    )
  })

  it.effect("is refused when it is for something that is no task", () =>
    Effect.gen(function* () {
      for (const wrong of [null, 3, "fetch", {}, [fetch, null]]) {
        const layer = over(Middleware.make((_, next) => next, { for: wrong as never }))
        const exit = yield* Effect.exit(Effect.provide(fetch.run({ host: "a" }), layer))
        assert.isTrue(Exit.isFailure(exit) && String(Cause.squash(exit.cause)).includes("for has to be a task"))
      }
    })
  )
})
