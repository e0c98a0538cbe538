// The types of hooks, partial tasks, messages and results that are not kept.
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import { Task, type TaskContext, type TaskError, type TaskFiber, type TaskRunner } from "effect-strand"

type Is<A, B> = [A] extends [B] ? ([B] extends [A] ? true : false) : false
const is = <T extends true>(value: T = true as T): T => value

class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Int }) {}
type Failure = Odd | TaskError.TaskError

const half = Task.make("half", { payload: Schema.Int, success: Schema.Int, error: Odd, inbox: Schema.Date })
const words = Task.make("words", { success: Schema.Array(Schema.String) })
const nothing = Task.make("nothing")
const join = Task.make("join", { payload: { words: Schema.Array(Schema.String), by: Schema.String } })
const count = Task.stream("count", {
  payload: { to: Schema.Int },
  success: Schema.Int,
  error: Odd,
  inbox: Schema.String
})
const area = Task.fn("area", (width: number, height: number) => width * height)

// --- hooks -----------------------------------------------------------------------------------------------------------

half.run(1, { onEnd: (value) => is<Is<typeof value, number>>() })
half.fork(1, { onError: (cause) => is<Is<typeof cause, Cause.Cause<Failure>>>() })
count.run({ to: 1 }, { onIter: (n) => is<Is<typeof n, number>>(), onEnd: (value) => is<Is<typeof value, void>>() })
words.run(undefined, { onIter: (word) => is<Is<typeof word, string>>() })
half.run(1, { onIter: (none) => is<Is<typeof none, never>>() })
// @ts-expect-error: a definition has no hooks
Task.make("hooked", { onEnd: () => {} })

// --- results that are not kept ---------------------------------------------------------------------------------------

const discarded = half.run(1, { discardResult: true, onEnd: (value) => is<Is<typeof value, void>>() })
is<Is<typeof discarded, Effect.Effect<void, Failure, TaskRunner.TaskRunner>>>()
const forked = half.fork(1, { discardResult: true })
is<Is<Effect.Success<typeof forked>, TaskFiber.TaskFiber<void, Failure, Date>>>()
nothing.run(undefined, { discardResult: true })
const kept = half.run(1, { discardResult: false })
is<Is<Effect.Success<typeof kept>, number>>()

// --- messages --------------------------------------------------------------------------------------------------------

declare const handle: Effect.Success<ReturnType<typeof half.fork>>
handle.send(new Date())
// @ts-expect-error: a message of another type
handle.send("now")
declare const deaf: Effect.Success<ReturnType<typeof nothing.fork>>
// @ts-expect-error: a task without an inbox
deaf.send("now")
is<Is<typeof half.messages, Stream.Stream<Date, never, TaskContext.TaskContext>>>()
is<Is<Task.Message<typeof half>, Date>>()

// --- partial tasks ---------------------------------------------------------------------------------------------------

const dashed = join.partial({ by: "-" })
dashed.run({ words: ["a"] })
dashed.run({ words: ["a"], by: "+" })
// @ts-expect-error: what is missing has to be given
dashed.run({})
// @ts-expect-error: nothing at all
dashed.run()
dashed.partial({ words: [] }).run()
// @ts-expect-error: of another type
join.partial({ by: 1 })
// @ts-expect-error: no such field
join.partial({ with: "-" })
// @ts-expect-error: the handler is the whole task's
dashed.toLayer(() => Effect.void)
Task.forEach(dashed, [{ words: ["a"] }])
area.partial([1]).run([2])
area.partial([1, 2]).run()
// @ts-expect-error: of another type
area.partial(["1"])
// @ts-expect-error: one number cannot be given in part
half.partial(1)
