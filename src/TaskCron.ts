/**
 * Recurring tasks: a Layer that runs a task at the times of a cron expression.
 *
 * Each time is a task of its own, which is handed to the runner ahead of time with a key that is the same in every
 * program. Over a store, the next run is therefore stored already when all programs are down, and is made once however
 * many programs have the same cron; over any other runner the delay is kept in memory.
 *
 * @since 0.2.0
 */
import * as Clock from "effect/Clock"
import * as Cron from "effect/Cron"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import { Methods } from "./internal/task/TaskMethods.ts"
import type * as Task from "./Task.ts"
import { type TaskError, TaskRejected } from "./TaskError.ts"
import type { TaskRunner } from "./TaskRunner.ts"

type CronOptions<Name extends string, Payload extends Schema.Constraint> = {
  /** The name of the cron: unique among those of a store. Its tasks have the tag `cron/<name>`. */
  readonly name: string
  /** What is run. */
  readonly task: Task.Task<Name, Payload, Schema.Constraint, Schema.Constraint>
  /**
   * When it is run: minutes, hours, days, months and weekdays, with seconds before them where they are wanted. For
   * example `"0 3 * * *"` for every night at three.
   */
  readonly cron: string
  /**
   * The time zone that the expression is about, such as `"Europe/Berlin"`. Where the clocks change, a time that is skipped
   * comes when the gap is over, and one that there is twice comes once.
   *
   * @default "UTC"
   */
  readonly zone?: string | undefined
} & ([void] extends [Task.PayloadInput<Payload>]
  ? { readonly payload?: Task.PayloadInput<Payload> }
  : { readonly payload: Task.PayloadInput<Payload> })

/**
 * What is run when. The options of a call hold for each run.
 *
 * @category models
 * @since 0.2.0
 */
export type Options<Name extends string, Payload extends Schema.Constraint> = CronOptions<Name, Payload> &
  Omit<Task.RunOptions, "delay" | "runAt" | "idempotencyKey" | "transfer">

/** A run that could not be handed over is tried again: the runner may be busy, or its store be out of reach. */
const again = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("1 minute")])

const make = Effect.fnUntraced(function* <Name extends string, Payload extends Schema.Constraint>(
  options: Options<Name, Payload>
) {
  const { cron: expression, name, payload, task, zone = "UTC", ...runOptions } = options
  const parsed = Cron.parse(expression, zone)
  if (Result.isFailure(parsed)) {
    const { input, message } = parsed.failure
    return yield* new TaskRejected({
      task: task.name,
      reason: `its cron "${name}" cannot be read: ${message}: ${JSON.stringify(input)}`
    })
  }
  const cron = parsed.success
  const tags = [...(options.tags ?? task.options.tags ?? []), `cron/${name}`]
  const next = (after: number) =>
    Effect.try({
      try: () => Cron.next(cron, new Date(after)),
      catch: () => new TaskRejected({ task: task.name, reason: `its cron "${name}" never comes: "${expression}"` })
    })

  const fork = (tick: Date) =>
    Methods.forkDiscard.call(task, payload, {
      ...runOptions,
      tags,
      runAt: tick,
      idempotencyKey: `cron/${name}/${tick.toISOString()}`
    })

  let tick = yield* next(yield* Clock.currentTimeMillis)
  yield* fork(tick)

  /** Waits for the time of the run that has been handed over, and hands over the next one. */
  const step = Effect.gen(function* () {
    yield* Effect.sleep(Math.max(0, tick.getTime() - (yield* Clock.currentTimeMillis)))
    tick = yield* next(Math.max(tick.getTime(), yield* Clock.currentTimeMillis))
    yield* fork(tick).pipe(
      Effect.tapError((error) => Effect.logWarning(`Cron "${name}": ${error.message}`)),
      Effect.retry({ schedule: again, while: (error) => error._tag !== "RunnerClosed" })
    )
  })
  yield* Effect.forkScoped(
    Effect.catch(Effect.forever(step), (error) => Effect.logError(`Cron "${name}" has ended. ${error.message}`))
  )
})

/**
 * Runs a task at the times of a cron expression, as long as the Layer is there.
 *
 * **Details**
 *
 * The Layer is ready when the next run has been handed to the runner, and fails with what that fails with; an expression or
 * a time zone that cannot be read is a `TaskRejected`. What becomes of a run does not matter to the next: one that takes
 * longer than the time between two overlaps with the next one, unless a `concurrencyKey` prevents it. Times that pass while
 * nobody is there are not made up for, but for the one that was stored already.
 *
 * **Gotchas**
 *
 * A runner without a store waits at its end for the run that has been handed over, as for any task: its `shutdownGrace`
 * says how long.
 *
 * **Example** (Every second)
 *
 * ```ts
 * import { Console, Deferred, Effect, Schema } from "effect"
 * import { FiberRunner, Task, TaskCron } from "effect-strand"
 *
 * const greet = Task.make("greet", { payload: { name: Schema.String } })
 * const greeted = Deferred.makeUnsafe<void>()
 *
 * const handlers = greet.toLayer(({ name }) =>
 *   Effect.andThen(Console.log(`Hello ${name}`), Deferred.succeed(greeted, undefined))
 * )
 *
 * const program = Deferred.await(greeted).pipe(
 *   Effect.provide(TaskCron.layer({ name: "greeting", task: greet, payload: { name: "Ada" }, cron: "* * * * * *" })),
 *   Effect.provide(FiberRunner.layer(handlers, { shutdownGrace: 0 }))
 * )
 *
 * await Effect.runPromise(program)
 * // prints: Hello Ada
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = <Name extends string, Payload extends Schema.Constraint>(
  options: Options<Name, Payload>
): Layer.Layer<never, TaskError, TaskRunner> => Layer.effectDiscard(make(options))
