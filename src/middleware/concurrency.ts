/**
 * Lets so many calls run at once.
 *
 * @since 0.3.0
 */
import * as Effect from "effect/Effect"
import type * as Task from "../Task.ts"
import type { Asked } from "../TaskDefinition.ts"
import { QueueFull } from "../TaskError.ts"
import type { TaskRequest } from "../TaskRequest.ts"
import * as Call from "../internal/call/Call.ts"
import { awaitDue } from "../internal/call/InFront.ts"
import { Line, Turn } from "../internal/limit/Line.ts"
import type { Kind } from "../internal/call/Kind.ts"
import { both } from "./internal/both.ts"
import * as Middleware from "./Middleware.ts"
import { bound, wholeNumber } from "../internal/values/options.ts"

/**
 * Options of {@link concurrency}.
 *
 * @category models
 * @since 0.3.0
 */
export interface ConcurrencyOptions<T extends Task.Any = Task.Any> extends Middleware.ForTasks<T> {
  /** How many calls run at once. */
  readonly limit: number
  /**
   * Which calls are limited together: each key has a limit of its own.
   *
   * @default all calls share one limit
   */
  readonly key?: Asked<[request: Middleware.RequestOf<T>], string> | undefined
  /**
   * How many calls of one key may wait. Any more fail with `QueueFull`: with 0 no call waits.
   *
   * @default Infinity
   */
  readonly maxQueue?: number | undefined
}

/** The permits of one key, and who waits for one. */
class Permits {
  readonly line = new Line<Turn<void>>()
  private free: number

  constructor(limit: number) {
    this.free = limit
  }

  /** Takes a permit if there is one. Those who wait are given theirs when it comes back, so there is none then. */
  take(): boolean {
    if (this.free === 0) return false
    this.free--
    return true
  }

  /** Gives a permit to the first who waits, or back. */
  release(): void {
    const { first } = this.line
    if (first === undefined) this.free++
    else {
      this.line.leave(first)
      first.give()
    }
  }

  /** Gives up what a call has: its place, or the permit that it got for it. */
  leave(turn: Turn<void> | undefined): void {
    if (turn === undefined || !this.line.leave(turn)) this.release()
  }
}

/** The limit itself, and its keys: those that have calls. */
export const make = (
  options: ConcurrencyOptions
): { readonly keys: ReadonlyMap<string, unknown>; readonly around: Middleware.Around } => {
  const limit = wholeNumber("concurrency: limit", options.limit, 1)
  const maxQueue = bound("concurrency: maxQueue", options.maxQueue)
  const keys = new Map<string, { readonly permits: Permits; calls: number }>()

  /** How a call goes on: at once, or when its turn has come. It ends by `end`, whatever becomes of it. */
  const enter = (request: TaskRequest) => {
    const name = options.key?.(request) ?? ""
    let key = keys.get(name)
    if (key === undefined) keys.set(name, (key = { permits: new Permits(limit), calls: 0 }))
    const entry = key
    const { permits } = entry
    let turn: Turn<void> | undefined
    if (!permits.take()) {
      if (permits.line.size >= maxQueue) return new QueueFull({ task: request.name, limit: maxQueue })
      permits.line.enter((turn = new Turn()))
    }
    entry.calls++
    return {
      wait: turn && Middleware.wait(request, turn.await),
      end: (): undefined => {
        permits.leave(turn)
        if (--entry.calls === 0) keys.delete(name)
      }
    }
  }

  const limited = <X>(kind: Kind<X>, request: TaskRequest, next: X): X =>
    kind.suspend(() => {
      const entrance = enter(request)
      if (entrance instanceof QueueFull) return kind.after(Effect.fail(entrance), () => next)
      const { end, wait } = entrance
      return kind.onExit(wait === undefined ? next : kind.after(wait, () => next), end)
    })

  return {
    keys,
    around: both((kind, request, next) => {
      const due = awaitDue(Call.of(request))
      return due === undefined ? limited(kind, request, next) : kind.after(due, () => limited(kind, request, next))
    })
  }
}

/**
 * Lets so many calls of a key run at once.
 *
 * **Details**
 *
 * - calls that wait do so first come, first served. One that is interrupted, is cancelled or runs into its time limit gives
 *   its place to the next
 * - a task that waits is `scheduled`: `fork` has given its handle, it is among the runner's tasks, and can be cancelled
 * - a call has its permit until its work has stopped, and over all attempts of its own `retry`; a stream until its end
 * - a call with a `delay` takes its permit when it is due
 * - tasks that handlers call take no permit, so they cannot wait for their own
 *
 * **Gotchas**
 *
 * In front of a runner with a store the limit is on the calls of this program that wait for their results. A limit on what
 * runs, in all programs, is what queues of a store have: `concurrencyKey`.
 *
 * **Example** (One call at a time for each user)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { FiberRunner, Middleware, Task } from "effect-strand"
 *
 * const sync = Task.make("sync", { payload: { user: Schema.String } })
 *
 * let running = 0
 * let most = 0
 * const handlers = sync.toLayer(() =>
 *   Effect.acquireUseRelease(
 *     Effect.sync(() => (most = Math.max(most, ++running))),
 *     () => Effect.sleep("5 millis"),
 *     () => Effect.sync(() => running--)
 *   )
 * )
 *
 * const runner = Middleware.concurrency({ for: sync, limit: 1, key: ({ payload }) => payload.user }).pipe(
 *   Layer.provide(FiberRunner.layer(handlers))
 * )
 *
 * const users = ["ann", "ann", "bob", "ann", "bob"].map((user) => ({ user }))
 * await Effect.runPromise(Task.forEach(sync, users, { concurrency: "unbounded" }).pipe(Effect.provide(runner)))
 * console.log(most)
 * // prints: 2
 * ```
 *
 * @category middleware
 * @since 0.3.0
 */
export const concurrency = <T extends Task.Any = Task.Any>(options: ConcurrencyOptions<T>): Middleware.Middleware =>
  Middleware.make(
    Effect.sync(() => make(options).around),
    options
  )
