// What a call takes along into a store, and back out of it: for whom it is made, and whether its result is wanted.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import * as Middleware from "effect-strand/Middleware"
import * as FiberRunner from "effect-strand/FiberRunner"
import * as StoreReader from "effect-strand/StoreReader"
import * as StoreRunner from "effect-strand/StoreRunner"
import * as FileStore from "effect-strand/FileStore"
import * as MemoryStore from "effect-strand/MemoryStore"
import * as SqliteStore from "effect-strand/SqliteStore"
import { TaskStore } from "effect-strand/TaskStore"
import * as Task from "effect-strand/Task"
import { TaskContext } from "effect-strand/TaskContext"
import * as Folders from "../helpers/folders.ts"
import * as Leaks from "../helpers/leaks.ts"

Leaks.check()

class Refused extends Schema.TaggedError<Refused>()("Refused", { n: Schema.Int }) {}

const whoami = Task.make("whoami", { success: Schema.Unknown })
const whoIsBelow = Task.make("whoIsBelow", { success: Schema.Unknown })
const odd = Task.make("odd", { payload: Schema.Int, success: Schema.Date, error: Refused })
const tasks = [whoami, whoIsBelow, odd]

const handlers = Layer.mergeAll(
  whoami.toLayer(() => Effect.map(TaskContext, ({ principal }) => principal)),
  whoIsBelow.toLayer(() => whoami.run()),
  odd.toLayer((n) => (n % 2 === 0 ? Effect.fail(new Refused({ n })) : Effect.succeed(new Date(n))))
)

const ada = { user: "ada", roles: ["admin", "ünïcödé"], limits: { perDay: 0.5, until: null } }

const asAda = Middleware.make((request, next) => {
  Middleware.setPrincipal(request, ada)
  return next
})

const Reader = StoreReader.layer({ tasks }).pipe(Layer.provide(FiberRunner.layer(handlers)))
const record = (id: string) => Effect.flatMap(TaskStore, (store) => Effect.map(store.get(id), Option.getOrThrow))

const stores = {
  MemoryStore: MemoryStore.layer(),
  FileStore: Layer.unwrap(Effect.map(Folders.scoped, (folder) => FileStore.layer({ folder }))),
  SqliteStore: Layer.unwrap(
    Effect.map(Folders.scoped, (folder) => SqliteStore.layer({ filename: join(folder, "store.db") }))
  )
}

for (const [name, store] of Object.entries(stores)) {
  describe(name, () => {
    it.live("the handler of a reader sees for whom the task was called, and so do the tasks that it runs", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* whoami.run(), undefined)
        const program = Effect.gen(function* () {
          const fiber = yield* whoami.fork()
          assert.deepStrictEqual(yield* Fiber.join(fiber), ada)
          assert.deepStrictEqual((yield* record(fiber.taskId)).principal, ada)
          assert.deepStrictEqual(yield* whoIsBelow.run(), ada)
          const id = yield* whoami.forkDiscard()
          const attached = yield* whoami.attach(id)
          assert.deepStrictEqual(yield* Fiber.join(attached), ada)
        })
        yield* Effect.provide(program, asAda)
      }).pipe(Effect.provide(Layer.provideMerge(Layer.mergeAll(StoreRunner.layer, Reader), store)))
    )

    it.live("a result that is not wanted is not kept, and whoever asks for it gets undefined", () =>
      Effect.gen(function* () {
        const ids = [
          (yield* odd.fork(1, { discardResult: true })).taskId,
          yield* odd.forkDiscard(3, { discardResult: true })
        ]
        const elsewhere = Effect.forEach(ids, (id) => Effect.flatMap(odd.attach(id), Fiber.join))
        assert.deepStrictEqual<unknown>(yield* elsewhere, [undefined, undefined])
        // Another program, once it is over.
        assert.deepStrictEqual<unknown>(yield* Effect.provide(elsewhere, Layer.fresh(StoreRunner.layer)), [
          undefined,
          undefined
        ])
        for (const id of ids) {
          const found = yield* record(id)
          assert.deepInclude(found, {
            status: "completed",
            discardResult: true,
            exit: { _tag: "Success", value: null, discarded: true }
          })
          assert.isAtLeast(found.finishedAt!, found.createdAt)
        }
        const failing = yield* odd.fork(2, { discardResult: true })
        assert.instanceOf(yield* Effect.flip(Fiber.join(failing)), Refused)
        assert.strictEqual((yield* record(failing.taskId)).status, "failed")
      }).pipe(Effect.provide(Layer.provideMerge(Layer.mergeAll(StoreRunner.layer, Reader), store)))
    )

    it.live("calls with one idempotency key, of which only some want the result", () =>
      Effect.gen(function* () {
        const options = { idempotencyKey: "a" }
        const first = yield* odd.fork(1, { ...options, discardResult: true })
        const second = yield* odd.fork(1, options)
        assert.strictEqual(second.taskId, first.taskId)
        assert.strictEqual<unknown>(yield* Fiber.join(second), undefined)
        assert.deepStrictEqual(yield* odd.run(1, { idempotencyKey: "b" }), new Date(1))
        assert.strictEqual(yield* odd.run(1, { idempotencyKey: "b", discardResult: true }), undefined)
      }).pipe(Effect.provide(Layer.provideMerge(Layer.mergeAll(StoreRunner.layer, Reader), store)))
    )
  })
}

describe("a file of an older version", () => {
  it.live("has tasks that are run for nobody, and whose results are kept", () =>
    Effect.gen(function* () {
      const filename = join(yield* Folders.scoped, "store.db")
      const open = () => SqliteStore.layer({ filename })
      const id = yield* odd
        .forkDiscard(1, { tags: ["a"], discardResult: true })
        .pipe(Effect.provide(Layer.provide(StoreRunner.layer, open())))
      // As it was written before there were principals.
      const db = new DatabaseSync(filename)
      db.prepare("UPDATE strand_tasks SET details = ? WHERE id = ?").run(JSON.stringify({ tags: ["a"] }), id)
      db.close()
      yield* Effect.gen(function* () {
        assert.deepStrictEqual(yield* Effect.flatMap(odd.attach(id), Fiber.join), new Date(1))
        assert.deepInclude(yield* record(id), { tags: ["a"], principal: undefined, discardResult: false })
      }).pipe(Effect.provide(Layer.provideMerge(Layer.mergeAll(StoreRunner.layer, Reader), open())))
    }).pipe(Effect.scoped)
  )
})
