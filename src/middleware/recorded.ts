/**
 * Records the tasks of any runner in a store: what was called, how it went, how it ended.
 *
 * @since 0.2.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import { discarded, type EncodedExit, type NewRecord, TaskStore } from "../store/TaskStore.ts"
import * as TaskCodec from "../internal/values/TaskCodec.ts"
import * as TaskExit from "../internal/values/TaskExit.ts"
import type { StoreFailure } from "../TaskError.ts"
import type { TaskRequest } from "../TaskRequest.ts"
import * as Call from "../internal/call/Call.ts"
import { both } from "./internal/both.ts"
import * as Middleware from "./Middleware.ts"

/**
 * Options of {@link recorded}.
 *
 * @category models
 * @since 0.2.0
 */
export interface RecordedOptions {
  /**
   * What becomes of a task when its record cannot be written. `"warn"`: a warning is logged and the task goes on. `"fail"`:
   * a task whose start cannot be recorded fails with `StoreFailure` and is not run; its end is recorded as far as possible.
   *
   * @default "warn"
   */
  readonly onFailure?: "warn" | "fail" | undefined
}

/** The queue that recorded tasks are shown in, which no reader takes from. */
const queue = "recorded"

const recordOf = (request: TaskRequest): NewRecord => {
  const payload = TaskCodec.of(request.task).payload.encode(request.payload)
  const { caller, createdAt, options } = request
  return {
    id: request.id,
    name: request.name,
    queue,
    status: "running",
    // One that does not match its schema is refused by the runner, which the record then says.
    payload: Result.isSuccess(payload) ? payload.success : null,
    exit: undefined,
    failure: undefined,
    attempts: 1,
    maxAttempts: 1,
    retryDelays: undefined,
    priority: request.priority,
    createdAt,
    runAt: createdAt,
    startedAt: createdAt,
    finishedAt: undefined,
    deadline: undefined,
    timeToLive:
      options.timeToLive === undefined ? undefined : Duration.toMillis(Duration.fromInputUnsafe(options.timeToLive)),
    expiresAt: undefined,
    token: 0,
    worker: undefined,
    leaseUntil: undefined,
    cancelRequested: false,
    progress: undefined,
    tags: request.tags,
    trace: caller.span && {
      traceId: caller.span.traceId,
      spanId: caller.span.spanId,
      sampled: caller.span.sampled
    },
    parentId: request.parentId,
    idempotencyKey: undefined,
    concurrencyKey: options.concurrencyKey,
    principal: request.principal,
    discardResult: options.discardResult === true
  }
}

const encodeExit = (request: TaskRequest, exit: Exit.Exit<unknown, unknown>): EncodedExit => {
  if (exit._tag === "Success") {
    if (request.options.discardResult === true) return discarded
    // The elements of a stream are not kept.
    if (request.task.kind === "stream") return { _tag: "Success", value: null }
  }
  return TaskExit.encode(request.task, exit).exit
}

/** The record of a call that has ended. */
const recordOfEnd = (begun: NewRecord, request: TaskRequest, exit: Exit.Exit<unknown, unknown>): NewRecord => ({
  ...begun,
  status: Middleware.statusOf(request, exit),
  exit: encodeExit(request, exit),
  // What is put further inside may have found out who calls.
  principal: request.principal,
  attempts: request.attempt,
  progress: Call.of(request).info.progress,
  finishedAt: request.caller.clock.currentTimeMillisUnsafe()
})

const warn = (request: TaskRequest) => (error: StoreFailure) =>
  Effect.logWarning(`Task "${request.name}" (${request.id}) is not recorded as it should be`, error)

/**
 * Records the tasks of a runner in the `TaskStore`: threads, processes and fibers then have a history that any program can
 * read.
 *
 * **Details**
 *
 * - a record is there when `fork` returns. It says `running` until the task is over, then how it ended, with the result or
 *   the error as their schemas write them, the last progress, and the times
 * - the records of a program that died say that their tasks failed with `WorkerCrashed`
 * - `timeToLive` of the task or the call says how long its record is kept; otherwise the store does
 * - the elements of a stream are not kept; its end is. Nor is a result that is thrown away (`discardResult`)
 * - nothing is queued: a recorded task is not run again
 *
 * **Gotchas**
 *
 * A `StoreRunner` keeps records by itself. In front of it this is of no use: it warns that it may not overwrite them.
 *
 * **Example** (A history of what ran)
 *
 * ```ts
 * import { Effect, Layer, Schema, Stream } from "effect"
 * import { FiberRunner, Middleware, Task, TaskStore } from "effect-strand"
 * import * as SqliteStore from "effect-strand/SqliteStore"
 *
 * const root = Task.make("root", { payload: Schema.Number, success: Schema.Number, error: Schema.String })
 *
 * const handlers = root.toLayer((n) => (n < 0 ? Effect.fail("no root") : Effect.succeed(Math.sqrt(n))))
 *
 * const Runner = Middleware.stack(FiberRunner.layer(handlers), Middleware.recorded()).pipe(
 *   Layer.provideMerge(SqliteStore.layerTemporary())
 * )
 *
 * const program = Effect.gen(function* () {
 *   for (const n of [9, -1]) yield* Effect.exit(root.run(n))
 *   const store = yield* TaskStore.TaskStore
 *   yield* store
 *     .entries({ name: "root" })
 *     .pipe(Stream.runForEach(({ payload, status }) => Effect.sync(() => console.log(payload, status))))
 * })
 *
 * await Effect.runPromise(Effect.provide(program, Runner))
 *
 * // prints: 9 completed
 * // prints: -1 failed
 * ```
 *
 * @category middleware
 * @since 0.2.0
 */
export const recorded = (options: RecordedOptions = {}): Middleware.Middleware<never, TaskStore> =>
  Middleware.make(
    Effect.map(TaskStore, (store) =>
      both((kind, request, next) =>
        kind.suspend(() => {
          const begun = recordOf(request)
          const written = store.put(begun)
          // The caller gets its result whatever becomes of the record of its end.
          const end = (exit: Exit.Exit<unknown, unknown>) =>
            Effect.suspend(() => store.put(recordOfEnd(begun, request, exit))).pipe(Effect.catch(warn(request)))
          return kind.after(options.onFailure === "fail" ? written : Effect.catch(written, warn(request)), () =>
            kind.onExitEffect(next, end)
          )
        })
      )
    )
  )
