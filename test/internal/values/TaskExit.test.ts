// However a task ends, what is written of it can be read by its caller, and says what was wrong with a bad value.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Task from "effect-strand/Task"
import { TaskCancelled } from "effect-strand/TaskError"
import * as TaskExit from "../../../src/internal/values/TaskExit.ts"
import { assertFails, assertInterrupted } from "../../../src/testing/Subject.ts"

class Holding extends Schema.TaggedError<Holding>()("Holding", { value: Schema.Any }) {}

const date = Task.make("date", { success: Schema.Date })
const any = Task.make("any", { success: Schema.Any, error: Holding })

/** Writes an exit and reads it, by way of JSON where it says that it survives that. */
const pass = (task: Task.Any, exit: Exit.Exit<unknown, unknown>) => {
  const written = TaskExit.encode(task, exit)
  return TaskExit.decode(task, written.text ? JSON.parse(JSON.stringify(written.exit)) : structuredClone(written.exit))
}

describe("TaskExit", () => {
  it("gives back what it was given", () => {
    assert.deepStrictEqual(pass(date, Exit.succeed(new Date(1))), Exit.succeed(new Date(1)))
    assert.deepStrictEqual(pass(any, Exit.succeed(new Map([[1, 2n]]))), Exit.succeed(new Map([[1, 2n]])))
    assertFails(pass(any, Exit.fail(new Holding({ value: new Set([1]) }))), "Holding", { value: new Set([1]) })
    assertInterrupted(pass(date, Exit.interrupt(1)))
  })

  it("says of a result that it does not match its schema", () => {
    assertFails(pass(date, Exit.succeed("today")), "ResultInvalid", { task: "date" })
  })

  it("says where in a result or an error the value is that cannot be copied", () => {
    const value = { list: [1, () => 1] }
    assertFails(pass(any, Exit.succeed(value)), "NotTransferable", { task: "any", path: "result.list[1]" })
    assertFails(pass(any, Exit.fail(new Holding({ value }))), "NotTransferable", { path: "error.value.list[1]" })
  })

  it("writes errors of ours so that every task can read them", () => {
    const error = new TaskCancelled({ task: "date", taskId: "1" })
    const { exit, text } = TaskExit.ofError(error)
    assert.isTrue(text)
    for (const task of [date, any]) assertFails(TaskExit.decode(task, exit), "TaskCancelled", { taskId: "1" })
    const interrupted = TaskExit.decodeFailure(any, TaskExit.encodeCommon(Cause.interrupt()))
    assertInterrupted(interrupted)
  })

  it("says of a result that its caller cannot read that it does not match", () => {
    assertFails(TaskExit.decode(date, { _tag: "Success", value: "no date" }), "ResultInvalid", { task: "date" })
  })
})
