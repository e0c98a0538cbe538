/** What can be said of a call beside its payload: when and how it is run, and what is done with what comes of it. */
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import type * as Hooks from "./Hooks.ts"

/**
 * When to try a failed task again.
 *
 * **Details**
 *
 * A number is a count of retries. A failure that would come again, such as a payload that does not match its schema, is
 * not retried, nor are defects and interrupts. The time limit of a call covers all its attempts.
 */
export type RetryPolicy =
  | number
  | Schedule.Schedule<unknown, unknown>
  | {
      /** How many times to try again. */
      readonly times?: number | undefined
      /** When to try again, and until when. */
      readonly schedule?: Schedule.Schedule<unknown, unknown> | undefined
      /** Which errors are worth another attempt. */
      readonly while?: ((error: unknown) => boolean) | undefined
    }

/** What can move to another thread instead of being copied. */
export type Transferable = ArrayBuffer | { readonly postMessage: (value: unknown) => void }

/** How a call is run. Each of these can also be given as a default with the task's definition. */
export interface RunOptions {
  /**
   * Lower runs first. Tasks of one priority start in the order of their calls.
   *
   * @default 10
   */
  readonly priority?: number | undefined
  /** The time limit for waiting and running. After it the work is stopped and the call fails with `TaskTimeout`. */
  readonly timeout?: Duration.Input | undefined
  /** When to try again after a failure. */
  readonly retry?: RetryPolicy | undefined
  /** Waits this long before the task is queued. */
  readonly delay?: Duration.Input | undefined
  /** Waits until this time before the task is queued. Wins over `delay`. */
  readonly runAt?: DateTime.DateTime | Date | undefined
  /** Words to find the task by, in lists and in the handler's `TaskContext`. */
  readonly tags?: ReadonlyArray<string> | undefined
  /**
   * Of several calls of one task with the same key only the first makes a task; the others stand for it and get its
   * result, for as long as its record is kept. Runners without a store ignore it.
   */
  readonly idempotencyKey?: string | undefined
  /**
   * How long a store keeps the record of the task, with its result, once it is over. Runners without a store ignore it.
   *
   * @default the store's own time
   */
  readonly timeToLive?: Duration.Input | undefined
  /**
   * How often the task may be started in all, be it that it failed or that the program died that ran it. Given without
   * `retry`, a task that fails is tried again after 1 second, then 2, 4, ... up to a minute. Runners without a store
   * ignore it.
   *
   * @default one more than the retries of a `retry` that counts them, else 10
   */
  readonly maxAttempts?: number | undefined
  /**
   * The queue of a store that the task waits in. Readers may take from some queues only, and each queue can have limits
   * of its own. Runners without a store ignore it.
   *
   * @default "default"
   */
  readonly queue?: string | undefined
  /**
   * Tasks with the same key share the limit that their queue sets with `concurrencyPerKey`. Runners without a store
   * ignore it.
   */
  readonly concurrencyKey?: string | undefined
  /**
   * Buffers and ports in the payload that move to where the task runs instead of being copied. They are unusable here
   * afterwards. Runners that stay in this thread leave them alone; processes copy them. Schemas of `Transferable` from
   * `effect/workers` move what they describe by themselves, in payloads and in results.
   */
  readonly transfer?: ReadonlyArray<Transferable> | undefined
  /** The name of the runner that runs the task, of those in a `TaskRouter`. Other runners ignore it. */
  readonly runner?: string | undefined
}

/** How one call is run, and what is done with what comes of it. */
export interface CallOptions<A, in E> extends RunOptions, Hooks.ResultHooks<A, E> {
  readonly discardResult?: false | undefined
}

/** How a call is run whose result nobody wants. */
export interface DiscardOptions<in E> extends RunOptions, Hooks.Hooks<void, E> {
  /** Whether the result is thrown away where the task runs: it is neither sent back nor kept in a store. */
  readonly discardResult: true
}

/**
 * What a call gives for a payload: what the constructor of its schema takes. Fields with a constructor default may be
 * missing, and for a class its fields will do.
 */
export type PayloadInput<Payload extends Schema.Constraint> = unknown extends Payload["~type.make.in"]
  ? Payload["Type"]
  : Payload["~type.make.in"]

/** What the methods of a task take: its payload, which a task without one leaves out, and the options of the call. */
export type Args<Payload extends Schema.Constraint, Options = RunOptions> = [void] extends [PayloadInput<Payload>]
  ? [payload?: PayloadInput<Payload>, options?: Options]
  : [payload: PayloadInput<Payload>, options?: Options]

/** How a stream is run: its handler is not started again once elements have come out of it. */
export type StreamOptions = Omit<RunOptions, "retry" | StoreOption>

/** How a stream is run whose elements go to hooks. */
export interface StreamCallOptions<in A, in E> extends StreamOptions, Hooks.StreamHooks<A, E> {}

type StoreOption = "idempotencyKey" | "timeToLive" | "maxAttempts" | "queue" | "concurrencyKey"
