// Calls may leave out what the schema of a payload has constructor defaults for; handlers see all of it.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import {
  Dispatcher,
  FiberRunner,
  StoreReader,
  StoreRunner,
  Task,
  TaskCron,
  TaskError,
  type TaskRunner,
  ThreadRunner
} from "effect-strand"
import * as MemoryStore from "effect-strand/MemoryStore"
import { runProcess } from "effect-strand/BackgroundProcess"
import * as Leaks from "../../helpers/leaks.ts"
import handlers, { count, fetch, greet, made, Request, User } from "./inputs.ts"

Leaks.check()

const withDefault = Schema.withConstructorDefault

const runners: Readonly<Record<string, () => Layer.Layer<TaskRunner.TaskRunner, TaskError.TaskError>>> = {
  fibers: () => FiberRunner.layer(handlers),
  "the caller's fiber": () => FiberRunner.layerInline(handlers),
  threads: () => ThreadRunner.layer({ module: new URL("./inputs.ts", import.meta.url), size: 1 }),
  "a store": () =>
    StoreRunner.layer.pipe(
      Layer.provideMerge(StoreReader.layer({ tasks: [fetch, greet] }).pipe(Layer.provide(FiberRunner.layer(handlers)))),
      Layer.provide(MemoryStore.layer())
    )
}

const given = { url: "a", limits: { rate: 2 }, headers: [{ name: "b" }, { name: "c", value: "d" }] }
const whole = {
  url: "a",
  retries: 3,
  limits: { rate: 2, size: 10 },
  headers: [
    { name: "b", value: "" },
    { name: "c", value: "d" }
  ]
}

/** The error of a call, and nothing else. */
const errorOf = <E, R>(call: Effect.Effect<unknown, E, R>) => Effect.flip(call)

for (const [name, runner] of Object.entries(runners)) {
  describe(`payloads with defaults, on ${name}`, () => {
    it.layer(runner(), { excludeTestServices: true })((it) => {
      it.effect("are whole for the handler, however the task is called", () =>
        Effect.gen(function* () {
          assert.deepEqual(yield* fetch.run(given), whole)
          assert.deepEqual(yield* fetch.run({ ...given, retries: 0, note: "n" }), { ...whole, retries: 0, note: "n" })
          assert.deepEqual(yield* Fiber.join(yield* fetch.fork(given)), whole)
          assert.deepEqual(
            yield* Effect.scoped(Effect.flatMap(fetch.forkScoped(given), (fiber) => Fiber.join(fiber))),
            whole
          )
          const id = yield* fetch.forkDiscard(given, { timeToLive: "1 minute" })
          if (name === "a store") assert.deepEqual(yield* Fiber.join(yield* fetch.attach(id)), whole)
          assert.deepEqual(yield* Task.forEach(fetch, [given, { ...given, url: "b" }]), [whole, { ...whole, url: "b" }])
          const fibers = yield* Task.forkAll(fetch, [given])
          assert.deepEqual(yield* Fiber.join(fibers[0]!), whole)
          assert.lengthOf(yield* Task.forkAllDiscard(fetch, [given, given]), 2)
          const completed = yield* Stream.runCollect(Task.asCompleted(fetch, [given]))
          assert.deepEqual(completed, [{ index: 0, payload: given, value: whole }])
          assert.deepEqual(
            yield* fetch.partial({ limits: { rate: 2 } }).run({ url: "a", headers: given.headers }),
            whole
          )
          const dispatcher = yield* Dispatcher.make()
          const ticket = yield* dispatcher.dispatch(fetch, given)
          assert.deepEqual(yield* ticket.await, whole)
        }).pipe(Effect.scoped)
      )

      it.effect("are instances of their class, by its fields or as one", () =>
        Effect.gen(function* () {
          assert.strictEqual(yield* greet.run({ name: "Ada" }), "Ada (guest)")
          assert.strictEqual(yield* greet.run(new User({ name: "Ada", role: "admin" })), "Ada (admin)")
          assert.strictEqual(yield* greet.partial({ role: "root" }).run({ name: "Ada" }), "Ada (root)")
          const error = yield* errorOf(greet.run({ name: "" }))
          assert.instanceOf(error, TaskError.PayloadInvalid)
          assert.include(error.message, `at ["name"]`)
        })
      )

      it.effect("say what is missing or wrong, like all payloads", () =>
        Effect.gen(function* () {
          const seen: Array<unknown> = []
          const wrong = { ...given, limits: { rate: "fast" } } as unknown as typeof given
          const error = yield* errorOf(fetch.run(wrong, { onError: (cause) => seen.push(Cause.squash(cause)) }))
          assert.instanceOf(error, TaskError.PayloadInvalid)
          assert.strictEqual(error.task, "fetch")
          assert.include(error.message, `at ["limits"]["rate"]`)
          assert.deepEqual(seen, [error])
          assert.instanceOf(yield* errorOf(fetch.fork(wrong)), TaskError.PayloadInvalid)
          assert.instanceOf(yield* errorOf(fetch.fork(wrong, { delay: "1 hour" })), TaskError.PayloadInvalid)
          assert.instanceOf(yield* errorOf(fetch.forkDiscard(wrong)), TaskError.PayloadInvalid)
          assert.instanceOf(yield* errorOf(Task.forkAllDiscard(fetch, [given, wrong])), TaskError.PayloadInvalid)
        })
      )

      if (name !== "a store") {
        it.effect("are those of streams, too", () =>
          Effect.gen(function* () {
            assert.deepEqual(yield* Stream.runCollect(count.stream({ to: 3 })), [1, 2, 3])
            const elements: Array<number> = []
            yield* count.run({ to: 3, from: 2 }, { onIter: (n) => elements.push(n) })
            assert.deepEqual(elements, [2, 3])
          })
        )
      }
    })
  })
}

describe("constructor defaults", () => {
  it.effect("are made anew for each run of a call, and with what its fiber has", () => {
    const stamp = Task.make("stamp", {
      payload: { at: Schema.Number.pipe(withDefault(Clock.currentTimeMillis)) },
      success: Schema.Number
    })
    const runner = FiberRunner.layer(stamp.toLayer(({ at }) => Effect.succeed(at)))
    return Effect.gen(function* () {
      yield* TestClock.setTime(1000)
      const call = stamp.run({})
      assert.strictEqual(yield* call, 1000)
      yield* TestClock.adjust(500)
      assert.strictEqual(yield* call, 1500)
    }).pipe(Effect.provide(runner))
  })

  it.effect("are made once for all attempts of a call", () => {
    const flaky = Task.make("flaky", { payload: Request, success: Schema.Int, error: Schema.Int })
    let attempts = 0
    const runner = FiberRunner.layer(flaky.toLayer(() => (++attempts < 3 ? Effect.fail(attempts) : Effect.succeed(1))))
    return Effect.gen(function* () {
      const before = made.times
      yield* flaky.run(given, { retry: 5 })
      assert.strictEqual(made.times, before + 1)
      assert.strictEqual(attempts, 3)
    }).pipe(Effect.provide(runner))
  })

  it.effect("that throw or fail are the error of the call that needs them", () => {
    const broken = Task.make("broken", {
      payload: {
        a: Schema.Int.pipe(
          withDefault(
            Effect.sync(() => {
              throw new Error("no default today")
            })
          )
        )
      }
    })
    const runner = FiberRunner.layer(broken.toLayer(() => Effect.void))
    return Effect.gen(function* () {
      yield* broken.run({ a: 1 })
      const error = yield* errorOf(broken.run({}))
      assert.instanceOf(error, TaskError.PayloadInvalid)
      assert.include(error.message, "no default today")
    }).pipe(Effect.provide(runner))
  })

  it("are refused where they wait or need a service, with their place", () => {
    class Config extends Context.Service<Config, number>()("test/Config") {}
    const needs: Effect.Effect<number> = Effect.map(Config, (n) => n) as never
    const define = (value: Effect.Effect<number>) => () =>
      Task.make("late", { payload: { list: Schema.Array(Schema.Struct({ n: Schema.Int.pipe(withDefault(value)) })) } })
    let stopped = false
    const waiting = Effect.onInterrupt(Effect.as(Effect.sleep("1 hour"), 1), () => Effect.sync(() => (stopped = true)))
    assert.throws(
      define(waiting),
      /Task "late": the constructor default of payload\.list\[\*\]\.n has to be waited for/
    )
    assert.isTrue(stopped)
    assert.throws(
      define(needs),
      /Task "late": the constructor default of payload\.list\[\*\]\.n needs a service.*test\/Config/
    )
    class Late extends Schema.Class<Late>("Late")({ n: Schema.Int.pipe(withDefault(needs)) }) {}
    assert.throws(() => Task.make("late", { payload: Late }), /payload\.n needs a service/)
  })

  it("may be behind a schema that comes back to itself, or is not there yet", () => {
    interface Tree {
      readonly n: number
      readonly children: ReadonlyArray<Tree>
    }
    const early = Task.make("early", { payload: Schema.suspend((): Schema.Codec<Tree> => Tree) })
    const Tree = Schema.Struct({
      n: Schema.Int.pipe(withDefault(Effect.succeed(1))),
      children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
    })
    const late = Task.make("late", { payload: Tree, success: Schema.Int })
    assert.strictEqual(early.name, "early")
    const runner = FiberRunner.layer(late.toLayer(({ n }) => Effect.succeed(n)))
    return Effect.runPromise(Effect.provide(late.run({ children: [] }), runner)).then((n) => assert.strictEqual(n, 1))
  })

  it.effect("are there for a cron", () => {
    const seen: Array<unknown> = []
    const every = Task.make("every", { payload: Request })
    const runner = FiberRunner.layer(
      every.toLayer((payload) => Effect.sync(() => seen.push(payload))),
      { shutdownGrace: 0 }
    )
    const cron = TaskCron.layer({ name: "every", task: every, payload: given, cron: "* * * * * *" })
    return Effect.gen(function* () {
      yield* TestClock.adjust("1 second")
      assert.deepEqual(seen, [whole])
    }).pipe(Effect.provide(cron), Effect.provide(runner))
  })

  it.effect("do what the schema's own constructor does, whatever is given", () => {
    const absent = Symbol()
    const choices = {
      url: ["a", 1, absent],
      retries: [1, "1", undefined, absent],
      note: ["n", 1, undefined, absent],
      limits: [{ rate: 1 }, { rate: 1, size: 2 }, { rate: 1, size: "2" }, {}, absent],
      headers: [[], [{ name: "a" }, { name: "b", value: "c" }], [{}], [{ name: "a", value: 1 }], absent]
    }
    const inputs = Object.entries(choices).reduce<ReadonlyArray<object>>(
      (inputs, [name, values]) =>
        inputs.flatMap((input) => values.map((value) => (value === absent ? input : { ...input, [name]: value }))),
      [{}]
    )
    return Effect.gen(function* () {
      let valid = 0
      for (const given of inputs) {
        const input = given as (typeof Request)["~type.make.in"]
        const expected = Request.makeOption(input)
        const actual = yield* Effect.option(fetch.run(input))
        assert.deepEqual(actual, expected, JSON.stringify(input))
        if (Option.isSome(actual)) valid++
      }
      assert.lengthOf(inputs, 1200)
      assert.strictEqual(valid, 1 * 3 * 2 * 2 * 2)
    }).pipe(Effect.provide(FiberRunner.layerInline(handlers)))
  })
})

describe("a process of its own", () => {
  it.live("gets whole payloads", () =>
    Effect.gen(function* () {
      const module = new URL("./inputs.ts", import.meta.url)
      const process = yield* runProcess({ task: fetch, payload: given, module, log: "none" })
      assert.deepEqual(yield* process.result, whole)
      const wrong = { ...given, url: 1 } as unknown as typeof given
      const error = yield* errorOf(runProcess({ task: fetch, payload: wrong, module, log: "none" }))
      assert.instanceOf(error, TaskError.PayloadInvalid)
    }).pipe(Effect.scoped)
  )
})

describe("annotations", () => {
  const Owner = Context.Reference<string>("test/Owner", { defaultValue: () => "nobody" })

  it.effect("travel with a definition, and change nothing else of it", () => {
    const plain = Task.make("plain", { payload: { a: Schema.Int, b: Schema.Int }, success: Schema.Int })
    const owned = plain.annotate(Owner, "web").annotate(Task.Title, "Adds")
    const partly = owned.partial({ a: 1 })
    const described = partly.annotateMerge(Context.make(Task.Description, "Adds two numbers"))
    assert.strictEqual(Context.get(plain.annotations, Owner), "nobody")
    assert.deepEqual(Context.getOption(owned.annotations, Task.Title), Option.some("Adds"))
    for (const task of [owned, partly, described]) assert.strictEqual(Context.get(task.annotations, Owner), "web")
    assert.isTrue(Option.isNone(Context.getOption(partly.annotations, Task.Description)))
    assert.deepEqual(Context.getOption(described.annotations, Task.Description), Option.some("Adds two numbers"))
    assert.strictEqual(Context.get(described.annotate(Owner, "api").annotations, Owner), "api")
    return Effect.gen(function* () {
      assert.strictEqual(yield* owned.run({ a: 1, b: 2 }), 3)
      assert.strictEqual(yield* described.run({ b: 2 }), 3)
      assert.strictEqual(
        yield* Task.fn("f", (x: number) => 2 * x)
          .annotate(Owner, "web")
          .run(1)
          .pipe(Effect.provide(FiberRunner.layer(Task.fn("f", (x: number) => 2 * x).annotate(Owner, "web").layer))),
        2
      )
    }).pipe(Effect.provide(FiberRunner.layer(plain.toLayer(({ a, b }) => Effect.succeed(a + b)))))
  })
})
