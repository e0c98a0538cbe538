// What the pages name exists: commands, files, chapters, options and errors. README.md stays short, and leads to every
// guide.
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { TaskError } from "effect-strand"
import { anchors, chapter, firstCells, guide, namesIn, pages, proseOf, readme, rows, type Page } from "./pages.ts"
import { root } from "./programs.ts"

const read = (file: string): string => readFileSync(join(root, file), "utf8")

const proseText = ({ text }: Page): string => proseOf(text).join("\n")

/** Where the links of a page lead: a file of the repository, and a heading in it. */
const linksOf = (page: Page) =>
  Array.from(proseText(page).matchAll(/\]\(([^)]*)\)/g), ([, link]) => link!)
    .filter((link) => !link.startsWith("https://"))
    .map((link) => {
      const [path = "", anchor] = link.split("#")
      return { link, file: path === "" ? page.file : normalize(join(dirname(page.file), path)), anchor }
    })

describe("README.md", () => {
  it("has at most 300 lines", () => {
    assert.isAtMost(readme.text.trimEnd().split("\n").length, 300)
  })

  it("leads to every guide, by way of others at most", () => {
    const reached = new Set<string>()
    const follow = (page: Page): void => {
      if (reached.has(page.file)) return
      reached.add(page.file)
      for (const { file } of linksOf(page)) {
        const next = pages.find((page) => page.file === file)
        if (next !== undefined) follow(next)
      }
    }
    follow(readme)
    assert.sameMembers(
      [...reached],
      pages.map(({ file }) => file)
    )
  })
})

describe("guides", () => {
  for (const { file, text } of pages.filter((page) => page !== readme)) {
    it(`open with the questions that they answer, ${file}`, () => {
      assert.match(text, /^# .+\n\nThis page answers:\n\n(?:- .+(?:\n  .+)*\?\n){2,}\n/)
    })
  }
})

describe("the pages name what exists", () => {
  it("npm scripts", () => {
    const { scripts } = JSON.parse(read("package.json"))
    const text = pages
      .map(({ text }) => text)
      .join("\n")
      .replaceAll(/^```ts$[^]*?^```$/gm, "")
    const named = Array.from(text.matchAll(/npm (?:run ([\w:-]+)|(start|test)\b)/g), ([, run, short]) => run ?? short!)
    assert.includeMembers(named, ["start", "test", "bench:pools", "check"])
    for (const name of named) assert.property(scripts, name)
    const other = Array.from(text.matchAll(/npm ([\w-]+)/g), ([, command]) => command!)
    assert.includeMembers(["ci", "install", "pack", "run", "start", "test", "runs"], [...new Set(other)])
  })

  for (const page of pages) {
    it(`files and chapters, ${page.file}`, () => {
      for (const { anchor, file, link } of linksOf(page)) {
        assert.isTrue(existsSync(join(root, file)), link)
        if (anchor === undefined) continue
        const target = pages.find((page) => page.file === file)
        assert.isDefined(target, link)
        assert.include(anchors(target!), anchor, link)
      }
    })

    it(`has one name for each chapter, ${page.file}`, () => {
      assert.strictEqual(new Set(anchors(page)).size, anchors(page).length)
    })
  }
})

describe("tables are whole", () => {
  /** What the tables of a chapter mark as code in their first column, but for what the test says that it is not about. */
  const named = (page: string, title: string, others: RegExp = /^$/): ReadonlyArray<string> =>
    namesIn(firstCells(chapter(guide(page), title))).filter((name) => !others.test(name))

  /** The options in an interface of a source file. */
  const optionsIn = (file: string, name: string): ReadonlyArray<string> => {
    const body = new RegExp(`^export interface ${name}\\b[^]*?^}`, "m").exec(read(file))?.[0]
    assert.isDefined(body, `${name} in ${file}`)
    return Array.from(body!.matchAll(/^  readonly (\w+)\?:/gm), ([, option]) => option!)
  }

  it("the options of calls", () => {
    const hooks = [...optionsIn("src/Task.ts", "Hooks"), ...optionsIn("src/Task.ts", "StreamHooks")]
    assert.sameMembers(
      [...named("running", "Options of calls"), ...named("running", "Hooks")],
      [...optionsIn("src/TaskDefinition.ts", "RunOptions"), "discardResult", ...hooks]
    )
  })

  it("the options of pools", () => {
    const existing = [
      ...optionsIn("src/runner/internal/pool/PoolRunner.ts", "Options"),
      ...optionsIn("src/internal/limit/Intake.ts", "QueueOptions"),
      ...optionsIn("src/runner/ThreadRunner.ts", "Options"),
      ...optionsIn("src/runner/ProcessRunner.ts", "Options")
    ]
    assert.sameMembers([...named("pools", "Pools", /^runner\./)], [...new Set(existing)])
  })

  it("the options of stores and readers", () => {
    const ofStores = ["SqliteStore", "FileStore"].flatMap((store) => optionsIn(`src/store/${store}.ts`, "Options"))
    const shared = optionsIn("src/store/TaskStore.ts", "Options")
    const stores = named("durable", "Stores", /[.(]/)
    assert.sameMembers([...stores], [...new Set(["filename", "folder", ...ofStores, ...shared])])
    assert.sameMembers(
      [...named("durable", "Readers")],
      ["tasks", ...optionsIn("src/runner/StoreReader.ts", "Options")]
    )
  })

  it("the options of runners", () => {
    const options = named("writing-a-runner", "What is done for it")
    assert.sameMembers([...options], [...optionsIn("src/TaskRunner.ts", "Options")])
  })

  it("the members of requests", () => {
    const body = /^export interface TaskRequest\b[^]*?^}/m.exec(read("src/TaskRequest.ts"))![0]
    assert.sameMembers(
      [...named("writing-a-middleware", "What a request says")],
      Array.from(body.matchAll(/^  readonly (\w+):/gm), ([, member]) => member!)
    )
  })

  it("the errors, and how they are classified", () => {
    const tags = TaskError.TaskError.members.map(({ fields }) => fields._tag.schema.literal)
    const classified = tags.map((tag) => {
      const { fault, final } = TaskError.classify({ _tag: tag } as TaskError.TaskError)
      return [tag, final ? "no" : "yes", fault]
    })
    const told = rows(chapter(guide("errors"), "Errors")).map(([tag, , , again, fault]) => [tag!, again!, fault!])
    assert.sameDeepMembers(
      told,
      classified.map(([tag, again, fault]) => [`\`${tag}\``, again, fault])
    )
  })
})
