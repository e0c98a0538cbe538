// Middlewares for certain tasks: their functions know payloads and errors.
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import { Middleware, Task, type TaskError, type TaskRequest } from "effect-strand"
import { check, type Equal } from "./check.ts"

class Denied extends Schema.TaggedError<Denied>()("Denied", { user: Schema.String }) {}
class Broken extends Schema.TaggedError<Broken>()("Broken", { code: Schema.Int }) {}

const fetch = Task.make("fetch", { payload: { host: Schema.String }, success: Schema.Int, error: Denied })
const store = Task.make("store", { payload: { host: Schema.String, size: Schema.Int }, error: Broken })
const watch = Task.stream("watch", { payload: Schema.String, success: Schema.Date })

// --- payloads --------------------------------------------------------------------------------------------------------

Middleware.rateLimit({ for: fetch, limit: 1, window: 1, key: ({ payload }) => payload.host })
Middleware.rateLimit({ for: [fetch, store], limit: 1, window: 1, key: ({ payload }) => payload.host, cost: () => 1 })
Middleware.rateLimitShared({ for: fetch, name: "a", limit: 1, window: 1, key: ({ payload }) => payload.host })
Middleware.concurrency({ for: watch, limit: 1, key: ({ payload }) => payload })
Middleware.logging({ for: store, annotations: ({ payload }) => ({ size: payload.size }), filter: () => true })
Middleware.tracing({ for: store, attributes: ({ payload }) => ({ size: payload.size }) })
Middleware.timeout(({ payload }) => payload.size, { for: store })
Middleware.concurrency({ for: fetch.partial({ host: "a" }), limit: 1, key: ({ payload }) => payload.host })
Middleware.rateLimit({
  for: [fetch, store],
  limit: 1,
  window: 1,
  // The name tells the payloads of several tasks apart.
  cost: (request) => (request.name === "store" ? request.payload.size : 1)
})
Middleware.make(
  (request, next) => {
    check<Equal<typeof request.payload.host, string>>()
    return next
  },
  { for: fetch }
)
Middleware.make(
  Effect.succeed({
    execute: (request: Middleware.RequestOf<typeof fetch>, next: Effect.Effect<unknown, unknown>) =>
      request.payload.host === "" ? next : Effect.void
  }),
  { for: fetch }
)
// @ts-expect-error: no such field
Middleware.rateLimit({ for: fetch, limit: 1, window: 1, key: ({ payload }) => payload.path })
// @ts-expect-error: not all of them have it
Middleware.rateLimit({ for: [fetch, store], limit: 1, window: 1, cost: ({ payload }) => payload.size })
// @ts-expect-error: nothing is known of the payloads of all tasks
Middleware.rateLimit({ limit: 1, window: 1, key: ({ payload }) => payload.host })
// @ts-expect-error: that is no task
Middleware.concurrency({ for: "fetch", limit: 1 })

// Without `for` a function sees requests of any task.
Middleware.concurrency({
  limit: 1,
  key: (request) => {
    check<Equal<typeof request.payload, unknown>>()
    const any: TaskRequest.TaskRequest = request
    return any.name
  }
})

// --- errors and results ----------------------------------------------------------------------------------------------

Middleware.circuitBreaker({
  for: [fetch, store],
  key: ({ payload }) => payload.host,
  isFailure: (error) => {
    check<Equal<typeof error, Denied | Broken>>()
    return error._tag === "Broken" && error.code > 500
  }
})
Middleware.circuitBreakerShared({ for: store, isFailure: ({ code }) => code > 500 })
Middleware.cache({
  for: fetch,
  key: ({ payload }) => payload.host,
  timeToLive: (exit) => {
    check<Equal<typeof exit, Exit.Exit<number, Denied | TaskError.TaskError>>>()
    return 1
  }
})
Middleware.retry({ for: fetch, times: 2, while: (error) => error._tag !== "Denied" || error.user === "" })
Middleware.retry({ times: 2, while: (error) => error instanceof Denied })
Middleware.retry(3)
Middleware.retry(Schedule.spaced("1 second"))
// @ts-expect-error: not one of its errors
Middleware.retry({ for: fetch, while: (error) => error._tag === "Broken" })

// --- retries of calls ------------------------------------------------------------------------------------------------

const again = { times: 2, while: (error: Denied | TaskError.TaskError) => error._tag === "Denied" }
fetch.run({ host: "a" }, { retry: { while: (error) => error._tag === "Denied" && error.user === "" } })
fetch.run({ host: "a" }, { retry: again, discardResult: true })
fetch.fork({ host: "a" }, { retry: again })
fetch.forkDiscard({ host: "a" }, { retry: again })
Task.forEach(fetch, [{ host: "a" }], { retry: { while: (error) => error._tag === "Denied" } })
Task.make("again", { error: Denied, retry: { while: (error) => error._tag === "Denied" } })
// @ts-expect-error: not one of its errors
fetch.run({ host: "a" }, { retry: { while: (error) => error._tag === "Broken" } })
// @ts-expect-error: not one of its errors
Task.make("again", { error: Denied, retry: { while: (error) => error._tag === "Broken" } })
