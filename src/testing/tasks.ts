/**
 * The handlers of the conformance suite's tasks: the tasks module that threads, processes and readers load. It is loaded
 * by plain Node, without the test framework.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { writeFileSync } from "node:fs"
import { threadId } from "node:worker_threads"
import { TaskContext } from "../TaskContext.ts"
import * as definitions from "./definitions.ts"
import { addLine, awaitFile } from "./notes.ts"
import * as badValues from "./runner/badValues.ts"

// --- values --------------------------------------------------------------------------------------------------------

const classOf = (value: unknown): string => {
  if (Option.isOption(value)) return Option.isSome(value) ? `Option of ${classOf(value.value)}` : "Option"
  if (HashMap.isHashMap(value)) return "HashMap"
  if (Chunk.isChunk(value)) return "Chunk"
  if (value instanceof Map) return `Map of ${[...value.values()].map(classOf).join()}`
  if (value instanceof definitions.Point) return `Point of length ${value.length}`
  return Object.prototype.toString.call(value).slice(8, -1)
}

const values = Layer.mergeAll(
  definitions.echo.toLayer((value) => Effect.succeed(value)),
  definitions.classes.toLayer((value) =>
    Effect.succeed(Object.fromEntries(Object.entries(value).map(([name, value]) => [name, classOf(value)])))
  ),
  definitions.number.toLayer((value) => Effect.succeed(value)),
  definitions.bytes.toLayer((value) =>
    Effect.sync(() => {
      value[0]!++
      value[value.length - 1]!++
      return value
    })
  ),
  definitions.anything.toLayer((value) => Effect.succeed(value)),
  definitions.giveFunction.toLayer(() => Effect.succeed({ items: [1, { callback: () => 1 }] })),
  definitions.count.toLayer(() => Effect.void),
  definitions.giveInvalid.toLayer(({ name }) => Effect.succeed(badValues.invalid[name].value as never)),
  definitions.giveUncloneable.toLayer(({ name }) => Effect.sync(badValues.uncloneable[name].make)),
  definitions.failUncloneable.toLayer(({ name }) =>
    Effect.suspend(() => Effect.fail(new definitions.Holding({ value: badValues.uncloneable[name].make() })))
  ),
  definitions.giveWrong.toLayer(() => Effect.succeed("text" as unknown as number)),
  definitions.add.toLayer(({ a, b }) => Effect.succeed(a + b)),
  definitions.double.layer,
  definitions.join.layer
)

// --- ends ----------------------------------------------------------------------------------------------------------

class Custom extends Error {
  override name = "CustomError"
}

const defects = {
  TypeError: () => new TypeError("of a type"),
  custom: () => new Custom("of a kind of its own"),
  caused: () => new Error("on top", { cause: new RangeError("below", { cause: new Error("at the bottom") }) }),
  undefined: () => undefined,
  null: () => null,
  string: () => "just text",
  object: () => ({ code: 42, nested: { list: [1, 2] } }),
  circular: () => {
    const error: Error & { self?: unknown } = new Error("of a circle")
    error.self = error
    error.cause = error
    return error
  },
  throwUndefined: () => {
    throw undefined
  },
  throwNull: () => {
    // oxlint-disable-next-line no-throw-literal
    throw null
  }
}

const ends = Layer.mergeAll(
  definitions.fail.toLayer(({ how }) =>
    Effect.fail(
      how === "unreadable"
        ? new definitions.Unreadable({ path: "a.txt", at: new Date(0), size: 12n })
        : how === "denied"
          ? new definitions.Denied({ user: "ada" })
          : // A handler may break the promise of its types.
            (new Error("nobody declared this") as never)
    )
  ),
  definitions.die.toLayer(({ how }) => Effect.suspend(() => Effect.die(defects[how]()))),
  definitions.interruptItself.toLayer(() => Effect.interrupt),
  definitions.succeedOnAttempt.toLayer(({ attempt }) =>
    Effect.flatMap(TaskContext, (context) =>
      context.attempt < attempt
        ? Effect.fail(new definitions.Denied({ user: `attempt ${context.attempt}` }))
        : Effect.succeed(context.attempt)
    )
  )
)

// --- waiting and working -------------------------------------------------------------------------------------------

interface Noted {
  readonly file: string
  readonly name: string
}

/** Lets the tasks module tell when it is torn down. */
class Ledger extends Context.Service<Ledger, { readonly builds: number; readonly files: Set<string> }>()(
  "effect-strand/testing/Ledger"
) {
  static builds = 0

  static readonly layer = Layer.effect(
    Ledger,
    Effect.acquireRelease(
      Effect.sync(() => ({ builds: ++Ledger.builds, files: new Set<string>() })),
      (ledger) => Effect.forEach(ledger.files, (file) => addLine(file, "closed"))
    )
  )
}

const holding = ({ file, gate, name }: Noted & { readonly gate: string }) =>
  addLine(file, `${name} started`).pipe(
    Effect.andThen(awaitFile(gate)),
    Effect.andThen(addLine(file, `${name} ended`)),
    Effect.as(name),
    Effect.onInterrupt(() => Effect.andThen(Effect.sleep("50 millis"), addLine(file, `${name} stopped`)))
  )

const disasters = {
  exit: () => process.exit(3),
  throw: () => {
    setTimeout(() => {
      throw new Error("thrown from outside")
    })
  },
  reject: () => void Promise.reject(new Error("rejected from outside")),
  memory: () => {
    const kept: Array<unknown> = []
    for (;;) kept.push(Array.from({ length: 10_000 }, (_, index) => ({ index })))
  },
  wait: () => {}
}

const work = Layer.mergeAll(
  definitions.hold.toLayer(holding),
  definitions.note.toLayer(({ file, name }) => addLine(file, name)),
  definitions.spin.toLayer(({ file, millis, name }) =>
    Effect.andThen(
      addLine(file, `${name} started`),
      Effect.sync(() => {
        const end = performance.now() + millis
        while (performance.now() < end);
      })
    )
  ),
  definitions.stubborn.toLayer(({ file, millis, name }) =>
    Effect.andThen(addLine(file, `${name} started`), Effect.uninterruptible(Effect.sleep(millis)))
  ),
  definitions.crash.toLayer(({ file, how, name }) =>
    addLine(file, `${name} started in ${process.pid}`).pipe(
      Effect.andThen(Effect.sync(() => disasters[how]())),
      Effect.andThen(Effect.never)
    )
  ),
  definitions.where.toLayer(() => Effect.succeed({ pid: process.pid, thread: threadId })),
  definitions.register.toLayer(({ file }) =>
    Effect.map(Ledger, (ledger) => {
      ledger.files.add(file)
      return ledger.builds
    })
  )
).pipe(Layer.provide(Ledger.layer))

// --- streams -------------------------------------------------------------------------------------------------------

const counting = (count: number, chunk: number): Stream.Stream<number> =>
  Stream.unfold(0, (last) =>
    Effect.succeed(
      last >= count
        ? undefined
        : ([
            Array.from({ length: Math.min(chunk, count - last) }, (_, index) => last + index + 1),
            last + chunk
          ] as const)
    )
  ).pipe(Stream.flattenIterable)

const streams = Layer.mergeAll(
  definitions.numbers.toLayer(({ chunk, count, failAfter, how }) =>
    failAfter === undefined
      ? counting(count, chunk)
      : Stream.concat(
          counting(failAfter, chunk),
          how === "die"
            ? Stream.die(new TypeError("in the middle"))
            : how === "undeclared"
              ? Stream.fail(new Error("nobody declared this") as never)
              : Stream.fail(new definitions.Unreadable({ path: "b.txt", at: new Date(1), size: 2n }))
        )
  ),
  definitions.endless.toLayer(({ chunk, counter, file }) => {
    let made = 0
    return counting(Infinity, chunk).pipe(
      Stream.tap(() => Effect.sync(() => ++made % 64 === 0 && writeFileSync(counter, `${made}`))),
      Stream.onStart(addLine(file, "started")),
      Stream.ensuring(Effect.andThen(Effect.sleep("20 millis"), addLine(file, "stopped")))
    )
  }),
  definitions.gated.toLayer(({ file, gate }) =>
    Stream.concat(Stream.make(1), Stream.fromEffect(Effect.as(awaitFile(gate), 2))).pipe(
      Stream.ensuring(addLine(file, "stopped"))
    )
  ),
  definitions.echoes.toLayer(({ times, value }) => Stream.range(1, times).pipe(Stream.map(() => value))),
  definitions.wrongElement.toLayer(() => Stream.make(1, "text" as unknown as number))
)

// --- what the handler sees, and what is seen of it -------------------------------------------------------------------

const sight = Layer.mergeAll(
  definitions.context.toLayer(() =>
    Effect.map(TaskContext, ({ attempt, deadline, id, name, parentId, tags }) => ({
      attempt,
      deadline,
      id,
      name,
      parentId,
      tags
    }))
  ),
  definitions.report.toLayer(({ gate, steps }) =>
    Effect.flatMap(TaskContext, (context) =>
      Effect.forEach(
        Array.from({ length: steps }, (_, index) => index + 1),
        context.progress
      ).pipe(Effect.andThen(awaitFile(gate)), Effect.andThen(context.progress({ done: true, at: new Date(0) })))
    )
  ),
  definitions.talk.toLayer(({ text }) =>
    Effect.all([
      Effect.logInfo(`${text} info`, { more: 1 }),
      Effect.logWarning(`${text} warning`),
      Effect.logError(`${text} error`),
      Effect.logFatal(`${text} fatal`)
    ]).pipe(Effect.annotateLogs({ topic: "weather", count: 3 }))
  ),
  definitions.print.toLayer(({ text }) =>
    Effect.sync(() => {
      process.stdout.write(`${text} to stdout\n`)
      process.stderr.write(`${text} to stderr\n`)
    })
  ),
  definitions.span.toLayer(() =>
    Effect.currentSpan.pipe(
      Effect.map((span) => ({
        traceId: span.traceId,
        parentSpanId: Option.match(span.parent, { onNone: () => "none", onSome: (parent) => parent.spanId })
      })),
      Effect.withSpan("handler"),
      Effect.orDie
    )
  )
)

// --- tasks of tasks ------------------------------------------------------------------------------------------------

const nesting = Layer.mergeAll(
  definitions.nest.toLayer(({ depth, width }) =>
    depth === 0
      ? Effect.succeed(1)
      : Effect.map(
          Effect.all(
            Array.from({ length: width }, () => definitions.nest.run({ depth: depth - 1, width })),
            { concurrency: "unbounded" }
          ),
          (counts) => counts.reduce((sum, count) => sum + count, 1)
        )
  ),
  definitions.holdChild.toLayer((payload) => definitions.hold.run(payload)),
  definitions.failChild.toLayer(() =>
    definitions.fail.run({ how: "unreadable" }).pipe(
      Effect.as("no error"),
      Effect.catchTag("Unreadable", (error) => Effect.succeed(error.describe())),
      Effect.orDie
    )
  ),
  definitions.contextChild.toLayer(() =>
    Effect.gen(function* () {
      const { id } = yield* TaskContext
      const child = yield* Effect.flatMap(definitions.context.fork(), Fiber.join)
      return { id, childId: child.id, childParentId: child.parentId }
    })
  ),
  definitions.sumOfStream.toLayer(({ count }) =>
    definitions.numbers.stream({ count, chunk: 100 }).pipe(
      Stream.runFold(
        () => 0,
        (sum, n) => sum + n
      ),
      Effect.catchTag("Unreadable", Effect.die)
    )
  ),
  definitions.addLater.toLayer((payload) =>
    Effect.andThen(
      holding(payload),
      Effect.suspend(() => definitions.add.run({ a: 1, b: 2 }))
    )
  )
)

// --- messages to running tasks ---------------------------------------------------------------------------------------

const messages = Layer.mergeAll(
  definitions.collect.toLayer(({ file, gate, name, take }) =>
    Effect.gen(function* () {
      yield* addLine(file, `${name} started`)
      yield* awaitFile(gate)
      const some = Stream.runCollect(Stream.take(definitions.collect.messages, take))
      return [yield* some, yield* some, yield* Stream.runCollect(definitions.collect.messages)]
    })
  ),
  definitions.collectChild.toLayer(({ count, ...rest }) =>
    Effect.gen(function* () {
      const child = yield* definitions.collect.fork({ ...rest, take: 0 })
      for (let n = 0; n < count; n++) yield* child.send({ n, at: new Date(n), size: BigInt(n) })
      yield* child.endMessages
      return (yield* Fiber.join(child)).flat()
    }).pipe(Effect.orDie)
  ),
  definitions.share.toLayer(() => {
    const read = Stream.runCollect(definitions.share.messages)
    return Effect.map(Effect.all([read, read], { concurrency: 2 }), (parts) => {
      const all = parts.flat()
      return { sum: all.reduce((sum, n) => sum + n, 0), count: all.length }
    })
  }),
  definitions.repeat.toLayer(({ file, name }) =>
    Effect.gen(function* () {
      const { progress } = yield* TaskContext
      yield* addLine(file, `${name} started`)
      yield* definitions.repeat.messages.pipe(
        Stream.takeWhile((word) => word !== "stop"),
        Stream.runForEach(progress)
      )
    })
  ),
  definitions.doubles.toLayer(() =>
    definitions.doubles.messages.pipe(
      Stream.takeWhile((n) => n !== 0),
      Stream.map((n) => n * 2)
    )
  ),
  definitions.fragile.toLayer(() =>
    Effect.gen(function* () {
      const { attempt } = yield* TaskContext
      const [n] = yield* Stream.runCollect(Stream.take(definitions.fragile.messages, 1))
      return attempt === 1 ? process.exit(3) : n!
    })
  ),
  definitions.quit.toLayer(({ file }) =>
    Effect.flatMap(TaskContext, ({ cancel }) => Effect.andThen(addLine(file, "started"), cancel)).pipe(
      Effect.ensuring(addLine(file, "stopped"))
    )
  )
)

/** All handlers. */
// oxlint-disable-next-line import/no-default-export -- a tasks module is known by its default export
export default Layer.mergeAll(values, ends, work, streams, sight, nesting, messages)
