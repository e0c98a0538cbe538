/**
 * The tasks module: the code that does the work. Threads of the readers load it; the server does not.
 */
import { readFile } from "node:fs/promises"
import { extname } from "node:path"
import * as Effect from "effect/Effect"
import { TaskContext } from "effect-strand"
import { analyze, type AnalyzedFile, summarize } from "../analyze/analysis.ts"
import * as Files from "../analyze/files.ts"
import { analyzeSource, NothingToAnalyze, type Source } from "./definition.ts"

interface Input {
  readonly name: string
  readonly read: (signal: AbortSignal) => Promise<string>
}

const inputsOf = (source: Source): Effect.Effect<ReadonlyArray<Input>, NothingToAnalyze> =>
  "text" in source
    ? Effect.succeed([{ name: "text", read: () => Promise.resolve(source.text) }])
    : Files.find(source.path).pipe(
        Effect.map((sources) =>
          sources.files.map((path) => ({
            name: Files.nameOf(sources, path),
            read: (signal: AbortSignal) => readFile(path, { encoding: "utf8", signal })
          }))
        ),
        Effect.mapError(({ message }) => new NothingToAnalyze({ reason: message }))
      )

const languageOf = (name: string) => (/^\.[mc]?js$/.test(extname(name)) ? "javascript" : "typescript")

export default analyzeSource.toLayer((source) =>
  Effect.gen(function* () {
    const { progress } = yield* TaskContext.TaskContext
    const inputs = yield* inputsOf(source)
    const analyzed: Array<AnalyzedFile> = []
    const unreadable: Array<string> = []
    for (const [index, { name, read }] of inputs.entries()) {
      // Reading waits, so a cancelled analysis ends here.
      yield* Effect.tryPromise(read).pipe(
        Effect.flatMap((text) => Effect.try(() => analyze(text, languageOf(name)))),
        Effect.match({
          onFailure: () => void unreadable.push(name),
          onSuccess: (statistics) => void analyzed.push({ path: name, statistics })
        })
      )
      yield* progress({ done: index + 1, total: inputs.length })
    }
    const { branches, files, functions, lines, longestFunctions } = summarize(analyzed, {
      longest: 3,
      identifiers: 0,
      copied: 0
    })
    return {
      files,
      lines,
      functions,
      branches,
      longestFunctions: longestFunctions.map(({ lines, name, path }) => ({ name, path, lines })),
      unreadable
    }
  })
)
