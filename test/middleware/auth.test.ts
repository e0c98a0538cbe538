// Who calls is found out where a task is called, and known where it runs. Who may not call is refused there and then.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Inspectable from "effect/Inspectable"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import {
  FiberRunner,
  Middleware,
  ProcessRunner,
  StoreRunner,
  Task,
  TaskContext,
  TaskError,
  TaskRunner,
  ThreadRunner
} from "effect-strand"
import * as MemoryStore from "effect-strand/MemoryStore"
import { TaskStore } from "effect-strand/TaskStore"
import { defectOf, errorOf } from "../../src/testing/Subject.ts"
import * as Leaks from "../helpers/leaks.ts"
import handlers, { greet, greetBelow, greetings, raw, started, User } from "./authTasks.ts"

Leaks.check()

const users = new Map([
  ["token of ada", new User({ name: "Ada", since: new Date("1990-12-10") })],
  ["token of bob", new User({ name: "Bob", since: new Date("2001-01-01") })]
])

const verify = (token: Redacted.Redacted) => Effect.fromNullishOr(users.get(Redacted.value(token)))

const module = new URL("./authTasks.ts", import.meta.url)
const stored = [greet, raw, greetBelow]

const runners = {
  "FiberRunner.layer": FiberRunner.layer(handlers),
  "FiberRunner.layerInline": FiberRunner.layerInline(handlers),
  ThreadRunner: ThreadRunner.layer({ module, size: 2 }),
  ProcessRunner: ProcessRunner.layer({ module, size: 1 }),
  "StoreRunner, with a reader on fibers": StoreRunner.layerReading({
    runner: FiberRunner.layer(handlers),
    tasks: stored
  }),
  "StoreRunner, with a reader on threads": StoreRunner.layerReading({
    runner: ThreadRunner.layer({ module, size: 1 }),
    tasks: stored
  })
}

for (const [name, runner] of Object.entries(runners)) {
  describe(name, () => {
    const isStore = name.startsWith("StoreRunner")
    const layer = Middleware.auth({ principal: User, verify }).pipe(
      Layer.provide(runner),
      Layer.provideMerge(MemoryStore.layer())
    )

    it.live("the handler knows who calls, and so do the handlers of the tasks that it calls", () =>
      Effect.gen(function* () {
        const ada = Middleware.withCredentials("token of ada")
        const bob = Middleware.withCredentials(Redacted.make("token of bob"))
        assert.strictEqual(yield* ada(greet.run({ word: "hello" })), "hello Ada, with us since 1990")
        assert.strictEqual(yield* bob(greet.run({ word: "hello" })), "hello Bob, with us since 2001")
        const fiber = yield* ada(greet.fork({ word: "ho" }))
        assert.strictEqual(yield* Fiber.join(fiber), "ho Ada, with us since 1990")
        assert.deepStrictEqual(yield* bob(raw.run()), { name: "Bob", since: "2001-01-01T00:00:00.000Z" })
        const said = "Ada, with us since 1990"
        assert.deepStrictEqual(yield* ada(greetBelow.run({ depth: 2 })), [`hi ${said}`, said, said, said, said])
        const many = yield* ada(Task.forEach(greet, [{ word: "a" }, { word: "b" }]))
        assert.deepStrictEqual(many, [`a ${said}`, `b ${said}`])
      }).pipe(Effect.provide(layer))
    )

    if (!isStore) {
      it.live("streams are verified, too", () =>
        Effect.gen(function* () {
          const stream = greetings.stream({ count: 2 })
          const said = "Bob, with us since 2001"
          const elements = yield* Stream.runCollect(stream).pipe(Middleware.withCredentials("token of bob"))
          assert.deepStrictEqual(elements, [said, said])
          assert.strictEqual(errorOf(yield* Effect.exit(Stream.runCollect(stream)))._tag, "Unauthorized")
        }).pipe(Effect.provide(layer))
      )
    }

    it.live("a refused call fails with Unauthorized, by fork already, and reaches no handler and no store", () =>
      Effect.gen(function* () {
        started.count = 0
        const mallory = Middleware.withCredentials("guess")
        const calls: ReadonlyArray<Effect.Effect<unknown, unknown, TaskRunner.TaskRunner>> = [
          mallory(greet.run({ word: "a" })),
          mallory(greet.fork({ word: "a" })),
          mallory(greet.forkDiscard({ word: "a" })),
          mallory(greet.run({ word: "a" }, { retry: 3, timeout: "1 minute" })),
          greet.run({ word: "a" }),
          greet.fork({ word: "a" })
        ]
        for (const call of calls) {
          const error = errorOf(yield* Effect.exit(call))
          assert.instanceOf(error, TaskError.Unauthorized)
          assert.strictEqual(error.task, "greet")
          assert.match(error.reason, /not accepted|without credentials/)
          assert.notInclude(error.message, "guess")
        }
        assert.strictEqual(started.count, 0)
        assert.strictEqual(yield* (yield* TaskStore).size(), 0)
        assert.deepStrictEqual(yield* (yield* TaskRunner.TaskRunner).tasks, [])
      }).pipe(Effect.provide(layer))
    )
  })
}

describe("Middleware.auth", () => {
  const over = <E>(auth: Layer.Layer<TaskRunner.TaskRunner, E, TaskRunner.TaskRunner>) =>
    Layer.provide(auth, FiberRunner.layer(handlers))

  it.live("what verify fails with stays here, unless it is an Unauthorized", () =>
    Effect.gen(function* () {
      const token = "hush-1234"
      const logged: Array<string> = []
      const log = Logger.layer([
        Logger.make(
          (options) =>
            void logged.push(Inspectable.toStringUnknown([options.message, options.cause, options.fiber.context]))
        )
      ])
      const entries: Array<string> = []
      const lines = Logger.layer([Logger.map(Logger.formatLogFmt, (line) => void entries.push(line))])
      const ways = {
        typed: Effect.fail(new Error(`no user with ${token}`)),
        defect: Effect.die(new TypeError(`cannot parse\n  at ${token}`)),
        thrown: Effect.sync(() => {
          throw new RangeError(`cannot parse ${token}`)
        }),
        text: Effect.die(token)
      }
      for (const [way, effect] of Object.entries(ways)) {
        const exit = yield* greet
          .run({ word: "a" })
          .pipe(
            Middleware.withCredentials(token),
            Effect.exit,
            Effect.provide(over(Middleware.auth({ verify: () => effect }))),
            Effect.provide(Layer.merge(log, lines))
          )
        const error = errorOf(exit)
        assert.instanceOf(error, TaskError.Unauthorized, way)
        assert.notInclude(
          JSON.stringify(error) +
            error.message +
            error.stack +
            Cause.pretty(Exit.isFailure(exit) ? exit.cause : Cause.empty),
          token,
          way
        )
      }
      assert.lengthOf(entries, 3, "a typed failure is an answer; defects are bugs, which are logged")
      assert.notInclude(entries.join() + logged.join(), token)
      assert.match(entries.join(), /could not be verified.*RangeError.*auth\.test/s)
      const own = new TaskError.Unauthorized({ task: "greet", reason: "only admins may greet" })
      const told = yield* greet
        .run({ word: "a" })
        .pipe(
          Middleware.withCredentials(token),
          Effect.flip,
          Effect.provide(over(Middleware.auth({ verify: () => Effect.fail(own) })))
        )
      assert.strictEqual(told.message, 'Task "greet" was refused: only admins may greet')
    })
  )

  it.live("credentials are shown to nobody who prints a Context", () =>
    Effect.gen(function* () {
      const context = yield* Effect.context<never>()
      const found = Context.get(context, Middleware.Credentials)
      assert.strictEqual(Redacted.value(found!), "hush-1234")
      assert.notInclude(JSON.stringify(found) + String(found) + Inspectable.toStringUnknown(found), "hush")
    }).pipe(Middleware.withCredentials("hush-1234"))
  )

  it.live("credentials can come from the request, and verify uses services and sees the request", () =>
    Effect.gen(function* () {
      class Admins extends Context.Service<Admins, ReadonlySet<string>>()("test/Admins") {}
      const auth = Middleware.auth({
        credentials: ({ tags }) => tags.find((tag) => tag.startsWith("as:"))?.slice(3),
        verify: (name, request) =>
          Effect.gen(function* () {
            const admins = yield* Admins
            if (request.name === "raw" && !admins.has(name)) {
              return yield* new TaskError.Unauthorized({ task: request.name, reason: `${name} is no admin` })
            }
            return { name }
          })
      }).pipe(Layer.provide(Layer.succeed(Admins, new Set(["ada"]))))
      const layer = Layer.provide(auth, FiberRunner.layer(handlers))
      const run = (tags: ReadonlyArray<string>) => Effect.provide(raw.run(undefined, { tags }), layer)
      assert.deepStrictEqual(yield* run(["x", "as:ada"]), { name: "ada" })
      assert.include((yield* Effect.flip(run(["as:bob"]))).message, "bob is no admin")
      assert.include((yield* Effect.flip(run(["x"]))).message, "without credentials")
    })
  )

  it.live("calls without credentials may pass where they are not required", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* raw.run(), "nobody")
      assert.deepInclude(yield* raw.run().pipe(Middleware.withCredentials("token of ada")), { name: "Ada" })
      // Wrong ones may not.
      assert.strictEqual((yield* Effect.flip(raw.run().pipe(Middleware.withCredentials("guess"))))._tag, "Unauthorized")
      const error = yield* Effect.flip(greet.run({ word: "a" }))
      assert.include(error.message, "Middleware.auth")
    }).pipe(Effect.provide(over(Middleware.auth({ principal: User, verify, required: false }))))
  )

  it.live("a principal that is no JSON needs a schema, and one of another kind is not read", () =>
    Effect.gen(function* () {
      const withDate = over(Middleware.auth({ verify: () => Effect.succeed({ since: new Date() }) }))
      const exit = yield* greet
        .run({ word: "a" })
        .pipe(Middleware.withCredentials("a"), Effect.exit, Effect.provide(withDate))
      assert.match(String(defectOf(exit)), /not plain JSON/)
      const other = over(Middleware.auth({ verify: () => Effect.succeed({ id: 7 }) }))
      const read = yield* greet
        .run({ word: "a" })
        .pipe(Middleware.withCredentials("a"), Effect.flip, Effect.provide(other))
      assert.strictEqual(read._tag, "Unauthorized")
      assert.include(read.message, "does not match the schema")
    })
  )

  it.live("each call is verified once, also when it is tried again; an interrupted one is not made", () =>
    Effect.gen(function* () {
      const flaky = Task.make("flaky", { success: Schema.Int, error: Schema.String })
      let verified = 0
      let begun = 0
      const gate = yield* Deferred.make<void>()
      const layer = Middleware.auth({
        verify: (token) => {
          verified++
          return Redacted.value(token) === "slow"
            ? Effect.andThen(Deferred.succeed(gate, undefined), Effect.never)
            : Effect.void
        }
      }).pipe(
        Layer.provide(
          FiberRunner.layer(
            flaky.toLayer(() =>
              Effect.flatMap(TaskContext.TaskContext, ({ attempt }) => {
                begun++
                return attempt < 3 ? Effect.fail("again") : Effect.succeed(attempt)
              })
            )
          )
        )
      )
      yield* Effect.gen(function* () {
        assert.strictEqual(yield* flaky.run(undefined, { retry: 2 }).pipe(Middleware.withCredentials("a")), 3)
        assert.deepStrictEqual([verified, begun], [1, 3])
        const fiber = yield* Effect.forkChild(flaky.run().pipe(Middleware.withCredentials("slow")))
        yield* Deferred.await(gate)
        yield* Fiber.interrupt(fiber)
        assert.deepStrictEqual([verified, begun], [2, 3])
        assert.deepStrictEqual(yield* (yield* TaskRunner.TaskRunner).tasks, [])
      }).pipe(Effect.provide(layer))
    })
  )

  it.live("records keep the principal, and never the credentials", () =>
    Effect.gen(function* () {
      const fiber = yield* raw.fork().pipe(Middleware.withCredentials("token of ada"))
      yield* Fiber.join(fiber)
      const record = Option.getOrThrow(yield* (yield* TaskStore).get(fiber.taskId))
      assert.deepStrictEqual(record.principal, { name: "Ada", since: "1990-12-10T00:00:00.000Z" })
      assert.notInclude(JSON.stringify(record), "token of")
    }).pipe(
      Effect.provide(
        Middleware.auth({ principal: User, verify }).pipe(
          Layer.provide(runners["StoreRunner, with a reader on fibers"]),
          Layer.provideMerge(MemoryStore.layer())
        )
      )
    )
  )
})
