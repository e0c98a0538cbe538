/**
 * Keeps the results of calls for the same calls that come later, or meanwhile.
 *
 * @since 0.3.0
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Task from "../Task.ts"
import type { Asked } from "../TaskDefinition.ts"
import { TaskCancelled, type TaskError, TaskTimeout } from "../TaskError.ts"
import type { TaskRequest } from "../TaskRequest.ts"
import * as Call from "../internal/call/Call.ts"
import { inOwnFiber } from "../internal/call/Fibers.ts"
import { attend, awaitDue } from "../internal/call/InFront.ts"
import { callKey } from "./internal/callKey.ts"
import * as Middleware from "./Middleware.ts"
import { wholeNumber } from "../internal/values/options.ts"

/**
 * Options of {@link cache}.
 *
 * @category models
 * @since 0.3.0
 */
export interface CacheOptions<T extends Task.Any = Task.Any> extends Middleware.ForTasks<T> {
  /**
   * How long a result is kept: a time, or a function of how the call ended. A time is for successes, and failures are not
   * kept; 0 keeps nothing, and only calls at the same time share their work.
   */
  readonly timeToLive:
    | Duration.Input
    | Asked<
        [exit: Exit.Exit<Task.Success<T>, Task.Error<T> | TaskError>, request: Middleware.RequestOf<T>],
        Duration.Input
      >
  /**
   * How many results are kept. Beyond that those go that have not been asked for longest.
   *
   * @default 1000
   */
  readonly capacity?: number | undefined
  /**
   * Which calls of a task are the same. A call without a key is not kept.
   *
   * @default those with the same payload, as its schema writes it, for the same principal
   */
  readonly key?: Asked<[request: Middleware.RequestOf<T>], string | undefined> | undefined
}

/** A result that is kept, until a time in milliseconds. */
interface Kept {
  readonly exit: Exit.Exit<unknown, unknown>
  readonly until: number
}

/** Work that is under way, for as many calls as wait for it. */
interface Shared {
  /** The call that has started it. It may have left meanwhile. */
  readonly request: Call.Call
  readonly fiber: Fiber.Fiber<unknown, unknown>
  waiting: number
}

/** How long the end of a call is kept, in milliseconds. */
const timesOf = (given: CacheOptions["timeToLive"]) => {
  if (typeof given === "function") {
    return (exit: Exit.Exit<unknown, unknown>, request: TaskRequest) =>
      Duration.toMillis(Duration.fromInputUnsafe(given(exit, request)))
  }
  const fixed = Duration.toMillis(Duration.fromInputUnsafe(given))
  if (Number.isNaN(given) || !(fixed >= 0)) {
    throw new RangeError(`cache: timeToLive has to be a time of at least 0 ms, and is ${String(given)}`)
  }
  return (exit: Exit.Exit<unknown, unknown>) => (Exit.isSuccess(exit) ? fixed : 0)
}

/** Whether work came to its end by the call that had started it: its time limit, its cancellation. */
const isOwn = ({ id }: TaskRequest, exit: Exit.Exit<unknown, unknown>): boolean => {
  if (Exit.isSuccess(exit)) return false
  if (Cause.hasInterrupts(exit.cause)) return true
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  return (error instanceof TaskTimeout || error instanceof TaskCancelled) && error.taskId === id
}

/** The results that are kept, the one not asked for longest first, and the work that is under way. */
class Results {
  readonly kept = new Map<string, Kept>()
  readonly shared = new Map<string, Shared>()
  /** Goes on from the last result that was dropped: a new one would have to pass all that are gone first. */
  private readonly oldest = this.kept.keys()
  private readonly capacity: number
  private readonly timeOf: ReturnType<typeof timesOf>

  constructor(options: CacheOptions) {
    this.capacity = wholeNumber("cache: capacity", options.capacity ?? 1000, 1)
    this.timeOf = timesOf(options.timeToLive)
  }

  get(key: string, now: number): Exit.Exit<unknown, unknown> | undefined {
    const found = this.kept.get(key)
    if (found === undefined) return undefined
    this.kept.delete(key)
    if (found.until <= now) return undefined
    this.kept.set(key, found)
    return found.exit
  }

  private keep(key: string, request: TaskRequest, exit: Exit.Exit<unknown, unknown>): void {
    if (isOwn(request, exit)) return
    const time = this.timeOf(exit, request)
    if (!(time > 0)) return
    this.kept.set(key, { exit, until: request.caller.clock.currentTimeMillisUnsafe() + time })
    if (this.kept.size > this.capacity) this.kept.delete(this.oldest.next().value!)
  }

  /** Joins the work that is under way for a call, or starts it. */
  share(key: string, request: Call.Call, next: Effect.Effect<unknown, unknown>): Effect.Effect<unknown, unknown> {
    return Effect.withFiber(({ context }) => {
      const shared = this.shared.get(key)
      if (shared === undefined) {
        // The time limit of this call is that of the work, which the runner minds.
        return inOwnFiber(
          request,
          Effect.suspend(() => this.join(key, this.start(key, request, next, context)))
        )
      }
      const joined = Effect.suspend(() => {
        const unfollow = request.follow(shared.request)
        return Effect.onExitPrimitive(this.join(key, shared), () => void unfollow())
      })
      return Effect.flatMap(Effect.exit(attend(request, joined)), (exit) =>
        isOwn(shared.request, exit) ? this.share(key, request, next) : exit
      )
    })
  }

  private start(
    key: string,
    request: Call.Call,
    next: Effect.Effect<unknown, unknown>,
    context: Context.Context<never>
  ): Shared {
    const work = Effect.onExit(next, (exit) => Effect.sync(() => this.keep(key, request, exit)))
    const shared = { request, fiber: Effect.runForkWith(context)(work), waiting: 0 }
    if (shared.fiber.pollUnsafe() === undefined) {
      this.shared.set(key, shared)
      shared.fiber.addObserver(() => this.forget(key, shared))
    }
    return shared
  }

  /** Who comes now gets work of its own. */
  private forget(key: string, shared: Shared): void {
    if (this.shared.get(key) === shared) this.shared.delete(key)
  }

  /** Waits for work. Who leaves it last stops it. */
  private join(key: string, shared: Shared): Effect.Effect<unknown, unknown> {
    return Effect.callback((resume) => {
      shared.waiting++
      shared.fiber.addObserver(resume)
      return Effect.suspend(() => {
        if (--shared.waiting > 0) return Effect.void
        this.forget(key, shared)
        return Fiber.interrupt(shared.fiber)
      })
    })
  }
}

/** The cache itself, and what it keeps. */
export const make = (options: CacheOptions): { readonly results: Results; readonly around: Middleware.Around } => {
  const results = new Results(options)
  const answer = (request: Call.Call, next: Effect.Effect<unknown, unknown>) =>
    Effect.suspend(() => {
      const key = callKey(request, options.key)
      if (key === undefined) return next
      const kept = results.get(key, request.caller.clock.currentTimeMillisUnsafe())
      if (kept === undefined) return results.share(key, request, next)
      request.accept()
      return kept
    })
  return {
    results,
    around: {
      execute: (request, next) => {
        // Messages reach one handler, and who does not want the result has none to share.
        if (request.task.inbox !== undefined || request.options.discardResult) return next
        const call = Call.of(request)
        const due = awaitDue(call)
        return due === undefined ? answer(call, next) : Effect.andThen(due, answer(call, next))
      }
    }
  }
}

/**
 * Keeps the results of calls. The same call gets the same result, without work, until its time is over.
 *
 * **Details**
 *
 * - calls are the same when their task, their payload and their principal are. `key` can say otherwise
 * - calls that come while the work is under way share it, and have its status and its progress. One that is interrupted or
 *   cancelled leaves it to the others, also the one that started it; the last one stops it
 * - the handler knows the call that started it: its id, its attempt, its time limit. When that ends the work, the others
 *   start it again
 * - only successes are kept, unless `timeToLive` says otherwise; what was interrupted or cancelled never is. A failure is
 *   still that of all calls that shared the work
 * - streams pass; so do calls whose task has an inbox, whose result nobody wants, and whose payload cannot be written as a
 *   key: values of classes without a schema
 * - tasks that handlers call pass
 *
 * **Gotchas**
 *
 * All calls get the very value that was kept: do not change it. Results are kept in this program's memory. What programs are
 * to share, and what is to survive them, is a task of a `StoreRunner` with an `idempotencyKey` and a `timeToLive`.
 *
 * **Example** (Work that is done once)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { FiberRunner, Middleware, Task } from "effect-strand"
 *
 * const square = Task.make("square", { payload: Schema.Int, success: Schema.Int })
 *
 * let worked = 0
 * const handlers = square.toLayer((n) =>
 *   Effect.sync(() => {
 *     worked++
 *     return n * n
 *   })
 * )
 *
 * const runner = Middleware.cache({ timeToLive: "1 minute" }).pipe(Layer.provide(FiberRunner.layer(handlers)))
 *
 * console.log(await Effect.runPromise(Task.forEach(square, [3, 4, 3, 3]).pipe(Effect.provide(runner))), worked)
 * // prints: [ 9, 16, 9, 9 ] 2
 * ```
 *
 * @category middleware
 * @since 0.3.0
 */
export const cache = <T extends Task.Any = Task.Any>(options: CacheOptions<T>): Middleware.Middleware =>
  Middleware.make(
    Effect.sync(() => make(options).around),
    options
  )
