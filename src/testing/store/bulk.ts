/**
 * Many tasks in one offer: all of them are stored, or none.
 *
 * @since 0.2.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Subject from "./StoreSubject.ts"

const unwritable = () => 1

/** Tests of bulks. */
export const bulk = (subject: Subject.StoreSubject): void => {
  const test = Subject.testWith(subject)

  test("5,000 tasks are stored in one call, and claimed in their order", (client, other) =>
    Effect.gen(function* () {
      const all = Subject.range(5000).map((n) => Subject.task({ payload: n }))
      const offered = yield* client.queue.offer(all)
      assert.deepStrictEqual(
        offered,
        all.map(({ id }) => ({ id, created: true }))
      )
      assert.strictEqual(yield* other.store.size({ status: "pending" }), 5000)
      const reader = yield* Subject.reader(other)
      const claims = yield* reader.take(5000)
      assert.isTrue(claims.every(({ payload }, n) => payload === n))
      const settled = yield* Effect.forEach(claims, (claim) => reader.settle(claim, Subject.done()), {
        concurrency: "unbounded"
      })
      assert.isTrue(settled.every(Boolean))
      assert.strictEqual(yield* client.store.size({ status: "completed" }), 5000)
    }))

  test("an id that is there twice fails the whole bulk", (client, other) =>
    Effect.gen(function* () {
      const all = Subject.tasks(5000)
      yield* Subject.assertStoreFails(client.queue.offer([...all, { ...all[2500]!, payload: "again" }]))
      assert.strictEqual(yield* other.store.size(), 0)
      const reader = yield* Subject.reader(other)
      assert.deepStrictEqual(yield* reader.claim(10), [])
      yield* client.queue.offer(all)
      assert.strictEqual(yield* other.store.size(), 5000)
    }))

  test("an id that is taken fails the whole bulk, and leaves its task alone", (client, other) =>
    Effect.gen(function* () {
      const first = Subject.task({ payload: "first" })
      yield* client.queue.offer([first])
      const before = yield* Subject.record(client, first.id)
      const more = [...Subject.tasks(10), { ...first, payload: "second" }, ...Subject.tasks(10)]
      yield* Subject.assertStoreFails(other.queue.offer(more))
      assert.deepStrictEqual(yield* Subject.record(other, first.id), before)
      assert.strictEqual(yield* client.store.size(), 1)
    }))

  test("an idempotency key of a bulk that failed is free", (client) =>
    Effect.gen(function* () {
      const keyed = Subject.task({ idempotencyKey: "k" })
      yield* Subject.assertStoreFails(client.queue.offer([keyed, { ...keyed, idempotencyKey: "l" }]))
      const offered = yield* client.queue.offer([Subject.task({ idempotencyKey: "k", id: "another" })])
      assert.deepStrictEqual(offered, [{ id: "another", created: true }])
    }))

  test("a bulk that fails does no harm to what is offered, claimed and settled beside it", (client) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const running = yield* Effect.andThen(client.queue.offer(Subject.tasks(20)), reader.take(20))
      const good = Subject.range(20).map((n) => Subject.tasks(1 + n))
      const bad = (n: number) => {
        const [task] = [Subject.task({ name: "bad" })]
        return Subject.assertStoreFails(client.queue.offer([...Subject.tasks(n, { name: "bad" }), task, task]))
      }
      yield* Effect.forEach(
        good,
        (tasks, n) =>
          Effect.all([bad(n), client.queue.offer(tasks), bad(2), reader.settle(running[n]!, Subject.done(n)), bad(1)], {
            concurrency: "unbounded"
          }),
        { concurrency: "unbounded" }
      )
      assert.strictEqual(yield* client.store.size({ name: "bad" }), 0)
      assert.strictEqual(yield* client.store.size({ status: "completed" }), 20)
      const pending = yield* Subject.list(client, { status: "pending" })
      assert.sameMembers(Subject.idsOf(pending) as Array<string>, Subject.idsOf(good.flat()) as Array<string>)
    }))

  if (!subject.capabilities.persistent) return

  test("a payload that cannot be written fails the whole bulk", (client) =>
    Effect.gen(function* () {
      const circle: Record<string, unknown> = {}
      circle["self"] = circle
      for (const task of [
        Subject.task({ payload: { unwritable }, text: false }),
        Subject.task({ payload: 1n, text: true }),
        Subject.task({ payload: circle, text: true })
      ]) {
        yield* Subject.assertStoreFails(client.queue.offer([...Subject.tasks(3), task]))
        assert.strictEqual(yield* client.store.size(), 0)
      }
    }))

  test("an exit that cannot be written fails its settlement alone, which can be made again", (client) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      yield* client.queue.offer(Subject.tasks(2))
      const [claim, other] = yield* reader.take(2)
      yield* Effect.all(
        [
          Subject.assertStoreFails(reader.settle(claim!, Subject.done({ unwritable }, false))),
          Effect.map(reader.settle(other!, Subject.done("fine")), (counted) => assert.isTrue(counted))
        ],
        { concurrency: 2 }
      )
      assert.deepInclude(yield* Subject.record(client, claim!.id), { status: "running", exit: undefined })
      assert.isTrue(yield* reader.settle(claim!, Subject.ended("failed", "could not be written")))
    }))
}
