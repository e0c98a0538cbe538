// Who listens to a store is told of what is committed, and of nothing else, whenever the log is read.
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { utimesSync, watch } from "node:fs"
import { join } from "node:path"
import { makeNotes, until } from "../../src/testing/Subject.ts"
import * as Subject from "../../src/testing/store/StoreSubject.ts"
import * as Leaks from "../helpers/leaks.ts"
import * as Faults from "./faults.ts"

// Node keeps the descriptor with which it watches files, once it has watched one.
watch(import.meta.dirname).close()

Leaks.check()

it.live("nobody hears of a bulk that is rolled back while the bell rings, and all hear of what comes after it", () =>
  Effect.gen(function* () {
    const notes = yield* makeNotes
    const { queue, store } = yield* Faults.open("SqliteStore", notes.path("store"))
    const heard: Array<string> = []
    yield* Effect.forkScoped(Stream.runForEach(store.events, ({ id }) => Effect.sync(() => heard.push(id))))
    yield* Effect.yieldNow
    const [first, last] = [Subject.task(), Subject.task()]
    yield* queue.offer([first])
    yield* until("the first event", () => heard.includes(first.id))
    const bell = join(notes.path("store"), "tasks.db-changes")
    const ring = setInterval(() => utimesSync(bell, Date.now() / 1000, Date.now() / 1000), 2)
    yield* Effect.addFinalizer(() => Effect.sync(() => clearInterval(ring)))
    // The last of them has an id that is taken.
    const exit = yield* Effect.exit(queue.offer([...Subject.tasks(20_000), first]))
    assert.isTrue(Exit.isFailure(exit))
    yield* queue.offer([last])
    yield* until("the last event", () => heard.includes(last.id))
    assert.deepStrictEqual(heard, [first.id, last.id])
  })
)
