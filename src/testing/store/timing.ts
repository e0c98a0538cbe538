/**
 * Time: delays, and how long records are kept.
 *
 * @since 0.2.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { until, untilEffect } from "../Subject.ts"
import * as Subject from "./StoreSubject.ts"

/** Tests of delays. */
export const delays = (subject: Subject.StoreSubject): void => {
  const test = Subject.testWith(subject)

  test("a delayed task is scheduled, then pending, and can be claimed at its time", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(other)
      const runAt = Date.now() + 300
      const id = yield* Subject.offer(client, { runAt })
      assert.deepInclude(yield* Subject.record(client, id), { status: "scheduled", runAt })
      assert.strictEqual(yield* other.store.size({ status: "scheduled" }), 1)
      assert.strictEqual(yield* other.store.size({ status: "pending" }), 0)
      assert.deepStrictEqual(yield* reader.claim(10), [])
      yield* Subject.awaitStatus(client, id, "pending")
      assert.isAtLeast(Date.now(), runAt)
      assert.strictEqual(yield* other.store.size({ status: "scheduled" }), 0)
      assert.strictEqual(yield* other.store.size({ status: "pending" }), 1)
      assert.deepStrictEqual(Subject.idsOf(yield* Subject.list(other, { status: "pending" })), [id])
      assert.strictEqual((yield* reader.one).id, id)
    }))

  test("a waiting consumer is told when a delayed task's time has come, and not before", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(other)
      for (const delay of [300, 50, 0]) {
        const runAt = Date.now() + delay
        const id = yield* Subject.offer(client, { runAt })
        const claim = yield* reader.one
        assert.strictEqual(claim.id, id)
        assert.isAtLeast(Date.now(), runAt)
        assert.strictEqual(claim.runAt, runAt)
      }
    }))

  test("several delays end each at its time, in whatever order they were offered", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const start = Date.now() + 100
      const delays = [400, 100, 300, 200]
      const all = delays.map((delay) => Subject.task({ runAt: start + delay, payload: delay }))
      for (const task of all) yield* other.queue.offer([task])
      const seen: Array<unknown> = []
      for (const _ of delays) {
        const claim = yield* reader.one
        assert.isAtLeast(Date.now(), claim.runAt)
        seen.push(claim.payload)
      }
      assert.deepStrictEqual(seen, delays.toSorted())
    }))

  test("the next attempt comes at its time", (client) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const id = yield* Subject.offer(client)
      const runAt = Date.now() + 200
      yield* Subject.run(reader, Subject.again(runAt))
      assert.deepStrictEqual(yield* reader.claim(1), [])
      const claim = yield* reader.one
      assert.deepInclude(claim, { id, attempt: 2 })
      assert.isAtLeast(Date.now(), runAt)
    }))

  test("a delay that is months long is kept", (client) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const later = yield* Subject.offer(client, { runAt: Date.now() + 90 * 86_400_000 })
      const now = yield* Subject.offer(client)
      assert.strictEqual((yield* reader.one).id, now)
      assert.deepStrictEqual(yield* reader.claim(10), [])
      assert.strictEqual((yield* Subject.record(client, later)).status, "scheduled")
    }))

  test("a scheduled task does not hold back others", (client) =>
    Effect.gen(function* () {
      yield* client.queue.offer(Subject.tasks(500, { runAt: Date.now() + 3_600_000, priority: 0 }))
      const id = yield* Subject.offer(client, { priority: 5 })
      const reader = yield* Subject.reader(client)
      assert.deepStrictEqual(Subject.idsOf(yield* reader.claim(10)), [id])
    }))
}

/** Tests of times to live. */
export const expiry = (subject: Subject.StoreSubject): void => {
  const test = Subject.testWith(subject)

  test("a record is kept for its time to live once its task is over", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const [short, long, forever, waiting] = [
        yield* Subject.offer(client, { timeToLive: 1_000 }),
        yield* Subject.offer(client, { timeToLive: 3_600_000 }),
        yield* Subject.offer(client, { timeToLive: Number.POSITIVE_INFINITY }),
        yield* Subject.offer(client, { timeToLive: 1, name: "not yet" })
      ]
      assert.strictEqual((yield* Subject.record(other, short)).expiresAt, undefined)
      for (const _ of [short, long, forever]) yield* Subject.run(reader)
      const record = yield* Subject.record(other, short)
      assert.deepInclude(record, { timeToLive: 1_000, expiresAt: record.finishedAt! + 1_000 })
      const kept = yield* Subject.record(other, long)
      assert.strictEqual(kept.expiresAt, kept.finishedAt! + 3_600_000)
      assert.deepInclude(yield* Subject.record(other, forever), {
        timeToLive: Number.POSITIVE_INFINITY,
        expiresAt: undefined
      })
      yield* until("the record expires", () => Date.now() > record.expiresAt!)
      assert.strictEqual(yield* other.store.cleanupExpired, 1)
      assert.isFalse(yield* client.store.has(short))
      assert.strictEqual(yield* client.store.cleanupExpired, 0)
      for (const id of [long, forever, waiting]) assert.isTrue(yield* client.store.has(id), id)
    }))

  test("a failed or cancelled task's record expires too, but not once it is retried", (client) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const ids = Subject.idsOf(yield* client.queue.offer(Subject.tasks(3, { timeToLive: 1_000 })))
      yield* Subject.run(reader, Subject.ended("failed"))
      yield* Subject.run(reader, Subject.ended("failed"))
      yield* client.queue.cancel(ids[2]!)
      assert.isTrue(yield* client.queue.retry(ids[0]!))
      const { expiresAt } = yield* Subject.record(client, ids[2]!)
      yield* until("the records expire", () => Date.now() > expiresAt!)
      assert.strictEqual(yield* client.store.cleanupExpired, 2)
      assert.deepStrictEqual(Subject.idsOf(yield* Subject.list(client)), ids.slice(0, 1))
    }))

  test("the store's own time to live is that of tasks that name none", { timeToLive: 1_000 }, (client) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const [id, other] = [yield* Subject.offer(client), yield* Subject.offer(client, { timeToLive: 3_600_000 })]
      yield* Subject.run(reader)
      yield* Subject.run(reader)
      const record = yield* Subject.record(client, id)
      assert.deepInclude(record, { timeToLive: 1_000, expiresAt: record.finishedAt! + 1_000 })
      assert.strictEqual((yield* Subject.record(client, other)).timeToLive, 3_600_000)
      yield* until("the record expires", () => Date.now() > record.expiresAt!)
      assert.strictEqual(yield* client.store.cleanupExpired, 1)
    })
  )

  for (const autoCleanup of [false, true]) {
    test(`an expired record is not seen any more, autoCleanup ${autoCleanup}`, { autoCleanup }, (client, other) =>
      Effect.gen(function* () {
        const reader = yield* Subject.reader(client)
        const ids = Subject.idsOf(yield* client.queue.offer(Subject.tasks(3, { timeToLive: 60 })))
        const kept = yield* Subject.offer(client, { timeToLive: 3_600_000 })
        for (const _ of [...ids, kept]) yield* Subject.run(reader)
        yield* untilEffect(
          "the records are gone",
          Effect.map(other.store.size(), (size) => size === 1)
        )
        for (const id of ids) {
          assert.isFalse(yield* client.store.has(id))
          assert.isTrue(Option.isNone(yield* client.store.get(id)))
          assert.isFalse(yield* client.queue.retry(id))
        }
        assert.deepStrictEqual(Subject.idsOf(yield* Subject.list(other)), [kept])
        assert.strictEqual(yield* other.store.size({ status: "completed" }), 1)
      })
    )
  }

  test("no record of a living task is removed, however old", { autoCleanup: true, timeToLive: 1 }, (client) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const old = yield* Subject.offer(client, { createdAt: 1000, runAt: 1000 })
      const running = yield* reader.one
      const waiting = yield* Subject.offer(client, { createdAt: 1000, runAt: 1000, name: "not yet" })
      const gone = yield* Subject.offer(client)
      yield* Subject.run(reader)
      yield* untilEffect(
        "the record is gone",
        Effect.map(client.store.has(gone), (has) => !has)
      )
      yield* client.store.cleanupExpired
      assert.strictEqual(running.id, old)
      assert.isTrue(yield* client.store.has(old))
      assert.isTrue(yield* client.store.has(waiting))
    })
  )
}
