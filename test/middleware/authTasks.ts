// Tasks whose handlers say for whom they run: a tasks module for every runner.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Middleware, Task, TaskContext } from "effect-strand"

/** A principal that is no plain JSON. */
export class User extends Schema.Class<User>("User")({ name: Schema.String, since: Schema.Date }) {
  get greeting(): string {
    return `${this.name}, with us since ${this.since.getUTCFullYear()}`
  }
}

export const greet = Task.make("greet", { payload: { word: Schema.String }, success: Schema.String })
export const raw = Task.make("raw", { success: Schema.Unknown })
/** Runs `greet`, by `run`, by `fork` and through a task of its own. */
export const greetBelow = Task.make("greetBelow", {
  payload: { depth: Schema.Int },
  success: Schema.Array(Schema.String)
})
export const greetings = Task.stream("greetings", { payload: { count: Schema.Int }, success: Schema.String })

/** How often handlers have been started in this thread. */
export const started = { count: 0 }

const greeting = Effect.map(Middleware.principal(User), (user) => {
  started.count++
  return user.greeting
})

export default Layer.mergeAll(
  greet.toLayer(({ word }) => Effect.map(greeting, (greeting) => `${word} ${greeting}`)),
  raw.toLayer(() => Effect.map(TaskContext.TaskContext, ({ principal }) => principal ?? "nobody")),
  greetBelow.toLayer(({ depth }) =>
    depth === 0
      ? Effect.map(greet.run({ word: "hi" }), (said) => [said])
      : Effect.map(
          Effect.all([greetBelow.run({ depth: depth - 1 }), Stream.runCollect(greetings.stream({ count: 2 }))]),
          ([below, stream]) => [...below, ...stream]
        )
  ),
  greetings.toLayer(({ count }) =>
    Stream.unwrap(Effect.map(greeting, (said) => Stream.fromIterable(Array.from({ length: count }, () => said))))
  )
)
