/**
 * The handle of a running task: a real `Fiber` that also knows its task.
 *
 * Everything that works with fibers works with it: `Fiber.join`, `Fiber.await`, `Fiber.interrupt`, which stops the
 * work wherever it runs and completes when it has stopped.
 *
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import * as Call from "./internal/call/Call.ts"
import type { TaskRejected } from "./TaskError.ts"
import type { TaskInfo, TaskRequest, TaskStatus } from "./TaskRequest.ts"

const TypeId = "~effect-strand/TaskFiber"

/**
 * The handle of a task. `Message` is the type of its task's `inbox`.
 *
 * @category models
 * @since 0.1.0
 */
export interface TaskFiber<out A, out E = never, in Message = never> extends Fiber.Fiber<A, E> {
  readonly [TypeId]: TaskRequest
  /** The task's id, unique among all runners and processes. */
  readonly taskId: string
  /** Where the task is in its life. */
  readonly status: Effect.Effect<TaskStatus>
  /** What the handler reports with `TaskContext.progress`, from the latest value on; ends with the task. */
  readonly progress: Stream.Stream<unknown>
  /** Name, tags, priority, times and the rest of what is known of the task now. */
  readonly metadata: TaskInfo
  /**
   * Sends a message to the task, whose handler reads it from `task.messages`. Messages are read in the order in which they
   * were sent, also those sent before the handler was started. Waits while 256 of them have not been read.
   *
   * Fails with `TaskRejected` when the message does not match the `inbox` schema, and when the task is over.
   */
  readonly send: (message: Message) => Effect.Effect<void, TaskRejected>
  /** Says that no further message comes: `task.messages` ends behind those that have been sent. */
  readonly endMessages: Effect.Effect<void>
}

/**
 * Tells a task's handle from other fibers.
 *
 * @category guards
 * @since 0.1.0
 */
export const isTaskFiber = (u: unknown): u is TaskFiber<unknown, unknown> => Predicate.hasProperty(u, TypeId)

/**
 * The request that a handle stands for.
 *
 * @category accessors
 * @since 0.3.0
 */
export const requestOf = (fiber: TaskFiber<unknown, unknown>): TaskRequest => fiber[TypeId]

// The prototype of Effect's fibers, extended once by the properties of a handle: a handle is then the very fiber that
// the runtime made, with one field more.
let prototype: object | undefined

/** A property that is read of the fiber's call. */
const ofCall = (read: (call: Call.Call) => unknown): PropertyDescriptor => ({
  get(this: TaskFiber<unknown, unknown>) {
    return read(Call.of(this[TypeId]))
  }
})

const makePrototype = (fiber: Fiber.Fiber<unknown, unknown>): object =>
  Object.defineProperties(Object.create(Object.getPrototypeOf(fiber)), {
    taskId: ofCall((call) => call.id),
    status: ofCall((call) => Effect.sync(() => call.status)),
    progress: ofCall((call) => call.progressStream),
    metadata: ofCall((call) => call.info),
    send: ofCall((call) => (message: unknown) => call.send(message)),
    endMessages: ofCall((call) => call.endMessages)
  })

/**
 * The ends of tasks that have been started, in the order in which they come. Leaving the Stream early stops no task.
 *
 * **Example** (Reading results as they come)
 *
 * ```ts
 * import { Effect, Exit, Schema, Stream } from "effect"
 * import { FiberRunner, Task, TaskFiber } from "effect-strand"
 *
 * const nap = Task.make("nap", { payload: Schema.Int, success: Schema.Int })
 *
 * const program = Effect.gen(function* () {
 *   const fibers = [yield* nap.fork(30), yield* nap.fork(1)]
 *   return yield* TaskFiber.asCompleted(fibers).pipe(
 *     Stream.map(({ exit }) => Exit.getSuccess(exit)),
 *     Stream.runCollect
 *   )
 * }).pipe(Effect.provide(FiberRunner.layer(nap.toLayer((ms) => Effect.as(Effect.sleep(ms), ms)))))
 *
 * console.log((await Effect.runPromise(program)).join(", "))
 * // prints: some(1), some(30)
 * ```
 *
 * @category combinators
 * @since 0.3.0
 */
export const asCompleted = <A, E>(
  fibers: Iterable<TaskFiber<A, E>>
): Stream.Stream<{ readonly fiber: TaskFiber<A, E>; readonly exit: Exit.Exit<A, E> }> =>
  Stream.fromIterable(fibers).pipe(
    Stream.mapEffect((fiber) => Effect.map(Fiber.await(fiber), (exit) => ({ fiber, exit })), {
      concurrency: "unbounded",
      unordered: true
    })
  )

/**
 * Starts an Effect that does a request's work, as a fiber of its own, and gives its handle.
 *
 * @category constructors
 * @since 0.1.0
 */
export const makeUnsafe = <A, E>(
  request: TaskRequest,
  context: Context.Context<never>,
  effect: Effect.Effect<A, E>
): TaskFiber<A, E> => {
  const fiber = Effect.runForkWith(context)(effect) as Fiber.Fiber<A, E> & { [TypeId]: TaskRequest }
  fiber[TypeId] = request
  return Object.setPrototypeOf(fiber, (prototype ??= makePrototype(fiber))) as TaskFiber<A, E>
}
