// Several middlewares in front of a runner: their order, what they share, and what they do not.
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { FiberRunner, Middleware, Task, TaskRunner } from "effect-strand"
import * as Leaks from "../helpers/leaks.ts"

Leaks.check()

const where = Task.make("where", { success: Schema.String })
const letters = Task.stream("letters", { success: Schema.String })

const runnerOf = (name: string) =>
  FiberRunner.layer(
    Layer.mergeAll(
      where.toLayer(() => Effect.succeed(name)),
      letters.toLayer(() => Stream.make("a", "b"))
    )
  )

/** A middleware that notes what it sees. */
const noting = (name: string, seen: Array<string>) =>
  Middleware.make({
    execute: (_request, next) =>
      Effect.suspend(() => {
        seen.push(`${name} before`)
        return Effect.onExit(next, () => Effect.sync(() => seen.push(`${name} after`)))
      }),
    stream: (_request, next) =>
      Stream.suspend(() => {
        seen.push(`${name} before`)
        return Stream.onExit(next, () => Effect.sync(() => seen.push(`${name} after`)))
      })
  })

describe("Middleware.stack", () => {
  it.live("has the outermost first, for run, fork and stream", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const runner = Middleware.stack(runnerOf("here"), noting("A", seen), noting("B", seen), noting("C", seen))
      const order = ["A before", "B before", "C before", "C after", "B after", "A after"]
      yield* Effect.gen(function* () {
        assert.strictEqual(yield* where.run(), "here")
        assert.deepStrictEqual(seen.splice(0), order)
        assert.strictEqual(yield* Effect.flatMap(where.fork(), Fiber.join), "here")
        assert.deepStrictEqual(seen.splice(0), order)
        assert.deepStrictEqual(yield* Stream.runCollect(letters.stream()), ["a", "b"])
        assert.deepStrictEqual(seen.splice(0), order)
      }).pipe(Effect.provide(runner))
    })
  )

  it.live("is the runner itself without middlewares", () =>
    Effect.gen(function* () {
      const runner = runnerOf("here")
      assert.strictEqual(Middleware.stack(runner), runner)
      const none: ReadonlyArray<Middleware.Middleware> = []
      assert.strictEqual(yield* Effect.provide(where.run(), Middleware.stack(runner, ...none)), "here")
    })
  )

  it.live("puts one middleware in front of several runners, and several times in front of one", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const both = noting("both", seen)
      const contexts = yield* Layer.build(
        Layer.mergeAll(
          keep(Left, Middleware.stack(runnerOf("left"), both, both)),
          keep(Right, Middleware.stack(runnerOf("right"), both))
        )
      )
      const run = (runner: TaskRunner.TaskRunner["Service"]) =>
        Effect.provideService(where.run(), TaskRunner.TaskRunner, runner)
      assert.strictEqual(yield* run(Context.get(contexts, Left)), "left")
      assert.deepStrictEqual(seen.splice(0), ["both before", "both before", "both after", "both after"])
      assert.strictEqual(yield* run(Context.get(contexts, Right)), "right")
      assert.deepStrictEqual(seen.splice(0), ["both before", "both after"])
    }).pipe(Effect.scoped)
  )

  it.live("puts one middleware with a dependency of its own in front of several runners", () =>
    Effect.gen(function* () {
      const opened = Layer.sync(Ledger, () => ({ lines: [], number: 1 }))
      const audited = Middleware.make(Effect.as(Ledger, (_request, next) => next)).pipe(Layer.provide(opened))
      const contexts = yield* Layer.build(
        Layer.mergeAll(
          keep(Left, Middleware.stack(runnerOf("left"), audited)),
          keep(Right, Middleware.stack(runnerOf("right"), audited))
        )
      )
      const run = (runner: TaskRunner.TaskRunner["Service"]) =>
        Effect.provideService(where.run(), TaskRunner.TaskRunner, runner)
      assert.strictEqual(yield* run(Context.get(contexts, Left)), "left")
      assert.strictEqual(yield* run(Context.get(contexts, Right)), "right")
    }).pipe(Effect.scoped)
  )

  it.live("shares the runner, and what middlewares depend on", () =>
    Effect.gen(function* () {
      let runners = 0
      let ledgers = 0
      const runner = Layer.unwrap(
        Effect.sync(() => {
          runners++
          return runnerOf("here")
        })
      )
      const ledger = Layer.effect(
        Ledger,
        Effect.sync(() => ({ lines: [], number: ++ledgers }))
      )
      const writing = Middleware.make(
        Effect.map(Ledger, (found) => (request, next) => {
          found.lines.push(request.name)
          return next
        })
      ).pipe(Layer.provideMerge(ledger))
      const contexts = yield* Layer.build(
        Layer.mergeAll(
          keep(Left, Middleware.stack(runner, writing)),
          keep(Right, Middleware.stack(runner, writing)),
          ledger
        )
      )
      yield* Effect.provideService(where.run(), TaskRunner.TaskRunner, Context.get(contexts, Left))
      yield* Effect.provideService(where.run(), TaskRunner.TaskRunner, Context.get(contexts, Right))
      assert.deepStrictEqual(Context.get(contexts, Ledger), { lines: ["where", "where"], number: 1 })
      assert.strictEqual(runners, 1)
    }).pipe(Effect.scoped)
  )

  it.live("gives what one of them provides to those further out, and to the program", () =>
    Effect.gen(function* () {
      const providing = Layer.merge(
        Middleware.make((_request, next) => next),
        Layer.succeed(Ledger, { lines: ["opened"], number: 1 })
      )
      const using = Middleware.make(
        Effect.map(Ledger, ({ lines }) => (request, next) => {
          lines.push(request.name)
          return next
        })
      )
      const lines = yield* where
        .run()
        .pipe(
          Effect.andThen(Effect.map(Ledger, (ledger) => ledger.lines)),
          Effect.provide(Middleware.stack(runnerOf("here"), using, providing))
        )
      assert.deepStrictEqual(lines, ["opened", "where"])
    })
  )

  it.live("fails as its parts fail", () =>
    Effect.gen(function* () {
      const failing = Middleware.make<"locked">(Effect.fail("locked" as const))
      const runner = Middleware.stack(runnerOf("here"), noting("A", []), failing)
      assert.strictEqual(yield* Effect.flip(Effect.provide(where.run(), runner)), "locked")
    })
  )
})

class Left extends Context.Service<Left, TaskRunner.TaskRunner["Service"]>()("test/Left") {}
class Right extends Context.Service<Right, TaskRunner.TaskRunner["Service"]>()("test/Right") {}
class Ledger extends Context.Service<Ledger, { readonly lines: Array<string>; readonly number: number }>()(
  "test/Ledger"
) {}

/** A runner under another name. */
const keep = <I, E, R>(
  key: Context.Key<I, TaskRunner.TaskRunner["Service"]>,
  runner: Layer.Layer<TaskRunner.TaskRunner, E, R>
): Layer.Layer<I, E, R> =>
  Layer.provide(Layer.effectContext(Effect.map(TaskRunner.TaskRunner, (service) => Context.make(key, service))), runner)
