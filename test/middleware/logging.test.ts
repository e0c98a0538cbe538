// What is said in the log of the tasks of any runner, to whom, and what is not.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { FiberRunner, Middleware, Task, TaskRunner, ThreadRunner } from "effect-strand"
import * as Leaks from "../helpers/leaks.ts"
import { Odd, count, crash, half, handlers, sleep, wait } from "./observed.ts"

Leaks.check()

interface Line {
  readonly level: LogLevel.LogLevel
  readonly text: string
  readonly cause: Cause.Cause<unknown>
  readonly annotations: Readonly<Record<string, unknown>>
}

/** Runs a program whose tasks are logged, at a minimum level, and gives the lines. */
const linesOf = <A, E>(
  program: Effect.Effect<A, E, TaskRunner.TaskRunner>,
  options?: Middleware.LoggingOptions,
  minimum: LogLevel.LogLevel = "Info"
) =>
  Effect.suspend(() => {
    const lines: Array<Line> = []
    const logger = Logger.make(({ cause, fiber, logLevel, message }) => {
      const annotations = fiber.getRef(References.CurrentLogAnnotations)
      const [text] = message as ReadonlyArray<unknown>
      lines.push({ level: logLevel, text: String(text).replace(/[\d.]+ m?s/, "TIME"), cause, annotations })
    })
    return program.pipe(
      Effect.provideService(References.MinimumLogLevel, minimum),
      Effect.provide(Layer.fresh(Logger.layer([logger]))),
      Effect.provide(Middleware.stack(FiberRunner.layer(handlers), Middleware.logging(options)), { local: true }),
      Effect.as(lines)
    )
  })

const texts = (lines: ReadonlyArray<Line>) => lines.map(({ level, text }) => `${level}: ${text}`)

describe("Middleware.logging", () => {
  it.live("says how each task ended", () =>
    Effect.gen(function* () {
      const lines = yield* linesOf(
        Effect.gen(function* () {
          yield* half.run(2)
          yield* Effect.exit(half.run(3))
          yield* Effect.exit(crash.run())
          yield* Effect.exit(half.run(0.5))
          yield* Fiber.interrupt(yield* wait.fork())
          yield* (yield* TaskRunner.TaskRunner).cancel((yield* wait.fork()).taskId)
        })
      )
      assert.deepStrictEqual(texts(lines), [
        `Info: Task "half" completed in TIME`,
        `Error: Task "half" failed after TIME`,
        `Error: Task "crash" failed after TIME`,
        `Error: Task "half" failed after TIME`,
        `Info: Task "wait" was interrupted after TIME`,
        `Info: Task "wait" was cancelled after TIME`
      ])
      assert.deepStrictEqual(
        lines.map(({ cause }) => cause.reasons.length),
        [0, 1, 1, 1, 0, 0]
      )
      assert.deepStrictEqual(Cause.squash(lines[1]!.cause), new Odd({ n: 3 }))
      assert.strictEqual((Cause.squash(lines[2]!.cause) as Error).message, "crashed")
      assert.strictEqual((Cause.squash(lines[3]!.cause) as { _tag: string })._tag, "PayloadInvalid")
      assert.deepStrictEqual(
        lines.map(({ annotations }) => annotations["outcome"]),
        ["completed", "failed", "failed", "failed", "interrupted", "cancelled"]
      )
    })
  )

  it.live("notes name, id, time and attempt, and the payload only where asked for", () =>
    Effect.gen(function* () {
      let id = ""
      const program = Effect.gen(function* () {
        const fiber = yield* half.fork(2)
        id = fiber.taskId
        yield* Fiber.join(fiber)
        yield* Effect.exit(half.run(3, { retry: 2, tags: ["school"] }))
      })
      const [first, second] = yield* linesOf(program)
      assert.hasAllKeys(first!.annotations, ["task", "taskId", "outcome", "millis"])
      assert.deepInclude(first!.annotations, { task: "half", taskId: id })
      assert.isAbove(first!.annotations["millis"] as number, 0)
      assert.strictEqual(second!.annotations["attempt"], 3)
      const [, noted] = yield* linesOf(program, { payload: true, annotations: ({ tags }) => ({ tags }) })
      assert.deepInclude(noted!.annotations, { payload: 3, tags: ["school"] })
    })
  )

  it.live("has a line at the start and other levels where asked for, and respects the caller's minimum", () =>
    Effect.gen(function* () {
      const program = Effect.all([half.run(2), Effect.exit(half.run(3))])
      const options = { startLevel: "Trace", level: "Debug", failureLevel: "Warn" } as const
      assert.deepStrictEqual(texts(yield* linesOf(program, options, "All")), [
        `Trace: Task "half" begins`,
        `Debug: Task "half" completed in TIME`,
        `Trace: Task "half" begins`,
        `Warn: Task "half" failed after TIME`
      ])
      assert.deepStrictEqual(texts(yield* linesOf(program, options, "Debug")), [
        `Debug: Task "half" completed in TIME`,
        `Warn: Task "half" failed after TIME`
      ])
      assert.deepStrictEqual(texts(yield* linesOf(program, options)), [`Warn: Task "half" failed after TIME`])
      assert.deepStrictEqual(yield* linesOf(program, options, "Error"), [])
      assert.deepStrictEqual(yield* linesOf(program, options, "None"), [])
    })
  )

  it.live("builds nothing for lines that are left out", () =>
    Effect.gen(function* () {
      let asked = 0
      const options: Middleware.LoggingOptions = {
        annotations: () => {
          asked++
          return {}
        }
      }
      yield* linesOf(half.run(2), options, "Warn")
      yield* linesOf(Effect.exit(half.run(3)), options, "Fatal")
      assert.strictEqual(asked, 0)
      yield* linesOf(half.run(2), options)
      assert.strictEqual(asked, 1)
    })
  )

  it.live("leaves out tasks that a filter leaves out", () =>
    Effect.gen(function* () {
      const program = Effect.all([half.run(2), Effect.exit(crash.run()), Stream.runDrain(count.stream(2))])
      const lines = yield* linesOf(program, { filter: ({ name }) => name !== "half" })
      assert.deepStrictEqual(texts(lines), [
        `Error: Task "crash" failed after TIME`,
        `Info: Task "count" completed in TIME`
      ])
    })
  )

  it.effect("warns of slow tasks, also where other tasks are not mentioned", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        const all = yield* Effect.forkChild(
          Effect.forEach([999, 1000, 1001, 90_000], (millis) => sleep.run(millis), { concurrency: "unbounded" })
        )
        yield* TestClock.adjust(90_000)
        yield* Fiber.join(all)
      })
      const lines = yield* linesOf(program, { level: "Debug", slow: "1 second" })
      assert.deepStrictEqual(
        lines.map(({ annotations, level, text }) => [level, text, annotations["millis"]]),
        [
          ["Warn", `Task "sleep" completed in TIME, which is slow`, 1001],
          ["Warn", `Task "sleep" completed in 1m 30s, which is slow`, 90_000]
        ]
      )
      const failing = Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(Effect.exit(wait.run(undefined, { timeout: "5 seconds" })))
        yield* TestClock.adjust(5000)
        yield* Fiber.join(fiber)
      })
      assert.deepStrictEqual(texts(yield* linesOf(failing, { slow: "1 second" })), [
        `Error: Task "wait" failed after TIME, which is slow`
      ])
    })
  )

  it.live("has a line for a stream, when it ends or is left", () =>
    Effect.gen(function* () {
      const lines = yield* linesOf(
        Effect.gen(function* () {
          yield* Stream.runDrain(count.stream(5))
          yield* Stream.runDrain(Stream.take(count.stream(5), 1))
          yield* Effect.exit(Stream.runDrain(count.stream(-1)))
          const opened = yield* Deferred.make<void>()
          const reader = yield* count.stream(5).pipe(
            Stream.runForEach(() => Effect.andThen(Deferred.succeed(opened, undefined), Effect.never)),
            Effect.forkChild
          )
          yield* Deferred.await(opened)
          yield* Fiber.interrupt(reader)
        }),
        { startLevel: "Info" }
      )
      assert.deepStrictEqual(
        texts(lines).filter((text) => !text.endsWith("begins")),
        [
          `Info: Task "count" completed in TIME`,
          `Info: Task "count" completed in TIME`,
          `Error: Task "count" failed after TIME`,
          `Info: Task "count" was interrupted after TIME`
        ]
      )
      assert.lengthOf(lines, 8)
    })
  )

  it.live("does not let a task suffer from annotations that throw", () =>
    Effect.gen(function* () {
      const results: Array<number> = []
      const lines = yield* linesOf(
        Effect.map(half.run(2), (n) => results.push(n)),
        {
          annotations: () => {
            throw new Error("no annotations")
          }
        }
      )
      assert.deepStrictEqual(results, [1])
      assert.deepStrictEqual(texts(lines), [`Error: The log line about task "half" is missing`])
      assert.strictEqual((Cause.squash(lines[0]!.cause) as Error).message, "no annotations")
    })
  )

  it.live("logs what runs in threads to the caller's loggers", () =>
    Effect.gen(function* () {
      const add = Task.portable("add", (a: number, b: number) => a + b)
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => lines.push(String(message)))
      yield* add
        .run([1, 2])
        .pipe(
          Effect.provide(Logger.layer([logger])),
          Effect.provide(Middleware.stack(ThreadRunner.layer({ size: 1 }), Middleware.logging()))
        )
      assert.match(lines.join("\n"), /^Task "add" completed in [\d.]+ m?s$/)
    })
  )
})
