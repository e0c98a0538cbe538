/**
 * Lets so many calls start in such a time.
 *
 * @since 0.3.0
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Task from "../Task.ts"
import type { Asked } from "../TaskDefinition.ts"
import { RateLimited, type TaskError, TaskRejected } from "../TaskError.ts"
import type { TaskRequest } from "../TaskRequest.ts"
import * as Call from "../internal/call/Call.ts"
import { awaitDue } from "../internal/call/InFront.ts"
import { Line, Turn } from "../internal/limit/Line.ts"
import { FixedWindow, type Meter, SlidingWindow, Steady, TokenBucket } from "./internal/Meters.ts"
import { both } from "./internal/both.ts"
import * as Middleware from "./Middleware.ts"
import { bound, positiveMillis, wholeNumber } from "../internal/values/options.ts"

/**
 * What all rate limits are told.
 *
 * @category models
 * @since 0.3.0
 */
export interface RateLimitCommonOptions<T extends Task.Any = Task.Any> extends Middleware.ForTasks<T> {
  /** How many calls may start in each `window`. */
  readonly limit: number
  /** The time that `limit` is about. */
  readonly window: Duration.Input
  /**
   * Which calls are limited together: each key has a limit of its own.
   *
   * @default all calls share one limit
   */
  readonly key?: Asked<[request: Middleware.RequestOf<T>], string> | undefined
  /**
   * How many calls a call counts as: a whole number. One that costs 0 is not limited, and one that costs more than the limit
   * ever allows fails with `TaskRejected`.
   *
   * @default 1
   */
  readonly cost?: Asked<[request: Middleware.RequestOf<T>], number> | undefined
  /**
   * What becomes of a call that is too early. `"delay"`: it waits for its turn. `"fail"`: it fails with `RateLimited`, which
   * says when to try again.
   *
   * @default "delay"
   */
  readonly onExceeded?: "delay" | "fail" | undefined
  /**
   * How many calls of one key may wait. Any more fail with `RateLimited`.
   *
   * @default Infinity
   */
  readonly maxQueue?: number | undefined
}

/**
 * Options of {@link rateLimit}.
 *
 * @category models
 * @since 0.3.0
 */
export interface RateLimitOptions<T extends Task.Any = Task.Any> extends RateLimitCommonOptions<T> {
  /**
   * How calls are counted.
   *
   * - `"sliding-window"`: never more than `limit` in any stretch of time as long as `window`, exactly. Keeps up to `limit`
   *   times for each key, at most one for each millisecond
   * - `"token-bucket"`: `burst` calls at once, then one for each `window / limit`. Keeps two numbers for each key
   * - `"fixed-window"`: `limit` calls in a window, which begins with its first call. At the border of two windows up to
   *   twice as many can come together. Keeps two numbers for each key
   *
   * @default "sliding-window"
   */
  readonly algorithm?: "sliding-window" | "token-bucket" | "fixed-window" | undefined
  /**
   * How many calls of a `"token-bucket"` may start at once after a pause.
   *
   * @default limit
   */
  readonly burst?: number | undefined
}

/** How a limit is asked: gives 0 when the call has been counted, or the milliseconds after which to ask again. */
type Take = (cost: number) => Effect.Effect<number, TaskError>

/** The calls of one key that wait. The first one asks until its call is counted, the others wait for it. */
export const inTurn = (
  request: TaskRequest,
  line: Line<Turn<void>>,
  cost: number,
  take: Take
): Effect.Effect<void, TaskError> => {
  const turn = new Turn<void>()
  line.enter(turn)
  if (line.first === turn) turn.give()
  const asked: Effect.Effect<void, TaskError> = Effect.flatMap(take(cost), (millis) =>
    millis === 0 ? Effect.void : Effect.andThen(Effect.sleep(millis), asked)
  )
  // Whose turn it is lets the one before it start first.
  const begun = Effect.andThen(turn.await, Effect.yieldNow)
  return Effect.onExitPrimitive(Middleware.wait(request, Effect.andThen(begun, asked)), (): undefined => {
    const first = line.first === turn
    line.leave(turn)
    if (first) line.first?.give()
  })
}

/** What is checked of each call, whatever counts it. */
export const limits = (options: RateLimitCommonOptions, most: number) => {
  const maxQueue = bound("rateLimit: maxQueue", options.maxQueue)
  return {
    costOf: (request: TaskRequest): number =>
      options.cost === undefined ? 1 : wholeNumber("rateLimit: cost", options.cost(request), 0),
    /** Why a call is not waited with, if it is not. */
    refusal: (request: TaskRequest, cost: number, line: Line<Turn<void>>, retryAfter: number) => {
      const task = request.name
      if (cost > most) {
        return new TaskRejected({ task, reason: `it costs ${cost}, and its rate limit never allows more than ${most}` })
      }
      return options.onExceeded === "fail" || line.size >= maxQueue ? new RateLimited({ task, retryAfter }) : undefined
    }
  }
}

/** Puts a limit round the calls of a runner. A call is counted when it is due. */
export const around = (
  pass: (request: TaskRequest) => Effect.Effect<void, TaskError> | undefined
): Middleware.Around => {
  const passed = (request: TaskRequest): Effect.Effect<void, TaskError> | undefined => {
    const due = awaitDue(Call.of(request))
    return due === undefined ? pass(request) : Effect.flatMap(due, () => pass(request) ?? Effect.void)
  }
  return both((kind, request, next) =>
    kind.suspend(() => {
      const wait = passed(request)
      return wait === undefined ? next : kind.after(wait, () => next)
    })
  )
}

interface Key {
  readonly meter: Meter
  readonly line: Line<Turn<void>>
}

/** The keys of a rate limit. Those that nothing depends on any more are dropped, once in a while. */
export class Keys {
  readonly keys = new Map<string, Key>()
  private readonly time = new Steady()
  private readonly make: () => Meter
  /** After which time without calls a key is idle. */
  private readonly memory: number
  private sweepAt = -Infinity

  constructor(options: RateLimitOptions) {
    const limit = wholeNumber("rateLimit: limit", options.limit, 1)
    const window = positiveMillis("rateLimit: window", options.window)
    const burst = wholeNumber("rateLimit: burst", options.burst ?? limit, 1)
    const { algorithm = "sliding-window" } = options
    if (options.burst !== undefined && algorithm !== "token-bucket") {
      throw new RangeError(`rateLimit: burst is for the algorithm "token-bucket", and not for "${algorithm}"`)
    }
    const makers = {
      "sliding-window": () => new SlidingWindow(limit, window),
      "token-bucket": () => new TokenBucket(limit, window, burst),
      "fixed-window": () => new FixedWindow(limit, window)
    }
    if (!Object.hasOwn(makers, algorithm)) {
      throw new RangeError(
        `rateLimit: algorithm has to be one of ${Object.keys(makers).join(", ")}, and is ${algorithm}`
      )
    }
    this.make = makers[algorithm]
    this.memory = Math.max(window, (burst / limit) * window)
  }

  now(request: TaskRequest): number {
    return this.time.read(request.caller.clock)
  }

  get(key: string, now: number): Key {
    // A key that outlives this was called since the last time, so all of this takes time in proportion to the calls.
    if (now >= this.sweepAt) {
      for (const [name, { line, meter }] of this.keys) {
        if (line.size === 0 && meter.isIdle(now)) this.keys.delete(name)
      }
      this.sweepAt = now + this.memory
    }
    let found = this.keys.get(key)
    if (found === undefined) this.keys.set(key, (found = { meter: this.make(), line: new Line() }))
    return found
  }
}

/** The limit itself, with its keys. */
export const make = (options: RateLimitOptions): { readonly keys: Keys; readonly around: Middleware.Around } => {
  const keys = new Keys(options)
  const { costOf, refusal } = limits(options, options.burst ?? options.limit)
  const pass = (request: TaskRequest): Effect.Effect<void, TaskError> | undefined => {
    const cost = costOf(request)
    if (cost === 0) return undefined
    const now = keys.now(request)
    const { line, meter } = keys.get(options.key?.(request) ?? "", now)
    // Who comes later does not overtake those who wait.
    const millis = cost > (options.burst ?? options.limit) ? Infinity : line.size === 0 ? meter.take(now, cost) : 1
    if (millis === 0) return undefined
    const refused = refusal(request, cost, line, millis)
    if (refused !== undefined) return Effect.fail(refused)
    return inTurn(request, line, cost, (cost) => Effect.sync(() => meter.take(keys.now(request), cost)))
  }
  return { keys, around: around(pass) }
}

/**
 * Lets so many calls start in such a time: `limit` in each `window`, of each `key`.
 *
 * **Details**
 *
 * - calls that wait do so first come, first served. One that is interrupted, is cancelled or runs into its time limit gives
 *   its place to the next
 * - a task that waits is `scheduled`: `fork` has given its handle, it is among the runner's tasks, and can be cancelled
 * - a call with a `delay` is counted when it is due; one with `retry` once, for all its attempts. A `Middleware.retry` round
 *   the limit has each attempt counted
 * - a stream is counted when it starts
 * - each call costs the same, however many came before; keys without calls are dropped
 * - tasks that handlers call are not limited
 *
 * The limit is this program's. {@link rateLimitShared} has one that programs share.
 *
 * **Example** (Two calls for each tenth of a second)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { FiberRunner, Middleware, Task } from "effect-strand"
 *
 * const fetchPage = Task.make("fetchPage", { payload: Schema.Int, success: Schema.Int })
 * const handlers = fetchPage.toLayer((page) => Effect.succeed(page))
 *
 * const runner = Middleware.rateLimit({ limit: 2, window: "100 millis" }).pipe(Layer.provide(FiberRunner.layer(handlers)))
 *
 * const started = Date.now()
 * await Effect.runPromise(Task.forEach(fetchPage, [1, 2, 3, 4, 5]).pipe(Effect.provide(runner)))
 * console.log(Date.now() - started >= 200)
 * // prints: true
 * ```
 *
 * @category middleware
 * @since 0.3.0
 */
export const rateLimit = <T extends Task.Any = Task.Any>(options: RateLimitOptions<T>): Middleware.Middleware =>
  Middleware.make(
    Effect.sync(() => make(options).around),
    options
  )
