/**
 * Runs tasks by way of a store: they survive the program that calls them, and run where readers are.
 *
 * A call writes the task into the queue, where some {@link StoreReader} finds it, in this program or in another one. Its
 * handle follows the record, and ends when the task does. The end of this runner lets go of its handles: the tasks go on,
 * and `task.attach(id)` takes them up again.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { effects } from "../internal/call/Kind.ts"
import { registerMetrics, snapshot } from "../RunnerStats.ts"
import { defaultQueue, type NewTask, TaskQueue } from "../store/TaskQueue.ts"
import { TaskStore } from "../store/TaskStore.ts"
import { type RunnerClosed, type StoreFailure, TaskNotFound, TaskRejected } from "../TaskError.ts"
import * as TaskFiber from "../TaskFiber.ts"
import * as Call from "../internal/call/Call.ts"
import type { TaskRequest } from "../TaskRequest.ts"
import * as TaskRunner from "../TaskRunner.ts"
import * as StoredTask from "./internal/stored/StoredTask.ts"
import * as StoreReader from "./StoreReader.ts"
import { Waiter, Waiters } from "./internal/stored/StoreWaiter.ts"

/**
 * Options of {@link layerWith}.
 *
 * @category models
 * @since 0.2.0
 */
export interface Options {
  /**
   * The name of the runner in Metrics.
   *
   * @default "store"
   */
  readonly name?: string | undefined
}

const live = ["scheduled", "pending", "running"] as const

const make = (options: Options) =>
  Effect.gen(function* () {
    const context = yield* Effect.context<TaskStore | TaskQueue>()
    const store = yield* TaskStore
    const queue = yield* TaskQueue
    const waiters: Waiters = new Waiters(store, queue, context)
    const { front } = waiters
    yield* registerMetrics(options.name ?? "store", waiters)
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        front.end()
        waiters.close()
      })
    )

    const execute: TaskRunner.TaskRunner["Service"]["execute"] = (request) =>
      Effect.suspend(() => {
        const call = Call.of(request)
        return front.pass(effects, call, () => {
          const made = StoredTask.make(call)
          return Result.isFailure(made) ? Effect.fail(made.failure) : offer(call, made.success)
        })
      })

    /** Stores a task and waits for it. What it comes to is followed before it is there, so that nothing is missed. */
    const offer = (call: Call.Call, task: NewTask): Effect.Effect<unknown, unknown> => {
      const waiter = new Waiter(waiters, call)
      waiter.observe()
      const stored = Effect.onExitPrimitive(queue.offer([task]), (exit) => {
        if (Exit.isSuccess(exit)) waiter.accepted(exit.value[0]!, task.runAt, task.deadline)
        else waiter.end(exit)
        return undefined
      })
      return Effect.uninterruptibleMask((restore) => Effect.flatMap(stored, () => waiter.wait(restore)))
    }

    const enqueue: TaskRunner.TaskRunner["Service"]["enqueue"] = (requests) =>
      Effect.suspend(() => {
        const [first] = requests
        const waiting = first && front.waiting(Call.of(first))
        const offered = Effect.suspend(() => offerAll(requests))
        return waiting === undefined ? offered : Effect.andThen(waiting, offered)
      })

    const offerAll = (
      requests: ReadonlyArray<TaskRequest>
    ): Effect.Effect<ReadonlyArray<string>, RunnerClosed | StoredTask.Refusal | StoreFailure> => {
      const tasks: Array<NewTask> = []
      for (const request of requests) {
        const refusal = front.refusal(Call.of(request))
        if (refusal !== undefined) return Effect.fail(refusal)
        const made = StoredTask.make(Call.of(request))
        if (Result.isFailure(made)) return Effect.fail(made.failure)
        tasks.push(made.success)
      }
      return tasks.length === 0
        ? Effect.succeed([])
        : Effect.map(queue.offer(tasks), (offered) => offered.map(({ id }) => id))
    }

    const attach: TaskRunner.TaskRunner["Service"]["attach"] = (request, id) =>
      Effect.gen(function* () {
        const refusal = front.refusal(Call.of(request))
        if (refusal !== undefined) return yield* refusal
        const found = yield* store.get(id)
        if (Option.isNone(found)) return yield* new TaskNotFound({ task: request.name, available: [], taskId: id })
        const record = found.value
        const { createdAt, name, parentId, priority, tags } = StoredTask.infoOf(record)
        if (name !== request.name) return yield* TaskRunner.otherTask(request.name, id, name)
        const attached = new Call.Call(
          request.task,
          undefined,
          { priority, tags, discardResult: record.discardResult },
          { ...request.caller, taskId: parentId, principal: record.principal }
        )
        attached.resume({ id, createdAt, attempt: 1 })
        attached.accept()
        const waiter = new Waiter(waiters, attached)
        waiter.observe()
        waiter.read(record)
        if (record.exit === undefined) waiter.refresh()
        const end = Effect.uninterruptibleMask((restore) => waiter.wait(restore))
        return TaskFiber.makeUnsafe(attached, request.caller.context, end)
      })

    const cancel = (id: string): Effect.Effect<boolean> =>
      Effect.callback((resume) => {
        const end = (result: Effect.Effect<boolean>) => {
          unobserve()
          resume(result)
        }
        const unobserve = store.observe(id, (change) => {
          if (change._tag === "Settled" || change._tag === "Removed") end(Effect.succeed(true))
        })
        waiters.fork(queue.cancel(id)).addObserver((exit) => {
          if (Exit.isFailure(exit)) end(Effect.orDie(exit))
          else if (!exit.value) end(Effect.succeed(false))
        })
        return Effect.sync(unobserve)
      })

    return TaskRunner.TaskRunner.of({
      execute,
      stream: (request) => Stream.suspend(() => Stream.fail(front.refusal(Call.of(request)) ?? streamRefusal(request))),
      fork: TaskRunner.forkWith(execute),
      enqueue,
      attach,
      tasks: Effect.map(Effect.orDie(Stream.runCollect(store.entries({ status: live }))), (records) =>
        records.map(StoredTask.infoOf)
      ),
      get: (id) =>
        Effect.map(Effect.orDie(store.get(id)), (record) =>
          Option.isSome(record) && record.value.exit === undefined
            ? Option.some(StoredTask.infoOf(record.value))
            : Option.none()
        ),
      cancel,
      awaitIdle: front.awaitIdle,
      pause: Effect.orDie(queue.pause(defaultQueue)),
      resume: Effect.orDie(queue.resume(defaultQueue)),
      resize: (size) => Effect.orDie(queue.configure(defaultQueue, { concurrency: size })),
      stats: Effect.sync(() => snapshot(waiters))
    })
  })

const streamRefusal = ({ name }: TaskRequest) =>
  new TaskRejected({
    task: name,
    reason: "a store keeps one result of a task, and it is a stream. Run it on threads, processes or fibers"
  })

/**
 * A runner that gives its tasks to a store. See {@link layer}.
 *
 * **Example** (Its name in Metrics)
 *
 * ```ts
 * import { Console, Effect, Layer, Metric } from "effect"
 * import { StoreRunner, Task } from "effect-strand"
 * import * as MemoryStore from "effect-strand/MemoryStore"
 *
 * const later = Task.make("later")
 *
 * const program = Effect.gen(function* () {
 *   yield* later.fork(undefined, { delay: "1 hour" })
 *   for (const { attributes, id } of yield* Metric.snapshot) {
 *     if (id === "strand_tasks_queued") yield* Console.log(attributes)
 *   }
 * })
 *
 * const Runner = StoreRunner.layerWith({ name: "orders" }).pipe(Layer.provide(MemoryStore.layer()))
 *
 * await Effect.runPromise(Effect.provide(program, Runner))
 *
 * // prints: { runner: 'orders' }
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerWith = (options: Options): Layer.Layer<TaskRunner.TaskRunner, never, TaskStore | TaskQueue> =>
  Layer.effect(TaskRunner.TaskRunner, make(options))

/**
 * A runner that gives its tasks to a store, for readers to run them.
 *
 * **Details**
 *
 * - a call is accepted when its task is durable
 * - interrupting a handle, or `run`, cancels the task, also when other calls or programs wait for it. The handle ends when
 *   the work has stopped
 * - the end of the runner cancels nothing: handles that wait end as interrupted, and their tasks go on
 * - `TaskRunner.tasks`, `get` and `cancel` are about all tasks of the store, of whatever program; `stats` and `awaitIdle`
 *   about those that this runner waits for, which tasks made by `forkDiscard` are not
 * - `pause`, `resume` and `resize` are about the queue `"default"`, for all its readers; `resize` sets how many of its
 *   tasks run at once in all of them
 * - streaming tasks are refused with `TaskRejected`, and so is a call whose own `retry` has a function: one that belongs
 *   to the definition is called by the reader
 * - where the store fails under one of the methods that have no error of their own, that is a defect
 *
 * **Example** (A task that outlives the runner which it was given to)
 *
 * ```ts
 * import { Effect, Fiber, Layer, Schema } from "effect"
 * import { FiberRunner, StoreReader, StoreRunner, Task } from "effect-strand"
 * import * as MemoryStore from "effect-strand/MemoryStore"
 *
 * const double = Task.make("double", { payload: Schema.Int, success: Schema.Int })
 *
 * const Reader = StoreReader.layer({ tasks: [double] }).pipe(
 *   Layer.provide(FiberRunner.layer(double.toLayer((n) => Effect.succeed(n * 2))))
 * )
 *
 * const program = Effect.gen(function* () {
 *   const id = yield* double.forkDiscard(21).pipe(Effect.provide(StoreRunner.layer))
 *   const later = Effect.flatMap(double.attach(id), Fiber.join)
 *   return yield* later.pipe(Effect.provide(Layer.fresh(StoreRunner.layer)), Effect.provide(Reader))
 * }).pipe(Effect.provide(MemoryStore.layer()))
 *
 * console.log(await Effect.runPromise(program))
 * // prints: 42
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layer: Layer.Layer<TaskRunner.TaskRunner, never, TaskStore | TaskQueue> = layerWith({})

/**
 * Options of {@link layerReading}.
 *
 * @category models
 * @since 0.2.0
 */
export interface ReadingOptions<E, R> extends Options, StoreReader.Options {
  /** The Layer of the runner that does the work: `FiberRunner.layer(...)`, `ThreadRunner.layer(...)`, ... */
  readonly runner: Layer.Layer<TaskRunner.TaskRunner, E, R>
}

/**
 * A runner that gives its tasks to a store, together with a reader that runs them in this program.
 *
 * **Details**
 *
 * Tasks that handlers run themselves go to the runner of the handlers, not into the store.
 *
 * **Example** (Durable tasks in one program)
 *
 * ```ts
 * import { Effect, Layer, Schema } from "effect"
 * import { FiberRunner, StoreRunner, Task } from "effect-strand"
 * import * as MemoryStore from "effect-strand/MemoryStore"
 *
 * const double = Task.make("double", { payload: Schema.Int, success: Schema.Int })
 *
 * const Runner = StoreRunner.layerReading({
 *   runner: FiberRunner.layer(double.toLayer((n) => Effect.succeed(n * 2))),
 *   tasks: [double]
 * }).pipe(Layer.provide(MemoryStore.layer()))
 *
 * console.log(await Effect.runPromise(double.run(21).pipe(Effect.provide(Runner))))
 * // prints: 42
 * ```
 *
 * @category layers
 * @since 0.2.0
 */
export const layerReading = <E, R>(
  options: ReadingOptions<E, R>
): Layer.Layer<TaskRunner.TaskRunner, E | StoreFailure, TaskStore | TaskQueue | R> =>
  // The reader ends first, so that handles still hear of the tasks that it waits for.
  StoreReader.layer(options).pipe(Layer.provide(options.runner), Layer.provideMerge(layerWith(options)))
