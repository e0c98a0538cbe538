/**
 * What a client of the web server sees: a few requests, one after the other, and what is answered.
 */
import { Console, Effect, Schedule, Schema } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"

const Analysis = Schema.Struct({
  id: Schema.String,
  status: Schema.String,
  progress: Schema.optionalKey(Schema.Struct({ done: Schema.Int, total: Schema.Int })),
  result: Schema.optionalKey(Schema.Struct({ files: Schema.Int, lines: Schema.Int, functions: Schema.Int }))
})

const Accepted = Schema.Struct({ id: Schema.String, location: Schema.String })

export const run = (url: string) =>
  Effect.gen(function* () {
    const client = (yield* HttpClient.HttpClient).pipe(HttpClient.mapRequest(HttpClientRequest.prependUrl(url)))

    const post = (body: unknown) =>
      client.execute(HttpClientRequest.bodyJsonUnsafe(HttpClientRequest.post("/analyses"), body))
    const submit = (body: unknown) =>
      Effect.flatMap(post(body), (response) => Effect.flatMap(response.json, Schema.decodeUnknownEffect(Accepted)))
    const look = (location: string) =>
      Effect.flatMap(client.get(location), (response) =>
        Effect.flatMap(response.json, Schema.decodeUnknownEffect(Analysis))
      )
    const until = (location: string, done: (analysis: typeof Analysis.Type) => boolean) =>
      look(location).pipe(Effect.repeat({ schedule: Schedule.spaced("20 millis"), until: done }))
    const isOver = ({ status }: typeof Analysis.Type) => ["completed", "failed", "cancelled"].includes(status)

    const text = yield* submit({ text: "export const add = (a: number, b: number) => a + b\n" })
    const analyzed = yield* until(text.location, isOver)
    yield* Console.log(`A text: ${analyzed.status}, ${analyzed.result?.functions} function`)

    const folder = yield* submit({ path: "http" })
    const working = yield* until(folder.location, ({ progress }) => progress !== undefined)
    yield* Console.log(`A folder: ${working.status}, of ${working.progress?.total} files`)
    yield* Console.log(`The same, later: ${(yield* until(folder.location, isOver)).status}`)

    const large = yield* submit({ path: "." })
    yield* until(large.location, ({ progress }) => progress !== undefined)
    yield* client.del(large.location)
    yield* Console.log(`A large folder, deleted: ${(yield* until(large.location, isOver)).status}`)

    const refused = yield* post({ file: "a.ts" })
    yield* Console.log(`A bad request: ${refused.status} ${yield* refused.text}`)
    yield* Console.log(`An unknown id: ${(yield* client.get("/analyses/0")).status}`)
  }).pipe(Effect.provide(FetchHttpClient.layer))
