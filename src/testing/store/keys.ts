/**
 * Idempotency keys: what is offered twice is one task.
 *
 * @since 0.2.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { until } from "../Subject.ts"
import * as Subject from "./StoreSubject.ts"

/** Tests of idempotency keys. */
export const keys = (subject: Subject.StoreSubject): void => {
  const test = Subject.testWith(subject)

  const offered = (client: Subject.Client, fields: Parameters<typeof Subject.task>[0]) =>
    Effect.map(client.queue.offer([Subject.task(fields)]), (all) => all[0]!)

  test("the same name and key is the earlier task, whatever has become of it", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const first = yield* offered(client, { idempotencyKey: "k", payload: "first" })
      assert.isTrue(first.created)
      const same = Effect.fnUntraced(function* (when: string) {
        const second = yield* offered(other, { idempotencyKey: "k", payload: "second", queue: "q", priority: 0 })
        assert.deepStrictEqual(second, { id: first.id, created: false }, when)
        assert.strictEqual(yield* client.store.size(), 1)
      })
      yield* same("pending")
      const claim = yield* reader.one
      assert.strictEqual(claim.payload, "first")
      yield* same("running")
      yield* reader.settle(claim, Subject.again(Date.now() + 3_600_000))
      yield* same("scheduled")
      yield* client.queue.cancel(first.id)
      yield* same("cancelled")
      yield* client.queue.retry(first.id)
      yield* Subject.run(reader, Subject.ended("failed"))
      yield* same("failed")
      yield* client.queue.retry(first.id)
      yield* Subject.run(reader)
      yield* same("completed")
      assert.deepStrictEqual(yield* reader.claim(10), [])
    }))

  test("another name, another key or no key is another task", (client) =>
    Effect.gen(function* () {
      const fields = [
        { idempotencyKey: "k" },
        { idempotencyKey: "K" },
        { idempotencyKey: "k", name: "other" },
        { idempotencyKey: "" },
        {},
        {}
      ]
      const all = yield* Effect.forEach(fields, (fields) => offered(client, fields))
      assert.isTrue(all.every(({ created }) => created))
      assert.strictEqual(yield* client.store.size(), fields.length)
    }))

  test("within one bulk too", (client) =>
    Effect.gen(function* () {
      yield* offered(client, { idempotencyKey: "before", id: "before" })
      const bulk = ["a", "b", "a", "before", undefined, "b"].map((idempotencyKey, n) =>
        Subject.task({ idempotencyKey, id: `bulk ${n}` })
      )
      assert.deepStrictEqual(yield* client.queue.offer(bulk), [
        { id: "bulk 0", created: true },
        { id: "bulk 1", created: true },
        { id: "bulk 0", created: false },
        { id: "before", created: false },
        { id: "bulk 4", created: true },
        { id: "bulk 1", created: false }
      ])
      assert.strictEqual(yield* client.store.size(), 4)
    }))

  test("a key is free once its record is removed", (client, other) =>
    Effect.gen(function* () {
      const first = yield* offered(client, { idempotencyKey: "k" })
      yield* other.store.remove(first.id)
      const second = yield* offered(client, { idempotencyKey: "k" })
      assert.isTrue(second.created)
      const reader = yield* Subject.reader(client)
      yield* Subject.run(reader)
      assert.strictEqual(yield* other.store.clear(), 1)
      assert.isTrue((yield* offered(other, { idempotencyKey: "k" })).created)
    }))

  test("a key is free once its record has expired", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const first = yield* offered(client, { idempotencyKey: "k", timeToLive: 30 })
      yield* Subject.run(reader)
      const { expiresAt } = yield* Subject.record(client, first.id)
      yield* until("the record expires", () => Date.now() > expiresAt!)
      const second = yield* offered(other, { idempotencyKey: "k" })
      assert.isTrue(second.created)
      assert.deepStrictEqual(yield* offered(client, { idempotencyKey: "k" }), { id: second.id, created: false })
      yield* client.store.cleanupExpired
      assert.deepStrictEqual(yield* offered(other, { idempotencyKey: "k" }), { id: second.id, created: false })
      assert.strictEqual((yield* reader.one).id, second.id)
    }))

  test("many who offer one key at once have one task", (client, other) =>
    Effect.gen(function* () {
      const all = yield* Effect.forEach(
        Subject.range(100),
        (n) => offered(n % 2 === 0 ? client : other, { idempotencyKey: `k${n % 5}` }),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(
        all.filter(({ created }) => created),
        5
      )
      for (const n of Subject.range(5)) {
        assert.strictEqual(new Set(all.filter((_, index) => index % 5 === n).map(({ id }) => id)).size, 1)
      }
      assert.strictEqual(yield* other.store.size(), 5)
      const reader = yield* Subject.reader(other)
      assert.lengthOf(yield* reader.claim(100), 5)
    }))
}
