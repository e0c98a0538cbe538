/**
 * Records: offered tasks can be read, looked for, replaced and removed, under whatever ids and names.
 *
 * @since 0.2.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { TaskRecord } from "../../store/TaskStore.ts"
import * as Subject from "./StoreSubject.ts"

/** Texts that files, statements and patterns stumble over. */
const texts: ReadonlyArray<string> = [
  "a/b",
  "../up",
  ".",
  "it's; DROP TABLE tasks; --",
  '"quoted" \\ back',
  "100% _any_ *",
  "ünïcödé 🧵",
  "two\nlines\tand tab",
  " spaces ",
  "con:fig?",
  "__proto__",
  "long ".repeat(40)
]

/** A record as a runner writes it that only keeps notes. */
const written = (fields: Partial<TaskRecord>): TaskRecord => ({
  id: "written",
  name: "work",
  queue: "default",
  status: "completed",
  payload: { a: 1 },
  exit: Subject.success([1, 2]),
  failure: undefined,
  attempts: 2,
  maxAttempts: 3,
  retryDelays: [10, 20],
  priority: 4,
  createdAt: Date.now(),
  runAt: Date.now(),
  startedAt: Date.now(),
  finishedAt: Date.now(),
  deadline: Date.now() + 1000,
  timeToLive: Number.POSITIVE_INFINITY,
  expiresAt: undefined,
  token: 2,
  worker: undefined,
  leaseUntil: undefined,
  cancelRequested: false,
  progress: "half",
  tags: ["a", "b"],
  trace: { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7", sampled: true },
  parentId: "parent",
  idempotencyKey: undefined,
  concurrencyKey: undefined,
  principal: { user: "ada", roles: ["x", null] },
  discardResult: true,
  ...fields
})

/** Tests of single records. */
export const records = (subject: Subject.StoreSubject): void => {
  const test = Subject.testWith(subject)

  test("an offered task has a record with all that was given", (client, other) =>
    Effect.gen(function* () {
      const task = Subject.task({
        name: "some name",
        queue: "some queue",
        payload: { deep: [1, { text: "x" }] },
        priority: -5,
        deadline: Date.now() + 60_000,
        maxAttempts: 7,
        retryDelays: [100, 200.5],
        timeToLive: 12_345,
        tags: ["one", "two"],
        trace: { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7", sampled: false },
        parentId: "a parent",
        idempotencyKey: "an idempotency key",
        concurrencyKey: "a concurrency key",
        principal: { user: "ünïcödé 🧵", roles: ["a", { since: 0.5 }], manager: null },
        discardResult: true
      })
      assert.deepStrictEqual(yield* client.queue.offer([task]), [{ id: task.id, created: true }])
      const { text: _, ...given } = task
      assert.deepStrictEqual(yield* Subject.record(other, task.id), {
        ...given,
        status: "pending",
        exit: undefined,
        failure: undefined,
        attempts: 0,
        startedAt: undefined,
        finishedAt: undefined,
        expiresAt: undefined,
        token: 0,
        worker: undefined,
        leaseUntil: undefined,
        cancelRequested: false,
        progress: undefined
      } as TaskRecord)
    }))

  test("what is left out of a task is undefined or empty in its record", (client) =>
    Effect.gen(function* () {
      const record = yield* Subject.record(client, yield* Subject.offer(client))
      assert.deepInclude(record, {
        deadline: undefined,
        retryDelays: undefined,
        tags: [],
        trace: undefined,
        parentId: undefined,
        idempotencyKey: undefined,
        concurrencyKey: undefined,
        principal: undefined,
        discardResult: false
      })
      assert.isAbove(record.timeToLive, 0)
    }))

  test("what is not there is not found", (client) =>
    Effect.gen(function* () {
      const { queue, store } = client
      assert.isTrue(Option.isNone(yield* store.get("nobody")))
      assert.isFalse(yield* store.has("nobody"))
      assert.isFalse(yield* store.remove("nobody"))
      assert.isFalse(yield* queue.cancel("nobody"))
      assert.isFalse(yield* queue.retry("nobody"))
      assert.strictEqual(yield* store.size(), 0)
      assert.deepStrictEqual(yield* Subject.list(client), [])
      assert.deepStrictEqual(yield* queue.offer([]), [])
      assert.strictEqual(yield* store.clear(), 0)
      assert.strictEqual(yield* store.cleanupExpired, 0)
    }))

  test("ids, names, queues, tags and keys may be any text", (client, other) =>
    Effect.gen(function* () {
      const offered = texts.map((text) =>
        Subject.task({
          id: `${text}#`,
          name: text,
          queue: text,
          tags: [text],
          parentId: text,
          idempotencyKey: text,
          concurrencyKey: text,
          payload: text
        })
      )
      yield* client.queue.offer(offered)
      for (const task of offered) {
        const record = yield* Subject.record(other, task.id)
        const { text: _, ...given } = task
        assert.deepInclude(record, given as Partial<TaskRecord>)
        assert.isTrue(yield* other.store.has(task.id))
        for (const filter of [{ name: task.name }, { queue: task.queue }, { tag: task.name }]) {
          assert.deepStrictEqual(Subject.idsOf(yield* Subject.list(other, filter)), [task.id], JSON.stringify(filter))
        }
      }
      const reader = yield* Subject.reader(other, { tasks: texts, queues: texts })
      assert.deepStrictEqual(Subject.idsOf(yield* reader.take(texts.length)), Subject.idsOf(offered))
      assert.strictEqual(yield* client.store.size({ status: "running" }), texts.length)
      for (const { id } of offered) assert.isTrue(yield* client.store.remove(id))
      assert.strictEqual(yield* client.store.size(), 0)
    }))

  test("ids that differ only in case are different", (client) =>
    Effect.gen(function* () {
      yield* client.queue.offer([Subject.task({ id: "case" }), Subject.task({ id: "CASE" })])
      assert.isFalse(yield* client.store.has("Case"))
      assert.isTrue(yield* client.store.remove("case"))
      assert.isTrue(yield* client.store.has("CASE"))
    }))

  test("a removed task is not started", (client, other) =>
    Effect.gen(function* () {
      const [a, b] = [yield* Subject.offer(client), yield* Subject.offer(client)]
      assert.isTrue(yield* other.store.remove(a))
      assert.isFalse(yield* client.store.remove(a))
      assert.isFalse(yield* client.store.has(a))
      assert.isTrue(Option.isNone(yield* client.store.get(a)))
      const reader = yield* Subject.reader(client)
      assert.deepStrictEqual(Subject.idsOf(yield* reader.claim(10)), [b])
    }))

  test("what has become of a task whose record was removed while it ran is not kept", (client) =>
    Effect.gen(function* () {
      const id = yield* Subject.offer(client)
      const reader = yield* Subject.reader(client)
      const claim = yield* reader.one
      assert.isTrue(yield* client.store.remove(id))
      assert.isFalse(yield* reader.settle(claim, Subject.done()))
      assert.isFalse(yield* client.store.has(id))
      assert.strictEqual(yield* client.store.size(), 0)
    }))

  test("a written record is there as it was written, and is not queued", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const record = written({})
      yield* client.store.put(record)
      assert.deepStrictEqual(yield* Subject.record(other, record.id), record)
      yield* client.store.put(written({ id: "waits", status: "pending", exit: undefined, finishedAt: undefined }))
      assert.deepStrictEqual(yield* reader.claim(10), [])
      assert.strictEqual((yield* Subject.record(other, "waits")).status, "pending")
      assert.strictEqual(yield* other.store.size(), 2)
    }))

  test("a written record takes the place of the one before", (client) =>
    Effect.gen(function* () {
      yield* client.store.put(
        written({ status: "running", exit: undefined, finishedAt: undefined, attempts: 1, tags: ["old"] })
      )
      assert.strictEqual((yield* Subject.record(client, "written")).status, "running")
      const last = written({ exit: { _tag: "Failure", cause: ["no"] }, status: "failed", failure: "before" })
      yield* client.store.put(last)
      assert.deepStrictEqual(yield* Subject.record(client, "written"), last)
      assert.strictEqual(yield* client.store.size(), 1)
      assert.strictEqual(yield* client.store.size({ tag: "old" }), 0)
      assert.strictEqual(yield* client.store.size({ tag: "b" }), 1)
    }))

  test("clear removes what is over, or what a filter names", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      yield* client.queue.offer(Subject.tasks(4, { tags: ["x"] }))
      for (const settlement of [Subject.done(), Subject.ended("failed"), Subject.ended("cancelled")]) {
        yield* Subject.run(reader, settlement)
      }
      const running = yield* reader.one
      const later = yield* Subject.offer(client, { runAt: Date.now() + 3_600_000 })
      assert.strictEqual(yield* other.store.clear({ status: "failed" }), 1)
      assert.strictEqual(yield* client.store.clear(), 2)
      assert.deepStrictEqual(Subject.idsOf(yield* Subject.list(other)), [running.id, later])
      assert.isTrue(yield* reader.settle(running, Subject.done()))
      const waiting = yield* Subject.offer(client, { queue: "q" })
      assert.strictEqual(yield* client.store.clear({ status: "pending", queue: "q" }), 1)
      assert.isFalse(yield* client.store.has(waiting))
      assert.strictEqual(yield* client.store.clear({ tag: "x" }), 1)
      assert.strictEqual(yield* client.store.clear({ status: ["scheduled", "pending"] }), 1)
      assert.strictEqual(yield* other.store.size(), 0)
      assert.deepStrictEqual(yield* reader.claim(10), [])
    }))
}
