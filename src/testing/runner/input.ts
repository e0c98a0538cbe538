/**
 * Bad input gives a typed error at the call: never a hang, never a crashed worker.
 *
 * @since 0.1.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { TaskRunner } from "../../TaskRunner.ts"
import * as tasks from "../definitions.ts"
import { assertFails, errorOf, type SharedIt, type Subject, testWith } from "../Subject.ts"

const wrong = { a: "one" as unknown as number, b: 2 }

/** Tests of what cannot be run. */
export const input = (it: SharedIt, subject: Subject): void => {
  const test = testWith(subject, it)

  test("a payload that does not match its schema is refused by run and by fork itself", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(tasks.add.run(wrong))
      assertFails(exit, "PayloadInvalid", { task: "add" })
      assert.match(errorOf(exit).message, /"add".*Expected.*\["?a"?\]/s)
      assertFails(yield* Effect.exit(tasks.add.fork(wrong)), "PayloadInvalid")
      assertFails(yield* Effect.exit(tasks.add.forkDiscard(wrong)), "PayloadInvalid")
      assertFails(yield* Effect.exit(tasks.add.fork(wrong, { delay: "1 hour" })), "PayloadInvalid")
      assertFails(yield* Effect.exit(tasks.add.run(wrong, { retry: 3, timeout: "1 hour" })), "PayloadInvalid")
    }))

  test("a refused call leaves nothing behind", () =>
    Effect.gen(function* () {
      const runner = yield* TaskRunner
      yield* Effect.exit(tasks.add.run(wrong))
      assert.deepStrictEqual(yield* runner.tasks, [])
      yield* runner.awaitIdle()
    }))

  if (!subject.capabilities.durable) {
    test("a task without a handler is not found", () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(tasks.unknown.run({ a: 1 }))
        assertFails(exit, "TaskNotFound", { task: "unknown" })
        assert.include((errorOf(exit) as unknown as { readonly available: ReadonlyArray<string> }).available, "add")
        const forked = yield* Effect.exit(Effect.flatMap(tasks.unknown.fork({ a: 1 }), Fiber.join))
        assertFails(forked, "TaskNotFound")
      }))
  }

  test("a result that does not match its schema is ResultInvalid", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(tasks.giveWrong.run())
      assertFails(exit, "ResultInvalid", { task: "giveWrong" })
      assert.match(errorOf(exit).message, /number/)
    }))

  if (!subject.capabilities.boundary) return

  test("a value that cannot be sent is NotTransferable, and named by its path", () =>
    Effect.gen(function* () {
      const calls: ReadonlyArray<readonly [unknown, string]> = [
        [() => 1, "payload"],
        [{ items: [1, 2, 3, { callback: () => 1 }] }, "payload.items[3].callback"],
        [{ deep: { symbol: Symbol("s") } }, "payload.deep.symbol"],
        [new Map([["key", { f: () => 1 }]]), "payload"],
        [[new Set([() => 1])], "payload[0]"]
      ]
      for (const [payload, path] of calls) {
        const check = (exit: Exit.Exit<unknown, unknown>) => {
          assertFails(exit, "NotTransferable", { task: "anything" })
          const error = errorOf(exit) as unknown as { readonly path: string }
          assert.isTrue(error.path.startsWith(path), `${error.path} is not at ${path}`)
        }
        check(yield* Effect.exit(tasks.anything.run(payload)))
        check(yield* Effect.exit(tasks.anything.fork(payload)))
      }
      assert.strictEqual(yield* tasks.anything.run(1), 1)
    }))

  test("a result that cannot be sent is NotTransferable, and named by its path", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(tasks.giveFunction.run())
      assertFails(exit, "NotTransferable", { task: "giveFunction" })
      assert.match((errorOf(exit) as unknown as { readonly path: string }).path, /items\[1\]\.callback$/)
      assert.strictEqual(yield* tasks.anything.run(1), 1)
    }))

  test("one bad call among many good ones harms none of them", () =>
    Effect.gen(function* () {
      const exits = yield* Effect.forEach(
        Array.from({ length: 300 }, (_, index) => index),
        (n) => Effect.exit(tasks.anything.run(n % 30 === 7 ? { n, f: () => n } : { n })),
        { concurrency: "unbounded" }
      )
      exits.forEach((exit, n) => {
        if (n % 30 === 7) assertFails(exit, "NotTransferable")
        else assert.strictEqual(exit._tag, "Success", `call ${n}`)
      })
    }))

  if (!subject.capabilities.transfer) return

  test("a buffer that has moved away already is NotTransferable", () =>
    Effect.gen(function* () {
      const bytes = new Uint8Array(8)
      yield* tasks.bytes.run(bytes, { transfer: [bytes.buffer] })
      const exit = yield* Effect.exit(tasks.anything.run({ bytes }, { transfer: [bytes.buffer] }))
      assertFails(exit, "NotTransferable")
      assert.strictEqual(yield* tasks.anything.run(1), 1)
    }))
}
