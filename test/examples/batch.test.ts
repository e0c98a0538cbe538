// The batch as a person runs it: killed in the middle with kill -9, it goes on, and does nothing twice that was done.
import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { mkdtempSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { TaskStore } from "effect-strand"
import * as SqliteStore from "effect-strand/SqliteStore"
import * as Folders from "../helpers/folders.ts"
import { run, start } from "./run.ts"

const temporary = Folders.ofFile()

const batch = (state: string, ...args: ReadonlyArray<string>) => ["batch/main.ts", "--state", state, ...args]

const completed = (state: string): Promise<ReadonlyMap<string, TaskStore.TaskRecord>> =>
  TaskStore.TaskStore.use((store) => Stream.runCollect(store.entries({ status: "completed" }))).pipe(
    Effect.map((records) => new Map(records.map((record) => [record.id, record]))),
    Effect.provide(SqliteStore.layer({ filename: join(state, "tasks.db") })),
    Effect.runPromise
  )

describe("examples/batch", () => {
  it("goes on where kill -9 has ended it", async () => {
    const state = join(temporary, "killed")
    const args = batch(state, "--limit", "200", "--size", "2")

    const first = start(args)
    await first.printed(/batch {2}25 %/)
    await first.end("SIGKILL")
    const before = await completed(state)
    assert.isAtLeast(before.size, 50)
    assert.isBelow(before.size, 200)

    const second = await run(args)
    assert.strictEqual(second.code, 0, second.stderr)
    assert.isFalse(second.leftBehind)
    assert.include(second.stdout, `200 files: ${before.size} are done`)
    assert.include(second.stdout, `${before.size} files done before, ${200 - before.size} done now, 0 failed`)
    assert.match(second.stdout, /^200 source files in /m)
    assert.notInclude(second.stderr, "\u001B")

    const after = await completed(state)
    assert.strictEqual(after.size, 200)
    for (const [id, record] of before) assert.deepStrictEqual(after.get(id), record)

    const third = await run(args)
    assert.include(third.stdout, "200 files done before, 0 done now, 0 failed")
    assert.strictEqual(third.stderr, "")
  })

  it("does a file again that has changed, and one that has failed when asked to", async () => {
    const state = join(temporary, "changed")
    const folder = mkdtempSync(join(temporary, "files-"))
    writeFileSync(join(folder, "a.ts"), "export const a = 1\n")
    writeFileSync(join(folder, "b.ts"), "export const = 1\n")

    const first = await run(batch(state, folder))
    assert.match(first.stdout, /^0 files done before, 1 done now, 1 failed$/m)
    assert.match(first.stdout, /b\.ts: .+/)
    assert.include(readdirSync(state), "tasks.db")

    const second = await run(batch(state, folder))
    assert.match(second.stdout, /^1 have failed before; --retry-failed tries them again$/m)
    assert.match(second.stdout, /^1 files done before, 0 done now, 1 failed$/m)

    writeFileSync(join(folder, "a.ts"), "export const a = 2\nexport const c = 3\n")
    const third = await run(batch(state, "--retry-failed", folder))
    assert.match(third.stdout, /^1 have failed before and are tried again$/m)
    assert.match(third.stdout, /^0 files done before, 1 done now, 1 failed$/m)
  })

  it("says what is wrong with its arguments", async () => {
    const limit = await run(batch(temporary, "--limit", "0"))
    assert.deepStrictEqual([limit.code, limit.stdout], [1, ""])
    assert.strictEqual(limit.stderr, `--limit takes a whole number of at least 1, not "0".\n`)
    const folder = await run(batch(temporary, join(temporary, "missing")))
    assert.deepStrictEqual([folder.code, folder.stderr], [1, `There is no folder or file ${temporary}/missing.\n`])
    assert.match((await run(batch(temporary, "--help"))).stdout, /^Analyzes .+\n\nUsage: /)
  })
})
