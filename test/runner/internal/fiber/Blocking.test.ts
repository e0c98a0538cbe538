// A handler that keeps the event loop busy is warned about: once, by its name, with the time, and no other. The time is
// made up: it goes on when a test says so.
import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { execFileSync } from "node:child_process"
import { FiberRunner, Task, type TaskRunner } from "effect-strand"
import * as Leaks from "../../../helpers/leaks.ts"

Leaks.check()

/** What the clock of the machine shows, up to when its timers have come, and what this thread has computed: milliseconds. */
let now = 0
let timersAt = 0
let computed = 0

beforeEach(() => {
  now = timersAt = computed = 0
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
  vi.spyOn(performance, "now").mockImplementation(() => now)
  // Node before 24 has no figures of the thread.
  const usage = process.threadCpuUsage === undefined ? "cpuUsage" : "threadCpuUsage"
  vi.spyOn(process, usage).mockImplementation(() => ({ user: computed * 1000, system: 0 }))
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

/** Keeps the event loop busy: no timer comes meanwhile. */
const block = (millis: number): void => {
  now += millis
  computed += millis
}

/** Lets time go on, and timers come. Those of Effect know nothing of the time for which the event loop was busy. */
const pass = Effect.fnUntraced(function* (millis: number) {
  for (let n = 0; n < millis; n++) {
    now++
    vi.advanceTimersByTime(now - timersAt)
    timersAt = now
    yield* TestClock.adjust(1)
  }
})

/** Lets time go on until an Effect is over. */
const passing = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    while (fiber.pollUnsafe() === undefined) yield* pass(1)
    return yield* Fiber.join(fiber)
  })

const atOnce = Task.make("atOnce", { payload: { millis: Schema.Number } })
const later = Task.make("later", { payload: { millis: Schema.Number, rest: Schema.Number } })
const inTheMiddle = Task.make("inTheMiddle", { payload: { millis: Schema.Number } })
const calling = Task.make("calling", { payload: { millis: Schema.Number } })
const polite = Task.make("polite", { payload: { millis: Schema.Number } })
const wait = Task.make("wait", { payload: { millis: Schema.Number } })
const small = Task.make("small")
const elements = Task.stream("elements", { payload: { millis: Schema.Number }, success: Schema.Int })

const handlers = Layer.mergeAll(
  atOnce.toLayer(({ millis }) => Effect.sync(() => block(millis))),
  later.toLayer(({ millis, rest }) =>
    Effect.sleep(10).pipe(Effect.andThen(Effect.sync(() => block(millis))), Effect.andThen(Effect.sleep(rest)))
  ),
  inTheMiddle.toLayer(({ millis }) =>
    Effect.sleep(60).pipe(Effect.andThen(Effect.sync(() => block(millis))), Effect.andThen(Effect.sleep(60)))
  ),
  calling.toLayer(({ millis }) => atOnce.run({ millis })),
  polite.toLayer(({ millis }) =>
    Effect.forEach(
      Array.from({ length: millis / 10 }),
      () =>
        Effect.andThen(
          Effect.sync(() => block(10)),
          Effect.sleep(1)
        ),
      { discard: true }
    )
  ),
  wait.toLayer(({ millis }) => Effect.sleep(millis)),
  small.toLayer(() =>
    Effect.andThen(
      Effect.sync(() => block(0.05)),
      Effect.sleep(5)
    )
  ),
  elements.toLayer(({ millis }) =>
    Stream.range(1, 3).pipe(
      Stream.mapEffect((n) =>
        Effect.andThen(
          Effect.sleep(20),
          Effect.sync(() => (block(millis), n))
        )
      )
    )
  )
)

/** Runs a program, and gives what has been warned of. */
const warnings = <A, E>(
  program: Effect.Effect<A, E, TaskRunner.TaskRunner>,
  options?: FiberRunner.Options
): Effect.Effect<ReadonlyArray<string>, E> =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    const logger = Logger.layer([
      Logger.make(({ logLevel, message }) => void (logLevel === "Warn" && lines.push(String(message))))
    ])
    return program.pipe(
      // What comes after the program may be what the next look finds.
      Effect.andThen(Effect.sleep(50)),
      passing,
      Effect.provide(Layer.fresh(FiberRunner.layer(handlers, options)).pipe(Layer.provide(logger))),
      Effect.as(lines)
    )
  })

const timeIn = (line: string): number => Number(/for (\d+) ms/.exec(line)?.[1])

describe("warnBlocking", () => {
  it.effect("the first stretch of a handler is measured, and named once", () =>
    Effect.gen(function* () {
      const lines = yield* warnings(
        Effect.all([atOnce.run({ millis: 150 }), atOnce.run({ millis: 130 }), wait.run({ millis: 5 })])
      )
      assert.lengthOf(
        lines.filter((line) => line.includes('"atOnce"')),
        1
      )
      assert.match(lines[0]!, /^Task "atOnce" kept the event loop busy for \d+ ms without a pause\..*ThreadRunner/)
      assert.strictEqual(timeIn(lines[0]!), 150)
    })
  )

  it.effect("time of a task that another one calls is its own", () =>
    Effect.gen(function* () {
      const lines = yield* warnings(calling.run({ millis: 150 }))
      assert.lengthOf(lines, 1)
      assert.include(lines[0], '"atOnce"')
    })
  )

  it.effect("what comes after a pause is found, at the end of the task or in its middle", () =>
    Effect.gen(function* () {
      for (const program of [
        later.run({ millis: 300, rest: 0 }),
        later.run({ millis: 300, rest: 100 }),
        inTheMiddle.run({ millis: 300 })
      ]) {
        const lines = yield* warnings(Effect.andThen(program, program))
        assert.lengthOf(lines, 1, lines.join("\n"))
        assert.match(
          lines[0]!,
          /^Task "(later|inTheMiddle)", or something else in this program, kept .* busy for \d+ ms\./
        )
        assert.isTrue(timeIn(lines[0]!) > 250 && timeIn(lines[0]!) <= 300, lines[0])
      }
    })
  )

  it.effect("a handler that is suspected in a later stretch is still told of for sure when it is measured", () =>
    Effect.gen(function* () {
      const both = Task.make("both", { payload: { first: Schema.Boolean } })
      const lines: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
      const layer = FiberRunner.layer(
        both.toLayer(({ first }) =>
          first
            ? Effect.sync(() => block(150))
            : Effect.andThen(
                Effect.sleep(10),
                Effect.sync(() => block(300))
              )
        )
      ).pipe(Layer.provide(logger))
      const program = Effect.andThen(both.run({ first: false }), both.run({ first: true }))
      yield* program.pipe(passing, Effect.provide(layer))
      assert.deepStrictEqual(
        lines.map((line) => line.includes("or something else")),
        [true, false]
      )
    })
  )

  it.effect("streams are watched, and of several tasks all are named", () =>
    Effect.gen(function* () {
      const [line, ...more] = yield* warnings(Stream.runDrain(elements.stream({ millis: 250 })))
      assert.match(line ?? "", /^Task "elements", or something else/)
      assert.lengthOf(more, 0)
      const lines = yield* warnings(
        Effect.gen(function* () {
          const waiting = yield* wait.fork({ millis: 600 })
          yield* inTheMiddle.fork({ millis: 300 })
          yield* Fiber.join(waiting)
        })
      )
      assert.lengthOf(lines, 1)
      assert.match(lines[0]!, /^One of the tasks "wait", "inTheMiddle", or something else/)
    })
  )

  it.effect("what does not keep the event loop busy is not warned of", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* warnings(polite.run({ millis: 800 })), [])
      assert.deepStrictEqual(yield* warnings(wait.run({ millis: 800 })), [])
      assert.deepStrictEqual(yield* warnings(atOnce.run({ millis: 20 })), [])
      // Before, between and after tasks.
      const beside = Effect.sync(() => block(800))
      const between = Effect.all([beside, wait.run({ millis: 1 }), Effect.sleep(150), beside])
      assert.deepStrictEqual(yield* warnings(between), [])
      // Many small tasks, which keep it busy together.
      const before = now
      const many = Task.forEach(
        small,
        Array.from({ length: 10_000 }, () => undefined),
        { concurrency: "unbounded", discard: true }
      )
      assert.deepStrictEqual(yield* warnings(many), [])
      assert.isAtLeast(now - before, 500)
    })
  )

  it.effect("a machine that stands still is no handler's fault", () =>
    Effect.gen(function* () {
      const lines = yield* warnings(
        Effect.gen(function* () {
          const fiber = yield* wait.fork({ millis: 700 })
          yield* Effect.sleep(60)
          // Time goes on, and nothing is computed.
          now += 500
          yield* Fiber.join(fiber)
        })
      )
      assert.deepStrictEqual(lines, [])
    })
  )

  it.effect("the limit can be set, and the watch be left out", () =>
    Effect.gen(function* () {
      assert.lengthOf(yield* warnings(atOnce.run({ millis: 40 }), { warnBlocking: "20 millis" }), 1)
      assert.lengthOf(yield* warnings(atOnce.run({ millis: 150 }), { warnBlocking: "1 second" }), 0)
      const all = Effect.all([atOnce.run({ millis: 150 }), later.run({ millis: 200, rest: 20 })])
      assert.lengthOf(yield* warnings(all, { warnBlocking: false }), 0)
    })
  )

  it.effect("the time of a TestClock is not meant", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
      yield* Effect.gen(function* () {
        const fiber = yield* wait.fork({ millis: 3_600_000 })
        yield* TestClock.adjust("1 hour")
        yield* pass(200)
        yield* Fiber.join(fiber)
      }).pipe(Effect.provide(FiberRunner.layer(handlers)), Effect.provide(logger))
      assert.deepStrictEqual(lines, [])
    })
  )

  it.effect("one among many is told of when it comes again, or is very long", () =>
    Effect.gen(function* () {
      const quick = Task.forEach(
        wait,
        Array.from({ length: 1500 }, () => ({ millis: 0 })),
        { discard: true }
      )
      const blocking = atOnce.run({ millis: 150 })
      const isTold = (lines: ReadonlyArray<string>) => lines.some((line) => line.startsWith(`Task "atOnce" kept`))
      assert.isFalse(isTold(yield* warnings(Effect.andThen(quick, blocking))))
      assert.isTrue(isTold(yield* warnings(Effect.all([quick, blocking, quick, blocking]))))
      assert.isTrue(isTold(yield* warnings(Effect.andThen(quick, atOnce.run({ millis: 550 })))))
    })
  )

  /** How many timers keep a program alive whose task waits. */
  const timersOf = (options: string): number => {
    const source = `
      import * as Effect from "effect/Effect"
      import { FiberRunner, Task } from "effect-strand"
      const wait = Task.make("wait")
      const layer = FiberRunner.layer(wait.toLayer(() => Effect.sleep(100000)), { shutdownGrace: 0, ${options} })
      const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length
      const program = Effect.andThen(wait.fork(), Effect.callback(() => {}))
      const fiber = Effect.runFork(Effect.provide(program, layer))
      setTimeout(() => { console.log(timers()); fiber.interruptUnsafe() }, 90)`
    const out = execFileSync(process.execPath, ["--input-type=module-typescript", "-e", source], {
      cwd: import.meta.dirname,
      encoding: "utf8",
      timeout: 20_000
    })
    return Number(out)
  }

  it("keeps no program alive", () => {
    const without = timersOf("warnBlocking: false")
    assert.isAtLeast(without, 1)
    assert.strictEqual(timersOf(""), without)
  })
})
