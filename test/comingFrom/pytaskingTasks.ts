// The tasks that the test of pytasking's rows runs, in fibers of its own and in processes: definitions and handlers.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Task } from "effect-strand"
import { addLine } from "../../src/testing/notes.ts"

/** Sleeps so many milliseconds. Gives the process that it has slept in. */
export const nap = Task.make("nap", { payload: Schema.Int, success: Schema.Int })

/** Tidies up when it is cancelled: notes `tidied`. */
export const tidy = Task.make("tidy", { payload: { file: Schema.String } })

/** Runs itself, each time one less deep, on a runner of this name. Gives the processes of all of them, its own first. */
export const spawn = Task.make("spawn", {
  payload: { depth: Schema.Int, on: Schema.String },
  success: Schema.Array(Schema.Int)
})

export default Layer.mergeAll(
  nap.toLayer((millis) => Effect.as(Effect.sleep(millis), process.pid)),
  tidy.toLayer(({ file }) =>
    Effect.andThen(
      addLine(file, "started"),
      Effect.onInterrupt(Effect.never, () => addLine(file, "tidied"))
    )
  ),
  spawn.toLayer(({ depth, on }) =>
    depth === 0
      ? Effect.succeed([process.pid])
      : Effect.map(spawn.run({ depth: depth - 1, on }, { runner: on }), (pids) => [process.pid, ...pids])
  )
)
