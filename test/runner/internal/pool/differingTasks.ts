// A tasks module whose definitions callers may have made otherwise. Loaded by workers, which make their own.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Task } from "effect-strand"

class Opaque {
  readonly #of = 1
  get of(): number {
    return this.#of
  }
}

/** Everything that is defined here, made anew at each call. */
export const define = () => {
  class Refused extends Schema.TaggedError<Refused>()("Refused", { at: Schema.Date }) {}
  class Point extends Schema.Class<Point>("Point")({ x: Schema.Finite, y: Schema.Finite }) {}
  interface Tree {
    readonly point: Point
    readonly children: ReadonlyArray<Tree>
  }
  const Tree = Schema.Struct({
    point: Point,
    children: Schema.Array(Schema.suspend((): Schema.Codec<Tree, unknown> => Tree as Schema.Codec<Tree, unknown>))
  })
  const parts = { payload: Tree, success: Schema.Option(Schema.BigInt), error: Refused, inbox: Schema.Date }
  return {
    Point,
    parts,
    plain: Task.make("plain", parts),
    opaque: Task.make("opaque", { payload: Schema.Struct({ of: Schema.Unknown }), success: Schema.Boolean }),
    declared: Task.make("declared", { payload: Schema.NullOr(Schema.instanceOf(Opaque)) }),
    partly: Task.make("partly", { payload: { a: Schema.Int, b: Schema.Int }, success: Schema.Int }),
    many: Task.stream("many", { payload: Schema.Int, success: Schema.Int }),
    /** How often the handlers above have been started in this worker. */
    started: Task.make("started", { success: Schema.Int }),
    /** Calls `plain` as it is defined here, or as this module's older version had it. */
    callPlain: Task.make("callPlain", { payload: { older: Schema.Boolean }, success: Schema.String })
  }
}

const tasks = define()
const older = Task.make("plain", { ...tasks.parts, success: Schema.BigInt })

let count = 0
const starting = <A>(make: () => A): A => {
  count++
  return make()
}

export default Layer.mergeAll(
  tasks.plain.toLayer(() => starting(() => Effect.succeed(Option.some(1n)))),
  tasks.opaque.toLayer(({ of }) => starting(() => Effect.succeed(of instanceof Map))),
  tasks.declared.toLayer(() => starting(() => Effect.void)),
  tasks.partly.toLayer(({ a, b }) => starting(() => Effect.succeed(a + b))),
  tasks.many.toLayer((n) => starting(() => Stream.range(1, n))),
  tasks.started.toLayer(() => Effect.sync(() => count)),
  tasks.callPlain.toLayer(({ older: asOlder }) => {
    const payload = { point: new tasks.Point({ x: 1, y: 2 }), children: [] }
    const call: Effect.Effect<unknown, unknown, Effect.Services<ReturnType<typeof older.run>>> = asOlder
      ? older.run(payload)
      : tasks.plain.run(payload)
    return Effect.match(call, { onFailure: String, onSuccess: String })
  })
)
