// What the benchmark of middlewares measures: the inline runner alone, and with middlewares in front of it.
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { FiberRunner, Middleware, Task, type TaskRunner } from "effect-strand"
import type { Contestant } from "../results.ts"

export type CaseName = "overhead" | "passing" | "waiting"

export interface Subject extends Contestant {
  /** The cases that it takes part in. */
  readonly cases: ReadonlyArray<CaseName>
  readonly runner: (measured: CaseName) => Layer.Layer<TaskRunner.TaskRunner>
}

export const increment = Task.make("increment", { payload: Schema.Int, success: Schema.Int })

const inline = FiberRunner.layerInline(increment.toLayer((n) => Effect.succeed(n + 1)))

// What goes well is left out, as it is in production; what fails would be logged.
const logging = () => Middleware.logging({ level: "Debug" })
const timeout = () => Middleware.timeout("1 minute")

const over = (name: string, runner: () => Layer.Layer<TaskRunner.TaskRunner>): Subject => ({
  name,
  group: "strand",
  cases: ["overhead"],
  runner
})

const limited = (algorithm: NonNullable<Middleware.RateLimitOptions["algorithm"]>): Subject => ({
  name: algorithm,
  group: "strand",
  cases: ["passing", "waiting"],
  runner: (measured) =>
    Middleware.stack(
      inline,
      Middleware.rateLimit(
        measured === "passing"
          ? { limit: 20_000, window: "10 millis", algorithm }
          : { limit: 500, window: "5 millis", algorithm }
      )
    )
})

export const bare: Subject = { name: "runner alone", group: "reference", cases: ["overhead"], runner: () => inline }

export const stacked = over("logging, metrics, timeout", () =>
  Middleware.stack(inline, logging(), Middleware.metrics(), timeout())
)

export const limits = [limited("sliding-window"), limited("token-bucket"), limited("fixed-window")]

export const subjects: ReadonlyArray<Subject> = [
  bare,
  over("an empty one", () =>
    Middleware.stack(
      inline,
      Middleware.make((_request, next) => next)
    )
  ),
  over("logging", () => Middleware.stack(inline, logging())),
  over("metrics", () => Middleware.stack(inline, Middleware.metrics())),
  over("timeout", () => Middleware.stack(inline, timeout())),
  over("tracing", () => Middleware.stack(inline, Middleware.tracing())),
  stacked,
  ...limits
]
