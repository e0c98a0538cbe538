// Middlewares keep the promises of the runner behind them, and stacks of them behave like the runner alone.
//
// All of them together pass the whole conformance suite, and so does each one alone.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { FiberRunner, Middleware, Task, TaskRunner, ThreadRunner } from "effect-strand"
import * as tasks from "../../src/testing/definitions.ts"
import { RunnerSuite } from "effect-strand/testing"
import { makeNotes, type Notes } from "../../src/testing/Subject.ts"
import * as Capabilities from "../helpers/capabilities.ts"
import * as Leaks from "../helpers/leaks.ts"
import { names, stackOf } from "./transparent.ts"

Leaks.check()

const behind = (chosen: ReadonlyArray<string>): RunnerSuite.Subject => ({
  make: ({ concurrency = 1, maxQueue, overflow, shutdownGrace, size }) =>
    stackOf(
      FiberRunner.layer(RunnerSuite.handlers, { concurrency: size * concurrency, maxQueue, overflow, shutdownGrace }),
      chosen
    ),
  capabilities: Capabilities.fibers
})

RunnerSuite.suite("FiberRunner, all middlewares", behind(names))

for (const name of names) RunnerSuite.suite(`FiberRunner, ${name}`, behind([name]))

// --- what a wait before the runner must not do ------------------------------------------------------------------------

const later = Middleware.make((_request, next) => Effect.andThen(Effect.yieldNow, next))

for (const [name, runner] of Object.entries({
  "FiberRunner.layer": FiberRunner.layer(RunnerSuite.handlers),
  "FiberRunner.layerInline": FiberRunner.layerInline(RunnerSuite.handlers),
  ThreadRunner: ThreadRunner.layer({ module: RunnerSuite.tasksModule, size: 1 })
})) {
  it.live(`${name}: a task that is cancelled in the moment in which it is accepted is cancelled`, () =>
    Effect.gen(function* () {
      const { file, path } = yield* makeNotes
      // A worker that is there already is given a task while that is being accepted.
      yield* tasks.add.run({ a: 1, b: 1 })
      const fiber = yield* tasks.hold.fork({ file, name: "hold", gate: path("never") })
      assert.isTrue(yield* (yield* TaskRunner.TaskRunner).cancel(fiber.taskId))
      assert.match(outcomeOf(yield* Fiber.await(fiber)), /^error TaskCancelled/)
    }).pipe(Effect.provide(Middleware.stack(runner, later)))
  )
}

// --- random stacks -------------------------------------------------------------------------------------------------

const Small = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 }))

/** Something that a program does with tasks. */
const Action = Schema.Union([
  Schema.Struct({ do: Schema.Literal("add"), a: Small, b: Small }),
  Schema.Struct({ do: Schema.Literal("fail"), how: Schema.Literals(["unreadable", "denied", "undeclared"]) }),
  Schema.Struct({ do: Schema.Literal("die"), how: Schema.Literals(["TypeError", "custom", "caused", "undefined"]) }),
  Schema.Struct({
    do: Schema.Literal("stream"),
    count: Small,
    failAfter: Schema.UndefinedOr(Small),
    how: Schema.Literals(["fail", "die"]),
    take: Small
  }),
  Schema.Struct({ do: Schema.Literal("nest"), depth: Small }),
  Schema.Struct({ do: Schema.Literal("context"), tags: Schema.Array(Schema.Literals(["a", "b"])) }),
  Schema.Struct({ do: Schema.Literal("retry"), attempt: Small, times: Small }),
  Schema.Struct({
    do: Schema.Literals([
      "interrupts itself",
      "bad payload",
      "bad payload, forked",
      "no handler",
      "no handler, a stream",
      "fails inside",
      "timeout",
      "timeout, forked",
      "interrupt",
      "cancel",
      "delay"
    ])
  })
])

type Action = typeof Action.Type

/** A value or an error as text, without what differs from call to call. */
const textOf = (value: unknown): string =>
  value instanceof Error
    ? `${value.name}: ${value.message.replaceAll(/[0-9a-f]{16}-[0-9a-z]+/g, "ID")}`
    : (JSON.stringify(value) ?? String(value))

/** How something ended, in a form that can be compared. */
const outcomeOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit)
    ? textOf(exit.value)
    : exit.cause.reasons
        .map((reason) =>
          Cause.isFailReason(reason)
            ? `error ${textOf(reason.error)}`
            : Cause.isDieReason(reason)
              ? `defect ${textOf(reason.defect)}`
              : "interrupt"
        )
        .join(", ")

const forked = <A, E>(
  fiber: Effect.Effect<Fiber.Fiber<A, E> & { readonly status: Effect.Effect<string> }, E, TaskRunner.TaskRunner>
) =>
  Effect.flatMap(fiber, (made) =>
    Effect.flatMap(Fiber.await(made), (exit) => Effect.map(made.status, (status) => `${outcomeOf(exit)}, ${status}`))
  )

const missing = Task.stream("missing")

const perform = (action: Action, { file, path }: Notes): Effect.Effect<unknown, unknown, TaskRunner.TaskRunner> => {
  const waiting = { file, name: "waiting", gate: path("never") }
  switch (action.do) {
    case "add":
      return Effect.flatMap(tasks.add.fork(action, { priority: action.a }), Fiber.join)
    case "fail":
      return tasks.fail.run(action)
    case "die":
      return tasks.die.run(action)
    case "stream": {
      const { count, failAfter, how, take } = action
      const stream = tasks.numbers.stream({ count, chunk: 1, ...(failAfter !== undefined && { failAfter, how }) })
      const seen: Array<number> = []
      return Stream.runForEach(take === 0 ? stream : Stream.take(stream, take), (n) =>
        Effect.sync(() => void seen.push(n))
      ).pipe(
        Effect.exit,
        Effect.map((exit) => [seen, outcomeOf(exit)])
      )
    }
    case "nest":
      return tasks.nest.run({ depth: action.depth, width: 2 })
    case "context":
      return Effect.map(tasks.context.run(undefined, { tags: action.tags }), ({ id: _id, ...others }) => others)
    case "retry":
      return tasks.succeedOnAttempt.run({ attempt: action.attempt }, { retry: action.times })
    case "interrupts itself":
      return Effect.exit(tasks.interruptItself.run()).pipe(Effect.map(outcomeOf))
    case "bad payload":
      return tasks.add.run({ a: "1" as unknown as number, b: 1 })
    case "bad payload, forked":
      return forked(tasks.add.fork({ a: "1" as unknown as number, b: 1 }))
    case "no handler":
      return tasks.unknown.run({ a: 1 })
    case "no handler, a stream":
      return Stream.runDrain(missing.stream())
    case "fails inside":
      return tasks.failChild.run()
    case "timeout":
      return tasks.hold.run(waiting, { timeout: 10 })
    case "timeout, forked":
      // A limit may end before the task has been accepted: then that is the end of the fork.
      return Effect.catch(forked(tasks.hold.fork(waiting, { timeout: 10 })), (error) =>
        Effect.succeed(`error ${textOf(error)}, failed`)
      )
    case "interrupt":
      return Effect.flatMap(tasks.hold.fork(waiting), (fiber) =>
        Effect.andThen(Fiber.interrupt(fiber), forked(Effect.succeed(fiber)))
      )
    case "cancel":
      return Effect.gen(function* () {
        const fiber = yield* tasks.hold.fork(waiting)
        const found = yield* (yield* TaskRunner.TaskRunner).cancel(fiber.taskId)
        return [found, yield* forked(Effect.succeed(fiber))]
      })
    case "delay":
      return tasks.double.run(21, { delay: 5 })
  }
}

/** What a program is told of its actions, some of them side by side. What must not be left is left out. */
const told = (actions: ReadonlyArray<Action>, concurrency: number) =>
  Effect.gen(function* () {
    const notes = yield* makeNotes
    const outcomes = yield* Effect.forEach(
      actions,
      (action) => Effect.map(Effect.exit(perform(action, notes)), (exit) => `${action.do}: ${outcomeOf(exit)}`),
      { concurrency }
    )
    return { outcomes, left: yield* (yield* TaskRunner.TaskRunner).tasks }
  }).pipe(Effect.scoped)

const Stack = Schema.Tuple([Schema.Literals(names), Schema.Literals(names), Schema.Literals(names)])

const Program = Schema.Array(Action).check(Schema.isMaxLength(12))

/** Runs a program on a runner, and on a stack in front of it. */
const compare = <E>(
  runner: Layer.Layer<TaskRunner.TaskRunner, E>,
  stack: typeof Stack.Type,
  actions: typeof Program.Type,
  concurrency: number
) =>
  Effect.gen(function* () {
    const bare = yield* Effect.provide(told(actions, concurrency), runner, { local: true })
    const stacked = yield* Effect.provide(told(actions, concurrency), stackOf(runner, stack), { local: true })
    assert.deepStrictEqual(stacked, bare, stack.join(", "))
    assert.deepStrictEqual(stacked.left, [])
  })

describe("random stacks of three", () => {
  it.live.prop(
    "behave like the FiberRunner behind them",
    [Stack, Program, Schema.Literals([1, 4])],
    ([stack, actions, concurrency]) =>
      compare(FiberRunner.layer(RunnerSuite.handlers, { concurrency: 3 }), stack, actions, concurrency),
    { arbitrary: { runs: 150 } }
  )

  it.layer(ThreadRunner.layer({ module: RunnerSuite.tasksModule, size: 2 }), { excludeTestServices: true })(
    "in front of threads",
    (it) => {
      it.effect.prop(
        "behave like the ThreadRunner behind them",
        [Stack, Program],
        ([stack, actions]) =>
          Effect.flatMap(TaskRunner.TaskRunner, (threads) =>
            compare(Layer.succeed(TaskRunner.TaskRunner, threads), stack, actions, 4)
          ),
        { arbitrary: { runs: 30 } }
      )
    }
  )
})
