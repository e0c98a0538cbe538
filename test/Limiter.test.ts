// How many of something happen at once: never more than there are permits, first come, first served, whatever happens.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import { FiberRunner, Task, ThreadRunner } from "effect-strand"
import * as Limiter from "effect-strand/Limiter"
import { TaskRunner } from "effect-strand/TaskRunner"
import * as Leaks from "./helpers/leaks.ts"

Leaks.check()

/** Work that says when it starts and lasts until it is told to end. */
const works = () => {
  const started: Array<string> = []
  const ends = new Map<string, Deferred.Deferred<void>>()
  return {
    started,
    work: (name: string) =>
      Effect.suspend(() => {
        const end = Deferred.makeUnsafe<void>()
        ends.set(name, end)
        started.push(name)
        return Effect.as(Deferred.await(end), name)
      }),
    end: (name: string) => Deferred.succeed(ends.get(name)!, undefined)
  }
}

const now = { startImmediately: true } as const
const small = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

describe("Limiter", () => {
  it.effect("lets as many run as there are permits, and the others in their order", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 2 })
      const { end, started, work } = works()
      const fibers = yield* Effect.forEach(["a", "b", "c", "d"], (name) =>
        Effect.forkChild(limiter.run(work(name)), now)
      )
      assert.deepStrictEqual(started, ["a", "b"])
      assert.strictEqual(yield* limiter.available(), 0)
      assert.strictEqual(yield* limiter.waiting(), 2)
      yield* end("b")
      yield* Fiber.join(fibers[1]!)
      assert.deepStrictEqual(started, ["a", "b", "c"])
      yield* end("a")
      yield* end("c")
      yield* Fiber.join(fibers[0]!)
      yield* end("d")
      assert.deepStrictEqual(yield* Fiber.joinAll(fibers), ["a", "b", "c", "d"])
      assert.strictEqual(yield* limiter.available(), 2)
      assert.strictEqual(yield* limiter.waiting(), 0)
    })
  )

  it.effect("gets the permit back from failures, defects and interruptions", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      assert.strictEqual(yield* Effect.flip(limiter.run(Effect.fail("no"))), "no")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(limiter.run(Effect.die("bug")))))
      const running = yield* Effect.forkChild(limiter.run(Effect.never), now)
      const waiting = yield* Effect.forkChild(limiter.run(Effect.never), now)
      yield* Fiber.interrupt(waiting)
      assert.strictEqual(yield* limiter.waiting(), 0)
      yield* Fiber.interrupt(running)
      assert.strictEqual(yield* limiter.run(Effect.succeed(1)), 1)
      assert.strictEqual(yield* limiter.available(), 1)
    })
  )

  it.effect("gets the permit back from one that is interrupted at the moment of its grant", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      const holder = yield* Effect.forkChild(limiter.run(Effect.never), now)
      let ran = false
      const next = yield* Effect.forkChild(limiter.run(Effect.sync(() => (ran = true))), now)
      // The first interruption grants the permit within its finalizers; the second one is there already.
      next.interruptUnsafe()
      yield* Fiber.interrupt(holder)
      yield* Fiber.await(next)
      assert.isFalse(ran)
      assert.strictEqual(yield* limiter.available(), 1)
    })
  )

  it.effect("takes several permits at a time, and is not overtaken while it waits for them", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 3 })
      const { end, started, work } = works()
      yield* Effect.forkChild(limiter.run(work("a")), now)
      const dear = yield* Effect.forkChild(limiter.run(work("dear"), { cost: 3 }), now)
      yield* Effect.forkChild(limiter.run(work("b")), now)
      assert.deepStrictEqual(started, ["a"])
      assert.deepStrictEqual(yield* limiter.tryRun(Effect.succeed(1)), Option.none())
      yield* end("a")
      yield* Effect.yieldNow
      assert.deepStrictEqual(started, ["a", "dear"])
      yield* end("dear")
      yield* Fiber.join(dear)
      assert.deepStrictEqual(started, ["a", "dear", "b"])
      yield* end("b")
      yield* Effect.yieldNow
      assert.strictEqual(yield* limiter.run(limiter.available(), { cost: 99 }), 0)
      assert.strictEqual(yield* limiter.available(), 3)
    })
  )

  it.effect("the interruption of one that waits lets those behind it go", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 2 })
      const { started, work } = works()
      yield* Effect.forkChild(limiter.run(work("a")), now)
      const dear = yield* Effect.forkChild(limiter.run(work("dear"), { cost: 2 }), now)
      yield* Effect.forkChild(limiter.run(work("b")), now)
      yield* Fiber.interrupt(dear)
      assert.deepStrictEqual(started, ["a", "b"])
    })
  )

  it.effect("tries without waiting", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      assert.deepStrictEqual(yield* limiter.tryRun(limiter.tryRun(Effect.succeed(1))), Option.some(Option.none()))
      assert.deepStrictEqual(yield* limiter.tryRun(Effect.succeed(2)), Option.some(2))
      assert.strictEqual(yield* Effect.flip(limiter.tryRun(Effect.fail("no"))), "no")
      assert.strictEqual(yield* limiter.available(), 1)
    })
  )

  it.effect("has permits of their own for keys, and forgets those that are not in use", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      const { end, started, work } = works()
      const a = yield* Effect.forkChild(limiter.run(work("a"), { key: "x" }), now)
      const b = yield* Effect.forkChild(limiter.run(work("b"), { key: "x" }), now)
      const c = yield* Effect.forkChild(limiter.run(work("c"), { key: "y" }), now)
      yield* Effect.forkChild(limiter.run(work("d")), now)
      assert.deepStrictEqual(started, ["a", "c", "d"])
      assert.deepStrictEqual(yield* limiter.keys, ["x", "y"])
      assert.deepStrictEqual([yield* limiter.available("x"), yield* limiter.waiting("x")], [0, 1])
      yield* end("a")
      yield* Fiber.join(a)
      yield* Fiber.interrupt(b)
      yield* end("c")
      yield* Fiber.join(c)
      assert.deepStrictEqual(yield* limiter.keys, [])
      assert.deepStrictEqual([yield* limiter.available("x"), yield* limiter.waiting("x")], [1, 0])
      yield* limiter.resize(0)
      assert.deepStrictEqual(yield* limiter.tryRun(Effect.succeed(1), { key: "z" }), Option.none())
      assert.deepStrictEqual(yield* limiter.keys, [])
    })
  )

  it.effect("grows and shrinks while calls run and wait", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 0 })
      const { end, started, work } = works()
      for (const name of ["a", "b", "c", "d"]) yield* Effect.forkChild(limiter.run(work(name), { key: 1 }), now)
      assert.deepStrictEqual(started, [])
      yield* limiter.resize(3)
      assert.deepStrictEqual(started, ["a", "b", "c"])
      yield* limiter.resize(1)
      assert.strictEqual(yield* limiter.permits, 1)
      assert.strictEqual(yield* limiter.available(1), 0)
      yield* end("a")
      yield* end("b")
      yield* Effect.yieldNow
      assert.deepStrictEqual(started, ["a", "b", "c"])
      yield* end("c")
      yield* Effect.yieldNow
      assert.deepStrictEqual(started, ["a", "b", "c", "d"])
    })
  )

  it.effect("a fiber that is started has the permit until its end", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      const { end, work } = works()
      const first = yield* limiter.fork(work("a"))
      assert.strictEqual(yield* limiter.available(), 0)
      const second = yield* Effect.forkChild(Effect.flatMap(limiter.fork(Effect.succeed("b")), Fiber.join), now)
      yield* Effect.yieldNow
      assert.isUndefined(second.pollUnsafe())
      yield* end("a")
      assert.strictEqual(yield* Fiber.join(first), "a")
      assert.strictEqual(yield* Fiber.join(second), "b")
      // Interrupted before its first step, it gives the permit back all the same.
      yield* Fiber.interrupt(yield* limiter.fork(Effect.never))
      assert.strictEqual(yield* limiter.available(), 1)
    })
  )

  it.effect("a permit is held until the end of a scope", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      const scope = yield* Scope.make()
      yield* Scope.provide(limiter.acquire(), scope)
      assert.strictEqual(yield* limiter.available(), 0)
      const waiting = yield* Effect.forkChild(Effect.scoped(limiter.acquire()), now)
      yield* Fiber.interrupt(waiting)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* limiter.available(), 1)
    })
  )

  it.live("wraps functions that give values, Promises or Effects", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      assert.strictEqual(yield* limiter.wrap((a: number, b: number) => a + b)(1, 2), 3)
      assert.strictEqual(yield* limiter.wrap(async (a: number) => a + 1)(1), 2)
      assert.strictEqual(yield* Effect.flip(limiter.wrap((a: number) => Effect.fail(`no ${a}`))(1)), "no 1")
      const thrown = yield* Effect.exit(
        limiter.wrap(() => {
          throw new Error("bug")
        })()
      )
      assert.isTrue(Exit.isFailure(thrown) && Cause.hasDies(thrown.cause))

      let running = 0
      let most = 0
      const slow = limiter.wrapPromise(async (n: number) => {
        most = Math.max(most, ++running)
        await new Promise((resolve) => setImmediate(resolve))
        running--
        if (n === 2) throw new RangeError("two")
        return n
      })
      const ended = yield* Effect.promise(() => Promise.allSettled([slow(1), slow(2), slow(3)]))
      assert.deepStrictEqual(
        ended.map((result) => (result.status === "fulfilled" ? result.value : result.reason)),
        [1, new RangeError("two"), 3]
      )
      assert.strictEqual(most, 1)
      assert.strictEqual(yield* Effect.promise(() => limiter.wrapPromise((a: string) => a.length)("abc")), 3)
      assert.strictEqual(yield* limiter.available(), 1)
    })
  )

  it.effect("refuses numbers that mean nothing", () =>
    Effect.gen(function* () {
      assert.throws(() => Limiter.makeUnsafe({ permits: 1.5 }), RangeError, "permits")
      const limiter = Limiter.makeUnsafe({ permits: 1 })
      const defect = (effect: Effect.Effect<unknown>) =>
        Effect.map(Effect.exit(effect), (exit) => Exit.isFailure(exit) && Cause.squash(exit.cause))
      assert.instanceOf(yield* defect(limiter.run(Effect.void, { cost: 0 })), RangeError)
      assert.instanceOf(yield* defect(limiter.resize(-1)), RangeError)
      assert.strictEqual(yield* limiter.permits, 1)
    })
  )

  it.effect("a hundred thousand calls that end at once wait for one permit", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      const gate = Deferred.makeUnsafe<void>()
      const holder = yield* Effect.forkChild(limiter.run(Deferred.await(gate)), now)
      const order: Array<number> = []
      const all = yield* Effect.forkChild(
        Effect.forEach(
          Array.from({ length: 100_000 }, (_, n) => n),
          (n) => limiter.run(Effect.sync(() => order.push(n))),
          { concurrency: "unbounded", discard: true }
        ),
        now
      )
      assert.strictEqual(yield* limiter.waiting(), 100_000)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(holder)
      yield* Fiber.join(all)
      assert.isTrue(order.every((n, index) => n === index))
      assert.strictEqual(order.length, 100_000)
    })
  )

  /** What may happen at random: calls that come, ones that end or are interrupted, and changes of the size. */
  const Step = Schema.Union([
    Schema.Struct({
      do: Schema.Literal("call"),
      cost: small(1, 3),
      key: Schema.Literals(["a", "b"]),
      fork: Schema.Boolean
    }),
    Schema.Struct({ do: Schema.Literals(["end", "interrupt"]), which: small(0, 30) }),
    Schema.Struct({ do: Schema.Literal("resize"), permits: small(0, 4) }),
    Schema.Struct({ do: Schema.Literal("both"), one: small(0, 30), other: small(0, 30) })
  ])

  it.effect.prop(
    "starts what a model says, whatever comes, ends, leaves and is resized",
    [Schema.Array(Step).check(Schema.isMaxLength(40))],
    ([steps]) =>
      Effect.gen(function* () {
        const limiter = yield* Limiter.make({ permits: 2 })
        const { end, started, work } = works()
        interface Call {
          readonly name: string
          readonly cost: number
          readonly key: string
          readonly interrupt: Effect.Effect<void>
          held: number
        }
        let permits = 2
        const expected: Array<string> = []
        const lines = { a: [] as Array<Call>, b: [] as Array<Call> }
        let live: Array<Call> = []
        const heldOf = (key: string) => live.reduce((sum, call) => sum + (call.key === key ? call.held : 0), 0)
        const fill = () => {
          for (const line of Object.values(lines)) {
            while (line.length > 0) {
              const call = line[0]!
              const cost = Math.min(call.cost, permits)
              if (cost === 0 || heldOf(call.key) + cost > permits) break
              call.held = cost
              expected.push(call.name)
              line.shift()
            }
          }
        }
        const leave = (call: Call) => {
          live = live.filter((other) => other !== call)
          const line = lines[call.key as "a"]
          if (line.includes(call)) line.splice(line.indexOf(call), 1)
          fill()
        }
        for (const [n, step] of steps.entries()) {
          if (step.do === "call") {
            const name = `${n}`
            const options = { key: step.key, cost: step.cost }
            const fork = step.fork
              ? Effect.flatMap(limiter.fork(work(name), options), Fiber.join)
              : limiter.run(work(name), options)
            const fiber = yield* Effect.forkChild(fork, now)
            const call = { name, cost: step.cost, key: step.key, interrupt: Fiber.interrupt(fiber), held: 0 }
            live.push(call)
            lines[step.key].push(call)
            fill()
          } else if (step.do === "resize") {
            permits = step.permits
            yield* limiter.resize(permits)
            fill()
          } else if (step.do === "both") {
            // Two end in one turn, so that one may be interrupted as it is granted what the other gives back.
            const [one, other] = [live[step.one], live[step.other]]
            if (one === undefined || other === undefined || one === other || one.held === 0 || other.held > 0) continue
            yield* Effect.all([other.interrupt, end(one.name)], { concurrency: "unbounded" })
            leave(other)
            leave(one)
          } else {
            const call = live[step.which]
            if (call === undefined) continue
            if (step.do === "interrupt") yield* call.interrupt
            else if (call.held === 0) continue
            else yield* end(call.name)
            leave(call)
          }
          for (let turn = 0; turn < 5; turn++) yield* Effect.yieldNow
          assert.deepStrictEqual(started.toSorted(), expected.toSorted())
          for (const key of ["a", "b"] as const) {
            const of = (names: ReadonlyArray<string>) =>
              names.filter((name) => (steps[Number(name)] as { key: string }).key === key)
            assert.deepStrictEqual(of(started), of(expected), "first come, first served")
            assert.strictEqual(yield* limiter.waiting(key), lines[key].length)
            assert.strictEqual(yield* limiter.available(key), Math.max(0, permits - heldOf(key)))
          }
          const inUse = new Set(live.map(({ key }) => key))
          assert.deepStrictEqual(new Set(yield* limiter.keys), inUse)
        }
        yield* Effect.forEach(live, ({ interrupt }) => interrupt)
        assert.deepStrictEqual(yield* limiter.keys, [])
      }),
    { arbitrary: { runs: 300 } }
  )
})

describe("Limiter round tasks", () => {
  const nap = Task.portable("nap", (millis: number) => new Promise<number>((end) => setTimeout(end, millis, millis)))
  const crash = Task.portable("crash", () => {
    process.exit(3)
  })

  it.live("a task in a thread has the permit until it is over, however it ends", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      const runner = yield* TaskRunner
      const first = yield* limiter.forkTask(nap.fork(60_000))
      const second = yield* Effect.forkChild(limiter.forkTask(nap.fork(1)), now)
      yield* Effect.yieldNow
      assert.strictEqual((yield* runner.tasks).length, 1)
      assert.strictEqual(yield* limiter.waiting(), 1)
      assert.isTrue(yield* runner.cancel(first.taskId))
      assert.strictEqual(yield* Fiber.join(yield* Fiber.join(second)), 1)
      const crashed = yield* limiter.forkTask(crash.fork())
      assert.strictEqual((yield* Effect.flip(Fiber.join(crashed)))._tag, "WorkerCrashed")
      assert.strictEqual(yield* limiter.run(nap.run(2)), 2)
      assert.strictEqual(yield* limiter.available(), 1)
    }).pipe(Effect.provide(ThreadRunner.layer({ size: 2 })))
  )

  it.effect("a task that is refused gives the permit back", () =>
    Effect.gen(function* () {
      const limiter = yield* Limiter.make({ permits: 1 })
      const unknown = Task.make("unknown")
      assert.strictEqual((yield* Effect.flip(limiter.forkTask(unknown.fork())))._tag, "TaskNotFound")
      assert.strictEqual(yield* limiter.available(), 1)
    }).pipe(Effect.provide(FiberRunner.layer(nap.layer)))
  )
})
