// The pipeline as a person runs it: on a folder whose weights are known, on broken files, on real sources.
import { assert, describe, it } from "@effect/vitest"
import { join } from "node:path"
import { brotliCompressSync, constants } from "node:zlib"
import * as Folders from "../helpers/folders.ts"
import { run } from "./run.ts"

const temporary = Folders.ofFile()

const folder = (name: string, files: Readonly<Record<string, string>>): string =>
  Folders.write(join(temporary, name), files)

const pipeline = (...args: ReadonlyArray<string>) => run(["pipeline/main.ts", "--size", "2", ...args])

/** Lines of some length that compress badly. */
const lines = Array.from({ length: 300 }, (_, n) => `export const value${n} = "${(n * 2654435761).toString(36)}"`)

const shipped = (code: string): string =>
  (
    brotliCompressSync(code, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 9,
        [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
        [constants.BROTLI_PARAM_SIZE_HINT]: Buffer.byteLength(code)
      }
    }).byteLength / 1000
  ).toFixed(1)

describe("examples/pipeline", () => {
  it("weighs code and comments of a folder in two pools", async () => {
    const code = lines.join("\n")
    const root = folder("fine", {
      "main.js": `// ${"x".repeat(998)}\n${code}\n\n\n/**\n * ${"y".repeat(999)}\n */\n`,
      "deep/types.ts": "export interface Weightless {\n  readonly n: number\n}\n",
      "deep/down/b.mjs": `${lines[0]} // said here\n`
    })
    const { leftBehind, ...ended } = await pipeline(root)
    assert.deepStrictEqual([ended.code, ended.stderr, leftBehind], [0, "", false])
    const [head, main, deep, all, ...rest] = ended.stdout.split("\n").map((line) => line.trim().split(/ {2,}/))
    assert.deepStrictEqual(head, ["folder", "files", "code kB", "comments kB", "comments", "shipped kB"])
    const kilobytes = (Buffer.byteLength(code) / 1000).toFixed(1)
    const share = `${Math.round((100 * 1998) / (1998 + Buffer.byteLength(code)))} %`
    assert.deepStrictEqual(main, [".", "1", kilobytes, "2.0", share, shipped(code)])
    assert.deepStrictEqual(deep!.slice(0, 2), ["deep/", "2"])
    assert.deepStrictEqual(all!.slice(0, 2), ["all", "3"])
    assert.deepStrictEqual(rest[2], ["main.js", `${shipped(code)} kB`])
    assert.match(ended.stdout, /\n3 files in \d+\.\d\d s\n/)
    assert.match(ended.stdout, /^pool parse: 3 tasks in 2 processes, /m)
    assert.match(ended.stdout, /^pool crunch: 6 tasks in 2 threads, /m)
  })

  it("says which files cannot be weighed, and weighs the others", async () => {
    const root = folder("broken", { "good.ts": "export const good = 1\n", "broken.ts": "export const = 1\n" })
    const { code, stderr, stdout } = await pipeline(root)
    assert.deepStrictEqual([code, stderr], [0, ""])
    assert.match(stdout, /^all +1 /m)
    assert.match(stdout, /\nNot weighed:\n {2}.*broken\.ts: .+\n/)
    assert.match(stdout, /^pool crunch: 2 tasks /m)
  })

  it("weighs the sources of the installed effect package", async () => {
    const { code, leftBehind, stderr, stdout } = await pipeline("--limit", "40")
    assert.deepStrictEqual([code, stderr, leftBehind], [0, "", false])
    assert.match(stdout, /^all +40 /m)
    assert.match(stdout, /^pool parse: 40 tasks in 2 processes, /m)
    assert.match(stdout, /^pool crunch: 80 tasks in 2 threads, /m)
  })

  it("says what is wrong with its arguments", async () => {
    const limit = await pipeline("--limit", "0")
    assert.deepStrictEqual([limit.code, limit.stdout], [1, ""])
    assert.strictEqual(limit.stderr, `--limit takes a whole number of at least 1, not "0".\n`)
    const missing = await pipeline(join(temporary, "missing"))
    assert.deepStrictEqual([missing.code, missing.stderr], [1, `There is no folder or file ${temporary}/missing.\n`])
    assert.match((await pipeline("--help")).stdout, /^Weighs .+\n\nUsage: /)
  })
})
