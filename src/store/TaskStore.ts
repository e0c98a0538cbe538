/**
 * The records of tasks that outlive the program which started them.
 *
 * A store reads like a map from task ids to records: what was called, where it is in its life, how it ended. It is one
 * of the two services that a database provides; {@link TaskQueue} is the other, which hands the same tasks to readers.
 * Records hold payloads and exits as their codecs wrote them: a store knows no task's schemas.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import type * as Stream from "effect/Stream"
import type { StoreFailure } from "../TaskError.ts"
import type { TaskStatus } from "../TaskRequest.ts"
import type { Serialization } from "./Serialization.ts"

/**
 * How a stored task ended, as the task's codecs wrote it. `discarded` says that the result was not wanted, and the value is
 * none of the codec's.
 *
 * @category models
 * @since 0.2.0
 */
export type EncodedExit =
  | { readonly _tag: "Success"; readonly value: unknown; readonly discarded?: true | undefined }
  | { readonly _tag: "Failure"; readonly cause: unknown }

/**
 * Where in a trace a task was called.
 *
 * @category models
 * @since 0.2.0
 */
export interface TraceParent {
  readonly traceId: string
  readonly spanId: string
  readonly sampled: boolean
}

/**
 * A call of a task, as a store keeps it. It does not change in the task's life. All times are in milliseconds since the
 * epoch, all spans in milliseconds.
 *
 * @category models
 * @since 0.4.0
 */
export interface StoredCall {
  /** Unique among all tasks of all programs. */
  readonly id: string
  /** The name of the task's definition. */
  readonly name: string
  /** The queue that it waits in, or waited in. */
  readonly queue: string
  /** The payload as the task's codec wrote it. */
  readonly payload: unknown
  /** Lower runs first. */
  readonly priority: number
  /** When it was accepted. */
  readonly createdAt: number
  /** Before this time it is not started. */
  readonly runAt: number
  /** How often it may be started. Its readers' ends count too, failures that its retry policy rules out do not. */
  readonly maxAttempts: number
  /** The waits before the second, third, ... attempt; undefined leaves them to the task's definition. */
  readonly retryDelays: ReadonlyArray<number> | undefined
  /** After this time its result is not wanted any more, and it fails with `TaskTimeout`. */
  readonly deadline: number | undefined
  /** How long the record is kept once the task is over, in milliseconds; Infinity for as long as the store lives. */
  readonly timeToLive: number
  readonly tags: ReadonlyArray<string>
  readonly trace: TraceParent | undefined
  /** The id of the task whose handler called this one. */
  readonly parentId: string | undefined
  readonly idempotencyKey: string | undefined
  readonly concurrencyKey: string | undefined
  /** For whom it is run, as `Middleware.auth` has found out: plain JSON, undefined when nobody has asked. */
  readonly principal: unknown
  /** True when its result is not kept. */
  readonly discardResult: boolean
}

/**
 * What a store knows of a task: its call, and where it is in its life. All times are in milliseconds since the epoch.
 *
 * @category models
 * @since 0.2.0
 */
export interface TaskRecord extends StoredCall {
  readonly status: TaskStatus
  /** How it ended; undefined while it lives. */
  readonly exit: EncodedExit | undefined
  /** How the last attempt failed that was not the final one, as the task's codec wrote its Cause. */
  readonly failure: unknown
  /** How often it has been started, the running attempt included. */
  readonly attempts: number
  /** When its latest attempt was started. */
  readonly startedAt: number | undefined
  /** When it was completed, failed or cancelled. */
  readonly finishedAt: number | undefined
  /** When the record is removed; undefined while the task lives, and for a record that is kept. */
  readonly expiresAt: number | undefined
  /** The fencing token: how often it has been claimed in all its life. Only the holder of the latest claim may end it. */
  readonly token: number
  /** Which reader has it, for example `host/4711/1`; undefined when none has. */
  readonly worker: string | undefined
  /** When that reader's claim ends, unless its heartbeat extends it. */
  readonly leaseUntil: number | undefined
  /** True when a running task has been asked to stop and its reader has not stopped it yet. */
  readonly cancelRequested: boolean
  /** What its handler reported last. */
  readonly progress: unknown
}

/**
 * The exit of a task whose result is not kept.
 *
 * @category constants
 * @since 0.2.0
 */
export const discarded: EncodedExit = { _tag: "Success", value: null, discarded: true }

/**
 * A record to be written. Without a time to live of its own it has the store's.
 *
 * @category models
 * @since 0.2.0
 */
export interface NewRecord extends Omit<TaskRecord, "timeToLive"> {
  readonly timeToLive: number | undefined
}

/**
 * Options that all stores have.
 *
 * @category models
 * @since 0.4.0
 */
export interface Options {
  /**
   * How payloads, results and progress are written. All programs that share a store must say the same.
   *
   * @default Serialization.json
   */
  readonly serialization?: Serialization | undefined
  /**
   * How long the record of a task is kept once the task is over, unless its definition or its call says otherwise with
   * `timeToLive`. `Infinity` keeps it for as long as the store lives.
   *
   * @default "7 days"
   */
  readonly timeToLive?: Duration.Input | undefined
  /**
   * Whether records are removed by themselves, once a minute, when their time to live is over. Until they are removed,
   * they are not seen any more either.
   *
   * @default true
   */
  readonly autoCleanup?: boolean | undefined
  /**
   * The chance, from 0 to 1, that storing tasks, or writing a record, also removes expired records. For stores that are
   * written to by programs too short-lived for `autoCleanup`.
   *
   * @default 0
   */
  readonly cleanupProbability?: number | undefined
}

/**
 * Which records are meant. What is left out does not matter; what is given must hold together.
 *
 * @category models
 * @since 0.2.0
 */
export interface Filter {
  readonly status?: TaskStatus | ReadonlyArray<TaskStatus> | undefined
  readonly name?: string | ReadonlyArray<string> | undefined
  readonly queue?: string | ReadonlyArray<string> | undefined
  /** Has this tag among its own. */
  readonly tag?: string | undefined
  /** Was accepted at this time or later. */
  readonly since?: DateTime.DateTime | Date | undefined
  /** Was accepted before this time. */
  readonly until?: DateTime.DateTime | Date | undefined
}

/**
 * Which records are listed, and how.
 *
 * @category models
 * @since 0.2.0
 */
export interface EntriesOptions extends Filter {
  /**
   * By the order in which tasks were accepted.
   *
   * @default "oldest"
   */
  readonly first?: "oldest" | "newest" | undefined
  /** Begins behind the record with this id: the last one of the page before. */
  readonly after?: string | undefined
  /** How many records at most. */
  readonly limit?: number | undefined
}

/**
 * A change of a task's status.
 *
 * @category models
 * @since 0.2.0
 */
export interface TaskEvent {
  readonly id: string
  readonly name: string
  readonly status: TaskStatus
  /** When it happened, in milliseconds since the epoch. */
  readonly at: number
}

/**
 * What an observer of one task is told. `exit` is there when the task is over, `removed` when its record is gone.
 *
 * @category models
 * @since 0.2.0
 */
export type TaskChange =
  | { readonly _tag: "Status"; readonly status: TaskStatus; readonly attempts: number }
  | { readonly _tag: "Progress"; readonly value: unknown }
  | { readonly _tag: "Settled"; readonly status: TaskStatus; readonly exit: EncodedExit }
  | { readonly _tag: "Removed" }

/**
 * The records of tasks.
 *
 * @category services
 * @since 0.2.0
 */
export class TaskStore extends Context.Service<
  TaskStore,
  {
    /** The record of a task. Fails when the record is there but cannot be read. */
    readonly get: (id: string) => Effect.Effect<Option.Option<TaskRecord>, StoreFailure>
    /** Whether there is a record of a task. */
    readonly has: (id: string) => Effect.Effect<boolean, StoreFailure>
    /** The records, fetched in pages as they are wanted. What changes meanwhile may or may not be seen. */
    readonly entries: (options?: EntriesOptions) => Stream.Stream<TaskRecord, StoreFailure>
    /** How many records there are. */
    readonly size: (filter?: Filter) => Effect.Effect<number, StoreFailure>
    /**
     * Writes a record, in place of the one with its id if there is one. For work that a runner does and a store only
     * keeps: nothing is queued, and a task that is queued has its record already, which cannot be overwritten. A record
     * that is written as running counts as failed once this program is gone.
     */
    readonly put: (record: NewRecord) => Effect.Effect<void, StoreFailure>
    /** Removes a record, and with it the task if it has not been started. False when there is none. */
    readonly remove: (id: string) => Effect.Effect<boolean, StoreFailure>
    /** Removes the records of all tasks that are over, or of those that a filter names. Gives how many. */
    readonly clear: (filter?: Filter) => Effect.Effect<number, StoreFailure>
    /** Removes the records whose time to live is over. Gives how many. */
    readonly cleanupExpired: Effect.Effect<number, StoreFailure>
    /** What happens to all tasks from now on, in whatever process. */
    readonly events: Stream.Stream<TaskEvent, StoreFailure>
    /**
     * Calls back at each change of one task from now on, wherever it is made, until the function that it gives is
     * called. The lean way of following a task, for runners; programs use the task's handle.
     */
    readonly observe: (id: string, observer: (change: TaskChange) => void) => () => void
  }
>()("effect-strand/TaskStore") {}
