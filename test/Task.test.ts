// Definitions: what a task is made of, and what the compiler and the runner make of it.
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as FiberRunner from "effect-strand/FiberRunner"
import * as Task from "effect-strand/Task"
import { TaskContext } from "effect-strand/TaskContext"
import { isTaskError, TaskError, TaskNotFound, type TaskTimeout, WorkerCrashed } from "effect-strand/TaskError"
import { isTaskFiber } from "effect-strand/TaskFiber"
import { TaskRunner } from "effect-strand/TaskRunner"
import * as Leaks from "./helpers/leaks.ts"

Leaks.check()

class Denied extends Schema.TaggedError<Denied>()("Denied", {}) {}

const add = Task.make("add", { payload: { a: Schema.Number, b: Schema.Number }, success: Schema.Number, error: Denied })
const nothing = Task.make("nothing")
const count = Task.stream("count", { payload: Schema.Int, success: Schema.Int })

describe("Task.make", () => {
  it("takes fields or a schema, and has defaults for the rest", () => {
    assert.strictEqual(add.name, "add")
    assert.strictEqual(add.kind, "effect")
    assert.strictEqual(count.kind, "stream")
    assert.strictEqual(count.payload, Schema.Int)
    assert.strictEqual(nothing.payload, Schema.Void)
    assert.strictEqual(nothing.success, Schema.Void)
    assert.strictEqual(nothing.error, Schema.Never)
    assert.isTrue(Task.isTask(add) && Task.isTask(count))
    assert.isFalse(Task.isTask({ name: "add" }))
  })

  it("keeps the options of its calls apart from its schemas", () => {
    const task = Task.make("task", { payload: Schema.Int, priority: 3, tags: ["a"], timeout: "1 second" })
    assert.deepStrictEqual(task.options, { priority: 3, tags: ["a"], timeout: "1 second" })
  })

  it("types payloads, results and errors", () => {
    const run = (): Effect.Effect<number, Denied | TaskError, TaskRunner> => add.run({ a: 1, b: 2 })
    const stream = (): Stream.Stream<number, TaskError, TaskRunner> => count.stream(1)
    const layer = (): Layer.Layer<Task.Handler<"add">> => add.toLayer(({ a, b }) => Effect.succeed(a + b))
    const timedOut = (): Effect.Effect<number | string, Denied | Exclude<TaskError, TaskTimeout>, TaskRunner> =>
      run().pipe(Effect.catchTag("TaskTimeout", (error) => Effect.succeed(error.message)))
    const wrong = () => [
      // @ts-expect-error a field is missing
      add.run({ a: 1 }),
      // @ts-expect-error a field has another type
      add.run({ a: 1, b: "2" }),
      // @ts-expect-error the payload is missing
      add.run(),
      // @ts-expect-error the result has another type
      add.toLayer(() => Effect.succeed("3")),
      // @ts-expect-error the error is not declared
      add.toLayer(() => Effect.fail(new Error("undeclared"))),
      // @ts-expect-error a stream is no Effect
      add.toLayer(() => Stream.make(1))
    ]
    for (const f of [run, stream, layer, timedOut, wrong, () => nothing.run()]) assert.isFunction(f)
  })
})

describe("toLayer", () => {
  class Prefix extends Context.Service<Prefix, string>()("test/Prefix") {}
  const greet = Task.make("greet", { payload: Schema.String, success: Schema.String })

  it.live("makes a requirement of what the handler needs, and none of what every handler has", () => {
    const layer: Layer.Layer<Task.Handler<"greet">, never, Prefix> = greet.toLayer((name) =>
      Effect.gen(function* () {
        const prefix = yield* Prefix
        const { attempt } = yield* TaskContext
        yield* TaskRunner
        return `${prefix} ${name} ${attempt}`
      })
    )
    return greet.run("ada").pipe(
      Effect.map((text) => assert.strictEqual(text, "hello ada 1")),
      Effect.provide(FiberRunner.layer(layer.pipe(Layer.provide(Layer.succeed(Prefix, "hello")))))
    )
  })

  it.live("makes the handler once, in the scope of the Layer", () => {
    const events: Array<string> = []
    const layer = greet.toLayer(
      Effect.gen(function* () {
        yield* Effect.acquireRelease(
          Effect.sync(() => events.push("made")),
          () => Effect.sync(() => events.push("released"))
        )
        return (name: string) => Effect.succeed(`made for ${name}`)
      })
    )
    return Effect.gen(function* () {
      yield* Effect.provide(Effect.andThen(greet.run("a"), greet.run("b")), FiberRunner.layer(layer))
      assert.deepStrictEqual(events, ["made", "released"])
    })
  })

  it.live("two different tasks of one name are a defect that says so", () => {
    const other = Task.make("greet")
    const handlers = Layer.mergeAll(
      greet.toLayer((name) => Effect.succeed(name)),
      other.toLayer(() => Effect.void)
    )
    return Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.provide(other.run(), FiberRunner.layer(handlers)))
      assert.isTrue(Exit.isFailure(exit) && String(exit.cause).includes(`Two different tasks are named "greet"`))
    })
  })
})

describe("TaskFiber", () => {
  const handlers = nothing.toLayer(() => Effect.void)

  it.live("is a fiber for everything that takes fibers", () =>
    Effect.gen(function* () {
      const fiber = yield* nothing.fork()
      assert.isTrue(isTaskFiber(fiber))
      assert.isTrue(Fiber.isFiber(fiber))
      assert.isFalse(isTaskFiber(yield* Effect.forkChild(Effect.void)))
      assert.isUndefined(yield* Fiber.join(fiber))
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(fiber)))
      assert.match(fiber.taskId, /^[0-9a-f]{16}-[0-9a-z]+$/)
      assert.strictEqual(fiber.metadata.id, fiber.taskId)
      assert.strictEqual(fiber.metadata.name, "nothing")
      assert.strictEqual(fiber.metadata.status, "completed")
    }).pipe(Effect.provide(FiberRunner.layer(handlers)))
  )

  it.live("does not make other fibers look like handles", () =>
    Effect.gen(function* () {
      yield* nothing.fork()
      const plain = yield* Effect.forkChild(Effect.void)
      assert.notProperty(plain, "taskId")
      assert.notProperty(plain, "metadata")
    }).pipe(Effect.provide(FiberRunner.layer(handlers)))
  )
})

describe("many calls", () => {
  const twice = Task.make("twice", { payload: Schema.Int, success: Schema.Int })
  const runner = FiberRunner.layer(twice.toLayer((n) => Effect.succeed(2 * n)))

  it.effect("take their task first or last", () =>
    Effect.gen(function* () {
      const payloads = [1, 2]
      assert.deepEqual(yield* Task.forEach(twice, payloads), [2, 4])
      assert.deepEqual(yield* twice.pipe(Task.forEach(payloads)), [2, 4])
      assert.isUndefined(yield* twice.pipe(Task.forEach(new Set(payloads), { discard: true })))
      for (const handles of [yield* Task.forkAll(twice, payloads), yield* twice.pipe(Task.forkAll(payloads))]) {
        assert.deepEqual(yield* Effect.forEach(handles, (fiber) => Fiber.join(fiber)), [2, 4])
      }
      assert.lengthOf(yield* Task.forkAllDiscard(twice, payloads), 2)
      assert.lengthOf(yield* twice.pipe(Task.forkAllDiscard(payloads, { tags: ["a"] })), 2)
      const completed = yield* twice.pipe(Task.asCompleted([5]), Stream.runCollect)
      assert.deepEqual(completed, [{ index: 0, payload: 5, value: 10 }])
    }).pipe(Effect.provide(runner))
  )
})

describe("TaskError", () => {
  const errors: ReadonlyArray<TaskError> = [
    new TaskNotFound({ task: "t", available: ["a", "b"] }),
    new WorkerCrashed({ task: "t", taskId: "1", worker: "thread 1", reason: "Exit", exitCode: 3 })
  ]

  it("survives JSON as the class that it was", () => {
    const codec = Schema.toCodecJson(TaskError)
    for (const error of errors) {
      const back = Schema.decodeUnknownSync(codec)(JSON.parse(JSON.stringify(Schema.encodeSync(codec)(error))))
      assert.strictEqual(back.constructor, error.constructor)
      assert.strictEqual(back.message, error.message)
      assert.isTrue(isTaskError(back))
    }
    assert.isFalse(isTaskError(new Denied()))
  })

  it("says what happened, to which task, and what to do about it", () => {
    assert.match(errors[0]!.message, /"t".*a, b.*toLayer/)
    assert.match(errors[1]!.message, /"t" \(1\).*thread 1 exited with code 3/)
  })
})
