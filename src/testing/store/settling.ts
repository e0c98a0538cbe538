/**
 * Ends: what a settlement makes of a task, and whose settlement counts.
 *
 * @since 0.2.0
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Claim } from "../../store/TaskQueue.ts"
import type { TaskRecord } from "../../store/TaskStore.ts"
import * as Subject from "./StoreSubject.ts"

const hour = 3_600_000

/** What a record says of its claims. */
const claimed = ({ attempts, leaseUntil, startedAt, status, token, worker }: TaskRecord) => ({
  status,
  attempts,
  token,
  held: worker !== undefined || leaseUntil !== undefined,
  started: startedAt !== undefined
})

/** Tests of settlements. */
export const settling = (subject: Subject.StoreSubject): void => {
  const test = Subject.testWith(subject)

  test("Done ends a task with its status and its exit", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      for (const settlement of [
        Subject.done({ value: [1] }),
        Subject.done(null),
        Subject.ended("failed", [{ _tag: "Fail", error: "no" }]),
        Subject.ended("cancelled")
      ]) {
        if (settlement._tag !== "Done") throw new Error("not Done")
        const id = yield* Subject.offer(client)
        const before = Date.now()
        yield* Subject.run(reader, settlement)
        const record = yield* Subject.record(other, id)
        assert.deepStrictEqual(record.exit, settlement.exit)
        assert.deepInclude(record, { status: settlement.status, attempts: 1, token: 1 })
        assert.deepInclude(record, { worker: undefined, leaseUntil: undefined, cancelRequested: false })
        assert.isAtLeast(record.finishedAt!, before - 5)
        assert.isAtMost(record.finishedAt!, Date.now() + 5)
        assert.isAtMost(record.startedAt!, record.finishedAt!)
      }
      assert.deepStrictEqual(yield* reader.claim(10), [])
    }))

  test("Retry puts a task back with its attempts counted and its failure noted", (client, other) =>
    Effect.gen(function* () {
      const [reader, second] = [yield* Subject.reader(client), yield* Subject.reader(other)]
      const id = yield* Subject.offer(client)
      for (const attempt of [1, 2, 3]) {
        const by = attempt === 2 ? second : reader
        const claim = yield* by.one
        assert.deepInclude(claim, { id, attempt, token: attempt })
        assert.isTrue(yield* by.settle(claim, Subject.again(Date.now(), [`failure ${attempt}`])))
        const record = yield* Subject.record(other, id)
        assert.deepInclude(claimed(record), { status: "pending", attempts: attempt, token: attempt, held: false })
        assert.deepStrictEqual(record.failure, [`failure ${attempt}`])
        assert.isUndefined(record.exit)
        assert.isUndefined(record.finishedAt)
      }
      yield* Subject.run(reader, Subject.done("at last"))
      const record = yield* Subject.record(client, id)
      assert.deepInclude(record, { status: "completed", attempts: 4, exit: Subject.success("at last") })
    }))

  test("Retry at a later time makes a task scheduled", (client) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const id = yield* Subject.offer(client)
      const runAt = Date.now() + hour
      yield* Subject.run(reader, Subject.again(runAt))
      const record = yield* Subject.record(client, id)
      assert.deepInclude(record, { status: "scheduled", runAt, attempts: 1 })
      assert.deepStrictEqual(yield* reader.claim(10), [])
    }))

  test("Release puts a task back unharmed", (client, other) =>
    Effect.gen(function* () {
      const [reader, second] = [yield* Subject.reader(client), yield* Subject.reader(other)]
      const [first, next] = [yield* Subject.offer(client), yield* Subject.offer(client)]
      for (const n of [1, 2, 3]) {
        const claim = yield* Subject.run(n === 2 ? second : reader, Subject.release)
        assert.deepInclude(claim, { id: first, attempt: 1, token: n }, "it keeps its place")
        const record = yield* Subject.record(other, first)
        assert.deepInclude(claimed(record), { status: "pending", attempts: 0, token: n, held: false })
      }
      assert.deepStrictEqual(Subject.idsOf(yield* second.take(2)), [first, next])
    }))

  test("only the latest claim may settle: any other is refused and changes nothing", (client, other) =>
    Effect.gen(function* () {
      const [reader, second] = [yield* Subject.reader(client), yield* Subject.reader(other)]
      const id = yield* Subject.offer(client)
      const refused = Effect.fnUntraced(function* (claim: Claim) {
        const before = yield* Subject.record(client, id)
        for (const settlement of [Subject.done("stale"), Subject.ended("failed"), Subject.again(), Subject.release]) {
          assert.isFalse(yield* reader.settle(claim, settlement), `${settlement._tag} of token ${claim.token}`)
        }
        assert.deepStrictEqual(yield* Subject.record(client, id), before)
      })
      const released = yield* Subject.run(reader, Subject.release)
      yield* refused(released)
      const retried = yield* Subject.run(reader, Subject.again())
      assert.strictEqual(retried.token, 2)
      yield* refused(released)
      yield* refused(retried)
      const holding = yield* second.one
      assert.strictEqual(holding.token, 3)
      yield* refused(released)
      yield* refused(retried)
      assert.isTrue(yield* second.settle(holding, Subject.done("fresh")))
      yield* refused(holding)
      assert.deepStrictEqual((yield* Subject.record(other, id)).exit, Subject.success("fresh"))
    }))

  test("of many settlements of one claim at once, one counts", (client) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const id = yield* Subject.offer(client)
      const claim = yield* reader.one
      const results = yield* Effect.forEach(Subject.range(10), (n) => reader.settle(claim, Subject.done(n)), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(
        results.filter((counted) => counted),
        [true]
      )
      const { exit } = yield* Subject.record(client, id)
      assert.deepStrictEqual(exit, Subject.success(results.indexOf(true)))
    }))

  test("a consumer that leaves gives its claims back, with no attempt counted", (client, other) =>
    Effect.gen(function* () {
      const all = Subject.tasks(5)
      yield* client.queue.offer(all)
      const [leaving, staying] = [yield* Subject.reader(client), yield* Subject.reader(other)]
      const claims = yield* leaving.take(4)
      assert.isTrue(yield* leaving.settle(claims[1]!, Subject.done()))
      yield* leaving.leave
      const left = [0, 2, 3, 4].map((n) => all[n]!.id)
      for (const id of left) {
        const record = yield* Subject.record(other, id)
        assert.deepInclude(claimed(record), { status: "pending", attempts: 0, held: false })
      }
      const taken = yield* staying.take(4)
      assert.deepStrictEqual(Subject.idsOf(taken), left)
      assert.deepStrictEqual(
        taken.map(({ attempt, token }) => [attempt, token]),
        [
          [1, 2],
          [1, 2],
          [1, 2],
          [1, 1]
        ]
      )
    }))

  test("a waiting consumer is told at once of what a leaving one gives back", (client, other) =>
    Effect.gen(function* () {
      const leaving = yield* Subject.reader(client)
      const id = yield* Subject.offer(client)
      const claim = yield* leaving.one
      const staying = yield* Subject.reader(other)
      assert.deepStrictEqual(yield* staying.claim(1), [])
      const [taken] = yield* Effect.all([staying.one, leaving.leave], { concurrency: 2 })
      assert.deepInclude(taken, { id, token: claim.token + 1, attempt: 1 })
    }))

  test("a failed or cancelled task goes back into its queue with all its attempts before it", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const id = yield* Subject.offer(client, { maxAttempts: 2 })
      yield* Subject.run(reader, Subject.again())
      for (const status of ["failed", "cancelled"] as const) {
        const claim = yield* Subject.run(reader, Subject.ended(status))
        assert.strictEqual((yield* Subject.record(other, id)).status, status)
        assert.isTrue(yield* other.queue.retry(id))
        const record = yield* Subject.record(client, id)
        assert.deepInclude(claimed(record), { status: "pending", attempts: 0, token: claim.token, held: false })
        assert.deepInclude(record, { exit: undefined, finishedAt: undefined, expiresAt: undefined })
        assert.isFalse(yield* other.queue.retry(id), "it is not over any more")
      }
      const claim = yield* reader.one
      assert.deepInclude(claim, { id, attempt: 1, token: 4 })
      assert.isFalse(yield* other.queue.retry(id), "it runs")
      assert.isTrue(yield* reader.settle(claim, Subject.done("yes")))
      assert.isFalse(yield* other.queue.retry(id), "it is completed")
      assert.deepInclude(yield* Subject.record(other, id), { status: "completed", exit: Subject.success("yes") })
    }))

  test("what is put back into the queue is announced", (client, other) =>
    Effect.gen(function* () {
      const reader = yield* Subject.reader(client)
      const id = yield* Subject.offer(client)
      yield* Subject.run(reader, Subject.ended("failed"))
      const waiting = yield* Subject.reader(other)
      assert.deepStrictEqual(yield* waiting.claim(1), [])
      const [claim] = yield* Effect.all([waiting.one, client.queue.retry(id)], { concurrency: 2 })
      assert.strictEqual(claim.id, id)
    }))
}
