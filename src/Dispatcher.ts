/**
 * Tasks that are enqueued now and run later, all at once, and whose results, states and errors are read in order.
 *
 * Effects are descriptions already, so `Task.all` does for most programs. A dispatcher is for those that collect work in
 * one place, start it in another, and look at it from a third.
 *
 * @since 0.3.0
 */
import type * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { cancelAll, EnqueuedTask, type Status, type Ticket } from "./internal/task/EnqueuedTask.ts"
import * as Limiter from "./Limiter.ts"
import type * as Task from "./Task.ts"
import type { TaskError } from "./TaskError.ts"
import type { TaskFiber } from "./TaskFiber.ts"
import { TaskRunner } from "./TaskRunner.ts"

/** What a dispatcher gives for what it has taken. */
export type { Status, Ticket } from "./internal/task/EnqueuedTask.ts"

/**
 * Options of {@link make}.
 *
 * @category models
 * @since 0.3.0
 */
export interface Options {
  /**
   * How many entries are with their runners at once. The others follow in the order in which they were enqueued.
   *
   * @default "unbounded"
   */
  readonly concurrency?: number | "unbounded" | undefined
  /**
   * Says when the work is complete, given the states of all entries in order. Asked whenever something has been enqueued or
   * accepted by its runner, and whenever something is over.
   *
   * @default when all that was enqueued is over
   */
  readonly isComplete?: ((statuses: ReadonlyArray<Status>) => boolean) | undefined
}

/**
 * The work was not complete within a time limit. It goes on.
 *
 * @category errors
 * @since 0.3.0
 */
export class DispatchTimeout extends Schema.TaggedError<DispatchTimeout>()("DispatchTimeout", {
  /** The time limit in milliseconds. */
  timeout: Schema.Number,
  /** How many entries were not over. */
  unfinished: Schema.Int
}) {
  override get message(): string {
    return (
      `The dispatcher was not complete within ${this.timeout} ms: ${this.unfinished} entries are not over. They go on; ` +
      `cancel or reset stops them`
    )
  }
}

/** What comes of a task: the result of one, the end of a stream. */
type Result<T extends Task.Any> = T["kind"] extends "stream" ? void : Task.Success<T>

type Failure<T extends Task.Any> = Task.Error<T> | TaskError

/**
 * How an enqueued task is run: what its `fork` takes, hooks included.
 *
 * @category utility types
 * @since 0.3.0
 */
export type EntryOptions<T extends Task.Any> = T["kind"] extends "stream"
  ? Task.StreamCallOptions<Task.Success<T>, Failure<T>>
  : Task.CallOptions<Task.Success<T>, Failure<T>> & { readonly onIter?: undefined }

/**
 * Collects tasks, starts them together, and knows how they are.
 *
 * @category models
 * @since 0.3.0
 */
export interface Dispatcher {
  /**
   * Enqueues a task for the next `start` or `run`, on the `TaskRunner` there is here; with a `TaskRouter`, the option `runner` says
   * which. Nothing is started or checked yet.
   */
  readonly enqueue: {
    <T extends Task.Any>(
      task: T,
      payload: Task.Input<T>,
      options: Task.DiscardOptions<Failure<T>>
    ): Effect.Effect<Ticket<void, Failure<T>>, never, TaskRunner>
    <T extends Task.Any>(
      task: T,
      ...args: Task.Args<T["payload"], EntryOptions<T>>
    ): Effect.Effect<Ticket<Result<T>, Failure<T>>, never, TaskRunner>
  }
  /** Enqueues a task for a certain runner. */
  readonly enqueueOn: {
    <T extends Task.Any>(
      runner: TaskRunner["Service"],
      task: T,
      payload: Task.Input<T>,
      options: Task.DiscardOptions<Failure<T>>
    ): Effect.Effect<Ticket<void, Failure<T>>>
    <T extends Task.Any>(
      runner: TaskRunner["Service"],
      task: T,
      ...args: Task.Args<T["payload"], EntryOptions<T>>
    ): Effect.Effect<Ticket<Result<T>, Failure<T>>>
  }
  /**
   * Enqueues a task and starts it at once, before all that is enqueued. Goes on when it is accepted by its runner or waits for
   * its turn.
   */
  readonly dispatch: Dispatcher["enqueue"]
  /** Dispatches a task on a certain runner. */
  readonly dispatchOn: Dispatcher["enqueueOn"]
  /**
   * Starts all that is enqueued, in order, and goes on when each is accepted by its runner or waits for its turn. What a
   * runner refuses has failed. What is enqueued after this is for the next start.
   */
  readonly start: Effect.Effect<void>
  /**
   * Starts all that is enqueued and waits until all that has been started is over, or until it is complete where `isComplete` says what
   * that is. Gives the results. With a time limit, fails with `DispatchTimeout`.
   */
  readonly run: {
    (): Effect.Effect<ReadonlyArray<Option.Option<unknown>>>
    (options: {
      readonly timeout: Duration.Input
    }): Effect.Effect<ReadonlyArray<Option.Option<unknown>>, DispatchTimeout>
  }
  /** The states of all entries, in order. */
  readonly status: Effect.Effect<ReadonlyArray<Status>>
  /** The results of all entries, in order, of those that have one. */
  readonly results: Effect.Effect<ReadonlyArray<Option.Option<unknown>>>
  /** Why entries have failed or were cancelled, in order. */
  readonly errors: Effect.Effect<ReadonlyArray<Option.Option<Cause.Cause<unknown>>>>
  /** The tickets of all entries, in order. */
  readonly tickets: Effect.Effect<ReadonlyArray<Ticket<unknown, unknown>>>
  /** Waits for the result of an entry. The same as `ticket.await`. */
  readonly await: <A, E>(ticket: Ticket<A, E>) => Effect.Effect<A, E>
  /** Whether the work is complete. */
  readonly complete: Effect.Effect<boolean>
  /** Waits until the work is complete. With a time limit, fails with `DispatchTimeout`. */
  readonly awaitComplete: {
    (): Effect.Effect<void>
    (options: { readonly timeout: Duration.Input }): Effect.Effect<void, DispatchTimeout>
  }
  /** Stops all entries that are not over, started or not, and waits until their work has stopped. */
  readonly cancel: Effect.Effect<void>
  /** Stops and forgets all entries. The dispatcher is as new; positions begin at 0. */
  readonly reset: Effect.Effect<void>
}

/** A task whose types are known only to the signatures above. */
interface Erased {
  readonly name: string
  fork(...args: ReadonlyArray<unknown>): Effect.Effect<TaskFiber<unknown, unknown>, TaskError, TaskRunner>
}

class Impl {
  private readonly limiter: Limiter.Limiter | undefined
  private readonly isComplete: Options["isComplete"]
  private entries: Array<EnqueuedTask> = []
  private enqueued: Array<EnqueuedTask> = []
  /** How many of the entries are over. */
  private over = 0
  private closed = false
  private readonly observers = new Set<() => void>()

  constructor({ concurrency = "unbounded", isComplete }: Options) {
    this.limiter = concurrency === "unbounded" ? undefined : Limiter.makeUnsafe({ permits: concurrency })
    this.isComplete = isComplete
  }

  private changed(): void {
    for (const observer of Array.from(this.observers)) observer()
  }

  private readonly onChange = (entry: EnqueuedTask): void => {
    if (this.entries[entry.position] !== entry) return
    if (entry.result !== undefined) this.over++
    this.changed()
  }

  private readonly add = (task: Erased, args: ReadonlyArray<unknown>): Effect.Effect<EnqueuedTask, never, TaskRunner> =>
    Effect.contextWith((context: Context.Context<TaskRunner>) => {
      const start = Effect.provideContext(
        Effect.suspend(() => task.fork(...args)),
        context
      )
      const entry = new EnqueuedTask(this.entries.length, task.name, start, context, this.onChange)
      if (this.closed) return Effect.as(entry.cancel, entry)
      this.entries.push(entry)
      this.changed()
      return Effect.succeed(entry)
    })

  readonly enqueue = (task: Erased, ...args: ReadonlyArray<unknown>): Effect.Effect<EnqueuedTask, never, TaskRunner> =>
    Effect.tap(this.add(task, args), (entry) => Effect.sync(() => this.enqueued.push(entry)))

  readonly enqueueOn = (runner: TaskRunner["Service"], task: Erased, ...args: ReadonlyArray<unknown>) =>
    Effect.provideService(this.enqueue(task, ...args), TaskRunner, runner)

  readonly dispatch = (task: Erased, ...args: ReadonlyArray<unknown>): Effect.Effect<EnqueuedTask, never, TaskRunner> =>
    Effect.tap(this.add(task, args), (entry) => {
      entry.begin(this.limiter)
      return entry.awaitAccepted
    })

  readonly dispatchOn = (runner: TaskRunner["Service"], task: Erased, ...args: ReadonlyArray<unknown>) =>
    Effect.provideService(this.dispatch(task, ...args), TaskRunner, runner)

  readonly start: Dispatcher["start"] = Effect.suspend(() => {
    const entries = this.enqueued
    this.enqueued = []
    for (const entry of entries) entry.begin(this.limiter)
    return Effect.forEach(entries, (entry) => entry.awaitAccepted, { discard: true })
  })

  readonly run = (options?: { readonly timeout: Duration.Input }) =>
    Effect.suspend(() => {
      const entries = this.entries.slice()
      const complete =
        this.isComplete === undefined
          ? Effect.forEach(entries, (entry) => entry.awaitEnd, { discard: true })
          : this.completion
      return Effect.andThen(this.within(Effect.andThen(this.start, complete), options), this.results)
    })

  readonly status = Effect.sync(() => this.entries.map((entry) => entry.state))

  readonly results: Dispatcher["results"] = Effect.sync(() =>
    this.entries.map(({ result }) => (result === undefined ? Option.none() : Exit.getSuccess(result)))
  )

  readonly errors: Dispatcher["errors"] = Effect.sync(() =>
    this.entries.map(({ result }) => (result === undefined ? Option.none() : Exit.getCause(result)))
  )

  readonly tickets: Dispatcher["tickets"] = Effect.sync(() => this.entries.slice())

  readonly await: Dispatcher["await"] = (ticket) => ticket.await

  readonly complete = Effect.sync(() =>
    this.isComplete === undefined
      ? this.over === this.entries.length
      : this.isComplete(this.entries.map((entry) => entry.state))
  )

  private readonly completion = Effect.callback<void>((resume) => {
    const end = (exit: Exit.Exit<void>) => {
      this.observers.delete(check)
      resume(exit)
    }
    const check = () => {
      const exit = Effect.runSyncExit(this.complete)
      // What the custom check throws is a defect of those who wait for it.
      if (Exit.isFailure(exit)) end(exit)
      else if (exit.value) end(Exit.void)
    }
    this.observers.add(check)
    check()
    return Effect.sync(() => this.observers.delete(check))
  })

  readonly awaitComplete = (options?: { readonly timeout: Duration.Input }) => this.within(this.completion, options)

  /** Fails with `DispatchTimeout` if there is a time limit, as the overloads of `run` and `awaitComplete` say. */
  private within<A>(
    effect: Effect.Effect<A>,
    options: { readonly timeout: Duration.Input } | undefined
  ): Effect.Effect<A> {
    if (options === undefined) return effect
    const timeout = Duration.fromInputUnsafe(options.timeout)
    return Effect.timeoutOrElse(effect, {
      duration: timeout,
      orElse: () => {
        const unfinished = this.entries.length - this.over
        return Effect.fail(new DispatchTimeout({ timeout: Duration.toMillis(timeout), unfinished }))
      }
    }) as Effect.Effect<A>
  }

  readonly cancel: Dispatcher["cancel"] = Effect.suspend(() => {
    this.enqueued = []
    return cancelAll(this.entries.slice())
  })

  readonly reset: Dispatcher["reset"] = Effect.suspend(() => {
    const { entries } = this
    this.entries = []
    this.enqueued = []
    this.over = 0
    this.changed()
    return cancelAll(entries)
  })

  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.closed = true
    return this.cancel
  })
}

/**
 * Makes a dispatcher. At the end of the current scope all its work is stopped.
 *
 * **Details**
 *
 * - an entry runs in the context in which it was enqueued: its runner, its loggers, the parent of its span
 * - `priority`, `timeout`, `retry`, hooks and the other options of a call are those of `task.fork`. A time limit begins with
 *   the start of the entry, or when it is its turn
 * - entries belong to the dispatcher: the interruption of `dispatch`, `start`, `run` or `awaitComplete` stops none of them
 * - what is enqueued after the end of the scope is cancelled
 *
 * **Example** (Enqueue, dispatch, look)
 *
 * ```ts
 * import { Effect, Option, Schema } from "effect"
 * import { Dispatcher, FiberRunner, Task } from "effect-strand"
 *
 * const half = Task.make("half", { payload: Schema.Int, success: Schema.Int, error: Schema.String })
 * const handlers = half.toLayer((n) => (n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail(`${n} is odd`)))
 *
 * const program = Effect.gen(function* () {
 *   const dispatcher = yield* Dispatcher.make()
 *   const ten = yield* dispatcher.enqueue(half, 10)
 *   yield* dispatcher.enqueue(half, 7, { onError: () => console.log("one has failed") })
 *   console.log(yield* dispatcher.status)
 *
 *   const results = yield* dispatcher.run()
 *   console.log(yield* dispatcher.status)
 *   console.log(results.map(Option.getOrUndefined), yield* dispatcher.await(ten))
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(FiberRunner.layer(handlers))))
 * // prints: [ 'pending', 'pending' ]
 * // prints: one has failed
 * // prints: [ 'completed', 'failed' ]
 * // prints: [ 5, undefined ] 5
 * ```
 *
 * @category constructors
 * @since 0.3.0
 */
export const make = (options: Options = {}): Effect.Effect<Dispatcher, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new Impl(options)),
      (dispatcher) => dispatcher.close
    ),
    (dispatcher) => dispatcher as Dispatcher
  )
