/** A task that has been enqueued in a dispatcher: when it is started, where it is, how it ends. */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Limiter from "../../Limiter.ts"
import { TaskCancelled } from "../../TaskError.ts"
import type { TaskFiber } from "../../TaskFiber.ts"

/**
 * Where an entry of a dispatcher is in its life.
 *
 * **Details**
 *
 * - `pending`: waits to be started, for its turn, for its `delay` or `runAt`, or for a free worker
 * - `running`: its handler has been started
 * - `completed`, `failed`, `cancelled`: it is over
 */
export type Status = "pending" | "running" | "completed" | "failed" | "cancelled"

/**
 * A task that has been enqueued, as a part of its dispatcher.
 */
export interface Ticket<out A, out E = never> {
  /** Its place in the order of the dispatcher, from 0. */
  readonly position: number
  /** The name of its task. */
  readonly name: string
  readonly status: Effect.Effect<Status>
  /** How it has ended, once it has. */
  readonly exit: Effect.Effect<Option.Option<Exit.Exit<A, E>>>
  /** Waits for its result, also while it has not been started. Whoever leaves changes nothing. */
  readonly await: Effect.Effect<A, E>
  /** Stops it, and waits until its work has stopped. What has not been started never runs. */
  readonly cancel: Effect.Effect<void>
}

/** A task that a dispatcher knows of. */
export class EnqueuedTask implements Ticket<unknown, unknown> {
  readonly position: number
  readonly name: string
  /** Starts the task. */
  private readonly start: Effect.Effect<TaskFiber<unknown, unknown>, unknown>
  private readonly context: Context.Context<never>
  private readonly onChange: (entry: EnqueuedTask) => void
  private readonly accepted = Deferred.makeUnsafe<void>()
  private readonly end = Deferred.makeUnsafe<unknown, unknown>()
  private handle: TaskFiber<unknown, unknown> | undefined = undefined
  private driver: Fiber.Fiber<unknown, unknown> | undefined = undefined
  result: Exit.Exit<unknown, unknown> | undefined = undefined

  constructor(
    position: number,
    name: string,
    start: Effect.Effect<TaskFiber<unknown, unknown>, unknown>,
    context: Context.Context<never>,
    onChange: (entry: EnqueuedTask) => void
  ) {
    this.position = position
    this.name = name
    this.start = start
    this.context = context
    this.onChange = onChange
  }

  get state(): Status {
    if (this.result !== undefined) return statusOf(this.result)
    if (this.handle === undefined) return "pending"
    const status = this.handle.metadata.status
    // Once it is settled, hooks may still be running.
    return status === "pending" || status === "scheduled" ? "pending" : "running"
  }

  /** True when it has been given to its runner. */
  get hasBegun(): boolean {
    return this.handle !== undefined
  }

  readonly status = Effect.sync(() => this.state)
  readonly exit = Effect.sync(() => Option.fromUndefinedOr(this.result))
  readonly await = Deferred.await(this.end)
  readonly awaitAccepted = Deferred.await(this.accepted)
  readonly awaitEnd = Effect.exit(this.await)

  readonly cancel: Effect.Effect<void> = Effect.suspend(() => {
    if (this.driver !== undefined) return Fiber.interrupt(this.driver)
    this.settle(Exit.interrupt())
    return Effect.void
  })

  /** Starts the task, with the others or when it is its turn. */
  begin(limiter: Limiter.Limiter | undefined): void {
    // Cancelled before.
    if (this.result !== undefined) return
    const drive =
      limiter === undefined
        ? this.work
        : Effect.flatMap(limiter.tryRun(this.work), (done) => {
            if (Option.isSome(done)) return Effect.succeed(done.value)
            this.accept()
            return limiter.run(this.work)
          })
    this.driver = Effect.runForkWith(this.context)(drive)
    this.driver.addObserver((exit) => this.settle(exit))
  }

  private readonly work = Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(restore(this.start), (handle) => {
      this.handle = handle
      this.accept()
      this.onChange(this)
      return Effect.onInterrupt(restore(Fiber.join(handle)), () => Fiber.interrupt(handle))
    })
  )

  private accept(): void {
    Deferred.doneUnsafe(this.accepted, Exit.void)
  }

  private settle(exit: Exit.Exit<unknown, unknown>): void {
    if (this.result !== undefined) return
    this.result = exit
    this.accept()
    Deferred.doneUnsafe(this.end, exit)
    this.onChange(this)
  }
}

const statusOf = (exit: Exit.Exit<unknown, unknown>): "completed" | "failed" | "cancelled" => {
  if (Exit.isSuccess(exit)) return "completed"
  const error = Cause.findErrorOption(exit.cause)
  return Cause.hasInterruptsOnly(exit.cause) || (Option.isSome(error) && error.value instanceof TaskCancelled)
    ? "cancelled"
    : "failed"
}

/** Stops all at the same time. Those that wait are stopped first, so that no place goes to one that is stopped next. */
export const cancelAll = (entries: ReadonlyArray<EnqueuedTask>): Effect.Effect<void> =>
  Effect.forEach(
    entries.toSorted((a, b) => Number(a.hasBegun) - Number(b.hasBegun)),
    (entry) => entry.cancel,
    { concurrency: "unbounded", discard: true }
  )
