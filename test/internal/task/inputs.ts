// Tasks whose payloads have constructor defaults, and their handlers: a tasks module.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Task } from "effect-strand"

const withDefault = Schema.withConstructorDefault

export class User extends Schema.Class<User>("User")({
  name: Schema.NonEmptyString,
  role: Schema.String.pipe(withDefault(Effect.succeed("guest")))
}) {
  get label(): string {
    return `${this.name} (${this.role})`
  }
}

/** How often the default of a fetch was made. */
export const made = { times: 0 }

export const Request = Schema.Struct({
  url: Schema.String,
  retries: Schema.Int.pipe(
    withDefault(
      Effect.sync(() => {
        made.times++
        return 3
      })
    )
  ),
  note: Schema.optionalKey(Schema.String),
  limits: Schema.Struct({ size: Schema.Int.pipe(withDefault(Effect.succeed(10))), rate: Schema.Int }),
  headers: Schema.Array(
    Schema.Struct({ name: Schema.String, value: Schema.String.pipe(withDefault(Effect.succeed(""))) })
  )
})

/** What comes back is what the handler was given. */
export const fetch = Task.make("fetch", { payload: Request, success: Request })
export const greet = Task.make("greet", { payload: User, success: Schema.String })
export const count = Task.stream("count", {
  payload: { to: Schema.Int, from: Schema.Int.pipe(withDefault(Effect.succeed(1))) },
  success: Schema.Int
})

export default Layer.mergeAll(
  fetch.toLayer((request) => Effect.succeed(request)),
  greet.toLayer((user) => Effect.sync(() => user.label)),
  count.toLayer(({ from, to }) => Stream.range(from, to))
)
