// Nothing is lost: readers and callers are killed, frozen and stopped while there is work, disks are full, files are
// damaged, and all that was accepted ends once. Each program is a process of its own. STRAND_SOAK_SECONDS says how long
// the long test takes, STRAND_RECORDS how many records the large store has.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as StoreRunner from "effect-strand/StoreRunner"
import type { EntriesOptions, TaskRecord, TaskStore } from "effect-strand/TaskStore"
import * as Task from "effect-strand/Task"
import { makeNotes, type Notes, until, untilEffect } from "../../src/testing/Subject.ts"
import * as Leaks from "../helpers/leaks.ts"
import * as Faults from "./faults.ts"
import type { How } from "./programs/enqueuer.ts"
import { type Kind, kinds, work } from "./programs/work.ts"

Leaks.check()

const live = ["scheduled", "pending", "running"] as const

const list = (store: TaskStore["Service"], options?: EntriesOptions) => Stream.runCollect(store.entries(options))

/** Waits until all tasks are over. */
const awaitOver = (store: TaskStore["Service"]) =>
  untilEffect(
    "all tasks to be over",
    Effect.map(list(store, { status: live, limit: 1 }), (records) => records.length === 0)
  )

const startReader = (kind: Kind, notes: Notes, options: object = {}) =>
  Faults.start("reader", [kind, notes.path("store"), options])

/** Checks that a task is completed, that its recorded attempt has ended, and that all before it died with a reader. */
const assertOnce = (
  record: TaskRecord,
  starts: ReadonlyArray<Faults.Start>,
  killed: ReadonlySet<number>
): { readonly again: number; readonly unstarted: number } => {
  assert.strictEqual(record.status, "completed", record.id)
  const last = starts.at(-1)!
  assert.deepStrictEqual(record.exit, { _tag: "Success", value: `${last.attempt} ${last.pid}` })
  assert.isTrue(last.ended)
  assert.strictEqual(record.attempts, last.attempt)
  const attempts = starts.map(({ attempt }) => attempt)
  assert.deepStrictEqual(attempts, [...new Set(attempts)], "no attempt is started twice")
  for (const start of starts.slice(0, -1)) assert.isTrue(killed.has(start.pid), `${record.id} had its reader`)
  // A reader may die between the claim and the start.
  return { again: starts.length - 1, unstarted: record.attempts - starts.length }
}

const isAtWork =
  (log: Faults.Lines) =>
  ({ pid }: Faults.Program): boolean => {
    const all = [...Faults.startsOf(log).values()].flat()
    return all.some((start) => start.pid === pid && !start.ended)
  }

describe("a task that kills its readers", { timeout: 60_000 }, () => {
  for (const maxAttempts of [1, 3]) {
    it.live(`ends after ${maxAttempts} attempts, and none of its many neighbours does`, () =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        const log = Faults.linesOf(notes.path("log"))
        const { context, store } = yield* Faults.open("SqliteStore", notes.path("store"))
        const options = { maxAttempts }
        const harmless = { log: log.path, millis: 0 }
        const payloads = (count: number) => Array.from({ length: count }, () => harmless)
        const [deadly] = yield* Effect.gen(function* () {
          yield* Task.forkAllDiscard(work, payloads(300), options)
          const ids = yield* Task.forkAllDiscard(work, [{ ...harmless, deadly: true }], options)
          yield* Task.forkAllDiscard(work, payloads(300), options)
          return ids
        }).pipe(Effect.provide(StoreRunner.layer), Effect.provideContext(context))
        // One at a time, so that nothing runs beside it.
        const start = startReader("SqliteStore", notes, { concurrency: 1 })
        for (let attempt = 1; attempt <= maxAttempts; attempt++) {
          // It may be gone before it can say that it is ready.
          const reader = yield* Effect.exit(start)
          if (Exit.isSuccess(reader)) yield* until("the end of the reader", reader.value.isGone)
        }
        yield* start
        yield* awaitOver(store)
        const failed = yield* list(store, { status: "failed" })
        assert.deepStrictEqual(
          failed.map(({ attempts, id }) => ({ attempts, id })),
          [{ attempts: maxAttempts, id: deadly }]
        )
        assert.include(JSON.stringify(failed[0]!.exit), `"WorkerCrashed"`)
        assert.strictEqual(yield* store.size({ status: "completed" }), 600)
      }).pipe(Effect.scoped)
    )
  }
})

describe("readers that are killed", { timeout: 60_000 }, () => {
  const sizes = {
    SqliteStore: { tasks: 2000, readers: 4, kills: 6 },
    FileStore: { tasks: 200, readers: 2, kills: 2 }
  }
  for (const kind of kinds) {
    const { kills, readers, tasks } = sizes[kind]
    const name = `${kind}: ${tasks} tasks end once each while ${kills} of their readers are killed`
    it.live(name, () =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        const log = Faults.linesOf(notes.path("log"))
        const { context, store } = yield* Faults.open(kind, notes.path("store"))
        const ids: Array<string> = []
        const enqueue = (until: number) =>
          Effect.gen(function* () {
            const payload = (_: unknown, n: number) => ({ log: log.path, millis: 5 + (n % 16) })
            const payloads = Array.from({ length: until - ids.length }, payload)
            for (const id of yield* Task.forkAllDiscard(work, payloads)) ids.push(id)
          }).pipe(Effect.provide(StoreRunner.layer), Effect.provideContext(context))
        const start = startReader(kind, notes, { concurrency: 3 })
        const alive = yield* Effect.all(Array(readers).fill(start) as Array<typeof start>, { concurrency: "unbounded" })
        const killed = new Set<number>()
        while (killed.size < kills) {
          // There is work at each kill, however fast it goes.
          const portion = tasks / (kills + 1)
          const due = Math.floor(portion * (killed.size + 0.25))
          yield* enqueue(Math.floor(portion * (killed.size + 1)))
          yield* until(`${due} tasks`, () => Faults.countOf(log, "end") >= due)
          yield* until("a reader with work", () => alive.some(isAtWork(log)))
          const [victim] = alive.splice(Math.max(0, alive.findIndex(isAtWork(log))), 1) as [Faults.Program]
          yield* victim.kill
          killed.add(victim.pid)
          alive.push(yield* start)
        }
        yield* enqueue(tasks)
        yield* until("all tasks", () => Faults.countOf(log, "end") >= tasks)
        yield* awaitOver(store)
        const records = yield* list(store)
        assert.sameMembers(
          records.map(({ id }) => id),
          ids
        )
        const starts = Faults.startsOf(log)
        let again = 0
        let unstarted = 0
        for (const record of records) {
          const counts = assertOnce(record, starts.get(record.id)!, killed)
          again += counts.again
          unstarted += counts.unstarted
        }
        assert.isAtMost(again + unstarted, kills * 3)
        assert.isAbove(again, 0)
        for (const reader of alive) assert.strictEqual(reader.output(), "")
        console.log(`${kind}: ${again} tasks were started again, ${unstarted} were claimed and not started`)
      })
    )
  }
})

describe("callers that are killed", { timeout: 60_000 }, () => {
  const startEnqueuer = (kind: Kind, how: How, notes: Notes) =>
    Faults.start("enqueuer", [kind, notes.path("store"), how, notes.path("accepted"), notes.path("log")])

  /** Checks that all that was accepted is there, and of what was not acknowledged whole bulks at most. Gives how many. */
  const assertAccepted = (kind: Kind, notes: Notes, accepted: Faults.Lines, bulk: number) =>
    Effect.gen(function* () {
      const { store } = yield* Faults.open(kind, notes.path("store"))
      const records = yield* list(store)
      const ids = new Set(records.map(({ id }) => id))
      const said = accepted.all().filter(([what]) => what === "accepted")
      for (const [, id] of said) {
        assert.isTrue(ids.has(id!), id)
        const record = yield* store.get(id!)
        assert.isTrue(Option.isSome(record) && record.value.status === "pending", id)
      }
      assert.strictEqual(records.length % bulk, 0, "a bulk is all or nothing")
      return records.length - said.length
    }).pipe(Effect.scoped)

  for (const kind of kinds) {
    it.live(`${kind}: single tasks that were accepted are there`, () =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        const accepted = Faults.linesOf(notes.path("accepted"))
        const program = yield* startEnqueuer(kind, "single", notes)
        yield* until("tasks", () => Faults.countOf(accepted, "accepted") >= 300)
        yield* program.kill
        assert.isAtMost(yield* assertAccepted(kind, notes, accepted, 1), 1)
      })
    )

    it.live(`${kind}: bulks are there wholly or not at all`, () =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        const accepted = Faults.linesOf(notes.path("accepted"))
        for (const [round, delay] of [0, 2, 6, 12].entries()) {
          const begun = Faults.countOf(accepted, "begun")
          const program = yield* startEnqueuer(kind, "bulk", notes)
          yield* until("a bulk", () => Faults.countOf(accepted, "begun") >= begun + 2)
          // Each time in the midst of another part of it.
          yield* Effect.sleep(delay)
          yield* program.kill
          const more = yield* assertAccepted(kind, notes, accepted, 500)
          assert.isAtMost(more, 500 * (round + 1))
        }
      })
    )
  }
})

describe("a reader that is gone or frozen", { timeout: 60_000 }, () => {
  const fork = (payload: Partial<typeof work.payload.Type> & { readonly log: string }) =>
    work.forkDiscard({ millis: 0, ...payload }).pipe(Effect.provide(StoreRunner.layer))

  it.live("its tasks run again when it dies, and not when its lease ends", () =>
    Effect.gen(function* () {
      const notes = yield* makeNotes
      const log = Faults.linesOf(notes.path("log"))
      const { context, store } = yield* Faults.open("SqliteStore", notes.path("store"))
      const options = { lease: 3_600_000 }
      const first = yield* startReader("SqliteStore", notes, options)
      for (let n = 0; n < 10; n++) {
        yield* Effect.provideContext(fork({ log: log.path, gate: notes.gate }), context)
      }
      yield* until("ten starts", () => Faults.countOf(log, "start") === 10)
      const second = yield* startReader("SqliteStore", notes, options)
      yield* first.kill
      yield* until("ten more starts", () => Faults.countOf(log, "start") === 20)
      yield* awaitOver(store)
      const starts = Faults.startsOf(log)
      for (const record of yield* list(store)) {
        assert.deepStrictEqual(
          starts.get(record.id)!.map(({ attempt, pid }) => [attempt, pid]),
          [
            [1, first.pid],
            [2, second.pid]
          ]
        )
        assertOnce(record, starts.get(record.id)!, new Set([first.pid]))
      }
    })
  )

  it.live("a frozen one loses its tasks after its lease, its late results are refused, and it goes on", () =>
    Effect.gen(function* () {
      const notes = yield* makeNotes
      const log = Faults.linesOf(notes.path("log"))
      const { context, store } = yield* Faults.open("SqliteStore", notes.path("store"))
      // With one at a time it takes the next one at once, before it hears anything.
      const options = { lease: 600, concurrency: 1 }
      const frozen = yield* startReader("SqliteStore", notes, options)
      const ids: Array<string> = []
      // It keeps the event loop of its reader: that has no chance to hear what has happened before it ends.
      ids.push(yield* Effect.provideContext(fork({ log: log.path, gate: notes.gate, blocking: true }), context))
      yield* until("its start", () => Faults.countOf(log, "start") === 1)
      yield* frozen.signal("SIGSTOP")
      const other = yield* startReader("SqliteStore", notes, options)
      yield* awaitOver(store)
      const exits = (yield* list(store)).map(({ exit }) => exit)
      assert.deepStrictEqual(exits, [{ _tag: "Success", value: `2 ${other.pid}` }])
      // Work for both, some of which the frozen one takes when it is back.
      for (let n = 0; n < 20; n++) {
        ids.push(yield* Effect.provideContext(fork({ log: log.path, millis: 30 }), context))
      }
      yield* notes.open()
      yield* frozen.signal("SIGCONT")
      yield* until("the late end", () => log.all().some((words) => words.join(" ") === `end ${ids[0]} 1 ${frozen.pid}`))
      yield* awaitOver(store)
      const records = yield* list(store)
      assert.deepStrictEqual(
        records.map(({ id }) => id),
        ids
      )
      const starts = Faults.startsOf(log)
      assert.deepStrictEqual(records[0]!.exit, exits[0])
      assert.deepStrictEqual(
        starts.get(ids[0]!)!.map(({ attempt, ended, pid }) => [attempt, pid, ended]),
        [
          [1, frozen.pid, true],
          [2, other.pid, true]
        ]
      )
      for (const record of records.slice(1)) assertOnce(record, starts.get(record.id)!, new Set())
      yield* untilEffect(
        "work that the frozen one takes",
        Effect.gen(function* () {
          yield* Effect.provideContext(fork({ log: log.path, millis: 20 }), context)
          return [...Faults.startsOf(log).values()].some((all) => all.at(-1)!.pid === frozen.pid && all.length === 1)
        })
      )
      yield* awaitOver(store)
    })
  )

  for (const kind of kinds) {
    it.live(`${kind}: one that is asked to end finishes what it can, and hands back the rest as new`, () =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        const log = Faults.linesOf(notes.path("log"))
        const { context, store } = yield* Faults.open(kind, notes.path("store"))
        const reader = yield* startReader(kind, notes, { concurrency: 4, batchSize: 6, shutdownGrace: "1 second" })
        const short = { log: log.path, millis: 400 }
        const long = { log: log.path, millis: 0, gate: notes.gate }
        const ids = yield* Task.forkAllDiscard(work, [short, short, long, long, short, short]).pipe(
          Effect.provide(StoreRunner.layer),
          Effect.provideContext(context)
        )
        yield* until("four starts", () => Faults.countOf(log, "start") === 4)
        yield* reader.signal("SIGTERM")
        yield* until("its end", reader.isGone)
        assert.strictEqual(reader.output(), "")
        assert.strictEqual(reader.exitCode(), 130)
        const records = yield* list(store)
        const completed = (value: string) => ({
          status: "completed" as const,
          attempts: 1,
          exit: { _tag: "Success" as const, value }
        })
        const handedBack = { status: "pending" as const, attempts: 0, exit: undefined }
        assert.deepStrictEqual(
          records.map(({ id }) => id),
          [...ids]
        )
        for (const [n, record] of records.entries()) {
          assert.deepInclude(record, n < 2 ? completed(`1 ${reader.pid}`) : handedBack)
        }
        yield* notes.open()
        yield* startReader(kind, notes)
        yield* awaitOver(store)
        for (const record of yield* list(store)) assert.deepInclude(record, { status: "completed", attempts: 1 })
      })
    )
  }
})

const seconds = Number(process.env["STRAND_SOAK_SECONDS"] ?? 8)

describe("a long time", { timeout: seconds * 1000 + 60_000 }, () => {
  it.live(`${seconds} seconds under load lose nothing and run nothing twice`, () =>
    Effect.gen(function* () {
      const notes = yield* makeNotes
      const log = Faults.linesOf(notes.path("log"))
      const accepted = Faults.linesOf(notes.path("accepted"))
      const { store } = yield* Faults.open("SqliteStore", notes.path("store"))
      const readers = [yield* startReader("SqliteStore", notes), yield* startReader("SqliteStore", notes)]
      const enqueuer = yield* Faults.start("enqueuer", [
        "SqliteStore",
        notes.path("store"),
        "steady" satisfies How,
        accepted.path,
        log.path
      ])
      yield* Effect.sleep(seconds * 1000)
      yield* enqueuer.tell
      yield* until("the end of the enqueuer", enqueuer.isGone)
      assert.strictEqual(enqueuer.exitCode(), 0)
      yield* awaitOver(store)
      const ids = accepted.all().flatMap(([what, id]) => (what === "accepted" ? [id!] : []))
      const starts = Faults.startsOf(log)
      const records = yield* list(store)
      assert.strictEqual(records.length, ids.length)
      assert.deepStrictEqual(new Set(records.map(({ id }) => id)), new Set(ids))
      for (const record of records) {
        assert.strictEqual(starts.get(record.id)!.length, 1)
        assertOnce(record, starts.get(record.id)!, new Set())
      }
      assert.strictEqual(starts.size, ids.length)
      assert.deepStrictEqual(
        [enqueuer, ...readers].map((program) => program.output()),
        ["", "", ""]
      )
      console.log(`${ids.length} tasks in ${seconds} s, each run once`)
    })
  )
})
