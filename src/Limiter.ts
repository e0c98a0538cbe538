/**
 * How many of something happen at once: tasks, other Effects, plain functions.
 *
 * A limiter has permits. What runs under it holds one until it is over, however it ends; what finds none waits, first
 * come, first served. A permit can be handed on to a task that is started with it, be it in a thread or a process.
 *
 * @since 0.3.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { wholeNumber } from "./internal/values/options.ts"
import { Line, type Linked, Turn } from "./internal/limit/Line.ts"

/**
 * What a call asks of a limiter.
 *
 * @category models
 * @since 0.3.0
 */
export interface CallOptions {
  /**
   * Calls with a key have the permits of this key to themselves: as many as the limiter has, beside those of all other
   * keys and of calls without one. Compared like the keys of a `Map`. Nothing is kept of a key that is not in use.
   */
  readonly key?: unknown
  /**
   * How many permits the call takes. One that asks for more than there are takes all of them, and so runs alone.
   *
   * @default 1
   */
  readonly cost?: number | undefined
}

/**
 * Options of {@link make}.
 *
 * @category models
 * @since 0.3.0
 */
export interface Options {
  /** How many calls run at once: a whole number. With 0 all wait, until `resize`. */
  readonly permits: number
}

/** What a plain function gives, as an Effect. */
type Wrapped<Out> = [Out] extends [never]
  ? Effect.Effect<never>
  : Out extends Effect.Effect<infer A, infer E, infer R>
    ? Effect.Effect<A, E, R>
    : Effect.Effect<Awaited<Out>>

/**
 * Limits how many of something happen at once.
 *
 * @category models
 * @since 0.3.0
 */
export interface Limiter {
  /** Waits for a permit, and runs an Effect with it. Interruption while it waits leaves the others their order. */
  readonly run: <A, E, R>(effect: Effect.Effect<A, E, R>, options?: CallOptions) => Effect.Effect<A, E, R>
  /** Runs an Effect when there is a permit for it now and nobody waits; otherwise gives `Option.none()` at once. */
  readonly tryRun: <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    options?: CallOptions
  ) => Effect.Effect<Option.Option<A>, E, R>
  /**
   * Waits for a permit, then starts an Effect as a child fiber and hands the permit on to it. The caller goes on when the
   * fiber has been started.
   */
  readonly fork: <A, E, R>(
    effect: Effect.Effect<A, E, R>,
    options?: CallOptions
  ) => Effect.Effect<Fiber.Fiber<A, E>, never, R>
  /**
   * Waits for a permit, then starts a task with it, by whatever gives a handle: `task.fork(...)`, `task.forkScoped(...)`.
   * The task has the permit until it is over, however it ends, and wherever it runs. When it is refused, the permit is
   * given back.
   */
  readonly forkTask: <F extends Fiber.Fiber<unknown, unknown>, E, R>(
    fork: Effect.Effect<F, E, R>,
    options?: CallOptions
  ) => Effect.Effect<F, E, R>
  /**
   * Makes an Effect of each call of a function, which may give a value, a Promise or an Effect. Each has a permit until
   * what it gave is over. What the function throws is a defect.
   */
  readonly wrap: <Args extends ReadonlyArray<unknown>, Out>(
    f: (...args: Args) => Out,
    options?: CallOptions
  ) => (...args: Args) => Wrapped<Out>
  /**
   * Makes a Promise of each call of a function, which may give a value or a Promise. Each has a permit until then. The
   * Promise is rejected with what the function throws.
   */
  readonly wrapPromise: <Args extends ReadonlyArray<unknown>, Out>(
    f: (...args: Args) => Out,
    options?: CallOptions
  ) => (...args: Args) => Promise<Awaited<Out>>
  /** Waits for a permit, and holds it until the current scope ends. */
  readonly acquire: (options?: CallOptions) => Effect.Effect<void, never, Scope.Scope>
  /** Changes how many permits there are, of each key, too. What runs goes on, also when it is more than that now. */
  readonly resize: (permits: number) => Effect.Effect<void>
  /** How many permits there are in all. */
  readonly permits: Effect.Effect<number>
  /** How many permits nobody holds, of all that there are, or of those of a key. */
  readonly available: (key?: unknown) => Effect.Effect<number>
  /** How many calls wait for a permit, without a key or with this one. */
  readonly waiting: (key?: unknown) => Effect.Effect<number>
  /** The keys that calls run or wait with. */
  readonly keys: Effect.Effect<ReadonlyArray<unknown>>
}

/** Permits that a call holds. Giving them back a second time does nothing. */
interface Permit {
  readonly giveBack: () => void
}

/** A call that waits for permits. */
class Waiter extends Turn<Permit> implements Linked<Waiter> {
  declare before: Waiter | undefined
  declare after: Waiter | undefined
  readonly cost: number

  constructor(cost: number) {
    super()
    this.cost = cost
  }
}

/** The permits of calls without a key, or of one key. */
class Permits {
  capacity: number
  held = 0
  /** In the order of their calls. */
  readonly waiters = new Line<Waiter>()
  private filling = false
  private readonly onIdle: () => void

  constructor(capacity: number, onIdle: () => void) {
    this.capacity = capacity
    this.onIdle = onIdle
  }

  take(cost: number): Permit | undefined {
    const taken = Math.min(cost, this.capacity)
    if (taken === 0 || this.held + taken > this.capacity) return undefined
    this.held += taken
    let left = taken
    return {
      giveBack: () => {
        this.held -= left
        left = 0
        this.fill()
      }
    }
  }

  /** Gives up waiting. A fiber may be interrupted when it has just been granted its permits. */
  leave(waiter: Waiter): void {
    this.waiters.leave(waiter)
    if (waiter.given === undefined) this.fill()
    else waiter.given.giveBack()
  }

  /** Gives permits to those who wait, as far as they go. */
  fill(): void {
    // Who is granted a permit may be over at once and give it back from within this loop, which then goes on by itself.
    if (this.filling) return
    this.filling = true
    for (let waiter = this.waiters.first; waiter !== undefined; waiter = this.waiters.first) {
      const permit = this.take(waiter.cost)
      if (permit === undefined) break
      this.waiters.leave(waiter)
      waiter.give(permit)
    }
    this.filling = false
    if (this.held === 0 && this.waiters.size === 0) this.onIdle()
  }
}

const costOf = (options: CallOptions | undefined): number => wholeNumber("cost", options?.cost ?? 1, 1)

class Impl implements Limiter {
  private capacity: number
  private readonly unkeyed: Permits
  private readonly keyed = new Map<unknown, Permits>()

  constructor({ permits }: Options) {
    this.capacity = wholeNumber("permits", permits, 0)
    this.unkeyed = new Permits(this.capacity, () => {})
  }

  private of(key: unknown): Permits {
    if (key === undefined) return this.unkeyed
    const found = this.keyed.get(key)
    if (found !== undefined) return found
    const made: Permits = new Permits(this.capacity, () => {
      if (this.keyed.get(key) === made) this.keyed.delete(key)
    })
    this.keyed.set(key, made)
    return made
  }

  private peek(key: unknown): Permits | undefined {
    return key === undefined ? this.unkeyed : this.keyed.get(key)
  }

  /** Takes permits when there are enough and nobody waits for them. */
  private takeNow(options: CallOptions | undefined): Permit | undefined {
    const permits = this.of(options?.key)
    const permit = permits.waiters.size === 0 ? permits.take(costOf(options)) : undefined
    // Without any permits, a key would stay that nobody uses.
    if (permit === undefined) permits.fill()
    return permit
  }

  /** Waits for permits, and goes on with them where nothing can interrupt it before they are in good hands. */
  private withPermit<A, E, R>(
    options: CallOptions | undefined,
    use: (
      permit: Permit,
      restore: <B, E2, R2>(effect: Effect.Effect<B, E2, R2>) => Effect.Effect<B, E2, R2>
    ) => Effect.Effect<A, E, R>
  ): Effect.Effect<A, E, R> {
    return Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const permit = this.takeNow(options)
        if (permit !== undefined) return use(permit, restore)
        const permits = this.of(options?.key)
        const waiter = new Waiter(costOf(options))
        permits.waiters.enter(waiter)
        const granted = Effect.onExitPrimitive(restore(waiter.await), (exit) => {
          if (Exit.isFailure(exit)) permits.leave(waiter)
          return undefined
        })
        return Effect.flatMap(granted, (permit) => use(permit, restore))
      })
    )
  }

  readonly run: Limiter["run"] = (effect, options) =>
    this.withPermit(options, (permit, restore) => Effect.onExitPrimitive(restore(effect), () => giveBack(permit)))

  readonly tryRun: Limiter["tryRun"] = (effect, options) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        const permit = this.takeNow(options)
        if (permit === undefined) return Effect.succeedNone
        return Effect.onExitPrimitive(Effect.asSome(restore(effect)), () => giveBack(permit))
      })
    )

  readonly forkTask: Limiter["forkTask"] = (fork, options) =>
    this.withPermit(options, (permit, restore) =>
      Effect.onExitPrimitive(restore(fork), (exit) => {
        if (Exit.isFailure(exit)) return giveBack(permit)
        exit.value.addObserver(permit.giveBack)
        return undefined
      })
    )

  readonly fork: Limiter["fork"] = (effect, options) => this.forkTask(Effect.forkChild(effect), options)

  readonly wrap: Limiter["wrap"] =
    (f, options) =>
    (...args) =>
      this.run(calling(f, args), options) as Wrapped<ReturnType<typeof f>>

  readonly wrapPromise: Limiter["wrapPromise"] =
    (f, options) =>
    (...args) => {
      const called = Effect.tryPromise({
        try: async (): Promise<Awaited<ReturnType<typeof f>>> => await f(...args),
        catch: (error) => error
      })
      return Effect.runPromise(this.run(called, options))
    }

  readonly acquire: Limiter["acquire"] = (options) =>
    Effect.asVoid(
      Effect.acquireRelease(this.withPermit(options, Effect.succeed), (permit) => Effect.sync(permit.giveBack), {
        interruptible: true
      })
    )

  readonly resize: Limiter["resize"] = (permits) =>
    Effect.sync(() => {
      this.capacity = wholeNumber("permits", permits, 0)
      for (const each of [this.unkeyed, ...this.keyed.values()]) {
        each.capacity = permits
        each.fill()
      }
    })

  readonly permits: Limiter["permits"] = Effect.sync(() => this.capacity)

  readonly available: Limiter["available"] = (key) =>
    Effect.sync(() => Math.max(0, this.capacity - (this.peek(key)?.held ?? 0)))

  readonly waiting: Limiter["waiting"] = (key) => Effect.sync(() => this.peek(key)?.waiters.size ?? 0)

  readonly keys: Limiter["keys"] = Effect.sync(() => [...this.keyed.keys()])
}

const giveBack = (permit: Permit): undefined => {
  permit.giveBack()
  return undefined
}

const calling = (
  f: (...args: Array<never>) => unknown,
  args: ReadonlyArray<unknown>
): Effect.Effect<unknown, unknown, unknown> =>
  Effect.suspend(() => {
    const out = (f as (...args: ReadonlyArray<unknown>) => unknown)(...args)
    if (Effect.isEffect(out)) return out
    return out instanceof Promise ? Effect.promise(() => out) : Effect.succeed(out)
  })

/**
 * Makes a limiter.
 *
 * **Details**
 *
 * - calls get their permits in the order in which they asked, also when they cost more than one: a dear call at the head
 *   of the line is not overtaken by a cheap one
 * - a permit comes back when what has it is over: by success, failure, defect or interruption
 * - a number that is not whole, or negative, is a defect, a `RangeError`
 * - a limiter has nothing that must be closed, and is made a service like any other value
 *
 * **Gotchas**
 *
 * What runs under a limiter and asks it for another permit of the same key waits for itself when there is none left.
 *
 * **Example** (Two tasks at once, whatever the runner allows)
 *
 * ```ts
 * import { Effect, Fiber, Schema } from "effect"
 * import { FiberRunner, Limiter, Task } from "effect-strand"
 *
 * const fetchPage = Task.make("fetchPage", { payload: Schema.Int, success: Schema.Int })
 *
 * let atOnce = 0
 * let most = 0
 * const handlers = fetchPage.toLayer((page) =>
 *   Effect.gen(function* () {
 *     most = Math.max(most, ++atOnce)
 *     yield* Effect.sleep("5 millis")
 *     atOnce--
 *     return page * 10
 *   })
 * )
 *
 * const program = Effect.gen(function* () {
 *   const limiter = yield* Limiter.make({ permits: 2 })
 *   // Each call returns when its task has been started, which then has the permit.
 *   const handles = yield* Effect.forEach([1, 2, 3, 4], (page) => limiter.forkTask(fetchPage.fork(page)))
 *   return yield* Fiber.joinAll(handles)
 * }).pipe(Effect.provide(FiberRunner.layer(handlers)))
 *
 * console.log(await Effect.runPromise(program), most)
 * // prints: [ 10, 20, 30, 40 ] 2
 * ```
 *
 * @category constructors
 * @since 0.3.0
 */
export const make = (options: Options): Effect.Effect<Limiter> => Effect.sync(() => makeUnsafe(options))

/**
 * Makes a limiter outside of an Effect. Throws a `RangeError` when `permits` is not a whole number of at least 0.
 *
 * @category constructors
 * @since 0.3.0
 */
export const makeUnsafe = (options: Options): Limiter => new Impl(options)
