/**
 * The delivery of stored tasks to the readers that run them.
 *
 * Delivery is at least once. A claim carries a fencing token, and only its holder may settle the task; a reader whose
 * process is gone, or whose heartbeat stays away for the time of its lease, loses its claims to the next reader. A result
 * is written once. {@link TaskStore} is the other service of a database, which reads the same records.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { StoreFailure } from "../TaskError.ts"
import type { EncodedExit, StoredCall } from "./TaskStore.ts"

/**
 * The queue of tasks that name none.
 *
 * @category constants
 * @since 0.2.0
 */
export const defaultQueue = "default"

/**
 * How often a task is started at most when nothing is said of it and its readers keep dying.
 *
 * @category constants
 * @since 0.2.0
 */
export const defaultMaxAttempts = 10

/**
 * What every offered task says of its call. The rest may be left out.
 *
 * @category models
 * @since 0.4.0
 */
export type Essentials = "id" | "name" | "queue" | "payload" | "priority" | "createdAt" | "runAt" | "maxAttempts"

/**
 * A task to be stored and run. Without a time to live of its own, its record has the store's.
 *
 * @category models
 * @since 0.2.0
 */
export interface NewTask
  extends
    Pick<StoredCall, Essentials>,
    Readonly<{ [K in Exclude<keyof StoredCall, Essentials>]?: StoredCall[K] | undefined }> {
  /** Whether the payload is all JSON: it holds no bytes and nothing else that only its codec knows of. */
  readonly text: boolean
}

/**
 * What became of an offered task.
 *
 * @category models
 * @since 0.2.0
 */
export interface Offered {
  /** The id of the stored task: the one that was offered, or of the earlier one with the same idempotency key. */
  readonly id: string
  /** False when an earlier task with the same name and idempotency key stands for it. */
  readonly created: boolean
}

/**
 * A task in the hands of a reader.
 *
 * @category models
 * @since 0.2.0
 */
export interface Claim extends StoredCall {
  /** The fencing token, which says that it is this claim and no later one. */
  readonly token: number
  /** 1 at the first start, and so on. */
  readonly attempt: number
}

/**
 * How a claim ends.
 *
 * **Details**
 *
 * - `Done`: the task is over, with this exit
 * - `Retry`: the attempt failed; the task waits until `runAt` for its next one
 * - `Release`: the task goes back unharmed: the attempt does not count
 *
 * @category models
 * @since 0.2.0
 */
export type Settlement =
  | {
      readonly _tag: "Done"
      readonly status: "completed" | "failed" | "cancelled"
      readonly exit: EncodedExit
      /** Whether the exit is all JSON. See {@link NewTask}. */
      readonly text: boolean
    }
  | { readonly _tag: "Retry"; readonly runAt: number; readonly cause: unknown; readonly text: boolean }
  | { readonly _tag: "Release" }

/**
 * What a consumer is told.
 *
 * **Details**
 *
 * - `Work`: a claim may find something now
 * - `Cancel`: a claimed task is to be stopped. Its `Done` is still expected
 * - `Lost`: a claim has passed to another reader: its work is to be stopped, and settling it will be refused
 *
 * @category models
 * @since 0.2.0
 */
export type ConsumerSignal =
  | { readonly _tag: "Work" }
  | { readonly _tag: "Cancel"; readonly id: string; readonly token: number }
  | { readonly _tag: "Lost"; readonly id: string; readonly token: number }

/**
 * What a consumer takes, and how it is told of it.
 *
 * @category models
 * @since 0.2.0
 */
export interface ConsumerOptions {
  /** The names of the tasks that it can run. */
  readonly tasks: ReadonlyArray<string>
  /** The queues that it takes from; undefined for all. */
  readonly queues?: ReadonlyArray<string> | undefined
  /** How long its claims last without a heartbeat, in milliseconds. Heartbeats come by themselves. */
  readonly lease: number
  /** How often to look for work that nobody announced, in milliseconds. */
  readonly pollInterval: number
  /** Called with what happens. Must not throw. */
  readonly onSignal: (signal: ConsumerSignal) => void
}

/**
 * A reader's connection to its queue. When its scope ends, the claims that it still holds go back.
 *
 * @category models
 * @since 0.2.0
 */
export interface Consumer {
  /** The name of this consumer in records. */
  readonly worker: string
  /** Takes up to `limit` tasks: the first by priority, then by age. Gives fewer, or none, when there are no more. */
  readonly claim: (limit: number) => Effect.Effect<ReadonlyArray<Claim>, StoreFailure>
  /** Ends a claim. False when the claim had been lost: nothing was written. */
  readonly settle: (claim: Claim, settlement: Settlement) => Effect.Effect<boolean, StoreFailure>
  /** Writes what a running task reports. The last of several that come close to each other is enough. */
  readonly progress: (claim: Claim, value: unknown) => void
  /** The tasks that wait in its queues and that it has no handlers for, by name. */
  readonly unknown: Effect.Effect<ReadonlyArray<{ readonly name: string; readonly count: number }>, StoreFailure>
}

/**
 * What holds for a queue, for all its readers.
 *
 * @category models
 * @since 0.2.0
 */
export interface QueueSettings {
  /** No task of a paused queue is started. */
  readonly paused: boolean
  /** How many of its tasks run at once, in all processes together; undefined for no limit. */
  readonly concurrency: number | undefined
  /** How many of its tasks with one `concurrencyKey` run at once, in all processes together; undefined for no limit. */
  readonly concurrencyPerKey: number | undefined
}

/**
 * The delivery of tasks.
 *
 * @category services
 * @since 0.2.0
 */
export class TaskQueue extends Context.Service<
  TaskQueue,
  {
    /** Stores tasks, all of them or none. They are durable when this completes. */
    readonly offer: (tasks: ReadonlyArray<NewTask>) => Effect.Effect<ReadonlyArray<Offered>, StoreFailure>
    /** Starts to take tasks. */
    readonly consume: (options: ConsumerOptions) => Effect.Effect<Consumer, StoreFailure, Scope.Scope>
    /**
     * Cancels a task by its id. One that has not been started is over at once; a running one is when its reader has
     * stopped it. False when there is no such task, or it is over. With `exit`, the first counts as failed, and that is how
     * it ends; without it the task ends with `TaskCancelled`.
     */
    readonly cancel: (id: string, exit?: EncodedExit) => Effect.Effect<boolean, StoreFailure>
    /**
     * Puts a task that failed or was cancelled back into its queue, with all its attempts before it. False when there is
     * no such task.
     */
    readonly retry: (id: string) => Effect.Effect<boolean, StoreFailure>
    /** The settings of a queue. */
    readonly settings: (queue: string) => Effect.Effect<QueueSettings, StoreFailure>
    /** Changes settings of a queue. What is left out stays. */
    readonly configure: (
      queue: string,
      settings: { readonly [K in keyof QueueSettings]?: QueueSettings[K] }
    ) => Effect.Effect<void, StoreFailure>
    /** Starts no further task of a queue until `resume`. What runs goes on. */
    readonly pause: (queue?: string) => Effect.Effect<void, StoreFailure>
    /** Ends `pause`. */
    readonly resume: (queue?: string) => Effect.Effect<void, StoreFailure>
  }
>()("effect-strand/TaskQueue") {}
