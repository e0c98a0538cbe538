// What a clone of this repository holds at its top, that its lock file works with any registry, and that the tests stand
// where one looks for them.
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync, readdirSync } from "node:fs"
import { join, sep } from "node:path"

const root = join(import.meta.dirname, "..")

const topLevel = new Set([
  "CHANGELOG.md",
  "LICENSE",
  "README.md",
  "examples",
  "package-lock.json",
  "package.json",
  "src",
  "test",
  "tsconfig.json",
  "vitest.config.ts"
])

describe("the repository", () => {
  it.skipIf(!existsSync(join(root, ".git")))("tracks only the agreed entries at its top", () => {
    const tracked = execFileSync("git", ["ls-files", "-z"], { cwd: root, encoding: "utf8" }).split("\0").filter(Boolean)
    const strangers = tracked.filter((path) => {
      const [top = "", ...below] = path.split("/")
      const isDotfile = top.startsWith(".") && below.length === 0
      return !topLevel.has(top) && !isDotfile && path !== ".ci/run"
    })
    assert.isNotEmpty(tracked)
    assert.isEmpty(strangers, `\n${strangers.join("\n")}`)
  })

  it("has each test where the module stands that it tests", () => {
    const elsewhere = /^(bench|comingFrom|docs|examples|helpers)\/|^(architecture|repository|structure)\.test\.ts$/
    const tests = readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
      .map((file) => file.replaceAll(sep, "/"))
      .filter((file) => file.endsWith(".test.ts") && !elsewhere.test(file))
    const strangers = tests.filter((file) => !existsSync(join(root, "src", file.replace(/(\.\w+)?\.test\.ts$/, ".ts"))))
    assert.isNotEmpty(tests)
    assert.isEmpty(strangers, "\nX.test.ts and X.topic.test.ts test src/**/X.ts (see test/README.md)")
  })

  it("has a lock file that names no registry", () => {
    const lock: { readonly packages: Readonly<Record<string, { readonly resolved?: string }>> } = JSON.parse(
      readFileSync(join(root, "package-lock.json"), "utf8")
    )
    const resolved = Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined)
    assert.isNotEmpty(Object.keys(lock.packages))
    assert.isEmpty(resolved, `\n${resolved.map(([name, entry]) => `${name}: ${entry.resolved}`).join("\n")}`)
  })
})
