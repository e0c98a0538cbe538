/**
 * Listeners of a store that miss nothing.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { TaskEvent } from "../../store/TaskStore.ts"
import { untilEffect } from "../Subject.ts"
import * as Subject from "./StoreSubject.ts"

/** Listens to what happens in a store. Gives the events, of the moment from which on none is missed. */
export const listen = Effect.fnUntraced(function* (client: Subject.Client) {
  const events: Array<TaskEvent> = []
  yield* Effect.forkScoped(
    Stream.runForEach(client.store.events, (event) => Effect.sync(() => events.push(event))),
    { startImmediately: true }
  )
  // Tasks that nobody wants, until one of them is heard of.
  yield* untilEffect(
    "the first event",
    Effect.gen(function* () {
      const id = yield* Subject.offer(client, { name: "probe", queue: "probe" })
      yield* Effect.sleep("5 millis")
      yield* client.store.remove(id)
      return events.length > 0
    })
  )
  return () => events.filter(({ name }) => name !== "probe")
})

/** The statuses that listeners were told of, by task. */
export const byTask = (events: ReadonlyArray<TaskEvent>): ReadonlyMap<string, ReadonlyArray<string>> => {
  const all = new Map<string, Array<string>>()
  for (const { id, status } of events) all.set(id, [...(all.get(id) ?? []), status])
  return all
}
