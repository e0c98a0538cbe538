// Types of routers, limiters and dispatchers: what they need, give and fail with.
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import type * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Dispatcher from "effect-strand/Dispatcher"
import type * as Limiter from "effect-strand/Limiter"
import * as FiberRunner from "effect-strand/FiberRunner"
import * as StoreRunner from "effect-strand/StoreRunner"
import * as ThreadRunner from "effect-strand/ThreadRunner"
import type { TaskQueue } from "effect-strand/TaskQueue"
import type { TaskStore } from "effect-strand/TaskStore"
import * as Task from "effect-strand/Task"
import type { ModuleInvalid, RunnerUnavailable, TaskError } from "effect-strand/TaskError"
import type { TaskFiber } from "effect-strand/TaskFiber"
import * as TaskRouter from "effect-strand/TaskRouter"
import type { TaskRunner } from "effect-strand/TaskRunner"
import { check, type Equal, some } from "./check.ts"

class Denied extends Schema.TaggedError<Denied>()("Denied", { user: Schema.String }) {}

const task = Task.make("task", { payload: { n: Schema.Int }, success: Schema.Date, error: Denied })
const bare = Task.make("bare")
const stream = Task.stream("stream", { payload: Schema.Int, success: Schema.Date, error: Denied })

// --- TaskRouter ----------------------------------------------------------------------------------------------------

const fiber = FiberRunner.layer(some<Layer.Layer<never, "failed", Denied>>())

// What all runners need is needed; what they fail with is the calls'.
const lazy = TaskRouter.layer({
  fiber,
  thread: ThreadRunner.layer({ size: 1 }),
  store: StoreRunner.layer,
  default: "thread"
})
check<Equal<typeof lazy, Layer.Layer<TaskRunner | TaskRouter.TaskRouter, never, Denied | TaskStore | TaskQueue>>>()

// The types of Layers that are made in their place are theirs, too.
const inPlace = TaskRouter.layer({
  fiber: FiberRunner.layer(bare.toLayer(() => Effect.void)),
  inline: FiberRunner.layerInline(some<Layer.Layer<never, "failed", Denied>>()),
  default: "fiber"
})
check<Equal<typeof inPlace, Layer.Layer<TaskRunner | TaskRouter.TaskRouter, never, Denied>>>()

// Those that are opened with the router fail with it.
const eager = TaskRouter.layer({ fiber, thread: ThreadRunner.layer(), default: "fiber" }, { open: ["fiber"] })
check<Equal<typeof eager, Layer.Layer<TaskRunner | TaskRouter.TaskRouter, "failed", Denied>>>()
const both = TaskRouter.layer({ fiber, thread: ThreadRunner.layer(), default: "fiber" }, { open: ["fiber", "thread"] })
check<Equal<typeof both, Layer.Layer<TaskRunner | TaskRouter.TaskRouter, "failed" | ModuleInvalid, Denied>>>()

// @ts-expect-error: the default is none of the names
TaskRouter.layer({ thread: ThreadRunner.layer(), default: "fiber" })
// @ts-expect-error: the default is missing
TaskRouter.layer({ thread: ThreadRunner.layer() })
// @ts-expect-error: there is nothing to be the default
TaskRouter.layer({ default: "thread" })
// @ts-expect-error: a Layer of something else
TaskRouter.layer({ thread: some<Layer.Layer<TaskStore>>(), default: "thread" })
// @ts-expect-error: none of the names
TaskRouter.layer({ thread: ThreadRunner.layer(), default: "thread" }, { open: ["fiber"] })

const named = TaskRouter.TaskRouter.use((router) => router.get("thread"))
check<Equal<typeof named, Effect.Effect<TaskRunner["Service"], RunnerUnavailable, TaskRouter.TaskRouter>>>()

// --- Limiter -------------------------------------------------------------------------------------------------------

const limiter = some<Limiter.Limiter>()

const run = () => limiter.run(task.run({ n: 1 }), { key: "a", cost: 2 })
check<Equal<ReturnType<typeof run>, Effect.Effect<Date, Denied | TaskError, TaskRunner>>>()

const forked = () => limiter.fork(task.run({ n: 1 }))
check<Equal<ReturnType<typeof forked>, Effect.Effect<Fiber.Fiber<Date, Denied | TaskError>, never, TaskRunner>>>()

// A handle stays a handle.
const handle = () => limiter.forkTask(task.fork({ n: 1 }))
check<
  Equal<ReturnType<typeof handle>, Effect.Effect<TaskFiber<Date, Denied | TaskError, never>, TaskError, TaskRunner>>
>()
const scoped = () => limiter.forkTask(bare.forkScoped())
check<
  Equal<
    ReturnType<typeof scoped>,
    Effect.Effect<TaskFiber<void, TaskError, never>, TaskError, TaskRunner | Scope.Scope>
  >
>()
// @ts-expect-error: nothing to hand the permit on to
limiter.forkTask(task.run({ n: 1 }))

const wrapped = () => limiter.wrap((path: string, size?: number) => [path, size] as const)
check<
  Equal<
    ReturnType<typeof wrapped>,
    (path: string, size?: number) => Effect.Effect<readonly [string, number | undefined]>
  >
>()
const wrappedPromise = () => limiter.wrap((n: number) => Promise.resolve(n))
check<Equal<ReturnType<typeof wrappedPromise>, (n: number) => Effect.Effect<number>>>()
const wrappedEffect = () => limiter.wrap((n: number) => task.run({ n }))
check<Equal<ReturnType<typeof wrappedEffect>, (n: number) => Effect.Effect<Date, Denied | TaskError, TaskRunner>>>()
const promise = () => limiter.wrapPromise((n: number) => n)
check<Equal<ReturnType<typeof promise>, (n: number) => Promise<number>>>()

// --- Dispatcher ----------------------------------------------------------------------------------------------------

const dispatcher = some<Dispatcher.Dispatcher>()

const ticket = () => dispatcher.enqueue(task, { n: 1 }, { onEnd: (date) => date.getTime(), priority: 1 })
check<Equal<ReturnType<typeof ticket>, Effect.Effect<Dispatcher.Ticket<Date, Denied | TaskError>, never, TaskRunner>>>()
const bareTicket = () => dispatcher.enqueue(bare)
check<Equal<ReturnType<typeof bareTicket>, Effect.Effect<Dispatcher.Ticket<void, TaskError>, never, TaskRunner>>>()
const discarded = () => dispatcher.enqueue(task, { n: 1 }, { discardResult: true })
check<
  Equal<ReturnType<typeof discarded>, Effect.Effect<Dispatcher.Ticket<void, Denied | TaskError>, never, TaskRunner>>
>()
const streamed = () => dispatcher.enqueue(stream, 1, { onIter: (date) => date.getTime() })
check<
  Equal<ReturnType<typeof streamed>, Effect.Effect<Dispatcher.Ticket<void, Denied | TaskError>, never, TaskRunner>>
>()
const partial = () => dispatcher.enqueue(task.partial({ n: 1 }))
check<
  Equal<ReturnType<typeof partial>, Effect.Effect<Dispatcher.Ticket<Date, Denied | TaskError>, never, TaskRunner>>
>()
const elsewhere = () => dispatcher.enqueueOn(some<TaskRunner["Service"]>(), task, { n: 1 })
check<Equal<ReturnType<typeof elsewhere>, Effect.Effect<Dispatcher.Ticket<Date, Denied | TaskError>>>>()

// @ts-expect-error: the payload is missing
dispatcher.enqueue(task)
// @ts-expect-error: the payload is of another type
dispatcher.enqueue(task, { n: "1" })
// @ts-expect-error: a task with one result has no elements
dispatcher.enqueue(task, { n: 1 }, { onIter: () => {} })
// @ts-expect-error: the hook takes something else
dispatcher.enqueue(task, { n: 1 }, { onEnd: (text: string) => text.length })

const awaited = () => dispatcher.await(some<Dispatcher.Ticket<Date, Denied>>())
check<Equal<ReturnType<typeof awaited>, Effect.Effect<Date, Denied>>>()
const results = () => dispatcher.run()
check<Equal<ReturnType<typeof results>, Effect.Effect<ReadonlyArray<Option.Option<unknown>>>>>()
const limited = () => dispatcher.awaitComplete({ timeout: "1 second" })
check<Equal<ReturnType<typeof limited>, Effect.Effect<void, Dispatcher.DispatchTimeout>>>()

// A ticket of a narrower type is one of a wider type.
check<Dispatcher.Ticket<1, never> extends Dispatcher.Ticket<number, string> ? true : false>()
