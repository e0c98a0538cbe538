/**
 * The routes of the web server. It does no work itself: it writes tasks into the store, and reads there what became of them.
 */
import { isAbsolute, relative, resolve } from "node:path"
import { ByteSize, Data, Effect, Exit, Fiber, Option, Schema, Stream } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TaskQueue, TaskStore } from "effect-strand"
import { analyzeSource, Source } from "./definition.ts"

/** A request that is not granted. */
class Refused extends Data.TaggedError("Refused")<{ readonly status: number; readonly message: string }> {}

const statuses = ["scheduled", "pending", "running", "completed", "failed", "cancelled"] as const

const Search = Schema.Struct({
  status: Schema.optionalKey(Schema.Literals(statuses)),
  limit: Schema.optionalKey(
    Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: 100 }))
  ),
  after: Schema.optionalKey(Schema.String)
})

const badRequest = (what: string) => (error: { readonly message: string }) =>
  Effect.fail(new Refused({ status: 400, message: `${what}: ${error.message.replaceAll(/\s*\n\s*/g, " ")}` }))

const time = (millis: number | undefined) => (millis === undefined ? undefined : new Date(millis).toISOString())

/** What is told of a task. Its result comes apart from that, since the record holds it as the task's codec wrote it. */
const describe = (record: TaskStore.TaskRecord) => ({
  id: record.id,
  status: record.status,
  progress: record.progress,
  attempts: record.attempts,
  reader: record.worker,
  createdAt: time(record.createdAt),
  startedAt: time(record.startedAt),
  finishedAt: time(record.finishedAt)
})

/** The record of an analysis. */
const find = (id: string) =>
  TaskStore.TaskStore.use((store) => store.get(id)).pipe(
    Effect.filterOrFail(
      (record) => Option.isSome(record) && record.value.name === analyzeSource.name,
      () => new Refused({ status: 404, message: `There is no analysis ${id}` })
    ),
    Effect.map(Option.getOrThrow)
  )

/** The file or folder that a path means. It is none of the server's other files. */
const inside = (root: string, source: Source): Effect.Effect<Source, Refused> => {
  if (!("path" in source)) return Effect.succeed(source)
  const path = resolve(root, source.path)
  const way = relative(root, path)
  return way.startsWith("..") || isAbsolute(way)
    ? Effect.fail(new Refused({ status: 400, message: `The path ${source.path} leads out of the server's folder` }))
    : Effect.succeed({ path })
}

const accept = (root: string) =>
  Effect.gen(function* () {
    const source = yield* HttpServerRequest.schemaBodyJson(Source).pipe(
      Effect.catchTag("SchemaError", badRequest(`The body has to be { "text": "..." } or { "path": "..." }`)),
      Effect.catchTag("HttpServerError", badRequest("The body cannot be read as JSON")),
      Effect.provideService(HttpServerRequest.MaxBodySize, ByteSize.fromInputUnsafe("2 MiB")),
      Effect.flatMap((source) => inside(root, source))
    )
    const { headers } = yield* HttpServerRequest.HttpServerRequest
    // The task is in the store when this completes: the answer is a promise that a crash does not break.
    const id = yield* analyzeSource.forkDiscard(source, { idempotencyKey: headers["idempotency-key"] })
    const location = `/analyses/${id}`
    return yield* HttpServerResponse.json({ id, location }, { status: 202, headers: { location } })
  })

const show = Effect.gen(function* () {
  const { id = "" } = yield* HttpRouter.params
  const record = yield* find(id)
  if (record.exit === undefined) return yield* HttpServerResponse.json(describe(record))
  const exit = yield* Effect.flatMap(analyzeSource.attach(id), Fiber.await)
  if (Exit.isSuccess(exit)) return yield* HttpServerResponse.json({ ...describe(record), result: exit.value })
  const error = Option.getOrUndefined(Exit.findErrorOption(exit))
  return yield* HttpServerResponse.json({
    ...describe(record),
    error: error === undefined ? { type: "Defect" } : { type: error._tag, message: error.message }
  })
})

const list = Effect.gen(function* () {
  const search = yield* HttpServerRequest.schemaSearchParams(Search).pipe(
    Effect.catchTag("SchemaError", badRequest("The query takes status, limit and after"))
  )
  const { after, limit = 20, status } = search
  const store = yield* TaskStore.TaskStore
  const records = yield* Stream.runCollect(
    store.entries({ name: analyzeSource.name, status, after, limit: limit + 1, first: "newest" })
  )
  const page = records.slice(0, limit)
  const query = new URLSearchParams({
    ...(status === undefined ? {} : { status }),
    limit: String(limit),
    after: page.at(-1)?.id ?? ""
  })
  return yield* HttpServerResponse.json({
    analyses: page.map(describe),
    next: records.length > limit ? `/analyses?${query}` : undefined
  })
})

const cancel = Effect.gen(function* () {
  const { id = "" } = yield* HttpRouter.params
  yield* find(id)
  // A running one is stopped by its reader, which takes a moment.
  const live = yield* TaskQueue.TaskQueue.use((queue) => queue.cancel(id))
  const { status } = yield* find(id)
  if (live || status === "cancelled") return yield* HttpServerResponse.json({ id, status }, { status: 202 })
  return yield* new Refused({ status: 409, message: `The analysis ${id} is over: it has ${status}` })
})

const problem = (status: number, message: string) => HttpServerResponse.jsonUnsafe({ error: message }, { status })

/** Makes answers of what goes wrong. */
const answered = <A, E extends { readonly _tag: string; readonly message: string }, R>(route: Effect.Effect<A, E, R>) =>
  Effect.catch(route, (error) => {
    if (error instanceof Refused) return Effect.succeed(problem(error.status, error.message))
    return Effect.as(
      Effect.logError(error),
      error._tag === "StoreFailure"
        ? problem(503, "The store is out of reach. Try again later")
        : problem(500, "This should not have happened")
    )
  })

/** All routes. Paths in requests are below `root`. */
export const routes = (root: string) =>
  HttpRouter.addAll([
    HttpRouter.route("POST", "/analyses", answered(accept(root))),
    HttpRouter.route("GET", "/analyses", answered(list)),
    HttpRouter.route("GET", "/analyses/:id", answered(show)),
    HttpRouter.route("DELETE", "/analyses/:id", answered(cancel))
  ])
