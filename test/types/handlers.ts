// Types of handlers: they fit their task, and what they need is what their Layer needs.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Task from "effect-strand/Task"
import { TaskContext } from "effect-strand/TaskContext"
import { TaskCancelled } from "effect-strand/TaskError"
import { TaskRunner } from "effect-strand/TaskRunner"
import * as FiberRunner from "effect-strand/FiberRunner"
import * as ThreadRunner from "effect-strand/ThreadRunner"
import { check, type Equal, some } from "./check.ts"

class Denied extends Schema.TaggedError<Denied>()("Denied", { user: Schema.String }) {}
class Other extends Schema.TaggedError<Other>()("Other", {}) {}
class Database extends Context.Service<Database, { readonly size: number }>()("Database") {}
class Disk extends Context.Service<Disk, { readonly path: string }>()("Disk") {}

const task = Task.make("task", { payload: { n: Schema.Int }, success: Schema.String, error: Denied })
const quiet = Task.make("quiet")
const stream = Task.stream("stream", { payload: Schema.Int, success: Schema.Date, error: Denied })

type Handles<Name extends string, E = never, R = never> = Layer.Layer<Task.Handler<Name>, E, R>

// --- what a handler needs, its Layer needs -----------------------------------------------------------------------------

const plain = task.toLayer(({ n }) => Effect.succeed(String(n)))
check<Equal<typeof plain, Handles<"task">>>()

const needing = task.toLayer(({ n }) => Effect.map(Database, ({ size }) => String(n + size)))
check<Equal<typeof needing, Handles<"task", never, Database>>>()

// Every runner brings these along.
const own = task.toLayer(() =>
  Effect.gen(function* () {
    const { id } = yield* TaskContext
    const runner = yield* TaskRunner
    yield* runner.awaitIdle()
    yield* quiet.run()
    return id
  }).pipe(Effect.catchTag("QueueFull", () => Effect.fail(new Denied({ user: "a" }))))
)
check<Equal<typeof own, Handles<"task">>>()

// A scope in a handler is its own, not that of the Layer.
const scoped = task.toLayer(() =>
  Effect.as(
    Effect.addFinalizer(() => Effect.void),
    "text"
  )
)
check<Equal<typeof scoped, Handles<"task", never, Scope.Scope>>>()

// One that is made once may use the scope of the Layer, may fail, and needs what it needs.
const made = task.toLayer(
  Effect.gen(function* () {
    const database = yield* Effect.acquireRelease(Database, () => Effect.void)
    if (database.size === 0) return yield* new Other()
    return ({ n }: { readonly n: number }) => Effect.map(Disk, ({ path }) => path + n)
  })
)
check<Equal<typeof made, Handles<"task", Other, Database | Disk>>>()

const streaming = stream.toLayer((from) => Stream.map(Stream.range(1, from), (n) => new Date(n)))
check<Equal<typeof streaming, Handles<"stream">>>()

const streamingNeeds = stream.toLayer(() =>
  Stream.fromEffect(Effect.flatMap(TaskContext, () => Effect.map(Database, ({ size }) => new Date(size))))
)
check<Equal<typeof streamingNeeds, Handles<"stream", never, Database>>>()

const together = Layer.mergeAll(plain, streaming)
check<Equal<typeof together, Layer.Layer<Task.Handler<"task"> | Task.Handler<"stream">>>>()

const fn = Task.fn("fn", (n: number) => n)
check<Equal<typeof fn.layer, Handles<"fn">>>()

// --- what a handler may give -----------------------------------------------------------------------------------------

task.toLayer(() => Effect.fail(new Denied({ user: "a" })))
// The errors of runners belong to every task.
task.toLayer(() => Effect.fail(new TaskCancelled({ task: "a", taskId: "b" })))
task.toLayer(() => Effect.never)
task.toLayer(() => Effect.die("no"))
quiet.toLayer(() => Effect.void)
stream.toLayer(() => Stream.fail(new Denied({ user: "a" })))

// @ts-expect-error: another payload
task.toLayer(({ m }) => Effect.succeed(String(m)))
// @ts-expect-error: another payload
task.toLayer((n: number) => Effect.succeed(String(n)))
// @ts-expect-error: another result
task.toLayer(({ n }) => Effect.succeed(n))
// @ts-expect-error: an error that the task does not declare
task.toLayer(() => Effect.fail(new Other()))
// @ts-expect-error: not an Effect
task.toLayer(() => "text")
// @ts-expect-error: a stream for one result
task.toLayer(() => Stream.succeed("text"))
// @ts-expect-error: one result for a stream
stream.toLayer(() => Effect.succeed(new Date()))
// @ts-expect-error: another element
stream.toLayer(() => Stream.succeed(1))
// @ts-expect-error: an error that the task does not declare
stream.toLayer(() => Stream.fail(new Other()))
// @ts-expect-error: an error where the task declares none
quiet.toLayer(() => Effect.fail(new Denied({ user: "a" })))
// @ts-expect-error: made once, with another result
task.toLayer(Effect.succeed(() => Effect.succeed(1)))

// --- runners ---------------------------------------------------------------------------------------------------------

const fibers = FiberRunner.layer(plain)
check<Equal<typeof fibers, Layer.Layer<TaskRunner>>>()

const threads = ThreadRunner.layer({ module: "./tasks.ts" })
check<Equal<Layer.Success<typeof threads>, TaskRunner>>()
check<Equal<Layer.Services<typeof threads>, never>>()

const program = Effect.provide(
  task.run({ n: 1 }),
  FiberRunner.layer(made.pipe(Layer.provide(some<Layer.Layer<Database | Disk>>())))
)
check<Equal<Effect.Services<typeof program>, never>>()
check<Equal<Extract<Effect.Error<typeof program>, Other>, Other>>()
