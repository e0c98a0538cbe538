// A store with many records does not hold up the event loop, whatever is asked of it: what it does is
// counted, and no statement goes through all records. STRAND_RECORDS says how many there are.
import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import { DatabaseSync, StatementSync } from "node:sqlite"
import { makeNotes } from "../../src/testing/Subject.ts"
import * as Subject from "../../src/testing/store/StoreSubject.ts"
import * as Leaks from "../helpers/leaks.ts"
import * as Faults from "./faults.ts"

Leaks.check()

const count = Number(process.env["STRAND_RECORDS"] ?? 20_000)

/** How many operations are done with them. */
const operations = 2000

/** What a statement costs, and what each row costs that it reads, in milliseconds: about what it is. */
const statement = 0.02
const row = 0.002

/** The longest that the event loop may be kept: what the store allows itself, and what it had begun by then. */
const limit = 20

/** The time that the statements have cost so far. */
let cost = 0

/** What is being done, and what was being done when the first statement of this turn was run. */
let doing = ""
let turnOf: string | undefined

/** The statements that have been run. */
const statements = new Set<string>()

/** Lets the clock, by which the store sees when others are to have their turn, show what the statements have cost. */
const countStatements = Effect.acquireRelease(
  Effect.sync(() => {
    vi.spyOn(performance, "now").mockImplementation(() => cost)
    for (const name of ["run", "get", "all"] as const) {
      const original = StatementSync.prototype[name]
      vi.spyOn(StatementSync.prototype, name).mockImplementation(function (this: StatementSync, ...parameters) {
        const result: unknown = Reflect.apply(original, this, parameters)
        statements.add(this.sourceSQL)
        turnOf ??= doing
        cost += statement + (Array.isArray(result) ? row * result.length : 0)
        return result as never
      })
    }
  }),
  () => Effect.sync(() => vi.restoreAllMocks())
)

/** Finds the longest turns of the event loop, by what is done in them. */
const watchTurns = () => {
  const longest = new Map<string, number>()
  let last = cost
  let ended = false
  const turn = () => {
    if (turnOf !== undefined) longest.set(turnOf, Math.max(longest.get(turnOf) ?? 0, cost - last))
    turnOf = undefined
    last = cost
    if (!ended) setImmediate(turn)
  }
  setImmediate(turn)
  return {
    during: <A, E, R>(name: string, effect: Effect.Effect<A, E, R>) =>
      Effect.suspend(() => {
        doing = name
        return effect
      }),
    end: () => {
      ended = true
      return longest
    }
  }
}

const nextTurn = Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))

describe("the event loop", { timeout: 60_000 + count / 5 }, () => {
  it.live(`goes on beside ${count} records`, () =>
    Effect.gen(function* () {
      const notes = yield* makeNotes
      const client = yield* Faults.open("SqliteStore", notes.path("store"))
      const { queue, store } = client
      yield* countStatements
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

      const longest = turns.end()
      longest.delete("the test itself")
      assert.includeMembers(
        [...longest.keys()],
        kinds.map(([name]) => name)
      )
      for (const [name, millis] of longest) assert.isBelow(millis, limit, name)
      const database = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(join(notes.path("store"), "tasks.db"), { readOnly: true })),
        (database) => Effect.sync(() => database.close())
      )
      const plans = [...statements]
        .filter((sql) => /^\s*(SELECT|INSERT|UPDATE|DELETE)/.test(sql))
        .map((sql) => ({
          sql,
          steps: database
            .prepare(`EXPLAIN QUERY PLAN ${sql}`)
            .all()
            .map((step) => String(step["detail"]))
        }))
      assert.isAbove(plans.length, 20)
      // A step that goes through a whole table: `t` is what joins call that of the tasks.
      assert.deepStrictEqual(
        plans.filter(({ steps }) => steps.some((step) => /^SCAN (strand_tasks|t)\b/.test(step))),
        []
      )
    })
  )
})
