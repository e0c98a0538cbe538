// The main job as a person runs it: a small folder, a folder with broken files, bad arguments, Ctrl-C.
import { assert, describe, it } from "@effect/vitest"
import { join } from "node:path"
import * as Folders from "../helpers/folders.ts"
import { run } from "./run.ts"

const temporary = Folders.ofFile()

const folder = (name: string, files: Readonly<Record<string, string>>): string =>
  Folders.write(join(temporary, name), files)

const greet = `export const greet = (name: string): string => {
  const parts: Array<string> = []
  parts.push("Hello")
  parts.push(",")
  parts.push(" ")
  parts.push(name)
  parts.push("!")
  return parts.join("")
}
`

const fine = folder("fine", {
  "a.ts": greet,
  "deep/b.ts": `// The same function again.\n${greet}`,
  "deep/c.js": "module.exports = function add(left, right) {\n  return left + right\n}\n",
  "deep/d.cjs": "module.exports = function add(left, right) {\n  return left + right\n}\n",
  "node_modules/other/index.js": "not looked at",
  ".hidden/e.ts": "not looked at",
  "types.d.ts": "not looked at",
  "notes.md": "not looked at"
})

const broken = folder("broken", {
  "good.ts": "export const good = () => 1\n",
  "broken.ts": "export const = 1\n",
  "broken.js": "function (\n"
})

const analyze = (...args: ReadonlyArray<string>) => run(["analyze/main.ts", ...args])

const allRunners = ["inline", "fiber", "thread", "process"]

describe("examples/analyze", () => {
  it("reports on a folder and compares all runners", async () => {
    const { code, leftBehind, stderr, stdout } = await analyze("--size", "2", fine)
    assert.strictEqual(code, 0, stderr)
    assert.isFalse(leftBehind)
    // How well gzip compresses depends on the machine.
    const report = stdout.replace(/\d+ bytes of these/, "n bytes of these").split("\n")
    const table = report.findIndex((line) => line.startsWith("runner"))
    assert.deepStrictEqual(report.slice(0, table), [
      "",
      `4 source files in ${fine}`,
      "  25 lines: 96 % code, 4 % comments, 0 % blank",
      "  574 bytes, 404 bytes without types, comments and layout, n bytes of these when compressed",
      "  4 functions with 0 branches",
      "",
      "Longest functions",
      "  9 lines  greet  a.ts:1",
      "  9 lines  greet  deep/b.ts:2",
      "",
      "Most used identifiers",
      "  parts 14, push 10, left 4, name 4, right 4, add 2, exports 2, greet 2, join 2, module 2",
      "",
      "Copied functions (1; same code apart from types, comments and layout)",
      "  2 times 9 lines  greet  a.ts:1, deep/b.ts:2",
      "",
      "Files with the same content",
      "  deep/c.js, deep/d.cjs",
      "",
      "Files that could not be read or parsed (0)",
      "  none",
      ""
    ])
    assert.match(report[table]!, /^runner +cold +warm +speed-up +tasks\/s$/)
    allRunners.forEach((runner, index) => {
      assert.match(
        report[table + 1 + index]!,
        new RegExp(`^${runner} +\\d+\\.\\d\\d s +\\d+\\.\\d\\d s +\\d+\\.\\d\\d +[\\d,]+$`)
      )
    })
    assert.deepStrictEqual(report.slice(table + 5), [
      "cold: all files from nothing, with the start of the runner; warm: once more, from which speed-up and tasks/s are",
      "",
      "All runners gave the same results, file by file.",
      ""
    ])
  })

  it("shows plain lines of progress where there is no terminal", async () => {
    const { stderr } = await analyze("--runners", "fiber", fine)
    const lines = stderr.trimEnd().split("\n")
    assert.strictEqual(lines.length, 8)
    assert.match(lines[0]!, /^fiber {3}cold {2}25 % {2}1 of 4 files/)
    assert.match(lines[7]!, /^fiber {3}warm {2}4 files in \d+\.\d\d s$/)
    assert.notInclude(stderr, "\u001B")
  })

  it("prints JSON, and nothing else, for all runners", async () => {
    const { code, stderr, stdout } = await analyze("--json", "--size", "2", fine)
    assert.strictEqual(code, 0, stderr)
    assert.strictEqual(stderr, "")
    const result = JSON.parse(stdout)
    assert.strictEqual(result.root, fine)
    assert.strictEqual(result.summary.files, 4)
    assert.deepStrictEqual(result.unreadable, [])
    assert.isTrue(result.identical)
    assert.deepStrictEqual(
      result.runners.map((one: { readonly runner: string }) => one.runner),
      allRunners
    )
    for (const one of result.runners) assert.isAbove(one.tasksPerSecond, 0)
  })

  it("reports files that it cannot parse, on all runners, and goes on", async () => {
    const { code, stderr, stdout } = await analyze("--json", "--size", "1", broken)
    assert.strictEqual(code, 0, stderr)
    const { identical, summary, unreadable } = JSON.parse(stdout)
    assert.isTrue(identical)
    assert.strictEqual(summary.files, 1)
    assert.deepStrictEqual(
      unreadable.map((one: { readonly path: string }) => one.path),
      ["broken.js", "broken.ts"]
    )
    for (const { reason } of unreadable) assert.match(reason, /\w/)

    const report = await analyze("--runners", "inline", broken)
    assert.strictEqual(report.code, 0)
    assert.match(report.stdout, /parsed \(2\)\n {2}broken\.js: .+\n {2}broken\.ts: .+\n/)
  })

  it("takes a single file", async () => {
    const { code, stdout } = await analyze("--runners", "inline", join(fine, "a.ts"))
    assert.strictEqual(code, 0)
    assert.include(stdout, `1 source file in ${fine}\n`)
  })

  it("explains itself", async () => {
    const { code, stdout } = await analyze("--help")
    assert.strictEqual(code, 0)
    for (const word of ["--runners", "--size", "--json", ...allRunners]) assert.include(stdout, word)
  })

  const refused: ReadonlyArray<readonly [args: ReadonlyArray<string>, sentence: RegExp]> = [
    [["--runners", "inline,rocket"], /no runner "rocket".*inline, fiber, thread, process/],
    [["--size", "0"], /--size takes a whole number/],
    [["--sise", "1"], /Unknown option '--sise'/],
    [["a", "b"], /One folder or file/],
    [[join(temporary, "nowhere")], /There is no folder or file .*nowhere/],
    [[folder("empty", { "notes.md": "" })], /holds no source files/]
  ]

  for (const [args, sentence] of refused) {
    it(`refuses ${args.join(" ").replace(temporary, "")} with one sentence`, async () => {
      const { code, stderr, stdout } = await analyze(...args)
      assert.strictEqual(code, 1)
      assert.strictEqual(stdout, "")
      assert.match(stderr, sentence)
      assert.match(stderr, /^[^\n]+\.\n$/)
    })
  }

  for (const runner of allRunners) {
    it.skipIf(process.platform === "win32")(`ends at Ctrl-C while it runs on the ${runner} runner`, async () => {
      const { code, leftBehind, stderr, stdout } = await run(["analyze/main.ts", "--runners", runner], {
        interruptAt: "25 %"
      })
      assert.strictEqual(code, 130, stderr)
      assert.strictEqual(stdout, "")
      assert.isFalse(leftBehind)
      assert.strictEqual(stderr.split("\n").length, 2, stderr)
    })
  }
})
