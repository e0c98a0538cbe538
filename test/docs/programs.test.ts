// What the documentation shows is true: every program in README.md, in the guides and in the doc comments of the library
// runs, prints what it says, and type-checks.
import { assert, beforeAll, afterAll, describe, it } from "@effect/vitest"
import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import * as Blocks from "./blocks.ts"
import { pages } from "./pages.ts"
import * as Programs from "./programs.ts"

const read = (file: string): string => readFileSync(join(Programs.root, file), "utf8")

/** The blocks of one page may import the modules that are shown above them on that page. */
const pagePrograms = pages.map(({ blocks, file }) => ({
  file,
  programs: Programs.ofBlocks(blocks.filter(({ language }) => language === "ts"))
}))

const exampleBlocks = Programs.sources().flatMap((file) => Blocks.ofSource(read(file), file))
const examplePrograms = Programs.ofBlocks(exampleBlocks)

// The broken programs that the checks have to find.
const broken = Programs.ofBlocks([
  { source: "broken: throws", language: "ts", code: `console.log("so far so good")\nthrow new Error("the end")\n` },
  { source: "broken: complains", language: "ts", code: `console.log(1)\nconsole.error("a complaint")\n` },
  { source: "broken: silent", language: "ts", code: `void 0\n` },
  { source: "broken: prints other", language: "ts", code: `console.log("one")\n\n// prints: two\n` },
  { source: "broken: prints more", language: "ts", code: `console.log("one\\ntwo")\n\n// prints: one\n` },
  {
    source: "broken: wrong type",
    language: "ts",
    code: `import { Schema } from "effect"
import { Task } from "effect-strand"

const task = Task.make("task", { payload: { n: Schema.Int } })
task.run({ n: "1" })
console.log(task.name)

// prints: t…k
`
  }
])

const workspace = Programs.makeWorkspace()
const everything = [...pagePrograms.flatMap(({ programs }) => programs), ...examplePrograms, ...broken]

beforeAll(() => Programs.write(workspace, everything))
afterAll(() => rmSync(workspace, { recursive: true, force: true }))

/** The programs wait for each other, so each may take longer than it runs. */
const timeout = 120_000

const failureOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => assert.fail("it did not fail"),
    (error: Error) => error.message
  )

describe("finding the programs", () => {
  it("finds all blocks of the pages, and README.md has some", () => {
    assert.isAbove(pagePrograms[0]!.programs.length, 5)
    for (const { blocks, file, text } of pages) {
      const shown = blocks.filter(({ language }) => language === "ts")
      assert.strictEqual(shown.length, text.match(/^```ts$/gm)?.length ?? 0, file)
      for (const { language, source } of blocks) assert.include(["bash", "text", "ts"], language, source)
    }
  })

  it("finds all examples of the doc comments", () => {
    const announced = Programs.sources().flatMap((file) => read(file).match(/^ \* \*\*Example\*\*/gm) ?? [])
    assert.isAbove(examplePrograms.length, 5)
    assert.strictEqual(exampleBlocks.length, announced.length)
    for (const { language, source } of exampleBlocks) assert.strictEqual(language, "ts", source)
  })

  it("reads Markdown and doc comments", () => {
    const markdown = "# Title\n\n```ts\none()\n\ntwo()\n```\n\n```bash\nnpm ci\n```\n"
    assert.deepStrictEqual(Blocks.ofMarkdown(markdown, "a.md"), [
      { source: "a.md:3", language: "ts", code: "one()\n\ntwo()\n" },
      { source: "a.md:9", language: "bash", code: "npm ci\n" }
    ])
    const source = "/**\n * Text.\n *\n * ```ts\n * if (a) {\n *   b()\n * }\n * ```\n */\nconst c = `/${1}`\n"
    assert.deepStrictEqual(Blocks.ofSource(source, "a.ts"), [
      { source: "a.ts:4", language: "ts", code: "if (a) {\n  b()\n}\n" }
    ])
    assert.throws(() => Blocks.ofMarkdown("```ts\none()\n", "a.md"), "a.md:1: this block does not end")
  })

  it("gives a program the modules above it that it imports, and accepts no module that nothing runs", () => {
    const block = (code: string) => ({ source: `line ${code.length}`, language: "ts", code })
    const tasks = block(`// tasks.ts\nimport "./more.ts"\nexport default 1\n`)
    const more = block(`// more.ts\nexport const a = 1\n`)
    const main = block(`// first.ts\nnew URL("./tasks.ts", import.meta.url)\n// prints: 1\n// prints: 2\n`)
    const [program] = Programs.ofBlocks([more, tasks, main])
    assert.deepStrictEqual([...program!.files.keys()], ["first.ts", "tasks.ts", "more.ts"])
    assert.deepStrictEqual(program!.prints, ["1", "2"])
    assert.throws(() => Programs.ofBlocks([more]), "no program below imports more.ts")
    assert.throws(() => Programs.ofBlocks([main]), "there is no file tasks.ts above")
    assert.throws(() => Programs.ofBlocks([more, more]), "there is another file more.ts above")
    assert.throws(() => Programs.ofBlocks([block("export const a = 1\n")]), "begins with the name of its file")
  })
})

describe.concurrent("the pages", () => {
  for (const program of pagePrograms.flatMap(({ programs }) => programs)) {
    it(`${program.source} ${program.main}`, { timeout }, async () => {
      if (program.main.endsWith(".test.ts")) {
        // Of a suite some tests are enough, since it is run as a whole elsewhere.
        const group = program.files.get(program.main)!.includes("Suite.suite(") ? " ends " : ""
        assert.isAbove(await Programs.runTests(workspace, program, group), 1)
      } else {
        assert.isDefined(program.prints, "it ends with what it prints: // prints: ...")
        await Programs.run(workspace, program)
      }
    })
  }
})

describe.concurrent("the examples of the doc comments", () => {
  for (const program of examplePrograms) {
    it(program.source, { timeout }, async () => {
      assert.isDefined(program.prints, "it ends with what it prints: // prints: ...")
      await Programs.run(workspace, program)
    })
  }
})

describe.concurrent("the checks", () => {
  const problems: Readonly<Record<string, RegExp>> = {
    "broken: throws": /ended with code 1\n[^]*so far so good\n[^]*Error: the end/,
    "broken: complains": /wrote to its standard error\n[^]*a complaint/,
    "broken: silent": /printed nothing/,
    "broken: prints other": /something else than:\ntwo\n--- printed\none/,
    "broken: prints more": /something else than:\none\n--- printed\none\ntwo/
  }
  for (const program of broken.filter(({ source }) => source in problems)) {
    it(`find ${program.source}`, { timeout }, async () => {
      assert.match(await failureOf(Programs.run(workspace, program)), problems[program.source]!)
    })
  }

  it("find a wrong type, in that program alone, while it runs", { timeout }, async () => {
    const wrong = broken.at(-1)!
    const found = new Map(await Programs.typeCheck(workspace))
    assert.match(found.get(wrong.folder) ?? "", /Type 'string' is not assignable to type 'number'/)
    found.delete(wrong.folder)
    assert.strictEqual([...found.values()].join(""), "")
    await Programs.run(workspace, wrong)
  })
})
