// Tasks are enqueued now and run later; their states, results and errors are read in order, whatever becomes of them.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Dispatcher from "effect-strand/Dispatcher"
import { FiberRunner, Task, TaskRouter, ThreadRunner } from "effect-strand"
import { TaskRunner } from "effect-strand/TaskRunner"
import * as Leaks from "./helpers/leaks.ts"

Leaks.check()

const now = { startImmediately: true } as const

class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Int }) {}

const half = Task.make("half", { payload: Schema.Int, success: Schema.Int, error: Odd })
const hold = Task.make("hold", { payload: Schema.Int, success: Schema.Int, error: Odd })
const count = Task.stream("count", { payload: Schema.Int, success: Schema.Int })

/** Tasks of which some last until they are told to end, a runner for them, and what they have done. */
const world = (options?: FiberRunner.Options) => {
  const started: Array<number> = []
  const stopped: Array<number> = []
  const ends = new Map<number, Deferred.Deferred<number, Odd>>()
  const handlers = Layer.mergeAll(
    half.toLayer((n) => (n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail(new Odd({ n })))),
    hold.toLayer((n) =>
      Effect.suspend(() => {
        started.push(n)
        const end = Deferred.makeUnsafe<number, Odd>()
        ends.set(n, end)
        return Effect.onInterrupt(Deferred.await(end), () => Effect.sync(() => stopped.push(n)))
      })
    ),
    count.toLayer((to) => Stream.range(1, to))
  )
  return {
    started,
    stopped,
    end: (n: number, exit: Exit.Exit<number, Odd> = Exit.succeed(n)) => Deferred.done(ends.get(n)!, exit),
    layer: FiberRunner.layer(handlers, options)
  }
}

const turns = Effect.repeat(Effect.yieldNow, { times: 5 })

describe("Dispatcher", () => {
  it.effect("starts nothing before it is told to, then all at once, and gives everything in order", () => {
    const { end, layer, started } = world()
    return Effect.gen(function* () {
      const dispatcher = yield* Dispatcher.make()
      const a = yield* dispatcher.enqueue(hold, 1)
      const b = yield* dispatcher.enqueue(half, 3)
      const c = yield* dispatcher.enqueue(half, 8)
      assert.deepStrictEqual([a.position, b.position, c.position, a.name], [0, 1, 2, "hold"])
      yield* turns
      assert.deepStrictEqual(started, [])
      assert.deepStrictEqual(yield* dispatcher.status, ["pending", "pending", "pending"])
      assert.isFalse(yield* dispatcher.complete)

      yield* dispatcher.start
      yield* turns
      assert.deepStrictEqual(yield* dispatcher.status, ["running", "failed", "completed"])
      assert.deepStrictEqual(yield* dispatcher.results, [Option.none(), Option.none(), Option.some(4)])
      assert.isTrue(Option.isNone(yield* a.exit))
      assert.strictEqual(yield* dispatcher.await(c), 4)
      assert.deepStrictEqual(yield* Effect.flip(dispatcher.await(b)), new Odd({ n: 3 }))

      // What is enqueued later is for the next start.
      const d = yield* dispatcher.enqueue(half, 2)
      yield* end(1)
      assert.strictEqual(yield* a.await, 1)
      assert.isFalse(yield* dispatcher.complete)
      assert.strictEqual(yield* d.status, "pending")
      assert.deepStrictEqual(yield* dispatcher.run(), [1, undefined, 4, 1].map(Option.fromUndefinedOr))
      assert.isTrue(yield* dispatcher.complete)
      assert.deepStrictEqual(started, [1])
      const errors = yield* dispatcher.errors
      assert.deepStrictEqual(
        errors.map((cause) => Option.isSome(cause) && Cause.squash(cause.value)),
        [false, new Odd({ n: 3 }), false, false]
      )
      assert.deepStrictEqual(yield* dispatcher.tickets, [a, b, c, d])
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("runs nothing when nothing is enqueued", () =>
    Effect.gen(function* () {
      const dispatcher = yield* Dispatcher.make()
      yield* dispatcher.start
      yield* dispatcher.awaitComplete()
      assert.deepStrictEqual(yield* dispatcher.run(), [])
    })
  )

  it.effect("runs streaming tasks, with hooks, and tasks whose results nobody wants", () =>
    Effect.gen(function* () {
      const seen: Array<unknown> = []
      const dispatcher = yield* Dispatcher.make()
      yield* dispatcher.enqueue(count, 3, { onIter: (n) => seen.push(n), onEnd: () => seen.push("end") })
      yield* dispatcher.enqueue(half, 3, { onError: (cause) => seen.push(Cause.squash(cause)) })
      yield* dispatcher.enqueue(half, 4, { discardResult: true })
      const results = yield* dispatcher.run()
      assert.deepStrictEqual(results, [Option.some(undefined), Option.none(), Option.some(undefined)])
      assert.deepStrictEqual(new Set(seen), new Set([1, 2, 3, "end", new Odd({ n: 3 })]))
    }).pipe(Effect.scoped, Effect.provide(world().layer))
  )

  it.live("runs on several runners, by name or by themselves", () =>
    Effect.gen(function* () {
      const double = Task.portable("double", (n: number) => n * 2)
      const dispatcher = yield* Dispatcher.make()
      yield* dispatcher.enqueue(half, 4)
      yield* dispatcher.enqueue(double, 4, { runner: "thread" })
      const thread = yield* Effect.flatMap(TaskRouter.TaskRouter, (router) => router.get("thread"))
      yield* dispatcher.enqueueOn(thread, double, 5)
      yield* dispatcher.enqueue(half, 4, { runner: "nowhere" })
      const results = yield* dispatcher.run()
      assert.deepStrictEqual(results, [2, 8, 10, undefined].map(Option.fromUndefinedOr))
      const error = (yield* dispatcher.errors)[3]!
      assert.include(Option.getOrThrow(Option.map(error, Cause.pretty)), `"nowhere" is not available`)
    }).pipe(
      Effect.provide(
        TaskRouter.layer({ fiber: world().layer, thread: ThreadRunner.layer({ size: 1 }), default: "fiber" })
      )
    )
  )

  it.effect("is back when each entry is accepted or refused, not before", () => {
    const { end, layer, started } = world({ concurrency: 1, maxQueue: 1 })
    return Effect.gen(function* () {
      const dispatcher = yield* Dispatcher.make()
      for (const n of [1, 2, 3]) yield* dispatcher.enqueue(hold, n)
      yield* dispatcher.enqueue(Task.make("unknown"), undefined)
      const dispatching = yield* Effect.forkChild(dispatcher.start, now)
      yield* turns
      assert.isUndefined(dispatching.pollUnsafe())
      assert.deepStrictEqual(yield* dispatcher.status, ["running", "pending", "pending", "failed"])
      yield* end(1)
      yield* Fiber.join(dispatching)
      for (const n of [2, 3]) {
        yield* turns
        yield* end(n)
      }
      yield* dispatcher.awaitComplete()
      assert.deepStrictEqual(started, [1, 2, 3])
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("keeps to its own limit, in order", () => {
    const { end, layer, started } = world()
    return Effect.gen(function* () {
      const dispatcher = yield* Dispatcher.make({ concurrency: 2 })
      for (const n of [1, 2, 3]) yield* dispatcher.enqueue(hold, n)
      yield* dispatcher.start
      yield* dispatcher.enqueue(hold, 4)
      yield* dispatcher.start
      yield* turns
      assert.deepStrictEqual(started, [1, 2])
      assert.deepStrictEqual(yield* dispatcher.status, ["running", "running", "pending", "pending"])
      yield* end(2)
      yield* turns
      assert.deepStrictEqual(started, [1, 2, 3])
      yield* dispatcher.cancel
      assert.deepStrictEqual(started, [1, 2, 3])
      assert.deepStrictEqual(yield* dispatcher.status, ["cancelled", "completed", "cancelled", "cancelled"])
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("is complete when a check of one's own says so", () => {
    const { end, layer } = world()
    return Effect.gen(function* () {
      const anyTwo = (statuses: ReadonlyArray<Dispatcher.Status>) =>
        statuses.filter((status) => status === "completed").length >= 2
      const dispatcher = yield* Dispatcher.make({ isComplete: anyTwo })
      for (const n of [1, 2, 3]) yield* dispatcher.enqueue(hold, n)
      const run = yield* Effect.forkChild(dispatcher.run(), now)
      yield* turns
      yield* end(3)
      yield* turns
      assert.isUndefined(run.pollUnsafe())
      yield* end(1)
      assert.deepStrictEqual(yield* Fiber.join(run), [1, undefined, 3].map(Option.fromUndefinedOr))
      assert.deepStrictEqual(yield* dispatcher.status, ["completed", "running", "completed"])
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("a check that throws is a defect of those who ask for it", () =>
    Effect.gen(function* () {
      const bug = new Error("bug")
      let broken = false
      const dispatcher = yield* Dispatcher.make({
        isComplete: () => {
          if (broken) throw bug
          return false
        }
      })
      const waiting = yield* Effect.forkChild(Effect.exit(dispatcher.awaitComplete()), now)
      broken = true
      yield* dispatcher.enqueue(half, 2)
      const exits: ReadonlyArray<Exit.Exit<unknown>> = [
        yield* Fiber.join(waiting),
        yield* Effect.exit(dispatcher.complete)
      ]
      for (const exit of exits) {
        assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) === bug)
      }
      broken = false
      yield* dispatcher.start
      assert.strictEqual(yield* (yield* dispatcher.tickets)[0]!.await, 1)
    }).pipe(Effect.scoped, Effect.provide(world().layer))
  )

  it.effect("waits no longer than a time limit, and stops nothing then", () => {
    const { end, layer, stopped } = world()
    return Effect.gen(function* () {
      const dispatcher = yield* Dispatcher.make()
      yield* dispatcher.enqueue(hold, 1)
      yield* dispatcher.enqueue(half, 2)
      const run = yield* Effect.forkChild(Effect.flip(dispatcher.run({ timeout: "5 seconds" })), now)
      const waiting = yield* Effect.forkChild(Effect.flip(dispatcher.awaitComplete({ timeout: "2 seconds" })), now)
      yield* TestClock.adjust("2 seconds")
      const error = yield* Fiber.join(waiting)
      assert.deepStrictEqual([error._tag, error.timeout, error.unfinished], ["DispatchTimeout", 2000, 1])
      assert.isUndefined(run.pollUnsafe())
      yield* TestClock.adjust("3 seconds")
      assert.strictEqual((yield* Fiber.join(run)).timeout, 5000)
      assert.deepStrictEqual(stopped, [])
      yield* end(1)
      yield* dispatcher.awaitComplete({ timeout: "1 second" })
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("stops one entry, or all, and waits until their work has stopped", () => {
    const { layer, started, stopped } = world()
    return Effect.gen(function* () {
      const dispatcher = yield* Dispatcher.make()
      const tickets = yield* Effect.forEach([1, 2], (n) => dispatcher.enqueue(hold, n))
      yield* dispatcher.start
      const waiting = yield* dispatcher.enqueue(hold, 3)
      const never = yield* dispatcher.enqueue(hold, 4)
      yield* turns
      const awaiting = yield* Effect.forkChild(Effect.exit(never.await), now)
      yield* tickets[1]!.cancel
      assert.deepStrictEqual(stopped, [2])
      yield* never.cancel
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.join(awaiting)))
      yield* dispatcher.start
      yield* turns
      assert.deepStrictEqual(started, [1, 2, 3])
      assert.strictEqual(yield* waiting.status, "running")
      yield* dispatcher.cancel
      assert.deepStrictEqual(stopped.toSorted(), [1, 2, 3])
      assert.isTrue(yield* dispatcher.complete)
      assert.strictEqual((yield* dispatcher.errors).filter(Option.isSome).length, 4)
      yield* dispatcher.cancel
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("goes on when those who wait for it leave", () => {
    const { end, layer, stopped } = world()
    return Effect.gen(function* () {
      const dispatcher = yield* Dispatcher.make()
      const ticket = yield* dispatcher.enqueue(hold, 1)
      const waiting = yield* Effect.forkChild(Effect.all([dispatcher.run(), ticket.await]), now)
      yield* turns
      yield* Fiber.interrupt(waiting)
      assert.deepStrictEqual([yield* ticket.status, stopped], ["running", []])
      yield* end(1)
      assert.strictEqual(yield* ticket.await, 1)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("an entry that is cancelled by its id says so", () =>
    Effect.gen(function* () {
      const dispatcher = yield* Dispatcher.make()
      const ticket = yield* dispatcher.enqueue(hold, 1)
      yield* dispatcher.start
      const runner = yield* TaskRunner
      const [info] = yield* runner.tasks
      yield* runner.cancel(info!.id)
      assert.strictEqual((yield* Effect.flip(ticket.await))._tag, "TaskCancelled")
      assert.strictEqual(yield* ticket.status, "cancelled")
    }).pipe(Effect.scoped, Effect.provide(world().layer))
  )

  it.effect("forgets everything and begins anew", () => {
    const { layer, stopped } = world()
    return Effect.gen(function* () {
      const dispatcher = yield* Dispatcher.make()
      const old = yield* dispatcher.enqueue(hold, 1)
      yield* dispatcher.start
      yield* turns
      const waiting = yield* dispatcher.enqueue(hold, 2)
      yield* dispatcher.reset
      assert.deepStrictEqual(stopped, [1])
      assert.deepStrictEqual(yield* dispatcher.status, [])
      assert.isTrue(yield* dispatcher.complete)
      assert.deepStrictEqual([yield* old.status, yield* waiting.status], ["cancelled", "cancelled"])
      const next = yield* dispatcher.enqueue(half, 6)
      assert.strictEqual(next.position, 0)
      assert.deepStrictEqual(yield* dispatcher.run(), [Option.some(3)])
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  it.effect("ends with its scope", () => {
    const { layer, stopped } = world()
    return Effect.gen(function* () {
      const scope = yield* Scope.make()
      const dispatcher = yield* Scope.provide(Dispatcher.make({ concurrency: 1 }), scope)
      const tickets = yield* Effect.forEach([1, 2], (n) => dispatcher.enqueue(hold, n))
      yield* dispatcher.start
      tickets.push(yield* dispatcher.enqueue(hold, 3))
      yield* turns
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(stopped, [1])
      tickets.push(yield* dispatcher.enqueue(hold, 4))
      yield* dispatcher.start
      for (const ticket of tickets) assert.strictEqual(yield* ticket.status, "cancelled")
      assert.strictEqual((yield* dispatcher.status).length, 3)
    }).pipe(Effect.scoped, Effect.provide(layer))
  })

  /** What may be done to a dispatcher at random. */
  const which = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 12 }))
  const Step = Schema.Union([
    Schema.Struct({ do: Schema.Literals(["enqueue", "enqueue", "dispatch", "start", "cancelAll", "reset"]) }),
    Schema.Struct({ do: Schema.Literals(["succeed", "fail", "cancel"]), which })
  ])

  interface Model {
    readonly n: number
    readonly ticket: Dispatcher.Ticket<number, unknown>
    state: Dispatcher.Status
    /** When it was given its turn; 0 when it has not been. */
    turn: number
  }

  it.effect.prop(
    "is in the state that a model says, whatever is done to it",
    [Schema.Array(Step).check(Schema.isMaxLength(40)), Schema.Literals([1, 2, 3, "unbounded"])],
    ([steps, concurrency]) => {
      const { end, layer, started, stopped } = world()
      return Effect.gen(function* () {
        const dispatcher = yield* Dispatcher.make({ concurrency })
        let entries: Array<Model> = []
        let begun = 0
        const forgotten: Array<Model> = []
        const expectStarted: Array<number> = []
        const expectStopped: Array<number> = []
        const stop = (entry: Model) => {
          if (entry.state === "running") expectStopped.push(entry.n)
          if (entry.state === "pending" || entry.state === "running") entry.state = "cancelled"
        }
        const fill = () => {
          const limit = concurrency === "unbounded" ? Infinity : concurrency
          for (const entry of entries.toSorted((a, b) => a.turn - b.turn)) {
            if (entries.filter(({ state }) => state === "running").length >= limit) return
            if (entry.state !== "pending" || entry.turn === 0) continue
            entry.state = "running"
            expectStarted.push(entry.n)
          }
        }
        for (const [n, step] of steps.entries()) {
          switch (step.do) {
            case "enqueue": {
              const ticket = yield* dispatcher.enqueue(hold, n)
              assert.strictEqual(ticket.position, entries.length)
              entries.push({ n, ticket, state: "pending", turn: 0 })
              break
            }
            case "dispatch": {
              const ticket = yield* dispatcher.dispatch(hold, n)
              assert.strictEqual(ticket.position, entries.length)
              entries.push({ n, ticket, state: "pending", turn: ++begun })
              break
            }
            case "start":
              yield* dispatcher.start
              for (const entry of entries) if (entry.turn === 0) entry.turn = ++begun
              break
            case "cancelAll":
              yield* dispatcher.cancel
              entries.forEach(stop)
              break
            case "reset":
              yield* dispatcher.reset
              entries.forEach(stop)
              forgotten.push(...entries)
              entries = []
              break
            default: {
              const entry = entries[step.which]
              if (entry === undefined) continue
              if (step.do === "cancel") {
                yield* entry.ticket.cancel
                stop(entry)
              } else if (entry.state === "running") {
                const failed = step.do === "fail"
                yield* end(entry.n, failed ? Exit.fail(new Odd({ n: entry.n })) : Exit.succeed(entry.n))
                entry.state = failed ? "failed" : "completed"
              }
            }
          }
          fill()
          yield* turns
          assert.deepStrictEqual(
            yield* dispatcher.status,
            entries.map(({ state }) => state)
          )
          assert.deepStrictEqual(started, expectStarted)
          assert.deepStrictEqual(stopped.toSorted(), expectStopped.toSorted())
          assert.deepStrictEqual(
            yield* dispatcher.results,
            entries.map(({ n, state }) => (state === "completed" ? Option.some(n) : Option.none()))
          )
          assert.deepStrictEqual(
            (yield* dispatcher.errors).map(Option.isSome),
            entries.map(({ state }) => state === "failed" || state === "cancelled")
          )
          const over = entries.every(({ state }) => state !== "pending" && state !== "running")
          assert.strictEqual(yield* dispatcher.complete, over)
          for (const { state, ticket } of forgotten) assert.strictEqual(yield* ticket.status, state)
          const waiting = yield* Effect.forkChild(dispatcher.awaitComplete(), now)
          assert.strictEqual(waiting.pollUnsafe() !== undefined, over)
          yield* Fiber.interrupt(waiting)
        }
      }).pipe(Effect.scoped, Effect.provide(layer, { local: true }))
    },
    { arbitrary: { runs: 300 } }
  )

  it.effect("what waits for its turn is not started by the end of what it waits for, when all is stopped", () => {
    const { layer, started } = world()
    return Effect.gen(function* () {
      const dispatcher = yield* Dispatcher.make({ concurrency: 1 })
      yield* dispatcher.enqueue(hold, 0)
      yield* dispatcher.dispatch(hold, 1)
      yield* dispatcher.start
      yield* dispatcher.reset
      assert.deepStrictEqual(started, [1])
    }).pipe(Effect.scoped, Effect.provide(layer, { local: true }))
  })

  it.effect("ten thousand entries", () =>
    Effect.gen(function* () {
      const dispatcher = yield* Dispatcher.make({ concurrency: 100 })
      for (let n = 0; n < 10_000; n++) yield* dispatcher.enqueue(half, 2 * n)
      const results = yield* dispatcher.run()
      assert.isTrue(results.every((result, n) => Option.isSome(result) && result.value === n))
      assert.strictEqual(results.length, 10_000)
    }).pipe(Effect.scoped, Effect.provide(world().layer))
  )
})
