// A store with many records does not hold up the event loop, whatever is asked of it. STRAND_RECORDS says how many records.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { watch } from "node:fs"
import { makeNotes } from "../../src/testing/Subject.ts"
import * as Subject from "../../src/testing/store/StoreSubject.ts"
import * as Leaks from "../helpers/leaks.ts"
import * as Faults from "./faults.ts"

// Node keeps the descriptor with which it watches files, once it has watched one.
watch(import.meta.dirname).close()

Leaks.check()

const count = Number(process.env["STRAND_RECORDS"] ?? 100_000)

/** How many operations are done with them. */
const operations = 2000

/** What p99 must not exceed, in milliseconds: several times what it is on a machine that does nothing else. */
const limit = 50

/** Turns that take less did nothing, in milliseconds. */
const idle = 0.02

/** Measures the turns of the event loop, by what is done in them. */
const watchTurns = () => {
  const turns = new Map<string, Array<number>>()
  let what = ""
  let last = performance.now()
  let ended = false
  const turn = () => {
    const now = performance.now()
    if (now - last > idle) {
      const known = turns.get(what) ?? []
      turns.set(what, known)
      known.push(now - last)
    }
    last = now
    if (!ended) setImmediate(turn)
  }
  setImmediate(turn)
  return {
    during: <A, E, R>(name: string, effect: Effect.Effect<A, E, R>) =>
      Effect.suspend(() => {
        what = name
        return effect
      }),
    end: () => {
      ended = true
      return turns
    }
  }
}

const nextTurn = Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))

/** One figure of the longest turns, and the longest one. */
const summary = (millis: ReadonlyArray<number>) => {
  const sorted = millis.toSorted((a, b) => a - b)
  return { turns: sorted.length, p99: sorted[Math.ceil(sorted.length * 0.99) - 1]!, longest: sorted.at(-1)! }
}

describe("the event loop", { timeout: 60_000 + count / 5 }, () => {
  it.live(`goes on beside ${count} records`, () =>
    Effect.gen(function* () {
      const notes = yield* makeNotes
      const client = yield* Faults.open("SqliteStore", notes.path("store"))
      const { queue, store } = client
      const turns = watchTurns()
      const consume = (tasks: ReadonlyArray<string>) =>
        queue.consume({ tasks, lease: 60_000, pollInterval: 60_000, onSignal: () => {} })

      // Most wait; a tenth are over, and as many are over and expired.
      const names = ["expired", "over"]
      const ids: Array<string> = []
      for (let n = 0; n < count / 1000; n++) {
        const tasks = Subject.range(1000).map((m) => {
          const name = names[m % 10] ?? "work"
          return Subject.task({ name, payload: { n, m }, timeToLive: name === "expired" ? 1 : 1e9 })
        })
        for (const { id } of tasks) ids.push(id)
        yield* turns.during("the test itself", nextTurn)
        yield* turns.during("bulks of 1000", queue.offer(tasks))
      }
      const finisher = yield* consume(names)
      for (;;) {
        const claims = yield* turns.during("claims of 500", finisher.claim(500))
        if (claims.length === 0) break
        const settle = Effect.forEach(claims, (claim) => finisher.settle(claim, Subject.done("done")), {
          concurrency: "unbounded",
          discard: true
        })
        yield* turns.during("500 settlements", settle)
      }

      const reader = yield* consume(["work"])
      const someId = (n: number) => ids[(n * 7919) % ids.length]!
      const page = (n: number) => {
        const status = (["completed", "failed", "pending"] as const)[n % 3]!
        const first = n % 2 === 0 ? "oldest" : "newest"
        // An expired record is not there to begin after.
        const after = ids[Math.floor(((n * 7919) % ids.length) / 10) * 10 + 5]
        return Stream.runDrain(store.entries({ status, first, after, limit: 100 }))
      }
      const kinds: ReadonlyArray<readonly [string, (n: number) => Effect.Effect<unknown, unknown>]> = [
        ["offer", () => queue.offer([Subject.task()])],
        ["get", (n) => store.get(someId(n))],
        [
          "claim and settle",
          () =>
            Effect.flatMap(reader.claim(5), (claims) =>
              Effect.forEach(claims, (claim) => reader.settle(claim, Subject.done()), { concurrency: "unbounded" })
            )
        ],
        ["page", page],
        ["cancel", (n) => queue.cancel(someId(n + 1))],
        ["offer 100", () => queue.offer(Subject.tasks(100))],
        ["get", (n) => store.get(someId(n + 2))],
        ["has", (n) => store.has(someId(n + 3))]
      ]
      for (let n = 0; n < operations; n++) {
        const [name, run] = kinds[n % kinds.length]!
        yield* turns.during(name, run(n))
        if (n % 500 === 250) {
          yield* turns.during("size", store.size())
          yield* turns.during("size of a status", store.size({ status: "completed", tag: "none" }))
        }
      }
      const bulk = Subject.tasks(20_000)
      yield* turns.during("the test itself", nextTurn)
      yield* turns.during("a bulk of 20000", queue.offer(bulk))
      const expired = yield* turns.during("cleanupExpired", store.cleanupExpired)
      const cleared = yield* turns.during("clear", store.clear())
      assert.isAtLeast(expired, count / 10)
      assert.isAtLeast(cleared, count / 10)
      assert.isTrue(Option.isNone(yield* store.get(ids[0]!)))

      const measured = turns.end()
      for (const [name, millis] of measured) {
        const { longest, p99, turns } = summary(millis)
        console.log(`${name}: ${turns} turns, p99 ${p99.toFixed(1)} ms, longest ${longest.toFixed(1)} ms`)
      }
      measured.delete("the test itself")
      const all = summary([...measured.values()].flat())
      console.log(`All of ${count} records: p99 ${all.p99.toFixed(1)} ms, longest ${all.longest.toFixed(1)} ms`)
      assert.isBelow(all.p99, limit)
    })
  )
})
