/**
 * Lists of records: filters, order, pages.
 *
 * @since 0.2.0
 */
import { assert } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { TaskStatus } from "../../TaskRequest.ts"
import type { EntriesOptions, Filter } from "../../store/TaskStore.ts"
import * as Subject from "./StoreSubject.ts"

const statuses: ReadonlyArray<TaskStatus> = ["scheduled", "pending", "running", "completed", "failed", "cancelled"]

/** Offers one task for each status and brings it there. Gives their ids, in the order in which they were accepted. */
const oneOfEach = Effect.fnUntraced(function* (client: Subject.Client) {
  const reader = yield* Subject.reader(client)
  const ids: Array<string> = []
  const settlements = [undefined, Subject.done(), Subject.ended("failed"), Subject.ended("cancelled")]
  const claims = []
  for (const settlement of settlements) {
    ids.push(yield* Subject.offer(client))
    claims.push([yield* reader.one, settlement] as const)
  }
  for (const [claim, settlement] of claims) if (settlement) yield* reader.settle(claim, settlement)
  ids.push(yield* Subject.offer(client), yield* Subject.offer(client, { runAt: Date.now() + 3_600_000 }))
  return {
    reader,
    ids: ["running", "completed", "failed", "cancelled", "pending", "scheduled"].map((s, i) => [s, ids[i]!])
  }
})

/** Offers tasks whose names, queues, tags and ages differ. */
const assorted = Effect.fnUntraced(function* (client: Subject.Client) {
  const start = 1_700_000_000_000
  const all = Subject.range(12).map((n) =>
    Subject.task({
      name: ["a", "b", "c"][n % 3]!,
      queue: ["p", "q"][n % 2]!,
      tags: n % 4 === 0 ? ["four", "even"] : n % 2 === 0 ? ["even"] : [],
      createdAt: start + n * 1000,
      priority: 12 - n
    })
  )
  yield* client.queue.offer(all)
  return { start, ids: Subject.idsOf(all) }
})

/** Tests of lists. */
export const listing = (subject: Subject.StoreSubject): void => {
  const test = Subject.testWith(subject)

  test("by status", (client, other) =>
    Effect.gen(function* () {
      const { ids } = yield* oneOfEach(client)
      for (const [status, id] of ids) {
        const filter = { status: status as TaskStatus }
        const found = yield* Subject.list(other, filter)
        assert.deepStrictEqual(
          found.map(({ id, status }) => [status, id]),
          [[status, id]],
          status
        )
        assert.strictEqual(yield* other.store.size(filter), 1, status)
      }
      assert.strictEqual(yield* other.store.size({ status: ["failed", "cancelled", "running"] }), 3)
      assert.strictEqual(yield* other.store.size({ status: statuses }), 6)
      assert.strictEqual(yield* other.store.size({ status: [] }), 0)
      assert.strictEqual(yield* other.store.size(), 6)
    }))

  test("by name, queue, tag and age, and by several at once", (client, other) =>
    Effect.gen(function* () {
      const { ids, start } = yield* assorted(client)
      const cases: ReadonlyArray<readonly [Filter, (n: number) => boolean]> = [
        [{}, () => true],
        [{ name: "b" }, (n) => n % 3 === 1],
        [{ name: ["a", "c", "none"] }, (n) => n % 3 !== 1],
        [{ name: [] }, () => false],
        [{ queue: "q" }, (n) => n % 2 === 1],
        [{ queue: ["p", "q"] }, () => true],
        [{ tag: "four" }, (n) => n % 4 === 0],
        [{ tag: "even" }, (n) => n % 2 === 0],
        [{ tag: "eve" }, () => false],
        [{ since: new Date(start + 3000) }, (n) => n >= 3],
        [{ until: new Date(start + 3000) }, (n) => n < 3],
        [
          { since: DateTime.makeUnsafe(start + 2000), until: DateTime.makeUnsafe(start + 9000) },
          (n) => n >= 2 && n < 9
        ],
        [{ name: "a", queue: "p", tag: "even", status: "pending" }, (n) => n % 6 === 0],
        [{ name: "a", queue: "p", tag: "four", since: new Date(start + 1) }, (n) => n % 12 === 0 && n > 0],
        [{ name: "a", status: "completed" }, () => false],
        [{ name: undefined, queue: undefined, status: undefined, tag: undefined, since: undefined }, () => true]
      ]
      for (const [filter, holds] of cases) {
        const expected = ids.filter((_, n) => holds(n))
        assert.deepStrictEqual(Subject.idsOf(yield* Subject.list(other, filter)), expected, JSON.stringify(filter))
        assert.strictEqual(yield* other.store.size(filter), expected.length, JSON.stringify(filter))
      }
    }))

  test("in order, from either end, in pages", (client, other) =>
    Effect.gen(function* () {
      const { ids } = yield* assorted(client)
      const newest = ids.toReversed()
      const cases: ReadonlyArray<readonly [EntriesOptions, ReadonlyArray<string>]> = [
        [{ first: "oldest" }, ids],
        [{ first: "newest" }, newest],
        [{ limit: 5 }, ids.slice(0, 5)],
        [{ limit: 0 }, []],
        [{ limit: 100 }, ids],
        [{ first: "newest", limit: 1 }, newest.slice(0, 1)],
        [{ after: ids[3] }, ids.slice(4)],
        [{ after: ids[3], limit: 2 }, ids.slice(4, 6)],
        [{ after: ids[11] }, []],
        [{ after: newest[3], limit: 4, first: "newest" }, newest.slice(4, 8)],
        [{ after: ids[2], name: "b", limit: 2 }, [ids[4]!, ids[7]!]],
        [{ after: ids[8], queue: "p", first: "newest" }, [ids[6]!, ids[4]!, ids[2]!, ids[0]!]]
      ]
      for (const [options, expected] of cases) {
        assert.deepStrictEqual(Subject.idsOf(yield* Subject.list(other, options)), expected, JSON.stringify(options))
      }
    }))

  test("the order of acceptance is kept among tasks of the same moment, whatever becomes of them", (client) =>
    Effect.gen(function* () {
      const createdAt = Date.now()
      const first = Subject.tasks(20, { createdAt, priority: 20 })
      const second = Subject.tasks(20, { createdAt, priority: 1 })
      yield* client.queue.offer(first)
      yield* client.queue.offer(second)
      const ids = Subject.idsOf([...first, ...second])
      const reader = yield* Subject.reader(client)
      for (const claim of yield* reader.take(25)) yield* reader.settle(claim, Subject.done())
      assert.deepStrictEqual(Subject.idsOf(yield* Subject.list(client)), ids)
      assert.deepStrictEqual(Subject.idsOf(yield* Subject.list(client, { first: "newest" })), ids.toReversed())
    }))

  test("3,000 records are listed once each, and only as far as they are wanted", (client, other) =>
    Effect.gen(function* () {
      const all = Subject.tasks(3000, { payload: "x".repeat(100) })
      yield* client.queue.offer(all)
      const ids = Subject.idsOf(all)
      assert.deepStrictEqual(Subject.idsOf(yield* Subject.list(other)), ids)
      assert.deepStrictEqual(Subject.idsOf(yield* Subject.list(other, { first: "newest" })), ids.toReversed())
      assert.deepStrictEqual(
        Subject.idsOf(yield* Stream.runCollect(Stream.take(other.store.entries(), 1500))),
        ids.slice(0, 1500)
      )
      assert.deepStrictEqual(
        Subject.idsOf(yield* Subject.list(other, { limit: 1700, after: ids[9] })),
        ids.slice(10, 1710)
      )
    }))

  test("records that are removed while they are listed disturb nothing", (client, other) =>
    Effect.gen(function* () {
      const all = Subject.tasks(1500)
      yield* client.queue.offer(all)
      const seen: Array<string> = []
      yield* Stream.runForEach(client.store.entries(), ({ id }) => {
        seen.push(id)
        return seen.length % 100 === 0 ? other.store.remove(id) : Effect.void
      })
      assert.deepStrictEqual(seen, Subject.idsOf(all))
      assert.strictEqual(yield* client.store.size(), 1485)
    }))
}
