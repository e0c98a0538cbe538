// The span that each task has, whose child it is, and whose parent.
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import * as Tracer from "effect/Tracer"
import { FiberRunner, Middleware, ProcessRunner, Task, TaskRunner, ThreadRunner } from "effect-strand"
import * as definitions from "../../src/testing/definitions.ts"
import { RunnerSuite } from "effect-strand/testing"
import * as Leaks from "../helpers/leaks.ts"

Leaks.check()

class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Int }) {}

const half = Task.make("half", { payload: Schema.Int, success: Schema.Int, error: Odd })
const wait = Task.make("wait")
const sleep = Task.make("sleep", { payload: Schema.Int })
const count = Task.stream("count", { payload: Schema.Int, success: Schema.Int, error: Odd })
const outer = Task.make("outer", { success: Schema.Int })

const handlers = Layer.mergeAll(
  half.toLayer((n) =>
    (n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail(new Odd({ n }))).pipe(Effect.withSpan("halving"))
  ),
  wait.toLayer(() => Effect.never),
  sleep.toLayer((millis) => Effect.sleep(millis)),
  count.toLayer((to) =>
    to < 0
      ? Stream.fail(new Odd({ n: to }))
      : Stream.mapEffect(Stream.range(1, to), (n) => Effect.succeed(n).pipe(Effect.withSpan("counting")))
  ),
  outer.toLayer(() => Effect.orDie(half.run(4)))
)

/** Runs a program with traced tasks, and gives the spans in the order of their beginning. */
const spansOf = <A, E>(
  program: Effect.Effect<A, E, TaskRunner.TaskRunner>,
  runner: Layer.Layer<TaskRunner.TaskRunner, unknown> = Middleware.stack(
    FiberRunner.layer(handlers),
    Middleware.tracing()
  )
) =>
  Effect.suspend(() => {
    const spans: Array<Tracer.NativeSpan> = []
    const tracer = Tracer.make({
      span: (options) => {
        const span = new Tracer.NativeSpan(options)
        spans.push(span)
        return span
      }
    })
    return program.pipe(
      Effect.provide(runner, { local: true }),
      Effect.provideService(Tracer.Tracer, tracer),
      Effect.as(spans)
    )
  })

const named = (spans: ReadonlyArray<Tracer.NativeSpan>, name: string) => spans.filter((span) => span.name === name)

const parentOf = (span: Tracer.NativeSpan) => Option.getOrUndefined(span.parent)?.spanId

const exitOf = (span: Tracer.NativeSpan) => (span.status._tag === "Ended" ? span.status.exit : undefined)

const attributesOf = (span: Tracer.NativeSpan) => Object.fromEntries(span.attributes)

describe("Middleware.tracing", () => {
  it.live("puts a span between the caller's and the handler's, for run, fork and stream", () =>
    Effect.gen(function* () {
      const spans = yield* spansOf(
        Effect.gen(function* () {
          yield* half.run(2)
          yield* Effect.flatMap(half.fork(2), Fiber.join)
          yield* Stream.runDrain(count.stream(2))
        }).pipe(Effect.withSpan("calling"))
      )
      const [calling, ...others] = spans
      const halves = named(spans, "Task.half")
      assert.deepStrictEqual(halves.map(parentOf), [calling!.spanId, calling!.spanId])
      assert.deepStrictEqual(
        named(spans, "halving").map(parentOf),
        halves.map(({ spanId }) => spanId)
      )
      const [counts] = named(spans, "Task.count")
      assert.strictEqual(parentOf(counts!), calling!.spanId)
      assert.deepStrictEqual(named(spans, "counting").map(parentOf), [counts!.spanId, counts!.spanId])
      assert.isTrue(others.every(({ traceId }) => traceId === calling!.traceId))
      assert.isTrue(spans.every((span) => span.status._tag === "Ended"))
    })
  )

  it.live("has the task's name, id, kind, attempt and tags as attributes, and further ones", () =>
    Effect.gen(function* () {
      let id = ""
      const program = Effect.gen(function* () {
        const fiber = yield* half.fork(2, { tags: ["a", "b"] })
        id = fiber.taskId
        yield* Fiber.join(fiber)
        yield* Stream.runDrain(count.stream(1))
      })
      const spans = yield* spansOf(program)
      assert.deepStrictEqual(attributesOf(named(spans, "Task.half")[0]!), {
        "task.name": "half",
        "task.id": id,
        "task.kind": "effect",
        "task.attempt": 1,
        "task.tags": ["a", "b"]
      })
      assert.deepInclude(attributesOf(named(spans, "Task.count")[0]!), { "task.name": "count", "task.kind": "stream" })
      const renamed = yield* spansOf(
        half.run(2),
        Middleware.stack(
          FiberRunner.layer(handlers),
          Middleware.tracing({ spanPrefix: "job", attributes: ({ priority }) => ({ priority }) })
        )
      )
      assert.deepInclude(attributesOf(named(renamed, "job.half")[0]!), { "task.name": "half", priority: 10 })
    })
  )

  it.live("ends as the task does", () =>
    Effect.gen(function* () {
      const spans = yield* spansOf(
        Effect.gen(function* () {
          yield* half.run(2)
          yield* Effect.exit(half.run(3))
          yield* Effect.exit(Stream.runDrain(count.stream(-1)))
          yield* Fiber.interrupt(yield* wait.fork())
          yield* (yield* TaskRunner.TaskRunner).cancel((yield* wait.fork()).taskId)
        })
      )
      const [good, bad] = named(spans, "Task.half").map(exitOf)
      assert.deepStrictEqual(good, Exit.succeed(1))
      assert.deepStrictEqual(Option.getOrUndefined(Exit.findErrorOption(bad!)), new Odd({ n: 3 }))
      assert.isTrue(Exit.isFailure(exitOf(named(spans, "Task.count")[0]!)!))
      const [interrupted, cancelled] = named(spans, "Task.wait").map((span) => exitOf(span)!)
      assert.isTrue(Exit.hasInterrupts(interrupted!))
      assert.strictEqual(
        Option.getOrUndefined(Exit.findErrorOption(cancelled!) as Option.Option<{ _tag: string }>)?._tag,
        "TaskCancelled"
      )
    })
  )

  it.live("lasts as long as a stream is read", () =>
    Effect.gen(function* () {
      const opened = yield* Deferred.make<void>()
      const spans = yield* spansOf(
        Effect.gen(function* () {
          const reader = yield* count.stream(3).pipe(
            Stream.runForEach(() => Effect.andThen(Deferred.succeed(opened, undefined), Effect.never)),
            Effect.forkChild
          )
          yield* Deferred.await(opened)
          yield* Fiber.interrupt(reader)
        })
      )
      const [span] = named(spans, "Task.count")
      assert.isTrue(Exit.hasInterrupts(exitOf(span!)!))
    })
  )

  it.effect("lasts from the call to its end", () =>
    Effect.gen(function* () {
      const [span] = yield* spansOf(
        Effect.gen(function* () {
          const fiber = yield* sleep.fork(1500)
          yield* TestClock.adjust(1500)
          yield* Fiber.join(fiber)
        })
      )
      assert.strictEqual(span!.status._tag, "Ended")
      if (span!.status._tag === "Ended") {
        assert.strictEqual(span!.status.endTime - span!.status.startTime, 1_500_000_000n)
      }
    })
  )

  it.live("is one for all attempts of a call, and says how many there were", () =>
    Effect.gen(function* () {
      const spans = yield* spansOf(Effect.exit(half.run(3, { retry: 2 })))
      assert.deepStrictEqual(
        named(spans, "Task.half").map((span) => attributesOf(span)["task.attempt"]),
        [3]
      )
      assert.lengthOf(named(spans, "halving"), 3)
    })
  )

  it.live("is one for each of the calls that a middleware in front makes, side by side", () =>
    Effect.gen(function* () {
      const twice = Middleware.make((_request, next) => Effect.andThen(next, next))
      const spans = yield* spansOf(
        half.run(2).pipe(Effect.withSpan("calling")),
        Middleware.stack(FiberRunner.layer(handlers), twice, Middleware.tracing())
      )
      const calling = spans[0]!.spanId
      assert.deepStrictEqual(named(spans, "Task.half").map(parentOf), [calling, calling])
    })
  )

  it.live("is the span of what is put further inside", () =>
    Effect.gen(function* () {
      const noting = Middleware.make((_request, next) => next.pipe(Effect.withSpan("noting")))
      const spans = yield* spansOf(
        half.run(2),
        Middleware.stack(FiberRunner.layer(handlers), Middleware.tracing(), noting)
      )
      assert.strictEqual(parentOf(named(spans, "noting")[0]!), named(spans, "Task.half")[0]!.spanId)
    })
  )

  it.live("is the ancestor of what handlers call", () =>
    Effect.gen(function* () {
      const spans = yield* spansOf(outer.run())
      assert.strictEqual(parentOf(named(spans, "halving")[0]!), named(spans, "Task.outer")[0]!.spanId)
    })
  )

  it.live("leaves the caller's span the parent where tracing is off", () =>
    Effect.gen(function* () {
      const spans = yield* spansOf(
        Effect.gen(function* () {
          const traced = Context.make(Tracer.ParentSpan, yield* Effect.orDie(Effect.currentSpan))
          yield* Effect.provideContext(Effect.withTracerEnabled(half.run(2), false), traced)
        }).pipe(Effect.withSpan("calling"))
      )
      assert.isEmpty(named(spans, "Task.half"))
      assert.strictEqual(parentOf(named(spans, "halving")[0]!), spans[0]!.spanId)
    })
  )

  const { span } = definitions
  const module = RunnerSuite.tasksModule
  for (const [name, runner] of Object.entries({
    threads: ThreadRunner.layer({ module, size: 1 }),
    processes: ProcessRunner.layer({ module, size: 1 })
  })) {
    it.live(`is the parent of the spans of handlers in ${name}`, () =>
      Effect.gen(function* () {
        const seen: Array<{ readonly traceId: string; readonly parentSpanId: string }> = []
        const spans = yield* spansOf(
          Effect.gen(function* () {
            seen.push(yield* span.run())
            seen.push(yield* Effect.flatMap(span.fork(), Fiber.join))
          }).pipe(Effect.withSpan("calling")),
          Middleware.stack(runner, Middleware.tracing())
        )
        assert.deepStrictEqual(
          seen,
          named(spans, "Task.span").map(({ spanId, traceId }) => ({ traceId, parentSpanId: spanId }))
        )
        assert.strictEqual(seen[0]!.traceId, spans[0]!.traceId)
      })
    )
  }
})
