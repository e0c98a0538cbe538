// Disks that are full, files that are damaged, and what is no store of this version: said as what it is, and nothing is
// lost by it.
import { assert, describe, it } from "@effect/vitest"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { execFileSync } from "node:child_process"
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as FiberRunner from "effect-strand/FiberRunner"
import * as StoreReader from "effect-strand/StoreReader"
import * as StoreRunner from "effect-strand/StoreRunner"
import type { TaskQueue } from "effect-strand/TaskQueue"
import type { TaskStore } from "effect-strand/TaskStore"
import * as Task from "effect-strand/Task"
import { assertFails, errorOf, makeNotes, until, untilEffect } from "../../src/testing/Subject.ts"
import * as Leaks from "../helpers/leaks.ts"
import * as Faults from "./faults.ts"
import { handlers, type Kind, kinds, open as layer, work } from "./programs/work.ts"

Leaks.check()

const live = ["scheduled", "pending", "running"] as const

const list = (store: TaskStore["Service"]) => Stream.runCollect(store.entries())

const idsOf = (records: ReadonlyArray<{ readonly id: string }>) => records.map(({ id }) => id)

/** Gives an Effect a runner over an open store. */
const using =
  (context: Context.Context<TaskStore | TaskQueue>) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    effect.pipe(Effect.provide(StoreRunner.layer), Effect.provideContext(context))

const read = (context: Context.Context<TaskStore | TaskQueue>) =>
  Layer.build(StoreReader.layer({ tasks: [work] }).pipe(Layer.provide(FiberRunner.layer(handlers)))).pipe(
    Effect.provideContext(context)
  )

const awaitOver = (store: TaskStore["Service"]) =>
  untilEffect(
    "all tasks to be over",
    Effect.map(store.size({ status: live }), (size) => size === 0)
  )

const megabyte = 1024 * 1024

describe("a full disk", { timeout: 60_000 }, () => {
  const checkIntegrity = (kind: Kind, folder: string): void => {
    if (kind !== "SqliteStore") return
    const db = new DatabaseSync(join(folder, "tasks.db"), { readOnly: true })
    assert.deepStrictEqual({ ...db.prepare("PRAGMA integrity_check").get() }, { integrity_check: "ok" })
    db.close()
  }

  for (const kind of kinds) {
    it.live(`${kind}: it is told, all that was accepted is there, and with space it goes on`, (test) =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        const disk = notes.path("disk")
        if (!(yield* Faults.mountDisk(disk, "size=16m"))) return test.skip()
        const ballast = join(disk, "ballast")
        writeFileSync(ballast, Buffer.alloc(12 * megabyte))
        const log = Faults.linesOf(notes.path("log"))
        const kept = Faults.keepLog()
        const accepted: Array<string> = []
        yield* Effect.gen(function* () {
          const { context, store } = yield* Faults.open(kind, disk)
          yield* read(context)
          const fork = (payload: Omit<typeof work.payload.Type, "log" | "millis">) =>
            using(context)(work.forkDiscard({ log: log.path, millis: 0, ...payload })).pipe(
              Effect.map((id) => void accepted.push(id))
            )
          // These end while the disk is full.
          for (let n = 0; n < 10; n++) yield* fork({ gate: notes.gate })
          yield* until("ten starts", () => Faults.countOf(log, "start") === 10)
          for (const length of [4000, 100, 0]) {
            const full = yield* fork({ ballast: "x".repeat(length) }).pipe(
              Effect.forever,
              Effect.catchTag("StoreFailure", Effect.succeed)
            )
            assert.match(full.message, /^The task store failed to store a task: .*(full|ENOSPC)/)
          }
          const payload = { log: log.path, millis: 0, ballast: "x".repeat(1000) }
          const bulk = Task.forkAllDiscard(
            work,
            Array.from({ length: 200 }, () => payload)
          )
          assertFails(yield* Effect.exit(using(context)(bulk)), "StoreFailure")
          assert.deepStrictEqual(idsOf(yield* list(store)), accepted)
          checkIntegrity(kind, disk)
          yield* notes.open()
          yield* until("ten ends", () => Faults.countOf(log, "end") >= 10)
          yield* untilEffect(
            "their ends to be refused",
            Effect.map(
              store.size({ status: "completed" }),
              (size) => size >= 10 || kept.messages.some((message) => message.includes("is tried again"))
            )
          )
          rmSync(ballast)
          for (let n = 0; n < 100; n++) yield* fork({})
          yield* awaitOver(store)
          for (const record of yield* list(store)) assert.deepInclude(record, { status: "completed", attempts: 1 })
          assert.strictEqual(Faults.countOf(log, "start"), accepted.length)
        }).pipe(Effect.scoped, Effect.provide(kept.layer))
        checkIntegrity(kind, disk)
        const { store } = yield* Faults.open(kind, disk)
        const records = yield* list(store)
        assert.deepStrictEqual(idsOf(records), accepted)
        for (const record of records) assert.strictEqual(record.status, "completed")
        console.log(`${kind}: ${accepted.length} tasks, and said of it: ${new Set(kept.messages).size} messages`)
      })
    )
  }
})

describe("damaged files of a FileStore", { timeout: 60_000 }, () => {
  const fileOf = (folder: string, id: string): string => {
    const files = readdirSync(join(folder, "tasks", "records"), { recursive: true, encoding: "utf8" })
    return join(
      folder,
      "tasks",
      "records",
      files.find((file) => file.includes(id))!
    )
  }

  it.live("they are reported and left alone, and the others are run", () =>
    Effect.gen(function* () {
      const notes = yield* makeNotes
      const folder = notes.path("store")
      const payload = { log: notes.path("log"), millis: 0 }
      const ids = yield* Effect.scoped(
        Effect.gen(function* () {
          const { context, store } = yield* Faults.open("FileStore", folder)
          const ids = yield* using(context)(
            Task.forkAllDiscard(
              work,
              Array.from({ length: 5 }, () => payload)
            )
          )
          // After as much as this the journal does not know any more of those before.
          for (let n = 0; n < 20; n++) {
            const id = yield* using(context)(work.forkDiscard({ ...payload, ballast: "x".repeat(megabyte) }))
            yield* store.remove(id)
          }
          return ids
        })
      )
      const truncated = fileOf(folder, ids[1]!)
      const whole = readFileSync(truncated, "utf8")
      truncateSync(truncated, whole.length >> 1)
      const damaged = fileOf(folder, ids[3]!)
      writeFileSync(damaged, readFileSync(damaged, "utf8").replace('"pending"', '"hanging"'))
      const before = [truncated, damaged].map((file) => readFileSync(file, "utf8"))
      const others = [ids[0]!, ids[2]!, ids[4]!]
      const kept = Faults.keepLog()
      yield* Effect.gen(function* () {
        const { context, store } = yield* Faults.open("FileStore", folder)
        for (const [id, file] of [
          [ids[1]!, truncated],
          [ids[3]!, damaged]
        ] as const) {
          const exit = yield* Effect.exit(store.get(id))
          assertFails(exit, "StoreFailure")
          assert.include(errorOf(exit).message, file)
          yield* until("a warning", () => kept.messages.filter((message) => message.includes(file)).length === 1)
        }
        assert.deepStrictEqual(idsOf(yield* list(store)), others)
        yield* read(context)
        yield* awaitOver(store)
        for (const record of yield* list(store)) assert.strictEqual(record.status, "completed")
      }).pipe(Effect.scoped, Effect.provide(kept.layer))
      assert.deepStrictEqual(
        [truncated, damaged].map((file) => readFileSync(file, "utf8")),
        before
      )
      // Somebody mends it.
      writeFileSync(truncated, whole)
      const mended = Effect.gen(function* () {
        const { context, store } = yield* Faults.open("FileStore", folder)
        yield* read(context)
        yield* awaitOver(store)
        assert.sameMembers(idsOf(yield* list(store)), [...others, ids[1]!])
      })
      yield* mended.pipe(Effect.scoped, Effect.provide(kept.layer))
    })
  )

  it.live("one whose task is still known from the journal is made anew", () =>
    Effect.gen(function* () {
      const notes = yield* makeNotes
      const folder = notes.path("store")
      const payload = { log: notes.path("log"), millis: 0 }
      const ids = yield* Effect.scoped(
        Effect.gen(function* () {
          const { context } = yield* Faults.open("FileStore", folder)
          return yield* using(context)(
            Task.forkAllDiscard(
              work,
              Array.from({ length: 3 }, () => payload)
            )
          )
        })
      )
      const file = fileOf(folder, ids[1]!)
      const whole = readFileSync(file, "utf8")
      truncateSync(file, 20)
      const kept = Faults.keepLog()
      yield* Effect.gen(function* () {
        const { store } = yield* Faults.open("FileStore", folder)
        assert.deepStrictEqual(idsOf(yield* list(store)), [...ids])
      }).pipe(Effect.scoped, Effect.provide(kept.layer))
      assert.deepStrictEqual(kept.messages, [])
      assert.strictEqual(readFileSync(file, "utf8"), whole)
    })
  )
})

describe("what cannot be opened", () => {
  const assertRefused = (kind: Kind, folder: string, ...expected: ReadonlyArray<string>) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(layer(kind, folder))))
      assertFails(exit, "StoreFailure")
      for (const text of expected) assert.include(errorOf(exit).message, text)
    })

  for (const kind of kinds) {
    const name = kind === "SqliteStore" ? "tasks.db" : "tasks"

    it.live(`${kind}: the store of a newer version`, () =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        const folder = notes.path("store")
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { context } = yield* Faults.open(kind, folder)
            yield* using(context)(work.forkDiscard({ log: notes.path("log"), millis: 0 }))
          })
        )
        if (kind === "SqliteStore") {
          const db = new DatabaseSync(join(folder, name))
          db.exec("INSERT INTO strand_versions SELECT max(version) + 1, at FROM strand_versions")
          db.close()
        } else {
          const file = join(folder, name, "state.json")
          const state = JSON.parse(readFileSync(file, "utf8")) as { readonly format: number }
          writeFileSync(file, JSON.stringify({ ...state, format: state.format + 1 }))
        }
        yield* assertRefused(kind, folder, join(folder, name), "newer version of effect-strand", "upgrade")
      })
    )

    it.live(`${kind}: what is no store`, () =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        const folder = notes.path("store")
        mkdirSync(folder)
        writeFileSync(join(folder, name), "This is a text and no database. ".repeat(100))
        yield* assertRefused(kind, folder, join(folder, name))
        assert.match(readFileSync(join(folder, name), "utf8"), /^This is a text/)
      })
    )

    it.live(`${kind}: a folder that cannot be made`, () =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        writeFileSync(notes.path("store"), "")
        yield* assertRefused(kind, notes.path("store"), join(notes.path("store"), name))
      })
    )

    it.live(`${kind}: a folder that cannot be written`, (test) =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        const folder = notes.path("disk")
        if (!(yield* Faults.mountDisk(folder, "size=16m"))) return test.skip()
        const remount = (how: string) =>
          Effect.sync(() => execFileSync("mount", ["-o", `remount,${how}`, folder], { stdio: "pipe" }))
        yield* remount("ro")
        yield* assertRefused(kind, folder, join(folder, name))
        // And one whose store is there already.
        yield* remount("rw")
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { context } = yield* Faults.open(kind, folder)
            yield* using(context)(work.forkDiscard({ log: notes.path("log"), millis: 0 }))
          })
        )
        yield* remount("ro")
        yield* assertRefused(kind, folder, join(folder, name))
      })
    )
  }
})
