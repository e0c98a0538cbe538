/**
 * Counts the tasks of any runner and measures how long they take.
 *
 * What is counted are calls, on their way to the runner: wherever the work is done, in fibers, threads or processes, all of
 * them are in one snapshot. The same numbers are Effect Metrics.
 *
 * @since 0.3.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import { boundaries, DurationHistogram } from "../RunnerStats.ts"
import type { TaskRequest } from "../TaskRequest.ts"
import type { TaskRunner } from "../TaskRunner.ts"
import { both } from "./internal/both.ts"
import * as Middleware from "./Middleware.ts"

/**
 * How long tasks took, from the call to its end, in milliseconds: all zero while none has ended. Percentiles are exact to
 * about 10 %, the others exactly.
 *
 * @category models
 * @since 0.3.0
 */
export interface CallDurations {
  readonly average: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly min: number
  readonly max: number
}

/**
 * How many tasks there were, and how they ended.
 *
 * @category models
 * @since 0.3.0
 */
export interface CallCounts {
  /** All that have been started: `completed`, `failed`, `cancelled` and `running` together. */
  readonly total: number
  readonly completed: number
  /** Those that ended with an error or a defect. */
  readonly failed: number
  /** Those that were interrupted, or cancelled by their id. */
  readonly cancelled: number
  /** Those that have been called and have not ended: they run, or wait for their turn. */
  readonly running: number
  readonly duration: CallDurations
}

/**
 * What a {@link TaskMetrics} knows: about all tasks, and about the tasks of each name.
 *
 * @category models
 * @since 0.3.0
 */
export interface Snapshot extends CallCounts {
  readonly tasks: Readonly<Record<string, CallCounts>>
}

/**
 * Options of {@link metrics} and of {@link TaskMetrics}.
 *
 * @category models
 * @since 0.3.0
 */
export interface MetricsOptions {
  /**
   * The attribute `metrics` of the Effect Metrics. Of two with one name the later is shown.
   *
   * @default "tasks"
   */
  readonly name?: string | undefined
}

/**
 * The counters of {@link metrics}.
 *
 * **Details**
 *
 * The same numbers are there as Effect Metrics, which cost the tasks nothing, each with the attributes `metrics`, which is the
 * `name`, and `task`: the counters `strand_calls`, `strand_calls_completed`, `strand_calls_failed` and
 * `strand_calls_cancelled`, the gauge `strand_calls_running`, and the histogram `strand_call_time` in milliseconds. Memory is
 * a few kilobytes for each task name, however many calls there are.
 *
 * @category services
 * @since 0.3.0
 */
export class TaskMetrics extends Context.Service<
  TaskMetrics,
  {
    /** The numbers since the start, or the last `reset`. */
    readonly snapshot: Effect.Effect<Snapshot>
    /** Begins anew. Of what was, only the tasks that are running remain. The counters of the Metrics begin anew, too. */
    readonly reset: Effect.Effect<void>
    /** Counts what it is put round. */
    readonly around: Middleware.Around
  }
>()("effect-strand/TaskMetrics") {
  /** Makes counters, which are shown as Effect Metrics while the scope is open. */
  static readonly make = (options: MetricsOptions = {}): Effect.Effect<TaskMetrics["Service"], never, Scope.Scope> =>
    make(options)

  /**
   * Counters for several runners. See {@link metricsShared}.
   */
  static readonly layer = (options: MetricsOptions = {}): Layer.Layer<TaskMetrics> =>
    Layer.effect(TaskMetrics, make(options))
}

/** The tasks of one name, or all of them. */
class Counts {
  total = 0
  completed = 0
  failed = 0
  cancelled = 0
  running = 0
  times = new DurationHistogram()

  begin(): void {
    this.total++
    this.running++
  }

  end(outcome: "completed" | "failed" | "cancelled", millis: number): void {
    this.running--
    this[outcome]++
    this.times.add(millis)
  }

  reset(): void {
    this.total = this.running
    this.completed = 0
    this.failed = 0
    this.cancelled = 0
    this.times = new DurationHistogram()
  }

  get snapshot(): CallCounts {
    const { cancelled, completed, failed, running, times, total } = this
    const { count, max, min, sum } = times.state
    const duration = {
      average: count === 0 ? 0 : sum / count,
      p50: times.percentile(0.5),
      p95: times.percentile(0.95),
      p99: times.percentile(0.99),
      min,
      max
    }
    return { total, completed, failed, cancelled, running, duration }
  }
}

const counter = (id: string, description: string) => Metric.counter(id, { description, incremental: true })

const calls = counter("strand_calls", "Tasks that were called")
const completed = counter("strand_calls_completed", "Calls that ended well")
const failed = counter("strand_calls_failed", "Calls that ended with an error or a defect")
const cancelled = counter("strand_calls_cancelled", "Calls that were interrupted or cancelled")
const running = Metric.gauge("strand_calls_running", { description: "Calls that have not ended" })
const time = Metric.histogram("strand_call_time", {
  description: "From a call to its end",
  attributes: { unit: "ms" },
  boundaries
})

/** Shows counts as Effect Metrics until the function that it gives is called. */
const register = (name: string, task: string, counts: Counts, context: Context.Context<never>): (() => void) => {
  const show = <Input, State>(metric: Metric.Metric<Input, State>, get: () => State) =>
    Metric.registerUnsafe(Metric.withAttributes(metric, { metrics: name, task }), context, {
      get,
      update: () => {},
      modify: () => {}
    })
  const registrations = [
    show(calls, () => ({ count: counts.total, incremental: true })),
    show(completed, () => ({ count: counts.completed, incremental: true })),
    show(failed, () => ({ count: counts.failed, incremental: true })),
    show(cancelled, () => ({ count: counts.cancelled, incremental: true })),
    show(running, () => ({ value: counts.running })),
    show(time, () => counts.times.state)
  ]
  return () => registrations.forEach((registration) => registration.remove())
}

const make = ({ name = "tasks" }: MetricsOptions): Effect.Effect<TaskMetrics["Service"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const context = yield* Effect.context<never>()
    const all = new Counts()
    const tasks = new Map<string, Counts>()
    const shown: Array<() => void> = []
    yield* Effect.addFinalizer(() => Effect.sync(() => shown.forEach((hide) => hide())))

    const countsOf = (task: string): Counts => {
      const known = tasks.get(task)
      if (known !== undefined) return known
      const counts = new Counts()
      tasks.set(task, counts)
      shown.push(register(name, task, counts, context))
      return counts
    }

    /** Counts a call, and gives what is to be done at its end. */
    const begin = (request: TaskRequest): ((exit: Exit.Exit<unknown, unknown>) => undefined) => {
      const counts = countsOf(request.task.name)
      const { clock } = request.caller
      all.begin()
      counts.begin()
      const begun = clock.monotonicTimeNanosUnsafe()
      return (exit) => {
        const millis = Number(clock.monotonicTimeNanosUnsafe() - begun) / 1_000_000
        const outcome = Middleware.statusOf(request, exit)
        all.end(outcome, millis)
        counts.end(outcome, millis)
      }
    }

    return TaskMetrics.of({
      snapshot: Effect.sync(() => ({
        ...all.snapshot,
        tasks: Object.fromEntries(Array.from(tasks, ([task, counts]) => [task, counts.snapshot]))
      })),
      reset: Effect.sync(() => {
        all.reset()
        for (const counts of tasks.values()) counts.reset()
      }),
      around: both((kind, request, next) => kind.suspend(() => kind.onExit(next, begin(request))))
    })
  })

/**
 * Counts tasks and measures them, into the `TaskMetrics` that it provides beside the runner.
 *
 * **Details**
 *
 * - a task counts from its call to its end, the time that it waits for a worker included. It counts once, however many
 *   attempts the `retry` of its call takes. A `retry` in front of `metrics` makes calls of its own, which count each
 * - a stream counts like any other task, from its first pull to its end; its elements do not count
 * - a task that is refused has failed, by the runner or by a middleware further inside, such as a rate limit
 *
 * **Gotchas**
 *
 * Tasks that handlers run themselves do not pass by here: they go straight to the runner that the handler runs on.
 *
 * **Example** (A snapshot)
 *
 * ```ts
 * import { Console, Effect, Schema } from "effect"
 * import { FiberRunner, Middleware, Task } from "effect-strand"
 *
 * const half = Task.make("half", { payload: Schema.Int, success: Schema.Int, error: Schema.String })
 *
 * const handlers = half.toLayer((n) => (n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail(`${n} is odd`)))
 *
 * const program = Effect.gen(function* () {
 *   yield* Effect.forEach([1, 2, 4], (n) => Effect.exit(half.run(n)))
 *   const { tasks, total } = yield* (yield* Middleware.TaskMetrics).snapshot
 *   yield* Console.log(`${total} calls, ${tasks["half"]?.completed} ended well, ${tasks["half"]?.failed} did not`)
 * })
 *
 * const runner = Middleware.stack(FiberRunner.layer(handlers), Middleware.metrics())
 *
 * await Effect.runPromise(Effect.provide(program, runner))
 * // prints: 3 calls, 2 ended well, 1 did not
 * ```
 *
 * @category middleware
 * @since 0.3.0
 */
export const metrics = (options: MetricsOptions = {}): Layer.Layer<TaskRunner | TaskMetrics, never, TaskRunner> =>
  Layer.fresh(Layer.provideMerge(metricsShared(), TaskMetrics.layer(options)))

/**
 * Like {@link metrics}, but counts into the `TaskMetrics` that is there, so that several runners have one snapshot.
 *
 * **Example** (One snapshot of two runners)
 *
 * ```ts
 * import { Console, Effect } from "effect"
 * import { FiberRunner, Middleware, Task, ThreadRunner } from "effect-strand"
 *
 * const double = Task.portable("double", (n: number) => 2 * n)
 *
 * const Threads = Middleware.stack(ThreadRunner.layer({ size: 1 }), Middleware.metricsShared())
 * const Fibers = Middleware.stack(FiberRunner.layer(double.layer), Middleware.metricsShared())
 *
 * const program = Effect.gen(function* () {
 *   yield* Effect.provide(double.run(1), Threads)
 *   yield* Effect.provide(double.run(2), Fibers)
 *   const { total } = yield* (yield* Middleware.TaskMetrics).snapshot
 *   yield* Console.log(total)
 * })
 *
 * await Effect.runPromise(Effect.provide(program, Middleware.TaskMetrics.layer()))
 * // prints: 2
 * ```
 *
 * @category middleware
 * @since 0.3.0
 */
export const metricsShared = (): Middleware.Middleware<never, TaskMetrics> =>
  Middleware.make(Effect.map(TaskMetrics, ({ around }) => around))
