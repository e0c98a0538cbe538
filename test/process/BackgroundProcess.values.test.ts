// What the process of a task says of bad values is what every runner says of them.
import { describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { runProcess, type TaskProcess } from "effect-strand/BackgroundProcess"
import type * as Task from "effect-strand/Task"
import { RunnerSuite } from "effect-strand/testing"
import * as tasks from "../../src/testing/definitions.ts"
import { invalid, invalidNames, uncloneable, uncloneableNames } from "../../src/testing/runner/badValues.ts"
import { assertFails } from "../../src/testing/Subject.ts"
import * as Leaks from "../helpers/leaks.ts"

Leaks.check()

const options = { module: RunnerSuite.tasksModule, log: "none" } as const

/** How the task of a process ends. */
const exitOf = (start: Effect.Effect<TaskProcess<unknown, unknown>, unknown, Scope.Scope>) =>
  start.pipe(
    Effect.flatMap((running) => running.result),
    Effect.scoped,
    Effect.exit
  )

const each = <A>(names: ReadonlyArray<A>, test: (name: A) => Effect.Effect<void, unknown>) =>
  Effect.forEach(names, test, { concurrency: 4, discard: true })

describe("runProcess of a task", { timeout: 60_000 }, () => {
  it.live("refuses a payload that does not match its schema", () =>
    each(invalidNames, (name) =>
      Effect.gen(function* () {
        const { issue, value } = invalid[name]
        const start = runProcess({ ...options, task: tasks.count, payload: value as Task.Payload<typeof tasks.count> })
        assertFails(yield* Effect.exit(Effect.scoped(start)), "PayloadInvalid", { task: "count", issue })
      })
    )
  )

  it.live("refuses a result that does not match its schema", () =>
    each(invalidNames, (name) =>
      Effect.map(exitOf(runProcess({ ...options, task: tasks.giveInvalid, payload: { name } })), (exit) =>
        assertFails(exit, "ResultInvalid", { task: "giveInvalid", issue: invalid[name].issue })
      )
    )
  )

  it.live("refuses a payload that cannot be copied, and names its path", () =>
    each(uncloneableNames, (name) =>
      Effect.gen(function* () {
        const { make, path } = uncloneable[name]
        const start = runProcess({ ...options, task: tasks.anything, payload: make() })
        assertFails(yield* Effect.exit(Effect.scoped(start)), "NotTransferable", {
          task: "anything",
          path: `payload${path}`
        })
      })
    )
  )

  it.live("refuses a result that cannot be copied, and names its path", () =>
    each(uncloneableNames, (name) =>
      Effect.map(exitOf(runProcess({ ...options, task: tasks.giveUncloneable, payload: { name } })), (exit) =>
        assertFails(exit, "NotTransferable", {
          task: "giveUncloneable",
          path: `result${uncloneable[name].path}`
        })
      )
    )
  )

  it.live("refuses an error that cannot be copied, and names its path", () =>
    each(uncloneableNames, (name) =>
      Effect.map(exitOf(runProcess({ ...options, task: tasks.failUncloneable, payload: { name } })), (exit) =>
        assertFails(exit, "NotTransferable", {
          task: "failUncloneable",
          path: `error.value${uncloneable[name].path}`
        })
      )
    )
  )
})
