// Named runners in one program: each task goes where it or its call says, and all are opened, shared and closed as one.
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import {
  FiberRunner,
  Middleware,
  StoreReader,
  StoreRunner,
  Task,
  TaskContext,
  TaskRouter,
  ThreadRunner
} from "effect-strand"
import * as MemoryStore from "effect-strand/MemoryStore"
import { TaskStore } from "effect-strand/TaskStore"
import { CircuitOpen } from "effect-strand/TaskError"
import { TaskRunner } from "effect-strand/TaskRunner"
import { RunnerSuite } from "effect-strand/testing"
import * as Capabilities from "./helpers/capabilities.ts"
import * as Leaks from "./helpers/leaks.ts"

Leaks.check()

const now = { startImmediately: true } as const

/** Says on which runner it runs. */
const where = Task.make("where", { success: Schema.String })
const whereSlow = Task.make("whereSlow", { success: Schema.String, runner: "slow" })
const count = Task.stream("count", { payload: Schema.Int, success: Schema.String })
const wait = Task.make("wait")

const handlersOf = (name: string) =>
  Layer.mergeAll(
    where.toLayer(() => Effect.succeed(name)),
    whereSlow.toLayer(() => Effect.succeed(name)),
    count.toLayer((to) => Stream.map(Stream.range(1, to), (n) => `${name} ${n}`)),
    wait.toLayer(() => Effect.never)
  )

/** A runner of fibers that says when it is opened and closed. */
const noting = (name: string, notes: Array<string>, options?: FiberRunner.Options) =>
  FiberRunner.layer(
    Layer.mergeAll(
      handlersOf(name),
      Layer.effectDiscard(
        Effect.acquireRelease(
          Effect.sync(() => notes.push(`${name} opened`)),
          () => Effect.sync(() => notes.push(`${name} closed`))
        )
      )
    ),
    options
  )

const two = (notes: Array<string> = []) =>
  TaskRouter.layer({ quick: noting("quick", notes), slow: noting("slow", notes), default: "quick" })

describe("TaskRouter", () => {
  it.effect("runs a task where the call says, or its definition, or by default", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* where.run(), "quick")
      assert.strictEqual(yield* where.run(undefined, { runner: "slow" }), "slow")
      assert.strictEqual(yield* whereSlow.run(), "slow")
      assert.strictEqual(yield* whereSlow.run(undefined, { runner: "quick" }), "quick")
      assert.strictEqual(yield* Fiber.join(yield* whereSlow.fork()), "slow")
      assert.deepStrictEqual(yield* Stream.runCollect(count.stream(2, { runner: "slow" })), ["slow 1", "slow 2"])
      const ids = yield* Task.forkAllDiscard(where, [undefined, undefined])
      assert.strictEqual(new Set(ids).size, 2)
    }).pipe(Effect.provide(two()))
  )

  it.effect("refuses names that no runner has, and says which there are", () =>
    Effect.gen(function* () {
      const runner = { runner: "gpu" }
      const errors = [
        yield* Effect.flip(where.run(undefined, runner)),
        yield* Effect.flip(where.fork(undefined, runner)),
        yield* Effect.flip(where.forkDiscard(undefined, runner)),
        yield* Effect.flip(Stream.runDrain(count.stream(1, runner)))
      ]
      for (const error of errors) {
        assert.strictEqual(error._tag, "RunnerUnavailable")
        assert.match(error.message, /Task "(where|count)".*"gpu".*\(runners known here: quick, slow\)/)
      }
      const router = yield* TaskRouter.TaskRouter
      assert.strictEqual((yield* Effect.flip(router.get("gpu"))).runner, "gpu")
      assert.strictEqual((yield* Effect.flip(router.close("gpu")))._tag, "RunnerUnavailable")
    }).pipe(Effect.provide(two()))
  )

  it.effect("opens runners when they are needed, once, and closes them all together", () =>
    Effect.gen(function* () {
      const notes: Array<string> = []
      yield* Effect.gen(function* () {
        const router = yield* TaskRouter.TaskRouter
        assert.deepStrictEqual([router.names, yield* router.opened, notes], [["quick", "slow"], [], []])
        yield* Effect.all([whereSlow.run(), whereSlow.run(), router.get("slow")], { concurrency: "unbounded" })
        assert.deepStrictEqual([yield* router.opened, notes], [["slow"], ["slow opened"]])
        yield* where.run()
        assert.strictEqual(yield* router.get("quick"), yield* router.get("quick"))
        assert.deepStrictEqual(notes, ["slow opened", "quick opened"])
      }).pipe(Effect.provide(two(notes)))
      assert.deepStrictEqual(notes.slice(2).toSorted(), ["quick closed", "slow closed"])
    })
  )

  it.effect("opens some with itself, and fails as they do", () =>
    Effect.gen(function* () {
      const notes: Array<string> = []
      const failing = Layer.effect(TaskRunner, Effect.fail("no such pool" as const))
      const runners = { quick: noting("quick", notes), failing, default: "quick" } as const
      yield* Effect.provide(
        Effect.sync(() => assert.deepStrictEqual(notes, ["quick opened"])),
        TaskRouter.layer(runners, { open: ["quick"] })
      )
      const error = yield* Effect.flip(Effect.provide(Effect.void, TaskRouter.layer(runners, { open: ["failing"] })))
      assert.strictEqual(error, "no such pool")
    })
  )

  it.effect("tells the call why a runner cannot be opened, and tries again at the next one", () =>
    Effect.gen(function* () {
      let attempts = 0
      const failures: Array<Effect.Effect<never, unknown>> = [
        Effect.fail("no such pool"),
        Effect.fail(new CircuitOpen({ task: "pool", retryAfter: 5 })),
        Effect.die(new Error("bug"))
      ]
      const flaky = Layer.unwrap(
        Effect.suspend(() =>
          Effect.yieldNow.pipe(
            Effect.andThen(failures[attempts++] ?? Effect.void),
            Effect.as(FiberRunner.layer(handlersOf("flaky")))
          )
        )
      )
      yield* Effect.gen(function* () {
        const rejected = yield* Effect.all([Effect.flip(where.run()), Effect.flip(where.fork())], {
          concurrency: "unbounded"
        })
        for (const error of rejected) {
          assert.strictEqual(error._tag, "RunnerUnavailable")
          assert.include(error.message, `The runner "flaky" is not available: its Layer failed: no such pool`)
        }
        assert.strictEqual(attempts, 1)
        assert.strictEqual((yield* Effect.flip(where.run()))._tag, "CircuitOpen")
        const exit = yield* Effect.exit(where.run())
        assert.isTrue(Exit.hasDies(exit))
        assert.strictEqual(yield* where.run(), "flaky")
        assert.strictEqual(attempts, 4)
      }).pipe(Effect.provide(TaskRouter.layer({ flaky, default: "flaky" })))
    })
  )

  it.effect("opens a runner for all who wait, though the one that asked first has left", () =>
    Effect.gen(function* () {
      const gate = Deferred.makeUnsafe<void>()
      let builds = 0
      const slow = Layer.unwrap(
        Effect.suspend(() => {
          builds++
          return Effect.as(Deferred.await(gate), FiberRunner.layer(handlersOf("slow")))
        })
      )
      yield* Effect.gen(function* () {
        const first = yield* Effect.forkChild(where.run(), now)
        const second = yield* Effect.forkChild(where.run(), now)
        yield* Fiber.interrupt(first)
        assert.isUndefined(second.pollUnsafe())
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual(yield* Fiber.join(second), "slow")
        assert.strictEqual(builds, 1)
      }).pipe(Effect.provide(TaskRouter.layer({ slow, default: "slow" })))
    })
  )

  it.effect("refuses the calls that wait for a runner when the router ends", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      let stopped = false
      const never = Layer.effect(
        TaskRunner,
        Effect.onInterrupt(Effect.never, () => Effect.sync(() => (stopped = true)))
      )
      const context = yield* Layer.buildWithScope(TaskRouter.layer({ never, default: "never" }), scope)
      const waiting = yield* Effect.forkChild(Effect.provideContext(Effect.flip(where.run()), context), now)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "RunnerClosed")
      assert.isTrue(stopped)
      assert.strictEqual((yield* Effect.flip(Effect.provideContext(where.run(), context)))._tag, "RunnerClosed")
      const router = Context.get(context, TaskRouter.TaskRouter)
      assert.match((yield* Effect.flip(router.get("never"))).message, /has ended/)
    })
  )

  it.effect("closes one runner, and opens it anew for the next call", () =>
    Effect.gen(function* () {
      const notes: Array<string> = []
      yield* Effect.gen(function* () {
        const router = yield* TaskRouter.TaskRouter
        yield* router.close("slow")
        const waiting = yield* wait.fork(undefined, { runner: "slow" })
        yield* where.run()
        const closing = yield* Effect.forkChild(router.close("slow"), now)
        // Called while the runner closes, it waits for the new one.
        const next = yield* Effect.forkChild(whereSlow.run(), now)
        yield* Fiber.interrupt(waiting)
        yield* Fiber.join(closing)
        assert.strictEqual(yield* Fiber.join(next), "slow")
        assert.deepStrictEqual(notes, ["slow opened", "quick opened", "slow closed", "slow opened"])
      }).pipe(Effect.provide(two(notes)))
    })
  )

  it.effect("looks at all open runners", () =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      const a = yield* wait.fork()
      const b = yield* wait.fork(undefined, { runner: "slow" })
      yield* Effect.yieldNow
      assert.deepStrictEqual(
        (yield* runner.tasks).map(({ id }) => id),
        [a.taskId, b.taskId]
      )
      assert.strictEqual(Option.getOrThrow(yield* runner.get(b.taskId)).id, b.taskId)
      assert.isTrue(Option.isNone(yield* runner.get("nobody")))
      const again = yield* wait.attach(b.taskId)
      assert.strictEqual(again.taskId, b.taskId)
      assert.strictEqual((yield* Effect.flip(where.attach(b.taskId)))._tag, "TaskRejected")
      assert.strictEqual((yield* Effect.flip(wait.attach("nobody")))._tag, "TaskNotFound")
      yield* where.run()
      yield* whereSlow.run()
      const stats = yield* runner.stats
      assert.deepInclude(stats, { running: 2, queued: 0, completed: 2, failed: 0 })
      assert.strictEqual(stats.runTime.count, 2)
      assert.isTrue(yield* runner.cancel(b.taskId))
      assert.strictEqual((yield* Effect.flip(Fiber.join(again)))._tag, "TaskCancelled")
      assert.isFalse(yield* runner.cancel(b.taskId))
      const idle = yield* Effect.forkChild(runner.awaitIdle(), now)
      assert.isUndefined(idle.pollUnsafe())
      yield* Fiber.interrupt(a)
      yield* Fiber.join(idle)
    }).pipe(Effect.provide(two()))
  )

  it.effect("pauses those that are opened later, too, and resizes the default one before it is open", () =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      yield* runner.resize(1)
      yield* runner.pause
      const fibers = yield* Effect.all([where.fork(), whereSlow.fork()])
      yield* Effect.yieldNow
      assert.deepStrictEqual(
        (yield* runner.tasks).map(({ status }) => status),
        ["pending", "pending"]
      )
      yield* runner.resume
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), ["quick", "slow"])
      const waits = yield* Effect.all([wait.fork(), wait.fork(), wait.fork(undefined, { runner: "slow" })])
      assert.deepInclude(yield* runner.stats, { running: 2, queued: 1 })
      yield* runner.resize(2)
      assert.deepInclude(yield* runner.stats, { running: 3, queued: 0 })
      yield* Fiber.interruptAll(waits)
    }).pipe(Effect.provide(two()))
  )

  it.effect("shares what its runners depend on, and a Layer with two names", () =>
    Effect.gen(function* () {
      const notes: Array<string> = []
      class Dependency extends Context.Service<Dependency, number>()("Dependency") {}
      const dependency = Layer.effect(
        Dependency,
        Effect.acquireRelease(
          Effect.sync(() => notes.push("built")),
          () => Effect.sync(() => notes.push("gone"))
        )
      )
      const value = Task.make("value", { success: Schema.Int })
      const make = () =>
        FiberRunner.layer(value.toLayer(Effect.map(Dependency, (n) => () => Effect.succeed(n)))).pipe(
          Layer.provide(dependency)
        )
      const shared = make()
      yield* Effect.gen(function* () {
        const router = yield* TaskRouter.TaskRouter
        assert.strictEqual(yield* value.run(undefined, { runner: "a" }), 1)
        assert.strictEqual(yield* value.run(undefined, { runner: "b" }), 1)
        assert.strictEqual(yield* router.get("b"), yield* router.get("c"))
        const runner = yield* TaskRunner
        assert.strictEqual((yield* runner.stats).completed, 2)
        yield* router.close("a")
        assert.strictEqual(yield* value.run(), 1)
        assert.deepStrictEqual(notes, ["built"])
      }).pipe(Effect.provide(TaskRouter.layer({ a: make(), b: shared, c: shared, default: "c" })))
      assert.deepStrictEqual(notes, ["built", "gone"])
    })
  )

  it.live("keeps what is special about a runner: tasks in a store are stored, in one transaction", () =>
    Effect.gen(function* () {
      const store = yield* TaskStore
      const id = yield* where.forkDiscard(undefined, { runner: "store" })
      assert.isTrue(Option.isSome(yield* store.get(id)))
      const ids = yield* Task.forkAllDiscard(where, [undefined, undefined], { runner: "store" })
      for (const id of ids) assert.isTrue(Option.isSome(yield* store.get(id)))
      // The runner that a definition names is asked for its tasks, also before it has been opened.
      const stored = Task.make("where", { success: Schema.String, runner: "store" })
      yield* (yield* TaskRouter.TaskRouter).close("store")
      const handle = yield* stored.attach(id)
      const reader = StoreReader.layer({ tasks: [where] }).pipe(
        Layer.provide(FiberRunner.layer(where.toLayer(() => Effect.succeed("reader"))))
      )
      assert.strictEqual(yield* Effect.provide(Fiber.join(handle), reader), "reader")
    }).pipe(
      Effect.provide(
        TaskRouter.layer({ fiber: FiberRunner.layer(handlersOf("fiber")), store: StoreRunner.layer, default: "fiber" })
      ),
      Effect.provide(MemoryStore.layer())
    )
  )

  it.live("lists a task once that two runners know", () =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      const ids = [yield* where.forkDiscard(), yield* where.forkDiscard(undefined, { runner: "b" })]
      assert.deepStrictEqual(
        (yield* runner.tasks).map(({ id }) => id),
        ids
      )
    }).pipe(
      Effect.provide(TaskRouter.layer({ a: StoreRunner.layer, b: StoreRunner.layerWith({ name: "b" }), default: "a" })),
      Effect.provide(MemoryStore.layer())
    )
  )

  it.live("runs tasks in a pool of threads that is looked up by name", () =>
    Effect.gen(function* () {
      const double = Task.portable("double", (n: number) => n * 2, { runner: "images" })
      assert.strictEqual(yield* double.run(21), 42)
      const images = yield* Effect.flatMap(TaskRouter.TaskRouter, (router) => router.get("images"))
      yield* images.resize(2)
      assert.deepStrictEqual(yield* Task.forEach(double, [1, 2, 3]), [2, 4, 6])
      assert.strictEqual((yield* images.stats).completed, 4)
    }).pipe(
      Effect.provide(
        TaskRouter.layer({
          fiber: FiberRunner.layer(handlersOf("fiber")),
          images: ThreadRunner.layer({ size: 1 }),
          default: "fiber"
        })
      )
    )
  )

  it.effect("knows the tasks that a middleware in front of it holds", () =>
    Effect.gen(function* () {
      const gate = Deferred.makeUnsafe<void>()
      const holding = Middleware.make((_request, next) => Effect.andThen(Deferred.await(gate), next))
      yield* Effect.gen(function* () {
        const runner = yield* TaskRunner
        const unopened = yield* Effect.forkChild(where.run(), now)
        yield* (yield* TaskRouter.TaskRouter).get("slow")
        const held = yield* Effect.forkChild(whereSlow.run(), now)
        assert.deepStrictEqual(
          (yield* runner.tasks).map(({ name }) => name),
          ["whereSlow"]
        )
        const idle = yield* Effect.forkChild(runner.awaitIdle({ close: true }), now)
        assert.strictEqual((yield* Effect.flip(whereSlow.run()))._tag, "RunnerClosed")
        assert.isUndefined(idle.pollUnsafe())
        yield* Deferred.succeed(gate, undefined)
        assert.strictEqual(yield* Fiber.join(held), "slow")
        assert.strictEqual((yield* Effect.flip(Fiber.join(unopened)))._tag, "RunnerClosed")
        yield* Fiber.join(idle)
      }).pipe(Effect.provide(Layer.provideMerge(holding, two())))
    })
  )

  it.live("waits at its end for the tasks that a middleware in front of it holds", () =>
    Effect.gen(function* () {
      const gate = Deferred.makeUnsafe<void>()
      const holding = Middleware.make((_request, next) => Effect.andThen(Deferred.await(gate), next))
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(Layer.provideMerge(holding, two()), scope)
      yield* Context.get(context, TaskRouter.TaskRouter).get("slow")
      const held = yield* Effect.forkChild(Effect.provideContext(whereSlow.run(), context), now)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), now)
      assert.strictEqual((yield* Effect.flip(Effect.provideContext(whereSlow.run(), context)))._tag, "RunnerClosed")
      assert.isUndefined(closing.pollUnsafe())
      yield* Deferred.succeed(gate, undefined)
      assert.strictEqual(yield* Fiber.join(held), "slow")
      yield* Fiber.join(closing)
    })
  )
})

describe("TaskRouter, whatever is done to it", () => {
  const name = Schema.Literals(["a", "b"])
  const Step = Schema.Union([
    Schema.Struct({ do: Schema.Literals(["run", "run", "hold", "close"]), name }),
    Schema.Struct({ do: Schema.Literal("turn") }),
    Schema.Struct({ do: Schema.Literal("leave") })
  ])

  it.effect.prop(
    "opens each runner once at a time, runs each task where it belongs, and leaves none open",
    [Schema.Array(Step).check(Schema.isMaxLength(40))],
    ([steps]) =>
      Effect.gen(function* () {
        const open = { a: 0, b: 0 }
        const most = { a: 0, b: 0 }
        let attempts = 0
        const turn = Effect.repeat(Effect.yieldNow, { times: 3 })
        /** Takes some turns to open and to close, and fails to open now and then. */
        const slow = (name: "a" | "b") =>
          Layer.effectDiscard(
            Effect.acquireRelease(
              Effect.andThen(
                turn,
                Effect.suspend(() => {
                  if (++attempts % 4 === 0) return Effect.fail("unlucky")
                  most[name] = Math.max(most[name], ++open[name])
                  return Effect.void
                })
              ),
              () => Effect.andThen(turn, () => Effect.sync(() => open[name]--))
            )
          )
        const runnerOf = (name: "a" | "b") =>
          FiberRunner.layer(Layer.merge(handlersOf(name), slow(name)), { shutdownGrace: 0 })
        const runs: Array<{ readonly name: string; readonly fiber: Fiber.Fiber<string, { readonly _tag: string }> }> =
          []
        const others: Array<Fiber.Fiber<unknown, unknown>> = []
        yield* Effect.gen(function* () {
          const router = yield* TaskRouter.TaskRouter
          for (const step of steps) {
            if (step.do === "turn") yield* Effect.yieldNow
            else if (step.do === "leave") yield* Fiber.interruptAll(others.splice(0, 1))
            else if (step.do === "run") {
              const fiber = yield* Effect.forkChild(where.run(undefined, { runner: step.name }), now)
              runs.push({ name: step.name, fiber })
            } else {
              const hold = wait.run(undefined, { runner: step.name })
              others.push(yield* Effect.forkChild(step.do === "hold" ? hold : router.close(step.name), now))
            }
          }
          for (const { fiber, name } of runs) {
            const exit = yield* Fiber.await(fiber)
            // A runner that is closed at the wrong time refuses a task, or cancels it.
            if (Exit.isSuccess(exit)) assert.strictEqual(exit.value, name)
            else {
              const error = Option.getOrThrow(Exit.findErrorOption(exit))
              assert.include(["RunnerUnavailable", "TaskCancelled", "RunnerClosed"], error._tag)
              const closed = steps.some((step) => "name" in step && step.do === "close" && step.name === name)
              if (!closed) assert.isAtLeast(attempts, 4)
            }
          }
          // Whatever went before, each runner can be used.
          for (const runner of ["a", "b"]) {
            yield* router.close(runner)
            assert.strictEqual(yield* Effect.retry(where.run(undefined, { runner }), { times: 1 }), runner)
          }
        }).pipe(Effect.provide(TaskRouter.layer({ a: runnerOf("a"), b: runnerOf("b"), default: "a" }), { local: true }))
        yield* Fiber.awaitAll(others)
        assert.deepStrictEqual(open, { a: 0, b: 0 })
        assert.deepStrictEqual(most, { a: 1, b: 1 })
      }),
    { arbitrary: { runs: 200 } }
  )
})

describe("TaskRouter, tasks of handlers", () => {
  /** Runs itself, alternately on two runners, to a depth; gives the runners' names. */
  const zigzag = Task.make("zigzag", { payload: Schema.Int, success: Schema.Array(Schema.String) })
  const idOf = Task.make("idOf", { success: Schema.Array(Schema.String) })
  const abroad = Task.make("abroad", { payload: Schema.String, success: Schema.Unknown })

  const handlers = (name: string, other: string) =>
    Layer.mergeAll(
      handlersOf(name),
      zigzag.toLayer((depth) =>
        depth === 0
          ? Effect.succeed([name])
          : Effect.map(
              Task.forEach(zigzag, [depth - 1, depth - 1], { runner: depth % 2 === 0 ? other : name }),
              (lists) => [name, ...lists.flat()]
            )
      ),
      idOf.toLayer(() => Effect.map(TaskContext.TaskContext, ({ id, parentId }) => [id, String(parentId)])),
      abroad.toLayer((how) =>
        Effect.gen(function* () {
          const there = { runner: other }
          switch (how) {
            case "run":
              return [
                yield* where.run(undefined, there),
                yield* where.run(),
                yield* where.run(undefined, { runner: name })
              ]
            case "stream":
              return yield* Stream.runCollect(count.stream(2, there))
            case "fork": {
              const [id] = yield* Effect.flatMap(idOf.fork(undefined, there), Fiber.join)
              const [other, parent] = yield* idOf.run(undefined, there)
              return [(yield* TaskContext.TaskContext).id === parent, id !== other]
            }
            case "cancel": {
              const runner = yield* TaskRunner
              const id = yield* wait.forkDiscard(undefined, there)
              const again = yield* wait.attach(id)
              const known = Option.isSome(yield* runner.get(id))
              const cancelled = yield* runner.cancel(id)
              return [known, cancelled, (yield* Effect.orDie(Effect.flip(Fiber.join(again))))._tag]
            }
            default:
              return (yield* Effect.orDie(Effect.flip(where.run(undefined, { runner: how })))).message
          }
        })
      )
    )

  const places = (concurrency: number) =>
    TaskRouter.layer({
      a: FiberRunner.layer(handlers("a", "b"), { concurrency }),
      b: FiberRunner.layer(handlers("b", "a"), { concurrency }),
      default: "a"
    })

  it.effect("go to the runner that they name, otherwise to their handler's own", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* abroad.run("run"), ["b", "a", "a"])
      assert.deepStrictEqual(yield* abroad.run("run", { runner: "b" }), ["a", "b", "b"])
      assert.deepStrictEqual(yield* abroad.run("stream"), ["b 1", "b 2"])
      assert.deepStrictEqual(yield* abroad.run("fork"), [true, true])
      assert.deepStrictEqual(yield* abroad.run("cancel"), [true, true, "TaskCancelled"])
      assert.match(String(yield* abroad.run("c")), /"c" is not available.*a, b/)
    }).pipe(Effect.provide(places(1)))
  )

  it.effect("also when their handler runs in its caller's fiber", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* abroad.run("run"), ["b", "a", "a"])
    }).pipe(
      Effect.provide(
        TaskRouter.layer({
          a: FiberRunner.layerInline(handlers("a", "b")),
          b: FiberRunner.layer(handlers("b", "a")),
          default: "a"
        })
      )
    )
  )

  it.live("never wait for each other, though each runner has one place", () =>
    Effect.gen(function* () {
      const runs = yield* Effect.all([zigzag.run(6), zigzag.run(5), zigzag.run(6, { runner: "b" })], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        runs.map((names) => names.length),
        [127, 63, 127]
      )
      for (const names of runs) assert.deepStrictEqual(new Set(names), new Set(["a", "b"]))
      const stats = yield* TaskRunner.use((runner) => runner.stats)
      assert.deepInclude(stats, { running: 0, queued: 0, completed: 317, failed: 0 })
      // The places that were lent are back: one task at a time, as before.
      const waits = yield* Effect.all([wait.fork(), wait.fork(), wait.fork(undefined, { runner: "b" })])
      assert.deepInclude(yield* TaskRunner.use((runner) => runner.stats), { running: 2, queued: 1 })
      yield* Fiber.interruptAll(waits)
    }).pipe(Effect.timeout("20 seconds"), Effect.provide(places(1)))
  )

  it.live("are still run on both when nothing comes in from outside any more", () =>
    Effect.gen(function* () {
      const router = yield* TaskRouter.TaskRouter
      const fiber = yield* zigzag.fork(4)
      yield* router.awaitIdle({ close: true })
      assert.strictEqual((yield* Fiber.join(fiber)).length, 31)
      assert.strictEqual((yield* Effect.flip(zigzag.run(1)))._tag, "RunnerClosed")
    }).pipe(Effect.provide(places(2)))
  )
})

// Every promise of a runner is kept when a router is in front of it.
RunnerSuite.suite("FiberRunner behind a router", {
  make: ({ concurrency = 1, maxQueue, overflow, shutdownGrace, size }) =>
    TaskRouter.layer({
      fibers: FiberRunner.layer(RunnerSuite.handlers, {
        concurrency: size * concurrency,
        maxQueue,
        overflow,
        shutdownGrace
      }),
      default: "fibers"
    }),
  capabilities: Capabilities.fibers
})
