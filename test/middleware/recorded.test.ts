// What runs on any runner is recorded in a store, whatever becomes of it.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { FiberRunner, Middleware, StoreRunner, Task, TaskContext, ThreadRunner } from "effect-strand"
import * as MemoryStore from "effect-strand/MemoryStore"
import { TaskStore } from "effect-strand/TaskStore"
import { StoreFailure } from "effect-strand/TaskError"
import { TaskRunner } from "effect-strand/TaskRunner"
import * as Leaks from "../helpers/leaks.ts"

Leaks.check()

class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Int }) {}

const half = Task.make("half", { payload: Schema.Int, success: Schema.Date, error: Odd })
const wait = Task.make("wait")
const count = Task.stream("count", { payload: Schema.Int, success: Schema.Int })

const handlers = Layer.mergeAll(
  half.toLayer((n) =>
    Effect.gen(function* () {
      yield* (yield* TaskContext.TaskContext).progress(n)
      return n % 2 === 0 ? new Date(n / 2) : yield* new Odd({ n })
    })
  ),
  wait.toLayer(() => Effect.never),
  count.toLayer((to) => Stream.range(1, to))
)

const recorded = (options?: Middleware.RecordedOptions) =>
  Middleware.recorded(options).pipe(Layer.provide(FiberRunner.layer(handlers)), Layer.provideMerge(MemoryStore.layer()))

const record = (id: string) => Effect.flatMap(TaskStore, (store) => Effect.map(store.get(id), Option.getOrThrow))

describe("Middleware.recorded", () => {
  it.live("keeps results as their schemas write them, progress, tags and times", () =>
    Effect.gen(function* () {
      const before = Date.now()
      const fiber = yield* half.fork(4, { tags: ["a"], timeToLive: "1 hour" })
      assert.deepStrictEqual(yield* Fiber.join(fiber), new Date(2))
      const found = yield* record(fiber.taskId)
      assert.deepInclude(found, {
        name: "half",
        status: "completed",
        payload: 4,
        exit: { _tag: "Success", value: new Date(2).toISOString() },
        progress: 4,
        tags: ["a"],
        attempts: 1,
        timeToLive: 3_600_000
      })
      assert.isTrue(found.createdAt >= before && found.finishedAt! >= found.createdAt)
      assert.strictEqual(found.expiresAt, found.finishedAt! + 3_600_000)
    }).pipe(Effect.provide(recorded()))
  )

  it.live("is there while the task runs, and says how it was cancelled", () =>
    Effect.gen(function* () {
      const fiber = yield* wait.fork()
      assert.strictEqual((yield* record(fiber.taskId)).status, "running")
      yield* (yield* TaskRunner).cancel(fiber.taskId)
      assert.strictEqual((yield* record(fiber.taskId)).status, "cancelled")
      const other = yield* wait.fork()
      yield* Fiber.interrupt(other)
      assert.strictEqual((yield* record(other.taskId)).status, "cancelled")
    }).pipe(Effect.provide(recorded()))
  )

  it.live("keeps typed errors, bad payloads and streams", () =>
    Effect.gen(function* () {
      const store = yield* TaskStore
      assert.strictEqual((yield* Effect.flip(half.run(3)))._tag, "Odd")
      assert.strictEqual((yield* Effect.flip(half.run(0.5)))._tag, "PayloadInvalid")
      assert.deepStrictEqual(yield* Stream.runCollect(count.stream(3)), [1, 2, 3])
      const records = yield* Stream.runCollect(store.entries())
      assert.deepStrictEqual(
        records.map(({ name, status }) => `${name} ${status}`),
        ["half failed", "half failed", "count completed"]
      )
      assert.include(JSON.stringify(records[0]!.exit), `"_tag":"Odd"`)
      assert.include(JSON.stringify(records[1]!.exit), `"PayloadInvalid"`)
    }).pipe(Effect.provide(recorded()))
  )

  it.live("keeps no result that nobody wants, and for whom a task was run", () =>
    Effect.gen(function* () {
      const fiber = yield* half.fork(4, { discardResult: true })
      assert.strictEqual(yield* Fiber.join(fiber), undefined)
      assert.deepInclude(yield* record(fiber.taskId), {
        status: "completed",
        exit: { _tag: "Success", value: null, discarded: true },
        discardResult: true,
        principal: { user: "ada" }
      })
      const failing = yield* half.fork(3, { discardResult: true })
      assert.strictEqual((yield* Effect.flip(Fiber.join(failing)))._tag, "Odd")
      assert.include(JSON.stringify((yield* record(failing.taskId)).exit), `"_tag":"Odd"`)
    }).pipe(
      Effect.provide(
        Middleware.recorded().pipe(
          // Further inside than the recorder: known only once the task runs.
          Layer.provide(
            Middleware.make((request, next) => {
              Middleware.setPrincipal(request, { user: "ada" })
              return next
            })
          ),
          Layer.provide(FiberRunner.layer(handlers)),
          Layer.provideMerge(MemoryStore.layer())
        )
      )
    )
  )

  it.live("records what runs in threads", () =>
    Effect.gen(function* () {
      const add = Task.portable("add", (a: number, b: number) => a + b)
      const fiber = yield* add.fork([40, 2])
      assert.strictEqual(yield* Fiber.join(fiber), 42)
      assert.deepInclude(yield* record(fiber.taskId), {
        status: "completed",
        payload: [40, 2],
        exit: { _tag: "Success", value: 42 }
      })
    }).pipe(
      Effect.provide(
        Middleware.recorded().pipe(
          Layer.provide(ThreadRunner.layer({ size: 1 })),
          Layer.provideMerge(MemoryStore.layer())
        )
      )
    )
  )

  const broken = Layer.effect(
    TaskStore,
    Effect.map(TaskStore, (store) =>
      TaskStore.of({
        ...store,
        put: () => Effect.fail(new StoreFailure({ operation: "write a record", cause: new Error("disk full") }))
      })
    )
  ).pipe(Layer.provide(MemoryStore.layer()))

  const over = (options?: Middleware.RecordedOptions) =>
    Middleware.recorded(options).pipe(Layer.provide(FiberRunner.layer(handlers)), Layer.provide(broken))

  it.live("lets tasks go on when the store fails", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* half.run(4), new Date(2))
    }).pipe(Effect.provide(over()))
  )

  it.live("refuses tasks when the store fails, where that is asked for", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(half.run(4))
      assert.isTrue(Exit.isFailure(exit) && Option.isSome(Cause.findErrorOption(exit.cause)))
      assert.strictEqual((yield* Effect.flip(half.fork(4)))._tag, "StoreFailure")
    }).pipe(Effect.provide(over({ onFailure: "fail" })))
  )

  it.live("does not overwrite the records that readers work with", () =>
    Effect.gen(function* () {
      const id = yield* half.forkDiscard(4)
      assert.strictEqual((yield* record(id)).status, "pending")
    }).pipe(
      Effect.provide(
        Middleware.recorded().pipe(Layer.provide(StoreRunner.layer), Layer.provideMerge(MemoryStore.layer()))
      )
    )
  )
})
