// Types of stacks of middlewares: what they provide, fail with and need.
import * as Context from "effect/Context"
import type * as Layer from "effect/Layer"
import * as Middleware from "effect-strand/Middleware"
import * as StoreRunner from "effect-strand/StoreRunner"
import type { TaskQueue } from "effect-strand/TaskQueue"
import type { TaskStore } from "effect-strand/TaskStore"
import type { TaskRunner } from "effect-strand/TaskRunner"
import { check, type Equal, some } from "./check.ts"

class Audit extends Context.Service<Audit, { readonly lines: number }>()("test/Audit") {}
class Clock extends Context.Service<Clock, { readonly now: number }>()("test/Clock") {}

const runner = some<Layer.Layer<TaskRunner, "broken", Clock>>()
const plain = some<Middleware.Middleware>()
const failing = some<Middleware.Middleware<"unlocked">>()
const auditing = some<Layer.Layer<TaskRunner | Audit, never, TaskRunner | Clock>>()
const audited = some<Middleware.Middleware<"unreadable", Audit>>()

const bare = Middleware.stack(runner)
check<Equal<typeof bare, Layer.Layer<TaskRunner, "broken", Clock>>>()

const one = Middleware.stack(runner, failing)
check<Equal<typeof one, Layer.Layer<TaskRunner, "broken" | "unlocked", Clock>>>()

// What a middleware provides besides the runner stays, and is there for those further out.
const outer = Middleware.stack(runner, plain, audited, failing, auditing)
check<Equal<typeof outer, Layer.Layer<TaskRunner | Audit, "broken" | "unlocked" | "unreadable", Clock>>>()

// For those further in it is not.
const inner = Middleware.stack(runner, auditing, audited)
check<Equal<typeof inner, Layer.Layer<TaskRunner | Audit, "broken" | "unreadable", Clock | Audit>>>()

const stored = Middleware.stack(StoreRunner.layer, Middleware.recorded(), plain)
check<Equal<typeof stored, Layer.Layer<TaskRunner, never, TaskStore | TaskQueue>>>()

// A list may be empty.
const many = Middleware.stack(runner, ...some<ReadonlyArray<typeof auditing | typeof failing>>())
check<Equal<typeof many, Layer.Layer<TaskRunner, "broken" | "unlocked", Clock>>>()

// @ts-expect-error: it provides no runner
Middleware.stack(runner, some<Layer.Layer<Audit>>())
// @ts-expect-error: a stack stands on a runner
Middleware.stack(some<Layer.Layer<Audit>>(), plain)
// @ts-expect-error: a stack stands on a runner
Middleware.stack()
