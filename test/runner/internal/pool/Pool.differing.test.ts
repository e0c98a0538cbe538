// A worker refuses calls whose caller defines a task otherwise than its tasks module, and no others.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { ProcessRunner, Task, type TaskRunner, ThreadRunner } from "effect-strand"
import { assertFails, errorOf } from "../../../../src/testing/Subject.ts"
import * as Leaks from "../../../helpers/leaks.ts"
import { define } from "./differingTasks.ts"

Leaks.check()

const module = new URL("./differingTasks.ts", import.meta.url)
const tasks = define()
const { parts, Point } = tasks

const tree = { point: new Point({ x: 1, y: 2 }), children: [{ point: new Point({ x: 3, y: 4 }), children: [] }] }

const runners = {
  threads: () => ThreadRunner.layer({ module, size: 1 }),
  processes: () => ProcessRunner.layer({ module, size: 1 }),
  "threads, several tasks at once": () => ThreadRunner.layer({ module, size: 2, concurrency: 4 }),
  "threads, with a bundle": () => ThreadRunner.layer({ module, size: 1, bundle: true })
}

const other = {
  payload: Task.make("plain", {
    ...parts,
    payload: Schema.Struct({ ...parts.payload.fields, more: Schema.optionalKey(Schema.Int) })
  }),
  success: Task.make("plain", { ...parts, success: Schema.Option(Schema.Number) }),
  error: Task.make("plain", { ...parts, error: Schema.String }),
  inbox: Task.make("plain", { payload: parts.payload, success: parts.success, error: parts.error })
}

const assertRefused = (exit: Exit.Exit<unknown, unknown>, name: string, part: string) => {
  assertFails(exit, "TaskRejected", { task: name })
  const { message } = errorOf(exit)
  assert.include(message, `"${name}"`)
  assert.include(message, `differently (${part})`)
  assert.include(message, "Import one definition in both")
}

for (const [name, layer] of Object.entries(runners)) {
  describe(name, () => {
    const test = <E>(what: string, body: Effect.Effect<unknown, E, TaskRunner.TaskRunner>) =>
      it.live(what, () => Effect.provide(body, layer()))

    test(
      "definitions that were made apart agree when they are the same",
      Effect.gen(function* () {
        for (let i = 0; i < 2; i++) {
          const { declared, many, opaque, partly, plain } = define()
          assert.deepStrictEqual(yield* plain.run(tree), Option.some(1n))
          assert.isTrue(yield* opaque.run({ of: new Map() }))
          yield* declared.run(null)
          assert.strictEqual(yield* partly.run({ a: 1, b: 2 }), 3)
          assert.strictEqual(yield* partly.partial({ a: 4 }).run({ b: 5 }), 9)
          assert.deepStrictEqual(yield* Stream.runCollect(many.stream(3)), [1, 2, 3])
        }
      })
    )

    test(
      "a part that differs is named, and no handler is started",
      Effect.gen(function* () {
        for (const [part, task] of Object.entries(other)) {
          const call = (task as unknown as typeof tasks.plain).run(tree)
          assertRefused(yield* Effect.exit(call), "plain", part)
        }
        const fiber = yield* other.success.fork(tree)
        assertRefused(yield* Fiber.await(fiber), "plain", "success")
        const asOne = Task.make("many", { payload: Schema.Int, success: Schema.Int })
        assertRefused(yield* Effect.exit(asOne.run(1)), "many", "kind")
        const asMany = Task.stream("partly", { payload: { a: Schema.Int, b: Schema.Int }, success: Schema.Int })
        assertRefused(yield* Effect.exit(Stream.runCollect(asMany.stream({ a: 1, b: 2 }))), "partly", "kind")
        const strings = Task.stream("many", { payload: Schema.Int, success: Schema.String })
        assertRefused(yield* Effect.exit(Stream.runDrain(strings.stream(1))), "many", "success")
        assert.strictEqual(yield* tasks.started.run(), 0)
      })
    )

    test(
      "callers who define it otherwise do no harm to those who do not",
      Effect.gen(function* () {
        const calls = Array.from({ length: 300 }, (_, n) =>
          n % 3 === 0 ? Effect.exit(other.success.run(tree)) : Effect.exit(tasks.plain.run(tree))
        )
        const exits = yield* Effect.all<
          ReadonlyArray<Effect.Effect<Exit.Exit<unknown, unknown>, never, TaskRunner.TaskRunner>>,
          {
            readonly concurrency: "unbounded"
          }
        >(calls, { concurrency: "unbounded" })
        exits.forEach((exit, n) => {
          if (n % 3 === 0) assertRefused(exit, "plain", "success")
          else assert.isTrue(Exit.isSuccess(exit), `call ${n}`)
        })
        const partials = Array.from({ length: 50 }, (_, a) => tasks.partly.partial({ a }).run({ b: 1 }))
        assert.deepStrictEqual(
          yield* Effect.all(partials, { concurrency: "unbounded" }),
          partials.map((_, a) => a + 1)
        )
      })
    )

    test(
      "the calls of handlers are compared, too",
      Effect.gen(function* () {
        assert.strictEqual(yield* tasks.callPlain.run({ older: false }), "some(1n)")
        assert.match(yield* tasks.callPlain.run({ older: true }), /TaskRejected: .*"plain".*differently \(success\)/)
        assert.strictEqual(yield* tasks.callPlain.run({ older: false }), "some(1n)")
      })
    )
  })
}
