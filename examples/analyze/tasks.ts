/**
 * The tasks module: what threads and processes load. Its default export is the Layer of the handlers.
 *
 * It imports what the work takes and no more, since every worker has to load it.
 */
import { readFile } from "node:fs/promises"
import { extname } from "node:path"
import * as Effect from "effect/Effect"
import { analyze } from "./analysis.ts"
import { analyzeFile, Unreadable } from "./definition.ts"

const javaScript = new Set([".js", ".mjs", ".cjs"])

const reason = (error: unknown): string => (error instanceof Error ? error.message.split("\n")[0]! : String(error))

export default analyzeFile.toLayer(({ path }) =>
  Effect.gen(function* () {
    const unreadable = (error: unknown) => new Unreadable({ path, reason: reason(error) })
    const source = yield* Effect.tryPromise({
      try: (signal) => readFile(path, { encoding: "utf8", signal }),
      catch: unreadable
    })
    return yield* Effect.try({
      try: () => analyze(source, javaScript.has(extname(path)) ? "javascript" : "typescript"),
      catch: unreadable
    })
  })
)
