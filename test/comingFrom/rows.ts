// The tables of the guide for those who come from another library: each row says what somebody wrote before and what is
// written here, and each has a test of the same name that runs it.
import { assert, it } from "@effect/vitest"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { chapter, firstCells, guide } from "../docs/pages.ts"

const page = guide("coming-from")

/** Registers the tests of the rows under a heading. */
export const table = (heading: string) => {
  const tested: Array<string> = []
  return {
    /** The test of the row whose first cell is this, letter for letter. */
    row: <A, E>(theirs: string, body: () => Effect.Effect<A, E, Scope.Scope>): void => {
      tested.push(theirs)
      it.live(theirs, body)
    },
    /** To be called last. */
    check: (): void => {
      it("each row has a test, and each test a row", () => {
        assert.deepStrictEqual(tested.toSorted(), firstCells(chapter(page, heading)).toSorted())
      })
    }
  }
}
