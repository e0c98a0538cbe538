// Holds the numbers that the structure of the library is judged by. `npm run structure` prints what they are made of.
import { assert, describe, it } from "@effect/vitest"
import { join } from "node:path"
import { castsOf, circles, count, library, linesOf, passedFiles, total, writtenWalks } from "./structure.ts"
import { readSources } from "./structure/syntax.ts"

/** The most that there may be of each. Who gets below one of them writes down the new number. */
const limits = {
  /** Files that import each other in a circle, types included. */
  filesInACircle: 2,
  /** `x as T` in all of src, without src/testing and without double casts. */
  casts: 56,
  /** `x as unknown as T`, outside of the modules below. */
  doubleCasts: 0,
  /** Lines of code, without comments and src/testing. Version 0.3.0 had 14,990. */
  lines: 15_179,
  /** Files that a task passes from `task.run` to its handler in a thread and back. */
  filesToAThread: 14,
  /** The same for a task of a store in memory, whose reader runs it in a fiber. */
  filesToAStore: 33
}

/**
 * The border modules: their types are computed from all that a caller passes, which the code inside cannot follow. Double
 * casts stand here alone.
 */
const borders = new Set(["src/TaskRouter.ts", "src/middleware/stack.ts"])

describe("counting", () => {
  it("finds the files that import each other by a detour, for their types only, too", () => {
    assert.deepStrictEqual(
      circles({
        "src/A.ts": `import type { B } from "./b/B.ts"`,
        "src/b/B.ts": `export * from "./C.ts"`,
        "src/b/C.ts": `type A = import("../A.ts").A`,
        "src/D.ts": `import "./A.ts"\nimport "./E.ts"`,
        "src/E.ts": `const d = () => import("./D.ts")`,
        "src/F.ts": `import "./A.ts"`
      }),
      [
        ["src/A.ts", "src/b/B.ts", "src/b/C.ts"],
        ["src/D.ts", "src/E.ts"]
      ]
    )
  })

  it("counts casts, and no other use of the word", () => {
    const source = `
      import { a as b } from "./a.ts"
      import * as c from "./c.ts"
      export { b as d }
      const constant = [1] as const
      const checked = {} satisfies object // as text
      const casts = [b as string, <number>c, "as text", b as unknown as number, b!]
    `
    assert.deepStrictEqual(castsOf(source), { single: 2, double: 1, nonNull: 1 })
  })

  it("counts the lines with code on them", () => {
    const source = [
      "// a comment",
      "const a = 1 // and one behind",
      "",
      "/* two",
      "   lines */",
      "const b = `",
      "  // no comment",
      "",
      "  ${a /* one inside */} /* none */`",
      'const c = "/*"',
      "const d = /\\/*/.test(c)"
    ].join("\n")
    assert.strictEqual(linesOf(source), 6)
  })

  it("leaves the suites out", () => {
    assert.deepStrictEqual(Object.keys(library({ "src/Task.ts": "", "src/testing/Subject.ts": "" })), ["src/Task.ts"])
  })
})

const atMost = (what: string, limit: number, found: ReadonlyArray<unknown>, number = found.length) =>
  assert.isAtMost(number, limit, `${what}:\n${found.map((each) => JSON.stringify(each)).join("\n")}\n`)

describe("the library", () => {
  const root = join(import.meta.dirname, "..")
  const numbers = count(library(readSources(root)))

  it("has no large circles of imports", () => {
    for (const circle of numbers.circles) atMost("files in a circle", limits.filesInACircle, circle)
  })

  it("has few casts", () => {
    atMost("casts", limits.casts, numbers.casts, total(numbers.casts))
    const strangers = numbers.doubleCasts.filter(({ path }) => !borders.has(path))
    atMost("double casts", limits.doubleCasts, strangers, total(strangers))
  })

  it("has few lines", () => {
    assert.isAtLeast(numbers.lines, 1000)
    assert.isAtMost(numbers.lines, limits.lines)
  })

  for (const [journey, limit] of [
    ["thread", limits.filesToAThread],
    ["store", limits.filesToAStore]
  ] as const) {
    it(`leads a task through few files: ${journey}`, () => {
      const { back, files, there } = passedFiles(root, journey)
      assert.include(there, "internal/values/TaskCodec.ts")
      assert.isNotEmpty(back)
      atMost("files", limit, files)
      assert.sameMembers([...writtenWalks(root)[journey]], files, "src/README.md: npm run structure -- --write")
    })
  }
})
