/**
 * Success, typed error, defect and interrupt each arrive as themselves.
 *
 * @since 0.1.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as tasks from "../definitions.ts"
import { assertInterrupted, defectOf, errorOf, type SharedIt } from "../Subject.ts"

/** Tests of how a task ends. */
export const outcomes = (it: SharedIt): void => {
  it.effect("a success is its value, from run and from a handle", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* tasks.add.run({ a: 1, b: 2 }), 3)
      const fiber = yield* tasks.add.fork({ a: 3, b: 4 })
      assert.strictEqual(yield* Fiber.join(fiber), 7)
    })
  )

  it.effect("a task without payload and result is run without arguments", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(tasks.interruptItself.run())
      assertInterrupted(exit)
    })
  )

  it.effect("a typed error is an instance of its class, with its fields and methods", () =>
    Effect.gen(function* () {
      const error = errorOf(yield* Effect.exit(tasks.fail.run({ how: "unreadable" })))
      assert.instanceOf(error, tasks.Unreadable)
      assert.instanceOf(error, Error)
      assert.strictEqual(error.describe(), "a.txt, 12 bytes, 1970-01-01T00:00:00.000Z")
      assert.strictEqual(error.message, "Cannot read a.txt")
      const fiber = yield* tasks.fail.fork({ how: "denied" })
      assert.instanceOf(errorOf(yield* Fiber.await(fiber)), tasks.Denied)
    })
  )

  it.effect("catchTag recovers from exactly the error that it names", () =>
    Effect.gen(function* () {
      const recover = (how: "unreadable" | "denied") =>
        tasks.fail.run({ how }).pipe(
          Effect.as("no error"),
          Effect.catchTag("Unreadable", (error) => Effect.succeed(error.path)),
          Effect.catchTag("Denied", (error) => Effect.succeed(error.user))
        )
      assert.strictEqual(yield* recover("unreadable"), "a.txt")
      assert.strictEqual(yield* recover("denied"), "ada")
    })
  )

  it.effect("an error that the task does not declare is a defect", () =>
    Effect.gen(function* () {
      const defect = defectOf(yield* Effect.exit(tasks.fail.run({ how: "undeclared" })))
      assert.instanceOf(defect, Error)
      assert.strictEqual(defect.message, "nobody declared this")
    })
  )

  it.effect("a defect keeps its name, its message and the stack of where it was made", () =>
    Effect.gen(function* () {
      const defect = defectOf(yield* Effect.exit(tasks.die.run({ how: "TypeError" })))
      assert.instanceOf(defect, Error)
      assert.strictEqual(defect.name, "TypeError")
      assert.strictEqual(defect.message, "of a type")
      assert.match(defect.stack ?? "", /TypeError: of a type\n\s+at .*testing\/tasks\.(ts|js)/)
      const custom = defectOf(yield* Effect.exit(tasks.die.run({ how: "custom" })))
      assert.instanceOf(custom, Error)
      assert.strictEqual(custom.name, "CustomError")
    })
  )

  it.effect("a defect keeps the chain of its causes", () =>
    Effect.gen(function* () {
      const defect = defectOf(yield* Effect.exit(tasks.die.run({ how: "caused" })))
      assert.instanceOf(defect, Error)
      assert.instanceOf(defect.cause, Error)
      assert.strictEqual(defect.cause.name, "RangeError")
      assert.instanceOf(defect.cause.cause, Error)
      assert.strictEqual(defect.cause.cause.message, "at the bottom")
      const circular = defectOf(yield* Effect.exit(tasks.die.run({ how: "circular" })))
      assert.instanceOf(circular, Error)
      assert.strictEqual(circular.message, "of a circle")
    })
  )

  it.effect("a defect that is no Error arrives as the value that was thrown", () =>
    Effect.gen(function* () {
      const expected = {
        undefined: undefined,
        throwUndefined: undefined,
        null: null,
        throwNull: null,
        string: "just text",
        object: { code: 42, nested: { list: [1, 2] } }
      }
      for (const [how, value] of Object.entries(expected)) {
        const exit = yield* Effect.exit(tasks.die.run({ how: how as keyof typeof expected }))
        assert.deepStrictEqual(defectOf(exit), value, how)
      }
    })
  )

  it.effect("a handler that interrupts itself interrupts its task and nothing else", () =>
    Effect.gen(function* () {
      const fiber = yield* tasks.interruptItself.fork()
      assertInterrupted(yield* Fiber.await(fiber))
      assert.strictEqual(yield* fiber.status, "cancelled")
      assert.strictEqual(yield* tasks.add.run({ a: 1, b: 2 }), 3)
    })
  )

  it.effect("a result that is not wanted is thrown away, from run and from a handle", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* tasks.add.run({ a: 1, b: 2 }, { discardResult: true }), undefined)
      const fiber = yield* tasks.add.fork({ a: 3, b: 4 }, { discardResult: true })
      assert.strictEqual(yield* Fiber.join(fiber), undefined)
      assert.strictEqual(yield* fiber.status, "completed")
      // Nothing has to be written or read of it.
      assert.strictEqual(yield* tasks.giveWrong.run(undefined, { discardResult: true }), undefined)
      assert.strictEqual(yield* tasks.giveFunction.run(undefined, { discardResult: true }), undefined)
      assert.strictEqual(yield* tasks.add.run({ a: 5, b: 6 }, { discardResult: false }), 11)
    })
  )

  it.effect("an error, a defect and an interrupt arrive though the result is not wanted", () =>
    Effect.gen(function* () {
      const options = { discardResult: true } as const
      const error = errorOf(yield* Effect.exit(tasks.fail.run({ how: "unreadable" }, options)))
      assert.instanceOf(error, tasks.Unreadable)
      const fiber = yield* tasks.fail.fork({ how: "denied" }, options)
      assert.instanceOf(errorOf(yield* Fiber.await(fiber)), tasks.Denied)
      const defect = defectOf(yield* Effect.exit(tasks.die.run({ how: "string" }, options)))
      assert.strictEqual(defect, "just text")
      assertInterrupted(yield* Effect.exit(tasks.interruptItself.run(undefined, options)))
    })
  )
}
