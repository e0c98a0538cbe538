/**
 * What holds for a queue: pauses, and how many of its tasks run at once.
 *
 * @since 0.2.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Subject from "./StoreSubject.ts"

/** Tests of the settings of queues. */
export const limits = (subject: Subject.StoreSubject): void => {
  const test = Subject.testWith(subject)

  test("settings are kept, and what is left out stays", (client, other) =>
    Effect.gen(function* () {
      const none = { paused: false, concurrency: undefined, concurrencyPerKey: undefined }
      assert.deepStrictEqual(yield* client.queue.settings("q"), none)
      yield* client.queue.configure("q", { concurrency: 3 })
      assert.deepStrictEqual(yield* other.queue.settings("q"), { ...none, concurrency: 3 })
      yield* other.queue.configure("q", { concurrencyPerKey: 2 })
      yield* other.queue.pause("q")
      assert.deepStrictEqual(yield* client.queue.settings("q"), { paused: true, concurrency: 3, concurrencyPerKey: 2 })
      yield* client.queue.configure("q", {})
      yield* client.queue.configure("q", { concurrency: undefined })
      assert.deepStrictEqual(yield* other.queue.settings("q"), { ...none, paused: true, concurrencyPerKey: 2 })
      yield* client.queue.configure("q", { paused: false })
      assert.deepStrictEqual(yield* other.queue.settings("q"), { ...none, concurrencyPerKey: 2 })
      assert.deepStrictEqual(yield* client.queue.settings("other"), none)
    }))

  test("no task of a paused queue is started, what runs goes on", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      yield* client.queue.offer(Subject.tasks(3))
      const running = yield* reader.one
      yield* other.queue.pause()
      assert.deepInclude(yield* client.queue.settings("default"), { paused: true })
      const elsewhere = yield* Subject.offer(client, { queue: "q" })
      assert.deepStrictEqual(Subject.idsOf(yield* reader.claim(10)), [elsewhere])
      yield* Subject.offer(other)
      assert.deepStrictEqual(yield* reader.claim(10), [])
      assert.isTrue(yield* reader.settle(running, Subject.again()))
      assert.deepStrictEqual(yield* reader.claim(10), [])
      assert.strictEqual(yield* client.store.size({ status: "pending" }), 4)
      const [claims] = yield* Effect.all([reader.take(4), other.queue.resume()], { concurrency: 2 })
      assert.strictEqual(claims[0]!.id, running.id)
    }))

  test("queues are paused one by one", (client, other) =>
    Effect.gen(function* () {
      yield* client.queue.pause("p")
      yield* client.queue.pause("q")
      const p = yield* Subject.offer(client, { queue: "p" })
      const q = yield* Subject.offer(client, { queue: "q" })
      const reader = yield* Subject.reader(other)
      assert.deepStrictEqual(yield* reader.claim(10), [])
      const [claim] = yield* Effect.all([reader.one, client.queue.resume("q")], { concurrency: 2 })
      assert.strictEqual(claim.id, q)
      assert.deepStrictEqual(yield* reader.claim(10), [])
      const [last] = yield* Effect.all([reader.one, client.queue.resume("p")], { concurrency: 2 })
      assert.strictEqual(last.id, p)
    }))

  test("a limit of a queue holds over all consumers", (client, other) =>
    Effect.gen(function* () {
      yield* client.queue.configure("q", { concurrency: 3 })
      yield* client.queue.offer(Subject.tasks(10, { queue: "q", priority: 0 }))
      const readers = [yield* Subject.reader(client), yield* Subject.reader(other), yield* Subject.reader(other)]
      const first = yield* readers[0]!.claim(2)
      const second = yield* readers[1]!.claim(10)
      assert.deepStrictEqual([first.length, second.length], [2, 1])
      const free = yield* Subject.offer(client)
      assert.deepStrictEqual(Subject.idsOf(yield* readers[2]!.claim(10)), [free])
      assert.deepStrictEqual(yield* readers[2]!.claim(10), [])
      const [claim] = yield* Effect.all([readers[2]!.one, readers[0]!.settle(first[0]!, Subject.done())], {
        concurrency: 2
      })
      assert.strictEqual(claim.queue, "q")
      yield* readers[1]!.settle(second[0]!, Subject.release)
      assert.lengthOf(yield* readers[1]!.claim(10), 1)
      yield* readers[0]!.leave
      assert.lengthOf(yield* readers[1]!.claim(10), 1)
      assert.strictEqual(yield* client.store.size({ status: "running", queue: "q" }), 3)
      yield* client.queue.configure("q", { concurrency: undefined })
      assert.lengthOf(yield* readers[1]!.claim(10), 6)
    }))

  test("a limit that is raised lets waiting consumers on", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      yield* client.queue.configure("default", { concurrency: 1 })
      yield* client.queue.offer(Subject.tasks(5))
      yield* reader.take(1)
      assert.deepStrictEqual(yield* reader.claim(10), [])
      yield* Effect.all([reader.take(2), other.queue.configure("default", { concurrency: 3 })], { concurrency: 2 })
      assert.deepStrictEqual(yield* reader.claim(10), [])
      yield* Effect.all([reader.take(2), other.queue.configure("default", { concurrency: undefined })], {
        concurrency: 2
      })
    }))

  test("a limit per key holds over all consumers, and for each key by itself", (client, other) =>
    Effect.gen(function* () {
      yield* client.queue.configure("default", { concurrencyPerKey: 2 })
      const all = ["a", "a", "a", "b", undefined, undefined, undefined, "b", "a", "b"].map((concurrencyKey, n) =>
        Subject.task({ concurrencyKey, payload: n })
      )
      yield* client.queue.offer(all)
      const readers = [yield* Subject.reader(client), yield* Subject.reader(other)]
      const first = yield* readers[0]!.claim(3)
      const second = yield* readers[1]!.claim(10)
      const numbers = (claims: ReadonlyArray<{ readonly payload: unknown }>) => claims.map(({ payload }) => payload)
      assert.deepStrictEqual(numbers([...first, ...second]), [0, 1, 3, 4, 5, 6, 7])
      assert.deepStrictEqual(yield* readers[1]!.claim(10), [])
      const [claim] = yield* Effect.all([readers[1]!.one, readers[0]!.settle(first[0]!, Subject.done())], {
        concurrency: 2
      })
      assert.strictEqual(claim.payload, 2)
      yield* readers[0]!.leave
      assert.deepStrictEqual(numbers(yield* readers[1]!.claim(10)), [1, 3])
    }))

  test("a key in one queue is another key in another queue", (client, other) =>
    Effect.gen(function* () {
      for (const queue of ["p", "q"]) yield* client.queue.configure(queue, { concurrencyPerKey: 1 })
      const all = ["p", "p", "q", "q"].map((queue) => Subject.task({ queue, concurrencyKey: "x" }))
      yield* client.queue.offer(all)
      const reader = yield* Subject.reader(other)
      const claims = yield* reader.claim(10)
      assert.deepStrictEqual(Subject.idsOf(claims), [all[0]!.id, all[2]!.id])
      for (const n of [1, 0]) {
        yield* reader.settle(claims[n]!, Subject.done())
        assert.deepStrictEqual(Subject.idsOf(yield* reader.claim(10)), [all[2 * n + 1]!.id])
      }
    }))

  test("tasks of one key do not wait for those that nobody here can run", (client, other) =>
    Effect.gen(function* () {
      yield* client.queue.configure("default", { concurrencyPerKey: 1 })
      const all = ["work", "strange", "work"].map((name) => Subject.task({ name, concurrencyKey: "x" }))
      yield* client.queue.offer(all)
      const [able, reader] = [
        yield* Subject.reader(client, { tasks: ["work", "strange"] }),
        yield* Subject.reader(other)
      ]
      const first = yield* able.claim(10)
      assert.deepStrictEqual(Subject.idsOf(first), [all[0]!.id])
      assert.deepStrictEqual(yield* reader.claim(10), [])
      const [claim] = yield* Effect.all([reader.one, able.settle(first[0]!, Subject.done())], { concurrency: 2 })
      assert.strictEqual(claim.id, all[2]!.id)
    }))

  test("many tasks of one key hold back no others", (client, other) =>
    Effect.gen(function* () {
      yield* client.queue.configure("default", { concurrencyPerKey: 1 })
      yield* client.queue.offer(Subject.tasks(2000, { concurrencyKey: "busy", priority: 0 }))
      const others = ["x", "y", undefined, "z"].map((concurrencyKey) => Subject.task({ concurrencyKey }))
      yield* client.queue.offer(others)
      const [busy, reader] = [yield* Subject.reader(client), yield* Subject.reader(other)]
      const running = yield* busy.one
      assert.deepStrictEqual(Subject.idsOf(yield* reader.claim(10)), Subject.idsOf(others))
      for (const _ of Subject.range(50)) {
        const id = yield* Subject.offer(client)
        assert.strictEqual((yield* reader.one).id, id)
      }
      yield* busy.settle(running, Subject.done())
      assert.lengthOf(yield* reader.claim(10), 1)
    }))

  test("both limits hold at once, under load", (client, other) =>
    Effect.gen(function* () {
      yield* client.queue.configure("default", { concurrency: 5, concurrencyPerKey: 2 })
      const total = 200
      yield* client.queue.offer(Subject.range(total).map((n) => Subject.task({ concurrencyKey: `k${n % 7}` })))
      const keyOf = new Map((yield* Subject.list(client)).map(({ concurrencyKey, id }) => [id, concurrencyKey]))
      const running = new Set<string>()
      let over = 0
      const work = Effect.fnUntraced(function* (reader: Subject.Reader) {
        while (over < total) {
          for (const claim of yield* reader.claim(2)) {
            running.add(claim.id)
            assert.isAtMost(running.size, 5)
            const key = keyOf.get(claim.id)
            assert.isAtMost([...running].filter((id) => keyOf.get(id) === key).length, 2)
            yield* Effect.yieldNow
            running.delete(claim.id)
            assert.isTrue(yield* reader.settle(claim, Subject.done()))
            over++
          }
          yield* Effect.sleep("1 millis")
        }
      })
      const readers = yield* Effect.forEach(Subject.range(6), (n) => Subject.reader(n % 2 === 0 ? client : other))
      yield* Effect.forEach(readers, work, { concurrency: "unbounded" })
      assert.strictEqual(yield* client.store.size({ status: "completed" }), total)
    }))
}
