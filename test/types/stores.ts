// Types of the runner and the reader of a store, and of recurring tasks: what their Layers need, give and fail with.
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as FiberRunner from "effect-strand/FiberRunner"
import * as StoreReader from "effect-strand/StoreReader"
import * as StoreRunner from "effect-strand/StoreRunner"
import * as ThreadRunner from "effect-strand/ThreadRunner"
import type { TaskQueue } from "effect-strand/TaskQueue"
import type { TaskStore } from "effect-strand/TaskStore"
import * as Task from "effect-strand/Task"
import * as TaskCron from "effect-strand/TaskCron"
import type { ModuleInvalid, StoreFailure, TaskError } from "effect-strand/TaskError"
import type { TaskRunner } from "effect-strand/TaskRunner"
import { check, type Equal, some } from "./check.ts"

const sweep = Task.make("sweep")
const mail = Task.make("mail", { payload: { to: Schema.String }, success: Schema.Int })

check<Equal<typeof StoreRunner.layer, Layer.Layer<TaskRunner, never, TaskStore | TaskQueue>>>()

const reader = StoreReader.layer({ tasks: [sweep, mail], lease: "1 minute", concurrency: 4 })
check<Equal<typeof reader, Layer.Layer<never, StoreFailure, TaskRunner | TaskQueue>>>()
// @ts-expect-error: a reader has to know the tasks
StoreReader.layer({})

const threads = StoreRunner.layerReading({ runner: ThreadRunner.layer({ size: 1 }), tasks: [mail], name: "mail" })
check<Equal<typeof threads, Layer.Layer<TaskRunner, ModuleInvalid | StoreFailure, TaskStore | TaskQueue>>>()

const fibers = StoreRunner.layerReading({
  runner: FiberRunner.layer(some<Layer.Layer<never, "failed", TaskError>>()),
  tasks: [mail]
})
check<Equal<typeof fibers, Layer.Layer<TaskRunner, "failed" | StoreFailure, TaskStore | TaskQueue | TaskError>>>()

const cron = TaskCron.layer({ name: "sweeping", task: sweep, cron: "0 3 * * *", zone: "Europe/Berlin", priority: 1 })
check<Equal<typeof cron, Layer.Layer<never, TaskError, TaskRunner>>>()
TaskCron.layer({ name: "mailing", task: mail, cron: "0 3 * * *", payload: { to: "ada" }, retry: 3 })
// @ts-expect-error: the payload is missing
TaskCron.layer({ name: "mailing", task: mail, cron: "0 3 * * *" })
// @ts-expect-error: the payload is of another type
TaskCron.layer({ name: "mailing", task: mail, cron: "0 3 * * *", payload: { to: 1 } })
// @ts-expect-error: when it runs is what the expression says
TaskCron.layer({ name: "sweeping", task: sweep, cron: "0 3 * * *", delay: "1 hour" })
// @ts-expect-error: a stream is not run for its result
TaskCron.layer({ name: "streaming", task: Task.stream("streaming"), cron: "0 3 * * *" })
