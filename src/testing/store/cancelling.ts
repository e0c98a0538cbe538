/**
 * Cancellation: of tasks that wait, of tasks that run, of tasks whose readers are gone.
 *
 * @since 0.2.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Subject from "./StoreSubject.ts"

/** Tests of cancellation. */
export const cancelling = (subject: Subject.StoreSubject): void => {
  const test = Subject.testWith(subject)

  test("a waiting or scheduled task is over at once, with TaskCancelled", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      for (const runAt of [0, Date.now() + 3_600_000]) {
        const id = yield* Subject.offer(client, { runAt })
        const before = Date.now()
        assert.isTrue(yield* other.queue.cancel(id))
        const record = yield* Subject.record(client, id)
        assert.deepInclude(record, { status: "cancelled", attempts: 0, cancelRequested: false, worker: undefined })
        assert.isAtLeast(record.finishedAt!, before - 5)
        Subject.assertExit(record, "TaskCancelled")
        assert.isFalse(yield* client.queue.cancel(id), "a second time")
        assert.deepStrictEqual(yield* Subject.record(client, id), record)
      }
      assert.deepStrictEqual(yield* reader.claim(10), [])
    }))

  test("a waiting task ends with the exit that is given", (client) =>
    Effect.gen(function* () {
      const id = yield* Subject.offer(client)
      const exit = { _tag: "Failure", cause: [{ _tag: "Interrupt", fiberId: 7 }] } as const
      assert.isTrue(yield* client.queue.cancel(id, exit))
      assert.deepInclude(yield* Subject.record(client, id), { status: "failed", exit })
      assert.isFalse(yield* client.queue.cancel(id, { _tag: "Failure", cause: ["other"] }))
      assert.deepStrictEqual((yield* Subject.record(client, id)).exit, exit)
    }))

  test("what waits for its next attempt is cancelled at once", (client) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const id = yield* Subject.offer(client)
      yield* Subject.run(reader, Subject.again(Date.now() + 3_600_000))
      assert.isTrue(yield* client.queue.cancel(id))
      const record = yield* Subject.record(client, id)
      assert.deepInclude(record, { status: "cancelled", attempts: 1 })
      Subject.assertExit(record, "TaskCancelled")
    }))

  test("the reader of a running task is told at once, also by another client", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      for (const by of [client, other]) {
        const [id, bystander] = [yield* Subject.offer(client), yield* Subject.offer(client)]
        const claims = yield* reader.take(2)
        assert.isTrue(yield* by.queue.cancel(id))
        yield* reader.told("Cancel", claims[0]!)
        const running = yield* Subject.record(client, id)
        assert.deepInclude(running, { status: "running", cancelRequested: true, exit: undefined })
        assert.isFalse((yield* Subject.record(client, bystander)).cancelRequested)
        assert.isTrue(yield* reader.settle(claims[0]!, Subject.ended("cancelled", ["stopped"])))
        const record = yield* Subject.record(other, id)
        assert.deepInclude(record, {
          status: "cancelled",
          cancelRequested: false,
          exit: { _tag: "Failure", cause: ["stopped"] }
        })
        assert.isFalse(yield* by.queue.cancel(id))
        assert.isTrue(yield* reader.settle(claims[1]!, Subject.done()))
        const cancelled = reader.signals.filter((signal) => signal._tag === "Cancel").map((signal) => signal.id)
        assert.notInclude(cancelled, bystander)
      }
    }))

  test("only the reader that has the task is told", (client, other) =>
    Effect.gen(function* () {
      const [idle, reader] = [yield* Subject.reader(client), yield* Subject.reader(other)]
      const id = yield* Subject.offer(client)
      const claim = yield* reader.one
      yield* client.queue.cancel(id)
      yield* reader.told("Cancel", claim)
      assert.isEmpty(idle.signals.filter(({ _tag }) => _tag === "Cancel"))
    }))

  test("a running task that is done before it can be stopped has its own exit", (client) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const id = yield* Subject.offer(client)
      const claim = yield* reader.one
      assert.isTrue(yield* client.queue.cancel(id))
      assert.isTrue(yield* reader.settle(claim, Subject.done("early")))
      assert.deepInclude(yield* Subject.record(client, id), {
        status: "completed",
        cancelRequested: false,
        exit: Subject.success("early")
      })
    }))

  test("a running task that is cancelled is not run again", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      for (const settlement of [Subject.release, Subject.again()]) {
        const id = yield* Subject.offer(client)
        const claim = yield* reader.one
        assert.isTrue(yield* other.queue.cancel(id))
        assert.isTrue(yield* reader.settle(claim, settlement))
        const record = yield* Subject.record(client, id)
        assert.deepInclude(record, { status: "cancelled", cancelRequested: false }, settlement._tag)
        Subject.assertExit(record, "TaskCancelled")
        assert.deepStrictEqual(yield* reader.claim(10), [])
      }
    }))

  test("a running task that is cancelled ends when its reader leaves", (client, other) =>
    Effect.gen(function* () {
      const [leaving, staying] = [yield* Subject.reader(client), yield* Subject.reader(other)]
      const id = yield* Subject.offer(client)
      yield* leaving.one
      assert.isTrue(yield* other.queue.cancel(id))
      yield* leaving.leave
      const record = yield* Subject.record(other, id)
      assert.deepInclude(record, { status: "cancelled", cancelRequested: false, worker: undefined })
      Subject.assertExit(record, "TaskCancelled")
      assert.deepStrictEqual(yield* staying.claim(10), [])
    }))

  test("of many who cancel at once, one does", (client, other) =>
    Effect.gen(function* () {
      const id = yield* Subject.offer(client)
      const results = yield* Effect.forEach(
        Subject.range(10),
        (n) => (n % 2 === 0 ? client : other).queue.cancel(id, { _tag: "Failure", cause: n }),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(
        results.filter((cancelled) => cancelled),
        1
      )
      const record = yield* Subject.record(client, id)
      assert.deepStrictEqual(record.exit, { _tag: "Failure", cause: results.indexOf(true) })
    }))

  test("a task is either claimed or cancelled", (client, other) =>
    Effect.gen(function* () {
      const ids = Subject.idsOf(yield* client.queue.offer(Subject.tasks(100)))
      const reader = yield* Subject.reader(client)
      const [claims] = yield* Effect.all(
        [
          Effect.map(
            Effect.forEach(Subject.range(20), () => Effect.andThen(Effect.yieldNow, reader.claim(10))),
            (claims) => claims.flat()
          ),
          Effect.forEach(ids.toReversed(), (id) => other.queue.cancel(id), { concurrency: 5 })
        ],
        { concurrency: 2 }
      )
      const cancelled = yield* Subject.list(client, { status: "cancelled" })
      assert.sameMembers([...Subject.idsOf(claims), ...Subject.idsOf(cancelled)], ids as Array<string>)
      for (const claim of claims) yield* reader.told("Cancel", claim)
    }))
}
