// What the errors of runners say of themselves, and what decides by it.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { FiberRunner, Task, TaskError } from "effect-strand"

/** All error classes that the module exports, by their tags. */
const classes = Object.entries(TaskError).flatMap(([name, value]) =>
  typeof value === "function" && value.prototype instanceof Error ? [name] : []
)

describe("TaskError", () => {
  it("is the union of all error classes there are, each of which is classified", () => {
    const tags = TaskError.TaskError.members.map((member) => member.fields._tag.schema.literal)
    assert.isAbove(classes.length, 15)
    assert.sameMembers(tags, classes)
    for (const tag of tags) {
      const { fault, final } = TaskError.classify({ _tag: tag } as TaskError.TaskError)
      assert.include(["caller", "runner", "nobody"], fault, tag)
      assert.isBoolean(final, tag)
    }
  })

  it("has errors that logs name by their tags", () => {
    const error = new TaskError.QueueFull({ task: "a", limit: 1 })
    assert.strictEqual(error.name, "QueueFull")
    assert.match(String(error), /^QueueFull: Task "a" was refused/)
    assert.match(Cause.pretty(Cause.fail(error)), /^QueueFull: /)
  })

  it("tells apart what would come again and what may not", () => {
    assert.isTrue(TaskError.isFinal(new TaskError.PayloadInvalid({ task: "a", issue: "wrong" })))
    assert.isFalse(TaskError.isFinal(new TaskError.QueueFull({ task: "a", limit: 1 })))
    assert.isFalse(TaskError.isFinal("PayloadInvalid"))
    assert.isFalse(TaskError.isFinal(undefined))
  })

  it.effect("knows a task's own errors from those of runners, be they of the same name", () => {
    class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {}) {}
    const shy = Task.make("shy", { success: Schema.Int, error: Unauthorized })
    let attempts = 0
    const handlers = shy.toLayer(() =>
      Effect.suspend(() => (++attempts < 3 ? new Unauthorized() : Effect.succeed(attempts)))
    )
    assert.isFalse(TaskError.isFinal(new Unauthorized()))
    return Effect.gen(function* () {
      assert.strictEqual(yield* shy.run(undefined, { retry: 2 }), 3)
    }).pipe(Effect.provide(FiberRunner.layer(handlers)))
  })
})
