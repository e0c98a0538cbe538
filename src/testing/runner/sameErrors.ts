/** The same bad value gives the same error, with the same path, wherever a task runs. */
import * as Effect from "effect/Effect"
import * as tasks from "../definitions.ts"
import { assertFails, type SharedIt, type Subject } from "../Subject.ts"
import { invalid, invalidNames, uncloneable, uncloneableNames } from "./badValues.ts"

/** Tests of what bad values are reported as. */
export const sameErrors = (it: SharedIt, subject: Subject): void => {
  for (const name of invalidNames) {
    const { issue, value } = invalid[name]

    it.effect(`a payload that does not match its schema (${name}) is PayloadInvalid`, () =>
      Effect.gen(function* () {
        const payload = value as { readonly n: number; readonly list: [] }
        assertFails(yield* Effect.exit(tasks.count.run(payload)), "PayloadInvalid", { task: "count", issue })
      })
    )

    it.effect(`a result that does not match its schema (${name}) is ResultInvalid`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(tasks.giveInvalid.run({ name }))
        assertFails(exit, "ResultInvalid", { task: "giveInvalid", issue })
      })
    )
  }

  if (!subject.capabilities.boundary) return

  for (const name of uncloneableNames) {
    const { make, path } = uncloneable[name]

    it.effect(`a payload that cannot be copied (${name}) is NotTransferable, with its path`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(tasks.anything.run(make()))
        assertFails(exit, "NotTransferable", { task: "anything", path: `payload${path}` })
      })
    )

    it.effect(`a result that cannot be copied (${name}) is NotTransferable, with its path`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(tasks.giveUncloneable.run({ name }))
        assertFails(exit, "NotTransferable", { task: "giveUncloneable", path: `result${path}` })
      })
    )

    it.effect(`an error that cannot be copied (${name}) is NotTransferable, with its path`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(tasks.failUncloneable.run({ name }))
        assertFails(exit, "NotTransferable", { task: "failUncloneable", path: `error.value${path}` })
      })
    )
  }
}
