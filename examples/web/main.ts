/**
 * A web server that hands long work to other processes: a request is answered at once, with where to ask for the result.
 *
 * What it has accepted is in an SQLite file. Kill the server or a reader with kill -9 and start it again: every id that
 * it has ever given is still answered, and what was under way goes on.
 *
 *     node --conditions=strand-source examples/web/main.ts
 *     curl -i localhost:3000/analyses -H content-type:application/json -d '{ "path": "http" }'
 *     curl localhost:3000/analyses/<id>
 */
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Data, Effect, Layer, Runtime } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { StoreRunner } from "effect-strand"
import * as Demo from "./demo.ts"
import * as Options from "./options.ts"
import * as Readers from "./readers.ts"
import * as Server from "./server.ts"
import * as Store from "./store.ts"

const server = (options: Options.Options, port: number) =>
  HttpRouter.serve(Server.routes(options.root), { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provide(StoreRunner.layer),
    Layer.provide(Store.layer(options.state)),
    Layer.provideMerge(NodeHttpServer.layer(createServer, { port, host: "127.0.0.1" })),
    Layer.merge(Readers.layer(options.state, options.readers))
  )

const address = HttpServer.addressFormattedWith((url) => Effect.succeed(url))

const serve = (options: Options.Options) =>
  Effect.gen(function* () {
    yield* Console.log(`Listening on ${yield* address}, tasks are in ${options.state}`)
    yield* Effect.never
  }).pipe(Effect.provide(server(options, options.port)))

const temporaryFolder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-strand-web-"))),
  (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
)

const demo = (options: Options.Options) =>
  Effect.gen(function* () {
    const state = yield* temporaryFolder
    yield* Effect.flatMap(address, Demo.run).pipe(Effect.provide(server({ ...options, state }, 0)))
  }).pipe(Effect.scoped)

/** Ends the program with exit code 1, after the reason has been printed. */
class Failed extends Data.TaggedError("Failed") {
  override readonly [Runtime.errorReported] = false
}

const program = Effect.gen(function* () {
  const options = yield* Effect.try({ try: () => Options.parse(process.argv.slice(2)), catch: (e) => e as Error })
  yield* options.help ? Console.log(Options.help) : options.demo ? demo(options) : serve(options)
}).pipe(Effect.catch(({ message }) => Effect.andThen(Console.error(message), new Failed())))

NodeRuntime.runMain(program)
