// What a clone of this repository holds at its top, and that its lock file works with any registry.
import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"

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

  it("has a lock file that names no registry", () => {
    const lock: { readonly packages: Readonly<Record<string, { readonly resolved?: string }>> } = JSON.parse(
      readFileSync(join(root, "package-lock.json"), "utf8")
    )
    const resolved = Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined)
    assert.isNotEmpty(Object.keys(lock.packages))
    assert.isEmpty(resolved, `\n${resolved.map(([name, entry]) => `${name}: ${entry.resolved}`).join("\n")}`)
  })
})
