// Types of definitions and of their calls: what is inferred from the schemas, and what the compiler refuses.
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as Task from "effect-strand/Task"
import type { TaskError } from "effect-strand/TaskError"
import type { TaskFiber } from "effect-strand/TaskFiber"
import type { TaskRunner } from "effect-strand/TaskRunner"
import { check, type Equal } from "./check.ts"

class Denied extends Schema.TaggedError<Denied>()("Denied", { user: Schema.String }) {}

// --- definitions ---------------------------------------------------------------------------------------------------

const fields = Task.make("fields", {
  payload: { path: Schema.String, size: Schema.optionalKey(Schema.Int) },
  success: Schema.Date,
  error: Denied
})
const schema = Task.make("schema", { payload: Schema.Array(Schema.BigInt), success: Schema.Option(Schema.Int) })
const bare = Task.make("bare")
const failing = Task.make("failing", { error: Schema.Union([Denied, Schema.String]), priority: 3 })
const maybe = Task.make("maybe", { payload: Schema.UndefinedOr(Schema.Int) })
const stream = Task.stream("stream", { payload: { from: Schema.Int }, success: Schema.Int, error: Denied })
const bareStream = Task.stream("bareStream")

check<Equal<Task.Payload<typeof fields>, { readonly path: string; readonly size?: number }>>()
check<Equal<Task.Success<typeof fields>, Date>>()
check<Equal<Task.Error<typeof fields>, Denied>>()
check<Equal<Task.Payload<typeof schema>, ReadonlyArray<bigint>>>()
check<Equal<Task.Payload<typeof bare>, void>>()
check<Equal<Task.Success<typeof bare>, void>>()
check<Equal<Task.Error<typeof bare>, never>>()
check<Equal<(typeof fields)["name"], "fields">>()
check<Equal<(typeof stream)["name"], "stream">>()

// --- calls ---------------------------------------------------------------------------------------------------------

const run = fields.run({ path: "a" })
check<Equal<typeof run, Effect.Effect<Date, Denied | TaskError, TaskRunner>>>()

const fork = fields.fork({ path: "a", size: 1 }, { priority: 1, timeout: "1 second" })
check<Equal<typeof fork, Effect.Effect<TaskFiber<Date, Denied | TaskError>, TaskError, TaskRunner>>>()

const forkScoped = fields.forkScoped({ path: "a" })
check<
  Equal<typeof forkScoped, Effect.Effect<TaskFiber<Date, Denied | TaskError>, TaskError, TaskRunner | Scope.Scope>>
>()

const forkDiscard = fields.forkDiscard({ path: "a" })
check<Equal<typeof forkDiscard, Effect.Effect<string, TaskError, TaskRunner>>>()

const attach = fields.attach("id")
check<Equal<typeof attach, Effect.Effect<TaskFiber<Date, Denied | TaskError>, TaskError, TaskRunner>>>()

const runSchema = schema.run([1n])
check<Equal<Effect.Error<typeof runSchema>, TaskError>>()

const runFailing = failing.run()
check<Equal<Effect.Error<typeof runFailing>, Denied | string | TaskError>>()

const results = stream.stream({ from: 1 })
check<Equal<typeof results, Stream.Stream<number, Denied | TaskError, TaskRunner>>>()

// A handle is a fiber.
export const asFiber = (handle: TaskFiber<Date, Denied>): Fiber.Fiber<Date, Denied> => handle

// --- payloads that may be left out -----------------------------------------------------------------------------------

bare.run()
bare.run(undefined, { priority: 1 })
bare.fork()
bare.forkScoped()
bare.forkDiscard()
bareStream.stream()
maybe.run(undefined)
maybe.run(1)

// @ts-expect-error: a payload of fields cannot be left out
fields.run()
// @ts-expect-error: undefined is a payload like any other, which has to be given
maybe.run()
// @ts-expect-error: a task without a payload takes none
bare.run({ path: "a" })

// --- what is refused -------------------------------------------------------------------------------------------------

// @ts-expect-error: a field of another type
fields.run({ path: 1 })
// @ts-expect-error: a field too many
fields.run({ path: "a", other: 1 })
// @ts-expect-error: an optional key is missing or there, and not undefined
fields.run({ path: "a", size: undefined })
// @ts-expect-error: a field is missing
fields.fork({})
// @ts-expect-error: not the payload's type
schema.run(["1"])
// @ts-expect-error: an unknown option
fields.run({ path: "a" }, { urgent: true })
// @ts-expect-error: an option of another type
fields.run({ path: "a" }, { priority: "high" })
// @ts-expect-error: what moves is a buffer or a port
fields.run({ path: "a" }, { transfer: [1] })
// @ts-expect-error: an id is text
fields.attach(1)
fields.run(
  { path: "a" },
  { idempotencyKey: "k", timeToLive: "1 day", maxAttempts: 3, queue: "mail", concurrencyKey: "user" }
)
fields.run({ path: "a" }, { transfer: [new ArrayBuffer(1), new MessageChannel().port1], priority: undefined })

// @ts-expect-error: a stream has no id alone
stream.forkDiscard({ from: 1 })
// @ts-expect-error: nor is it taken up again
stream.attach("id")
// @ts-expect-error: what only a store makes of a call is nothing to a stream
stream.stream({ from: 1 }, { idempotencyKey: "key" })
// @ts-expect-error: one result is no stream
fields.stream({ path: "a" })
// @ts-expect-error: a stream that has given something is not begun again
Task.stream("retried", { retry: 3 })
// @ts-expect-error: fields are schemas
Task.make("wrong", { payload: { path: "string" } })
// @ts-expect-error: a result has one schema
Task.make("wrong", { success: { path: Schema.String } })

// A schema that needs a service to be read is none that a task could have.
const withService = Schema.String as unknown as Schema.Codec<string, string, TaskRunner>
// @ts-expect-error: its services could not be given
Task.make("wrong", { payload: withService })
// @ts-expect-error: nor here
Task.make("wrong", { success: withService })

// --- plain functions -------------------------------------------------------------------------------------------------

for (const define of [Task.fn, Task.portable] as const) {
  const none = define("none", () => "text")
  check<Equal<Task.Payload<typeof none>, void>>()
  const runNone = none.run()
  check<Equal<typeof runNone, Effect.Effect<string, TaskError, TaskRunner>>>()

  const one = define("one", (x: number) => x * 2)
  check<Equal<Task.Payload<typeof one>, number>>()
  check<Equal<(typeof one)["name"], "one">>()
  const runOne = one.run(1, { priority: 1 })
  check<Equal<typeof runOne, Effect.Effect<number, TaskError, TaskRunner>>>()
  // @ts-expect-error: its argument is a number
  one.run("1")
  // @ts-expect-error: it has an argument
  one.run()

  const many = define("many", (a: string, b: ReadonlyMap<string, Date>, c: boolean) => ({ a, b, c }))
  check<Equal<Task.Payload<typeof many>, [a: string, b: ReadonlyMap<string, Date>, c: boolean]>>()
  const runMany = many.run(["a", new Map(), true])
  check<Equal<Effect.Success<typeof runMany>, { a: string; b: ReadonlyMap<string, Date>; c: boolean }>>()
  // @ts-expect-error: an argument is missing
  many.run(["a", new Map()])

  const promise = define("promise", (x: number) => Promise.resolve(x > 1))
  const runPromise = promise.run(1)
  check<Equal<typeof runPromise, Effect.Effect<boolean, TaskError, TaskRunner>>>()

  const effect = define("effect", (_: number) => null as unknown as Effect.Effect<Date, Denied>, { timeout: 100 })
  // Its errors are defects: nothing says how they would travel.
  const runEffect = effect.run(1)
  check<Equal<typeof runEffect, Effect.Effect<Date, TaskError, TaskRunner>>>()
  // @ts-expect-error: an unknown option
  define("options", () => 1, { urgent: true })
}
