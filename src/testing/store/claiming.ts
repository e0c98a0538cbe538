/**
 * Claims: who gets which task, and in which order.
 *
 * @since 0.2.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Claim } from "../../store/TaskQueue.ts"
import * as Subject from "./StoreSubject.ts"

/** Tests of claims. */
export const claiming = (subject: Subject.StoreSubject): void => {
  const test = Subject.testWith(subject)

  test("by priority, then by age, across names and queues", (client, other) =>
    Effect.gen(function* () {
      const wanted = [
        { priority: -1, name: "a", queue: "p" },
        { priority: 5, name: "b", queue: "q" },
        { priority: 5, name: "a", queue: "p" },
        { priority: 5, name: "b", queue: "p" },
        { priority: 5.5, name: "a", queue: "q" },
        { priority: 10, name: "a", queue: "q" },
        { priority: 1000, name: "b", queue: "p" }
      ]
      const ids: Array<string> = []
      for (const n of [6, 1, 5, 2, 0, 3, 4]) ids[n] = yield* Subject.offer(n % 2 === 0 ? client : other, wanted[n]!)
      const reader = yield* Subject.reader(client, { tasks: ["a", "b"] })
      const claims = [...(yield* reader.take(3)), ...(yield* reader.take(4))]
      assert.deepStrictEqual(Subject.idsOf(claims), ids)
      assert.deepStrictEqual(
        claims.map(({ name, priority, queue }) => ({ priority, name, queue })),
        wanted
      )
    }))

  test("a bulk is claimed in its order", (client) =>
    Effect.gen(function* () {
      const all = Subject.tasks(500)
      yield* client.queue.offer(all)
      const reader = yield* Subject.reader(client)
      const claims: Array<Claim> = []
      for (const limit of [1, 2, 97, 400]) claims.push(...(yield* reader.take(limit)))
      assert.deepStrictEqual(Subject.idsOf(claims), Subject.idsOf(all))
    }))

  test("a claim gives no more than was asked for, and fewer when there are no more", (client) =>
    Effect.gen(function* () {
      yield* client.queue.offer(Subject.tasks(5))
      const reader = yield* Subject.reader(client)
      assert.deepStrictEqual(yield* reader.claim(0), [])
      assert.lengthOf(yield* reader.claim(1), 1)
      assert.lengthOf(yield* reader.claim(3), 3)
      assert.lengthOf(yield* reader.claim(3), 1)
      assert.lengthOf(yield* reader.claim(3), 0)
      assert.strictEqual(yield* client.store.size({ status: "running" }), 5)
    }))

  test("a claim brings all that its reader needs, and the record shows who has it", (client, other) =>
    Effect.gen(function* () {
      const task = Subject.task({
        payload: { n: 1 },
        priority: 3,
        maxAttempts: 4,
        retryDelays: [1, 2],
        deadline: Date.now() + 60_000,
        tags: ["t"],
        trace: { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7", sampled: true },
        parentId: "p",
        principal: { user: "ada" },
        discardResult: true
      })
      yield* client.queue.offer([task])
      const reader = yield* Subject.reader(client, { lease: 60_000 })
      const before = Date.now()
      const claim = yield* reader.one
      const after = Date.now()
      const {
        concurrencyKey: _c,
        idempotencyKey: _i,
        text: _t,
        timeToLive: _l,
        ...given
      } = {
        concurrencyKey: undefined,
        idempotencyKey: undefined,
        timeToLive: undefined,
        ...task
      }
      assert.deepInclude(claim, { ...given, token: 1, attempt: 1 } as Claim)
      const record = yield* Subject.record(other, task.id)
      assert.deepInclude(record, { status: "running", attempts: 1, token: 1, worker: reader.worker, exit: undefined })
      assert.isAtLeast(record.startedAt!, before - 5)
      assert.isAtMost(record.startedAt!, after + 5)
      assert.isAtLeast(record.leaseUntil!, before + 59_000)
      assert.isAtMost(record.leaseUntil!, after + 61_000)
    }))

  test("consumers have names of their own", (client, other) =>
    Effect.gen(function* () {
      const readers = [yield* Subject.reader(client), yield* Subject.reader(client), yield* Subject.reader(other)]
      assert.strictEqual(new Set(readers.map(({ worker }) => worker)).size, 3)
    }))

  test("names without a handler are left, and listed", (client, other) =>
    Effect.gen(function* () {
      const strange = Subject.tasks(3, { name: "strange", priority: 0 })
      yield* client.queue.offer(strange)
      yield* client.queue.offer(Subject.tasks(2, { name: "stranger", queue: "q" }))
      yield* client.queue.offer(Subject.tasks(4, { name: "stranger", queue: "elsewhere" }))
      const known = yield* Subject.offer(client)
      const reader = yield* Subject.reader(client, { queues: ["default", "q"] })
      assert.deepStrictEqual(Subject.idsOf(yield* reader.claim(100)), [known])
      const unknown = (consumer: Subject.Reader) =>
        Effect.map(consumer.unknown, (all) => all.map(({ count, name }) => `${count} ${name}`).toSorted())
      assert.deepStrictEqual(yield* unknown(reader), ["2 stranger", "3 strange"])
      const everywhere = yield* Subject.reader(other, { tasks: ["strange"] })
      assert.deepStrictEqual(yield* unknown(everywhere), ["6 stranger"])
      assert.deepStrictEqual(Subject.idsOf(yield* everywhere.claim(100)), Subject.idsOf(strange))
      assert.deepStrictEqual(yield* unknown(reader), ["2 stranger"])
    }))

  test("a consumer without handlers takes nothing", (client) =>
    Effect.gen(function* () {
      yield* Subject.offer(client)
      const reader = yield* Subject.reader(client, { tasks: [] })
      assert.deepStrictEqual(yield* reader.claim(10), [])
      assert.deepStrictEqual(yield* reader.unknown, [{ name: "work", count: 1 }])
    }))

  test("a consumer takes from its queues alone", (client, other) =>
    Effect.gen(function* () {
      const all = ["p", "q", "r", "p"].map((queue) => Subject.task({ queue }))
      yield* client.queue.offer(all)
      const at = (...indices: ReadonlyArray<number>) => indices.map((index) => all[index]!.id)
      const [p, pr, none, every] = [
        yield* Subject.reader(client, { queues: ["p"] }),
        yield* Subject.reader(other, { queues: ["p", "r"] }),
        yield* Subject.reader(other, { queues: ["empty"] }),
        yield* Subject.reader(client)
      ]
      assert.deepStrictEqual(yield* none.claim(10), [])
      assert.deepStrictEqual(Subject.idsOf(yield* p.claim(1)), at(0))
      assert.deepStrictEqual(Subject.idsOf(yield* pr.claim(10)), at(2, 3))
      assert.deepStrictEqual(yield* p.claim(10), [])
      assert.deepStrictEqual(Subject.idsOf(yield* every.claim(10)), at(1))
    }))

  test("2,000 tasks go to six consumers at once, each task to one of them", (client, other) =>
    Effect.gen(function* () {
      const ids = new Set<string>()
      const readers = yield* Effect.forEach(Subject.range(6), (n) => Subject.reader(n % 2 === 0 ? client : other))
      const seen: Array<string> = []
      const drain = Effect.fnUntraced(function* (reader: Subject.Reader, size: number) {
        while (seen.length < 2000) {
          const claims = yield* reader.claim(size)
          seen.push(...Subject.idsOf(claims))
          const settled = yield* Effect.forEach(claims, (claim) => reader.settle(claim, Subject.done(claim.id)), {
            concurrency: "unbounded"
          })
          assert.isTrue(settled.every(Boolean))
          if (claims.length === 0) yield* Effect.sleep("1 millis")
        }
      })
      const fill = Effect.forEach(
        Subject.range(20),
        (n) => {
          const tasks = Subject.tasks(100, { priority: n % 3 })
          for (const { id } of tasks) ids.add(id)
          return (n % 2 === 0 ? other : client).queue.offer(tasks)
        },
        { concurrency: 4 }
      )
      yield* Effect.all([fill, ...readers.map((reader, n) => drain(reader, 1 + n * 7))], { concurrency: "unbounded" })
      assert.lengthOf(seen, 2000)
      assert.deepStrictEqual(new Set(seen), ids)
      assert.strictEqual(yield* client.store.size({ status: "completed" }), 2000)
      for (const { attempts, exit, id, token } of yield* Subject.list(other)) {
        assert.deepStrictEqual({ attempts, token, exit }, { attempts: 1, token: 1, exit: Subject.success(id) })
      }
    }))
}
