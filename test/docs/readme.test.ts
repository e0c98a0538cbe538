// What the documentation shows is true: every program in README.md and in the doc comments of the library runs, prints
// what it says, and type-checks; every command, file, option and error that README.md names exists.
import { assert, beforeAll, afterAll, describe, it } from "@effect/vitest"
import { existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { TaskError } from "../../src/index.ts"
import * as Blocks from "./blocks.ts"
import * as Programs from "./programs.ts"

const read = (file: string): string => readFileSync(join(Programs.root, file), "utf8")

const readme = read("README.md")
const readmeBlocks = Blocks.ofMarkdown(readme, "README.md")
const tsBlocks = readmeBlocks.filter(({ language }) => language === "ts")
const readmePrograms = Programs.ofBlocks(tsBlocks)

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
const everything = [...readmePrograms, ...examplePrograms, ...broken]

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
  it("finds all blocks of README.md", () => {
    assert.isAbove(readmePrograms.length, 10)
    assert.strictEqual(tsBlocks.length, readme.match(/^```ts$/gm)?.length)
    assert.deepStrictEqual([...new Set(readmeBlocks.map(({ language }) => language))].toSorted(), ["bash", "ts"])
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

describe.concurrent("README.md", () => {
  for (const program of readmePrograms) {
    it(`${program.source} ${program.main}`, { timeout }, async () => {
      if (program.main.endsWith(".test.ts")) {
        assert.isAbove(await Programs.runTests(workspace, program, " ends "), 3)
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

describe("README.md names what exists", () => {
  const { scripts } = JSON.parse(read("package.json"))

  it("npm scripts", () => {
    const text = readme.replaceAll(/^```ts$[^]*?^```$/gm, "")
    const named = Array.from(text.matchAll(/npm (?:run ([\w:-]+)|(start|test)\b)/g), ([, run, short]) => run ?? short!)
    assert.includeMembers(named, ["start", "test", "bench:pools", "check"])
    for (const name of named) assert.property(scripts, name)
    const other = Array.from(text.matchAll(/npm ([\w-]+)/g), ([, command]) => command!)
    assert.includeMembers(["ci", "install", "run", "start", "test", "runs"], [...new Set(other)])
  })

  it("files and chapters", () => {
    const anchors = Array.from(readme.matchAll(/^#+ (.*)$/gm), ([, title]) =>
      title!
        .toLowerCase()
        .replaceAll(/[^\w\s-]/g, "")
        .replaceAll(" ", "-")
    )
    const links = Array.from(readme.matchAll(/\]\(([^)]*)\)/g), ([, link]) => link!)
    assert.isAbove(links.length, 10)
    for (const link of links) {
      if (link.startsWith("https://")) continue
      else if (link.startsWith("#")) assert.include(anchors, link.slice(1))
      else assert.isTrue(existsSync(join(Programs.root, link)), link)
    }
  })

  /** The names in the first column of the tables of a chapter. */
  const firstColumn = (chapter: string): ReadonlyArray<string> => {
    const start = readme.indexOf(`\n## ${chapter}\n`)
    assert.isAbove(start, 0, chapter)
    const text = readme.slice(start, readme.indexOf("\n## ", start + 4))
    return Array.from(text.matchAll(/^\| (`[^|]*) \|/gm), ([, cell]) => cell!).flatMap((cell) =>
      Array.from(cell.matchAll(/`([^`]*)`/g), ([, name]) => name!)
    )
  }

  /** The options in an interface of a source file. */
  const optionsIn = (file: string, name: string): ReadonlyArray<string> => {
    const body = new RegExp(`^export interface ${name}\\b[^]*?^}`, "m").exec(read(file))?.[0]
    assert.isDefined(body, `${name} in ${file}`)
    return Array.from(body!.matchAll(/^  readonly (\w+)\?:/gm), ([, option]) => option!)
  }

  it("the options of calls", () => {
    const named = firstColumn("Running tasks").filter((name) => !name.startsWith("task."))
    const hooks = [
      ...optionsIn("src/internal/task/Hooks.ts", "Hooks"),
      ...optionsIn("src/internal/task/Hooks.ts", "StreamHooks")
    ]
    assert.sameMembers(named, [
      ...optionsIn("src/internal/task/CallOptions.ts", "RunOptions"),
      "discardResult",
      ...hooks
    ])
  })

  it("the options of pools, all of them", () => {
    const named = firstColumn("Pools").filter((name) => !name.startsWith("runner."))
    const existing = [
      ...optionsIn("src/runner/internal/pool/PoolRunner.ts", "Options"),
      ...optionsIn("src/internal/limit/Intake.ts", "QueueOptions"),
      ...optionsIn("src/runner/ThreadRunner.ts", "Options"),
      ...optionsIn("src/runner/ProcessRunner.ts", "Options")
    ]
    assert.sameMembers(named, [...new Set(existing)])
  })

  it("the options of stores and readers, all of them", () => {
    const stores = firstColumn("Stores").filter((name) => !/[.(]/.test(name))
    const ofStores = ["SqliteStore", "FileStore"].flatMap((store) => optionsIn(`src/store/${store}.ts`, "Options"))
    const shared = optionsIn("src/store/internal/sqlite/EmbeddedStore.ts", "Options")
    assert.sameMembers(stores, [...new Set(["filename", "folder", ...ofStores, ...shared])])
    assert.sameMembers([...firstColumn("Readers")], ["tasks", ...optionsIn("src/runner/StoreReader.ts", "Options")])
  })

  it("errors", () => {
    const named = firstColumn("Errors")
    assert.isAbove(named.length, 5)
    for (const name of named)
      assert.include(
        TaskError.TaskError.members.map(({ identifier }) => identifier),
        name
      )
  })
})
