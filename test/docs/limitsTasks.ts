// The tasks module of limits.test.ts.
import { Effect, Layer, Schema, SchemaGetter } from "effect"
import { Task } from "effect-strand"

export class Money extends Schema.Class<Money>("Money")({ amount: Schema.Int }) {
  get double(): number {
    return this.amount * 2
  }
}

export class Coin {
  readonly amount = 1
}

class Broken extends TypeError {}

/** A schema that decodes in its own time. */
const Slow = Schema.String.pipe(
  Schema.decodeTo(Schema.String, {
    decode: SchemaGetter.transformEffect((text: string) => Effect.as(Effect.sleep(1), text)),
    encode: SchemaGetter.transformEffect((text: string) => Effect.as(Effect.sleep(1), text))
  })
)

export const isNegativeZero = Task.make("isNegativeZero", { payload: Schema.Number, success: Schema.Boolean })
export const classOf = Task.fn("classOf", (value: object) => value.constructor.name)
export const doubled = Task.make("doubled", { payload: Money, success: Schema.Int })
export const same = Task.make("same", { payload: Schema.Struct({ n: Schema.Int }), success: Schema.Boolean })
export const broken = Task.make("broken")
export const slow = Task.make("slow", { payload: Slow })
export const shared = Task.make("shared", { payload: Schema.instanceOf(SharedArrayBuffer) })
export const count = Task.make("count", { success: Schema.Int })
export const never = Task.make("never")

export const known = { n: 1 }
let calls = 0

export default Layer.mergeAll(
  isNegativeZero.toLayer((n) => Effect.succeed(Object.is(n, -0))),
  classOf.layer,
  doubled.toLayer((money) => Effect.succeed(money.double)),
  same.toLayer((value) => Effect.succeed(value === known)),
  broken.toLayer(() => Effect.die(new Broken("broken", { cause: new Error("deep below") }))),
  slow.toLayer(() => Effect.void),
  shared.toLayer(() => Effect.void),
  count.toLayer(() => Effect.sync(() => ++calls)),
  never.toLayer(() => Effect.never)
)
