// Tasks whose schemas move bytes between threads, for Moving.test.ts.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Transferable from "effect/workers/Transferable"
import * as Task from "effect-strand/Task"

export const fill = Task.make("fill", {
  payload: { bytes: Transferable.Uint8Array, value: Schema.Int },
  success: Transferable.Uint8Array
})

export const fillSlowly = Task.make("fillSlowly", {
  payload: { bytes: Transferable.Uint8Array, value: Schema.Int, millis: Schema.Int },
  success: Transferable.Uint8Array
})

export const pair = Task.make("pair", {
  payload: Schema.Int,
  success: Schema.Struct({ first: Transferable.Uint8Array, second: Transferable.Uint8Array })
})

/** Gives the same bytes twice: the second time they must have gone. */
export const giveAndKeep = Task.make("giveAndKeep", { success: Schema.Int })
export const give = Task.make("give", { success: Transferable.Uint8Array })

export const parts = Task.stream("parts", { payload: Schema.Int, success: Transferable.Uint8Array })

const kept = new Uint8Array(1024).fill(7)

export default Layer.mergeAll(
  fill.toLayer(({ bytes, value }) => Effect.sync(() => bytes.fill(value))),
  fillSlowly.toLayer(({ bytes, millis, value }) =>
    Effect.sync(() => {
      const end = performance.now() + millis
      while (performance.now() < end);
      return bytes.fill(value)
    })
  ),
  pair.toLayer((value) => Effect.succeed({ first: new Uint8Array(100).fill(value), second: new Uint8Array(100) })),
  give.toLayer(() => Effect.succeed(kept as Uint8Array<ArrayBuffer>)),
  giveAndKeep.toLayer(() => Effect.sync(() => kept.byteLength)),
  parts.toLayer((count) => Stream.range(1, count).pipe(Stream.map((n) => new Uint8Array(n).fill(n))))
)
