/**
 * What a handler knows about the task that it is working on.
 *
 * Every runner provides this service to every handler, so a handler may use it without adding a requirement to its
 * Layer. It is the handler's side of a {@link TaskFiber}: what is reported here as progress is read there.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { TaskCancelled } from "./TaskError.ts"

/**
 * The task that the current handler is working on.
 *
 * **Example** (Reporting progress)
 *
 * ```ts
 * import { Console, Effect, Schema, Stream } from "effect"
 * import { FiberRunner, Task, TaskContext } from "effect-strand"
 *
 * const climb = Task.make("climb", { payload: { steps: Schema.Int } })
 *
 * const handlers = climb.toLayer(({ steps }) =>
 *   Effect.gen(function* () {
 *     const context = yield* TaskContext.TaskContext
 *     for (let step = 1; step <= steps; step++) {
 *       yield* Effect.sleep("5 millis")
 *       yield* context.progress(step / steps)
 *     }
 *   })
 * )
 *
 * const program = Effect.gen(function* () {
 *   const fiber = yield* climb.fork({ steps: 3 })
 *   yield* Stream.runForEach(fiber.progress, (ratio) => Console.log(`${Math.round(Number(ratio) * 100)} %`))
 * })
 *
 * await Effect.runPromise(program.pipe(Effect.provide(FiberRunner.layer(handlers))))
 * // prints: 33 %
 * // prints: 67 %
 * // prints: 100 %
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class TaskContext extends Context.Service<
  TaskContext,
  {
    /** The task's id, unique among all runners and processes. */
    readonly id: string
    /** The name of the task's definition. */
    readonly name: string
    /** 1 on the first attempt, 2 on the first retry, and so on. */
    readonly attempt: number
    /** When the task's `timeout` ends, in milliseconds since the epoch; undefined without a time limit. */
    readonly deadline: number | undefined
    /** The tags given with the call. */
    readonly tags: ReadonlyArray<string>
    /** The id of the task whose handler started this one, if one did. */
    readonly parentId: string | undefined
    /**
     * Reports how far the work is. Any value that can be cloned will do; the latest one and all later ones are read as
     * the `progress` Stream of the task's handle. Never waits and never fails.
     */
    readonly progress: (value: unknown) => Effect.Effect<void>
    /**
     * What `fiber.send` of the task's handle sends. `task.messages` gives the same with its type. Each message is read
     * once, by whoever reads first.
     */
    readonly messages: Stream.Stream<unknown>
    /**
     * For whom the task is run, as `Middleware.auth` has found out; undefined when nobody has asked. Tasks that a handler
     * calls have the principal of its own task.
     */
    readonly principal: unknown
    /** Ends the task by itself: it fails with `TaskCancelled` once its finalizers have run, and counts as cancelled. */
    readonly cancel: Effect.Effect<never, TaskCancelled>
  }
>()("effect-strand/TaskContext") {}
