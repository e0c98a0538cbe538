// What the tests of limits have in common: tasks, what has been seen of them, and helpers to look at their ends.
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { FiberRunner, type Middleware, Task } from "effect-strand"

/** A call of a task: its number, whose it is, and how long it takes. */
export const Call = Schema.Struct({ n: Schema.Int, key: Schema.String, millis: Schema.Int })

export const call = (n: number, key = "", millis = 0) => ({ n, key, millis })

/** Tasks that say when they start and when they end. */
export const make = () => {
  const starts: Array<{ readonly n: number; readonly key: string; readonly at: number }> = []
  const running = new Map<string, number>()
  const most = new Map<string, number>()
  const work = Task.make("work", { payload: Call, success: Schema.Int })
  const items = Task.stream("items", { payload: Call, success: Schema.Int })
  const parent = Task.make("parent", { success: Schema.Int })
  const begin = ({ key, n }: typeof Call.Type) =>
    Effect.map(Clock.currentTimeMillis, (at) => {
      starts.push({ n, key, at })
      const now = (running.get(key) ?? 0) + 1
      running.set(key, now)
      most.set(key, Math.max(now, most.get(key) ?? 0))
    })
  const end = ({ key }: typeof Call.Type) => Effect.sync(() => void running.set(key, running.get(key)! - 1))
  const handlers = Layer.mergeAll(
    work.toLayer((payload) =>
      Effect.acquireUseRelease(
        begin(payload),
        () => Effect.as(payload.millis > 0 ? Effect.sleep(payload.millis) : Effect.void, payload.n),
        () => end(payload)
      )
    ),
    items.toLayer((payload) =>
      Stream.unwrap(
        Effect.as(
          Effect.acquireRelease(begin(payload), () => end(payload)),
          Stream.fromIterable([1, 2, 3]).pipe(
            Stream.tap(() => (payload.millis > 0 ? Effect.sleep(payload.millis) : Effect.void))
          )
        )
      )
    ),
    // A handler that calls a task itself.
    parent.toLayer(() => work.run(call(5)))
  )
  const over = <E, R>(middleware: Middleware.Middleware<E, R>, options?: FiberRunner.Options) =>
    middleware.pipe(Layer.provide(FiberRunner.layer(handlers, options)))
  return { work, items, parent, handlers, over, starts, running, most, order: () => starts.map(({ n }) => n) }
}

export const payloadOf = (request: { readonly payload: unknown }) => request.payload as typeof Call.Type

/** The tag of the error that a call ends with, or what else becomes of it. */
export const endOf = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "success"
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (typeof error === "object" && error !== null && "_tag" in error) return String(error._tag)
  return Cause.hasInterruptsOnly(exit.cause) ? "interrupt" : Cause.hasDies(exit.cause) ? "defect" : String(error)
}

/** The message of the defect that a Layer cannot be built with. */
export const defectOf = <A, E, R>(layer: Layer.Layer<A, E, R>): Effect.Effect<string, never, R> =>
  Effect.map(Effect.exit(Effect.scoped(Layer.build(layer))), (exit) =>
    Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "built"
  )
