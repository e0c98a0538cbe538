// Strand's tasks in an SQLite file: schemas on both sides, results kept.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Schema from "effect/Schema"
import { join } from "node:path"
import { FiberRunner, StoreReader, StoreRunner, Task } from "effect-strand"
import * as SqliteStore from "effect-strand/SqliteStore"
import { TaskStore } from "effect-strand/TaskStore"
import { effectLoop } from "../effectLoop.ts"
import type { Consumption, Job, Outcome, Place, Store } from "../subject.ts"

const work = Task.make("work", {
  payload: { id: Schema.Int, text: Schema.String },
  success: Schema.Struct({ id: Schema.Int, ok: Schema.Boolean })
})

const database = (place: Place) => SqliteStore.layer({ filename: join(place.folder, "tasks.db") })

export const connect: Store["connect"] = async (place) => {
  const runtime = ManagedRuntime.make(StoreRunner.layer.pipe(Layer.provideMerge(database(place))))
  const store = await runtime.runPromise(TaskStore)
  return {
    enqueue: async (job) => {
      await runtime.runPromise(work.forkDiscard(job))
    },
    loop: effectLoop(
      (effect) => runtime.runPromise(effect),
      (job: Job) => work.forkDiscard(job)
    ),
    enqueueAll: async (jobs) => {
      await runtime.runPromise(Task.forkAllDiscard(work, jobs))
    },
    run: (job) => runtime.runPromise(work.run(job)),
    unfinished: () => runtime.runPromise(store.size({ status: ["pending", "scheduled", "running"] })),
    clear: async () => {
      await runtime.runPromise(store.clear({}))
    }
  }
}

export const consume: Store["consume"] = async (place: Place, { concurrency, handle }: Consumption) => {
  const handlers = work.toLayer((job) => {
    const outcome = handle(job)
    return outcome instanceof Promise ? Effect.promise((): Promise<Outcome> => outcome) : Effect.succeed(outcome)
  })
  const reader = StoreReader.layer({ tasks: [work], concurrency }).pipe(
    Layer.provide(FiberRunner.layer(handlers)),
    Layer.provide(database(place))
  )
  const runtime = ManagedRuntime.make(reader)
  await runtime.context()
  return () => runtime.dispose()
}
