// Types of many calls at once, in every mode.
import type * as Effect from "effect/Effect"
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import * as Task from "effect-strand/Task"
import type { TaskError } from "effect-strand/TaskError"
import type { TaskFiber } from "effect-strand/TaskFiber"
import type { TaskRunner } from "effect-strand/TaskRunner"
import { check, type Equal } from "./check.ts"

class Denied extends Schema.TaggedError<Denied>()("Denied", { user: Schema.String }) {}

const task = Task.make("task", { payload: { n: Schema.Int }, success: Schema.Date, error: Denied })
const other = Task.make("other", { payload: Schema.String, success: Schema.Boolean })
const bare = Task.make("bare")
const stream = Task.stream("stream", { payload: Schema.Int })

const payloads = [{ n: 1 }, { n: 2 }]

// --- all -----------------------------------------------------------------------------------------------------------

const tuple = Task.all([task.run({ n: 1 }), other.run("a")])
check<Equal<typeof tuple, Effect.Effect<[Date, boolean], Denied | TaskError, TaskRunner>>>()

const record = Task.all({ task: task.run({ n: 1 }), other: other.run("a") }, { concurrency: 2 })
check<Equal<typeof record, Effect.Effect<{ task: Date; other: boolean }, Denied | TaskError, TaskRunner>>>()

const list = Task.all(payloads.map((payload) => task.run(payload)))
check<Equal<typeof list, Effect.Effect<Array<Date>, Denied | TaskError, TaskRunner>>>()

const discarded = Task.all([task.run({ n: 1 }), other.run("a")], { discard: true })
check<Equal<typeof discarded, Effect.Effect<void, Denied | TaskError, TaskRunner>>>()

const outcomes = Task.all([task.run({ n: 1 }), other.run("a")], { mode: "result" })
check<
  Equal<
    typeof outcomes,
    Effect.Effect<[Result.Result<Date, Denied | TaskError>, Result.Result<boolean, TaskError>], never, TaskRunner>
  >
>()

// --- forEach -------------------------------------------------------------------------------------------------------

const each = Task.forEach(task, payloads, { concurrency: 2, chunkSize: 0, priority: 1 })
check<Equal<typeof each, Effect.Effect<Array<Date>, Denied | TaskError, TaskRunner>>>()

const eachDefault = Task.forEach(task, new Set(payloads), { mode: "default", discard: false })
check<Equal<typeof eachDefault, Effect.Effect<Array<Date>, Denied | TaskError, TaskRunner>>>()

const eachDiscarded = Task.forEach(task, payloads, { discard: true })
check<Equal<typeof eachDiscarded, Effect.Effect<void, Denied | TaskError, TaskRunner>>>()

const eachOutcome = Task.forEach(task, payloads, { mode: "result" })
check<Equal<typeof eachOutcome, Effect.Effect<Array<Result.Result<Date, Denied | TaskError>>, never, TaskRunner>>>()

const eachBare = Task.forEach(bare, [undefined, undefined])
check<Equal<typeof eachBare, Effect.Effect<Array<void>, TaskError, TaskRunner>>>()

// @ts-expect-error: another payload
Task.forEach(task, ["a"])
// @ts-expect-error: one payload is not several
Task.forEach(task, { n: 1 })
// @ts-expect-error: an outcome that is not kept
Task.forEach(task, payloads, { mode: "result", discard: true })
// @ts-expect-error: a stream has no single result
Task.forEach(stream, [1])

// --- forkAll -------------------------------------------------------------------------------------------------------

const handles = Task.forkAll(task, payloads, { tags: ["a"] })
check<Equal<typeof handles, Effect.Effect<Array<TaskFiber<Date, Denied | TaskError>>, TaskError, TaskRunner>>>()

// @ts-expect-error: handles are given at once
Task.forkAll(task, payloads, { chunkSize: 2 })
// @ts-expect-error: a stream has no handle
Task.forkAll(stream, [1])

// --- forkAllDiscard ------------------------------------------------------------------------------------------------

const ids = Task.forkAllDiscard(task, payloads, { idempotencyKey: "k" })
check<Equal<typeof ids, Effect.Effect<ReadonlyArray<string>, TaskError, TaskRunner>>>()

// @ts-expect-error: a stream has no id
Task.forkAllDiscard(stream, [1])

// --- asCompleted ---------------------------------------------------------------------------------------------------

const completed = Task.asCompleted(task, payloads)
check<
  Equal<typeof completed, Stream.Stream<Task.Completed<{ readonly n: number }, Date>, Denied | TaskError, TaskRunner>>
>()

const completedOutcomes = Task.asCompleted(task, payloads, { mode: "result", concurrency: 4 })
check<
  Equal<
    typeof completedOutcomes,
    Stream.Stream<Task.Completed<{ readonly n: number }, Result.Result<Date, Denied | TaskError>>, never, TaskRunner>
  >
>()

// @ts-expect-error: they are read one by one
Task.asCompleted(task, payloads, { chunkSize: 2 })
// @ts-expect-error: a stream has no single result
Task.asCompleted(stream, [1])

// --- with the task last --------------------------------------------------------------------------------------------

const piped = task.pipe(Task.forEach(payloads, { concurrency: 2 }))
check<Equal<typeof piped, typeof eachDefault>>()
const pipedOutcome = task.pipe(Task.forEach(payloads, { mode: "result" }))
check<Equal<typeof pipedOutcome, typeof eachOutcome>>()
const pipedDiscarded = task.pipe(Task.forEach(payloads, { discard: true }))
check<Equal<typeof pipedDiscarded, typeof eachDiscarded>>()
const pipedHandles = task.pipe(Task.forkAll(payloads))
check<Equal<typeof pipedHandles, typeof handles>>()
const pipedIds = task.pipe(Task.forkAllDiscard(payloads, { tags: ["a"] }))
check<Equal<typeof pipedIds, typeof ids>>()
const pipedCompleted = task.pipe(Task.asCompleted(payloads))
check<Equal<Stream.Success<typeof pipedCompleted>, Task.Completed<{ n: number }, Date>>>()

// @ts-expect-error: another payload
task.pipe(Task.forEach(["a"]))
// @ts-expect-error: another payload
other.pipe(Task.forkAll(payloads))
// @ts-expect-error: a stream has no single result
stream.pipe(Task.forEach([1]))
