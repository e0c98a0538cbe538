// The tasks module of the rows about strand and au.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { threadId } from "node:worker_threads"
import { Task } from "effect-strand"

export class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Int }) {}

/** Several arguments. */
export const add = Task.make("add", { payload: Schema.Tuple([Schema.Int, Schema.Int]), success: Schema.Int })

/** Arguments with names. */
export const greet = Task.make("greet", {
  payload: { greeting: Schema.String, name: Schema.String },
  success: Schema.String
})

/** A result that is a list. */
export const letters = Task.make("letters", { payload: Schema.String, success: Schema.Array(Schema.String) })

/** Many results. */
export const count = Task.stream("count", { payload: Schema.Int, success: Schema.Int, error: Odd })

/** An error of its own. */
export const half = Task.make("half", { payload: Schema.Int, success: Schema.Int, error: Odd })

export const where = Task.make("where", { success: Schema.Struct({ pid: Schema.Int, thread: Schema.Int }) })

/** Ends when it is told to. */
export const hold = Task.make("hold", { payload: Schema.String, success: Schema.String, inbox: Schema.String })

/** Kills its process. */
export const die = Task.make("die")

/** Never lets go of its thread. */
export const spin = Task.make("spin")

export default Layer.mergeAll(
  add.toLayer(([a, b]) => Effect.succeed(a + b)),
  greet.toLayer(({ greeting, name }) => Effect.succeed(`${greeting}, ${name}`)),
  letters.toLayer((text) => Effect.succeed([...text])),
  count.toLayer((to) =>
    Stream.range(1, to).pipe(Stream.concat(to % 2 === 0 ? Stream.empty : Stream.fail(new Odd({ n: to }))))
  ),
  half.toLayer((n) => (n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail(new Odd({ n })))),
  where.toLayer(() => Effect.succeed({ pid: process.pid, thread: threadId })),
  hold.toLayer((name) =>
    hold.messages.pipe(
      Stream.take(1),
      Stream.runFold(
        () => name,
        (text, message) => `${text} ${message}`
      )
    )
  ),
  die.toLayer(() =>
    Effect.sync(() => {
      process.kill(process.pid, "SIGKILL")
      for (;;);
    })
  ),
  spin.toLayer(() =>
    Effect.sync(() => {
      for (;;);
    })
  )
)
