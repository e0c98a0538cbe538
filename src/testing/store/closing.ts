/**
 * Closing and opening: what is there again, what goes back, and what a closed store says.
 *
 * @since 0.2.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { until } from "../Subject.ts"
import * as Subject from "./StoreSubject.ts"

const opened = (subject: Subject.StoreSubject): void => {
  const test = Subject.testWith(subject)

  test("what was stored is there again", (client, _other, world) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      yield* client.queue.offer(Subject.tasks(3, { idempotencyKey: undefined, tags: ["t"] }))
      yield* Subject.run(reader, Subject.done({ deep: [1] }))
      yield* Subject.run(reader, Subject.again(Date.now() + 3_600_000))
      yield* Subject.offer(client, { idempotencyKey: "k", id: "keyed", runAt: Date.now() + 3_600_000 })
      yield* client.queue.configure("q", { concurrency: 3, paused: true })
      const before = yield* Subject.list(client)
      yield* reader.leave
      yield* client.close
      const again = yield* world.open()
      assert.deepStrictEqual(yield* Subject.list(again), before)
      assert.deepInclude(yield* again.queue.settings("q"), { concurrency: 3, paused: true })
      const twice = yield* again.queue.offer([Subject.task({ idempotencyKey: "k" })])
      assert.deepStrictEqual(twice, [{ id: "keyed", created: false }])
      const second = yield* Subject.reader(again)
      assert.deepStrictEqual(Subject.idsOf(yield* second.claim(10)), [before[2]!.id])
    }))

  test("a delay goes on while nothing is open", (client, _other, world) =>
    Effect.gen(function* () {
      const runAt = Date.now() + 150
      const id = yield* Subject.offer(client, { runAt })
      yield* client.close
      const again = yield* world.open()
      const reader = yield* Subject.reader(again)
      const claim = yield* reader.one
      assert.strictEqual(claim.id, id)
      assert.isAtLeast(Date.now(), runAt)
    }))

  test("the claims of a closed client go back", (client, _other, world) =>
    Effect.gen(function* () {
      const id = yield* Subject.offer(client)
      const reader = yield* Subject.reader(client)
      const claim = yield* reader.one
      yield* client.close
      const again = yield* world.open()
      const second = yield* Subject.reader(again)
      const taken = yield* second.one
      assert.strictEqual(taken.id, id)
      assert.isAbove(taken.token, claim.token)
    }))

  test("tokens and the order of acceptance go on where they were", (client, _other, world) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const [a, b] = [yield* Subject.offer(client), yield* Subject.offer(client)]
      yield* Subject.run(reader, Subject.release)
      yield* client.store.remove(b)
      yield* client.close
      const again = yield* world.open()
      const c = yield* Subject.offer(again)
      const second = yield* Subject.reader(again)
      const claims = yield* second.take(2)
      assert.deepStrictEqual(
        claims.map(({ id, token }) => [id, token]),
        [
          [a, 2],
          [c, 1]
        ]
      )
      assert.deepStrictEqual(Subject.idsOf(yield* Subject.list(again)), [a, c])
    }))

  test("a store is opened and closed many times, with its data", (client, _other, world) =>
    Effect.gen(function* () {
      yield* client.close
      for (const n of Subject.range(10)) {
        const again = yield* world.open()
        assert.strictEqual(yield* again.store.size(), n)
        yield* Subject.offer(again)
        yield* again.close
      }
    }))
}

/** Tests of closing and opening. */
export const closing = (subject: Subject.StoreSubject): void => {
  const test = Subject.testWith(subject)

  test("a closed store fails, and does not hang", (client) =>
    Effect.gen(function* () {
      const id = yield* Subject.offer(client)
      const reader = yield* Subject.reader(client)
      const claim = yield* reader.one
      const { queue, store } = client
      yield* client.close
      yield* Subject.assertStoreFails(store.get(id))
      yield* Subject.assertStoreFails(store.size())
      yield* Subject.assertStoreFails(Stream.runCollect(store.entries()))
      yield* Subject.assertStoreFails(queue.offer([Subject.task()]))
      yield* Subject.assertStoreFails(queue.cancel(id))
      yield* Subject.assertStoreFails(reader.claim(1))
      yield* Subject.assertStoreFails(reader.settle(claim, Subject.done()))
      yield* reader.leave
      yield* client.close
    }))

  test("a store can be closed at any moment", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      yield* client.queue.offer(Subject.tasks(100))
      client.store.observe("somebody", () => {})
      yield* Effect.forkScoped(Effect.ignore(Stream.runDrain(client.store.events)), { startImmediately: true })
      let settled = 0
      const busy = yield* Effect.forkScoped(
        Effect.ignore(
          Effect.forever(
            Effect.flatMap(reader.claim(1), (claims) =>
              Effect.forEach(claims, (claim) => {
                reader.progress(claim, 1)
                return Effect.map(reader.settle(claim, Subject.again()), () => settled++)
              })
            )
          )
        ),
        { startImmediately: true }
      )
      yield* until("some work", () => settled > 20)
      yield* client.close
      yield* Effect.sleep("1 millis")
      if (other !== client) assert.strictEqual(yield* other.store.size({ status: ["pending", "running"] }), 100)
      busy.interruptUnsafe()
    }))

  if (subject.capabilities.persistent) opened(subject)
}
