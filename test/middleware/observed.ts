// Tasks that end in every way, for tests of what is seen of them.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Task } from "effect-strand"

export class Odd extends Schema.TaggedError<Odd>()("Odd", { n: Schema.Int }) {}

export const half = Task.make("half", { payload: Schema.Int, success: Schema.Int, error: Odd })
export const crash = Task.make("crash")
export const sleep = Task.make("sleep", { payload: Schema.Int })
export const wait = Task.make("wait")
export const count = Task.stream("count", { payload: Schema.Int, success: Schema.Int, error: Odd })
export const outer = Task.make("outer", { success: Schema.Int })

export const handlers = Layer.mergeAll(
  half.toLayer((n) => (n % 2 === 0 ? Effect.succeed(n / 2) : Effect.fail(new Odd({ n })))),
  crash.toLayer(() => Effect.die(new Error("crashed"))),
  sleep.toLayer((millis) => Effect.sleep(millis)),
  wait.toLayer(() => Effect.never),
  count.toLayer((to) => (to < 0 ? Stream.fail(new Odd({ n: to })) : Stream.range(1, to))),
  outer.toLayer(() => Effect.orDie(half.run(4)))
)
