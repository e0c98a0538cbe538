/**
 * What a handler does can be followed by its caller: progress, logs, spans.
 *
 * @since 0.1.0
 */
import { assert, it as plainIt } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as Stream from "effect/Stream"
import * as tasks from "../definitions.ts"
import { makeNotes, type SharedIt, type Subject, testWith, until, using } from "../Subject.ts"

interface Line {
  readonly level: string
  readonly message: ReadonlyArray<unknown>
  readonly annotations: Readonly<Record<string, unknown>>
}

/** A logger that keeps what it is given. */
const makeLogger = () => {
  const lines: Array<Line> = []
  const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
    lines.push({
      level: logLevel,
      message: Array.isArray(message) ? message : [message],
      annotations: { ...fiber.getRef(References.CurrentLogAnnotations) }
    })
  })
  return { lines, layer: Logger.layer([logger]) }
}

/** Tests of progress, logs and spans. */
export const observing = (it: SharedIt, subject: Subject): void => {
  const test = testWith(subject, it)

  test("progress is read from the latest value on, and ends with the task", (notes) =>
    Effect.gen(function* () {
      const fiber = yield* tasks.report.fork({ steps: 3, gate: notes.gate })
      yield* until("the third step", () => fiber.metadata.progress === 3)
      const values = yield* fiber.progress.pipe(
        Stream.tap((value) => (value === 3 ? notes.open() : Effect.void)),
        Stream.runCollect
      )
      assert.deepStrictEqual(values, [3, { done: true, at: new Date(0) }])
      yield* Fiber.join(fiber)
      assert.deepStrictEqual(yield* Stream.runCollect(fiber.progress), [{ done: true, at: new Date(0) }])
    }))

  test("no progress is lost or out of order", (notes) =>
    Effect.gen(function* () {
      const steps = 2000
      const fiber = yield* tasks.report.fork({ steps, gate: notes.gate })
      const values = yield* fiber.progress.pipe(
        Stream.tap((value) => (value === steps ? notes.open() : Effect.void)),
        Stream.takeUntil((value) => value === steps),
        Stream.runCollect
      )
      const first = values[0] as number
      assert.deepStrictEqual(
        values,
        Array.from({ length: steps - first + 1 }, (_, index) => first + index)
      )
      yield* Fiber.join(fiber)
    }))

  if (!subject.capabilities.durable) {
    test("what a handler logs reaches the caller's logger", () =>
      Effect.gen(function* () {
        const { layer, lines } = makeLogger()
        yield* Effect.provide(tasks.talk.run({ text: "hello" }), layer)
        yield* until("four lines", () => lines.length >= 4)
        const annotations = { topic: "weather", count: 3 }
        assert.deepStrictEqual(
          lines.map(({ level, message }) => ({ level, message })),
          [
            { level: "Info", message: ["hello info", { more: 1 }] },
            { level: "Warn", message: ["hello warning"] },
            { level: "Error", message: ["hello error"] },
            { level: "Fatal", message: ["hello fatal"] }
          ]
        )
        for (const line of lines) assert.deepInclude(line.annotations, annotations)
      }))
  }

  if (!subject.capabilities.durable) {
    test("each caller's logger gets the lines of its own tasks", () =>
      Effect.gen(function* () {
        const loggers = ["a", "b", "c"].map((text) => Object.assign(makeLogger(), { text }))
        yield* Effect.forEach(loggers, ({ layer, text }) => Effect.provide(tasks.talk.run({ text }), layer), {
          concurrency: "unbounded",
          discard: true
        })
        yield* until("all lines", () => loggers.every(({ lines }) => lines.length >= 4))
        for (const { lines, text } of loggers) {
          for (const { message } of lines) assert.isTrue(String(message[0]).startsWith(`${text} `), String(message[0]))
        }
      }))
  }

  test("the caller's span is the parent of the handler's span", () =>
    Effect.gen(function* () {
      const caller = yield* Effect.currentSpan
      const expected = { traceId: caller.traceId, parentSpanId: caller.spanId }
      assert.deepStrictEqual(yield* tasks.span.run(), expected)
      assert.deepStrictEqual(yield* Effect.flatMap(tasks.span.fork(), Fiber.join), expected)
    }).pipe(Effect.withSpan("caller")))

  test("without a span of the caller the handler's span has no parent", () =>
    Effect.map(tasks.span.run(), (seen) => assert.strictEqual(seen.parentSpanId, "none")))

  if (!subject.capabilities.isolated) return

  plainIt.live("what a worker prints reaches the logger of the runner", () =>
    Effect.gen(function* () {
      const { layer, lines } = makeLogger()
      const notes = yield* makeNotes
      const printed = () => lines.map(({ message }) => message.join(" ")).join("\n")
      yield* tasks.print
        .run({ text: notes.file })
        .pipe(
          Effect.andThen(
            until("both lines", () => ["stdout", "stderr"].every((to) => printed().includes(`${notes.file} to ${to}`)))
          ),
          using(subject),
          Effect.provide(layer)
        )
    })
  )
}
