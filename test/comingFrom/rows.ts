// The tables of README.md's chapter "Coming from …": each row says what somebody wrote before and what is written here,
// and each has a test of the same name that runs it.
import { assert, it } from "@effect/vitest"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { readFileSync } from "node:fs"
import { join } from "node:path"

const readme = readFileSync(join(import.meta.dirname, "..", "..", "README.md"), "utf8")

/** The cells of a line of a table; a bar within a cell is written `\|`. */
const cells = (line: string): ReadonlyArray<string> =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll("\\|", "|"))

/** The first cells of all tables under a heading. */
const firstCells = (heading: string): ReadonlyArray<string> => {
  const lines = readme.split("\n")
  const from = lines.indexOf(`### ${heading}`)
  assert.isAtLeast(from, 0, `README.md has no heading "### ${heading}"`)
  const to = lines.findIndex((line, index) => index > from && /^#{1,3} /.test(line))
  const section = lines.slice(from, to)
  return section.flatMap((line, index) => {
    const isRow = line.startsWith("|") && !/^\|[ -]+\|/.test(line)
    const isHead = /^\|[ -]+\|/.test(section[index + 1] ?? "")
    return isRow && !isHead ? [cells(line)[0]!] : []
  })
}

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
        assert.deepStrictEqual(tested.toSorted(), firstCells(heading).toSorted())
      })
    }
  }
}
