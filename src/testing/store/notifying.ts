/**
 * News: consumers, listeners and observers are told at once, whichever client it was.
 *
 * @since 0.2.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { TaskChange } from "../../store/TaskStore.ts"
import { until, untilEffect } from "../Subject.ts"
import { byTask, listen } from "./listening.ts"
import * as Subject from "./StoreSubject.ts"

/** Observes a task until the test is over. */
const observe = Effect.fnUntraced(function* (client: Subject.Client, id: string) {
  const changes: Array<TaskChange> = []
  const stop = client.store.observe(id, (change) => changes.push(change))
  yield* Effect.addFinalizer(() => Effect.sync(stop))
  return { changes, stop }
})

/** What a change says of a task's life. */
const brief = (change: TaskChange): ReadonlyArray<string> =>
  change._tag === "Progress" ? [] : [change._tag === "Removed" ? "Removed" : change.status]

/** Tests of news for consumers. */
const waking = (subject: Subject.StoreSubject): void => {
  const test = Subject.testWith(subject)

  test("an idle consumer hears of an offer, and need not look by itself", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(other)
      assert.deepStrictEqual(yield* reader.claim(1), [])
      for (const by of [client, other, client]) {
        const before = reader.works()
        const id = yield* Subject.offer(by)
        yield* until("work", () => reader.works() > before)
        assert.deepStrictEqual(Subject.idsOf(yield* reader.claim(10)), [id])
      }
    }))

  test("every idle consumer hears of work that it can do", (client, other) =>
    Effect.gen(function* () {
      const readers = [
        yield* Subject.reader(client, { tasks: ["a"] }),
        yield* Subject.reader(other, { tasks: ["b"] }),
        yield* Subject.reader(client, { tasks: ["a", "b", "c"], queues: ["q"] })
      ]
      for (const reader of readers) assert.deepStrictEqual(yield* reader.claim(1), [])
      const [claims] = yield* Effect.all(
        [
          Effect.forEach(readers, (reader) => reader.one, { concurrency: "unbounded" }),
          Effect.forEach(["a", "b"], (name) => Subject.offer(other, { name })),
          Subject.offer(client, { name: "c", queue: "q" })
        ],
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        claims.map(({ name }) => name),
        ["a", "b", "c"]
      )
    }))

  test("1,000 tasks one after the other are each announced", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(other)
      for (const n of Subject.range(1000)) {
        const [claim] = yield* Effect.all([reader.one, Subject.offer(client, { payload: n })], { concurrency: 2 })
        assert.strictEqual(claim.payload, n)
        assert.isTrue(yield* reader.settle(claim, Subject.done()))
      }
    }))

  test("a consumer that has left is told nothing", (client) =>
    Effect.gen(function* () {
      const [gone, reader] = [yield* Subject.reader(client), yield* Subject.reader(client)]
      yield* gone.leave
      const before = gone.signals.length
      yield* Effect.all([reader.one, Subject.offer(client)], { concurrency: 2 })
      assert.lengthOf(gone.signals, before)
    }))
}

/** Tests of news for everyone else. */
const watching = (subject: Subject.StoreSubject): void => {
  const test = Subject.testWith(subject)

  test("two clients see the life of each task, in order", (client, other) =>
    Effect.gen(function* () {
      const listeners = [yield* listen(client), yield* listen(other)]
      const all = Subject.tasks(200)
      const readers = [yield* Subject.reader(client), yield* Subject.reader(other)]
      const half = Effect.fnUntraced(function* (reader: Subject.Reader) {
        for (const claim of yield* reader.take(100)) yield* reader.settle(claim, Subject.done())
      })
      yield* Effect.all([...readers.map(half), client.queue.offer(all)], { concurrency: "unbounded" })
      for (const events of listeners) {
        yield* until("600 events", () => events().length >= 600)
        const lives = byTask(events())
        assert.strictEqual(lives.size, 200)
        for (const { id } of all) assert.deepStrictEqual(lives.get(id), ["pending", "running", "completed"])
        for (const { at, name } of events()) {
          assert.strictEqual(name, "work")
          assert.isAtMost(Math.abs(at - Date.now()), 60_000)
        }
      }
    }))

  test("events tell of delays, failures, cancellations and what comes back", (client, other) =>
    Effect.gen(function* () {
      const events = yield* listen(other)
      const reader = yield* Subject.reader(client)
      const life = (id: string) => byTask(events()).get(id) ?? []
      const retried = yield* Subject.offer(client)
      yield* Subject.run(reader, Subject.again())
      yield* Subject.run(reader, Subject.release)
      yield* Subject.run(reader, Subject.ended("failed"))
      yield* client.queue.retry(retried)
      yield* Subject.run(reader)
      const delayed = yield* Subject.offer(client, { runAt: Date.now() + 50 })
      yield* Subject.run(reader)
      const cancelled = yield* Subject.offer(client)
      yield* client.queue.cancel(cancelled)
      yield* until("the last event", () => life(cancelled).includes("cancelled"))
      const run = ["pending", "running"]
      assert.deepStrictEqual(life(retried), [...run, ...run, ...run, "failed", ...run, "completed"])
      assert.deepStrictEqual(
        life(delayed).filter((status) => status !== "pending"),
        ["scheduled", "running", "completed"]
      )
      assert.deepStrictEqual(life(cancelled), ["pending", "cancelled"])
    }))

  test("a listener that stops is no burden", (client) =>
    Effect.gen(function* () {
      const first = yield* Effect.forkScoped(Stream.runCollect(Stream.take(client.store.events, 1)), {
        startImmediately: true
      })
      yield* untilEffect(
        "the end of the stream",
        Effect.map(Subject.offer(client), () => first.pollUnsafe() !== undefined)
      )
      const events = yield* listen(client)
      const id = yield* Subject.offer(client)
      yield* until("the event", () => events().some((event) => event.id === id))
    }))

  test("an observer is told each change of its task, and of no other", (client, other) =>
    Effect.gen(function* () {
      // A client that listens already misses nothing of others from the first moment on.
      yield* listen(other)
      const reader = yield* Subject.reader(client)
      const task = Subject.task({ priority: 0 })
      const seen = [yield* observe(client, task.id), yield* observe(other, task.id)]
      yield* client.queue.offer([...Subject.tasks(3), task])
      yield* Subject.run(reader, Subject.again())
      const claim = yield* reader.one
      const bystander = yield* reader.one
      reader.progress(bystander, "not mine")
      reader.progress(claim, "half")
      yield* until("progress", () =>
        seen.every(({ changes }) => changes.some((change) => change._tag === "Progress" && change.value === "half"))
      )
      yield* reader.settle(claim, Subject.done("end"))
      yield* reader.settle(bystander, Subject.done("not mine"))
      yield* other.store.remove(task.id)
      for (const { changes } of seen) {
        yield* until("the removal", () => changes.some(({ _tag }) => _tag === "Removed"))
        assert.deepStrictEqual(changes.flatMap(brief), [
          "pending",
          "running",
          "pending",
          "running",
          "completed",
          "Removed"
        ])
        const statuses = changes.filter((change) => change._tag === "Status")
        assert.deepStrictEqual(statuses.at(-1), { _tag: "Status", status: "running", attempts: 2 })
        const end = changes.findIndex(({ _tag }) => _tag === "Settled")
        assert.deepStrictEqual(changes[end], {
          _tag: "Settled",
          status: "completed",
          exit: Subject.success("end")
        })
        const progress = changes.filter((change) => change._tag === "Progress")
        assert.deepStrictEqual(progress.at(-1), { _tag: "Progress", value: "half" })
        assert.isBelow(changes.indexOf(progress[0]!), end)
      }
    }))

  test("no end is missed by who has begun to observe before it", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      for (const n of Subject.range(50)) {
        const id = yield* Subject.offer(client)
        const claim = yield* reader.one
        const { changes, stop } = yield* observe(other, id)
        yield* reader.settle(claim, Subject.done(n))
        yield* until(`the end of task ${n}`, () => changes.some(({ _tag }) => _tag === "Settled"))
        assert.deepStrictEqual(changes.at(-1), { _tag: "Settled", status: "completed", exit: Subject.success(n) })
        stop()
      }
    }))

  test("an observer is told of a cancellation at once", (client, other) =>
    Effect.gen(function* () {
      const id = yield* Subject.offer(client)
      const { changes } = yield* observe(client, id)
      const exit = { _tag: "Failure", cause: ["stop"] } as const
      yield* other.queue.cancel(id, exit)
      yield* until("the end", () => changes.length > 0)
      assert.deepStrictEqual(changes, [{ _tag: "Settled", status: "failed", exit }])
    }))

  test("an observer that has stopped is told nothing", (client) =>
    Effect.gen(function* () {
      const id = yield* Subject.offer(client)
      const [staying, stopped] = [yield* observe(client, id), yield* observe(client, id)]
      stopped.stop()
      stopped.stop()
      yield* client.queue.cancel(id)
      yield* until("the end", () => staying.changes.length > 0)
      assert.isEmpty(stopped.changes)
    }))

  test("a written record is news too", (client, other) =>
    Effect.gen(function* () {
      const events = yield* listen(other)
      const reader = yield* Subject.reader(client)
      const id = yield* Subject.offer(client)
      yield* Subject.run(reader)
      const over = yield* Subject.record(client, id)
      yield* client.store.put({ ...over, id: "written", status: "running", exit: undefined, finishedAt: undefined })
      yield* client.store.put({ ...over, id: "written", status: "failed", exit: { _tag: "Failure", cause: [] } })
      yield* until("two events", () => byTask(events()).get("written")?.length === 2)
      assert.deepStrictEqual(byTask(events()).get("written"), ["running", "failed"])
    }))

  test("of progress in quick succession the last is kept and told", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const id = yield* Subject.offer(client)
      const { changes } = yield* observe(other, id)
      const claim = yield* reader.one
      for (const n of Subject.range(1000)) reader.progress(claim, n)
      yield* until("the last", () => changes.some((change) => change._tag === "Progress" && change.value === 999))
      assert.strictEqual((yield* Subject.record(other, id)).progress, 999)
      reader.progress(claim, "end")
      assert.isTrue(yield* reader.settle(claim, Subject.done()))
      assert.strictEqual((yield* Subject.record(other, id)).progress, "end", "what was reported before the end counts")
      reader.progress(claim, "after the end")
      yield* Effect.all([reader.one, Subject.offer(client)], { concurrency: 2 })
      assert.strictEqual((yield* Subject.record(other, id)).progress, "end")
    }))
}

/** Tests of news. */
export const notifying = (subject: Subject.StoreSubject): void => {
  waking(subject)
  watching(subject)
}
