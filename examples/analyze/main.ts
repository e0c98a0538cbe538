/**
 * `npm start`: analyzes a code base with one task, run inline, in fibers, in threads and in processes, and compares them.
 *
 * The task is defined in definition.ts and implemented in tasks.ts. What follows knows neither how it is done nor where:
 * each runner is a Layer, and the program that calls the task is the same for all of them.
 */
import { isDeepStrictEqual } from "node:util"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Data, Duration, Effect, Layer, Result, Runtime } from "effect"
import { FiberRunner, ProcessRunner, type TaskError, type TaskRunner, ThreadRunner } from "effect-strand"
import { type AnalyzedFile, summarize } from "./analysis.ts"
import { analyzeFile, type FileStatistics, type Unreadable } from "./definition.ts"
import * as Files from "./files.ts"
import * as Options from "./options.ts"
import * as ProgressBar from "./progressBar.ts"
import * as Report from "./report.ts"
import handlers from "./tasks.ts"

const module = new URL("./tasks.ts", import.meta.url)

const runners: Record<
  Options.RunnerName,
  (size: number) => Layer.Layer<TaskRunner.TaskRunner, TaskError.ModuleInvalid>
> = {
  inline: () => FiberRunner.layerInline(handlers),
  // That this work keeps the event loop busy is what the comparison is to show.
  fiber: (size) => FiberRunner.layer(handlers, { concurrency: size, warnBlocking: false }),
  thread: (size) => ThreadRunner.layer({ module, size }),
  process: (size) => ProcessRunner.layer({ module, size })
}

type Outcome = Result.Result<FileStatistics, Unreadable>

/**
 * Analyzes files, on whatever runner there is. A file that cannot be analyzed is an outcome like any other; a runner that
 * fails ends it all.
 */
const analyzeFiles = (
  files: ReadonlyArray<string>,
  concurrency: number,
  onProgress: (done: number) => Effect.Effect<void> = () => Effect.void
) => {
  let done = 0
  return Effect.forEach(
    files,
    (path) =>
      analyzeFile.run({ path }).pipe(
        Effect.map((statistics): Outcome => Result.succeed(statistics)),
        Effect.catchTag("Unreadable", (error) => Effect.succeed<Outcome>(Result.fail(error))),
        Effect.tap(() => onProgress(++done))
      ),
    { concurrency }
  )
}

/**
 * Runs all files on one runner, twice: cold, from nothing, when workers start and code is loaded and compiled, and warm.
 */
const measure = (runner: Options.RunnerName, size: number, files: ReadonlyArray<string>, output: ProgressBar.Output) =>
  Effect.gen(function* () {
    // A runner in this very fiber takes one file after the other; the others always have some ahead.
    const concurrency = runner === "inline" ? 1 : size * 16
    const pass = (name: string) => {
      const label = `${runner.padEnd(7)} ${name}`
      return Effect.flatMap(ProgressBar.make(label, files.length, output), (onProgress) =>
        analyzeFiles(files, concurrency, onProgress)
      ).pipe(
        Effect.scoped,
        Effect.timed,
        Effect.tap(([time]) =>
          Effect.sync(() =>
            output.write(`${label}  ${files.length} files in ${Duration.toSeconds(time).toFixed(2)} s\n`)
          )
        )
      )
    }
    const [cold, context] = yield* Layer.build(runners[runner](size)).pipe(
      Effect.tap((context) => Effect.provide(pass("cold"), context)),
      Effect.timed
    )
    const [warm, outcomes] = yield* Effect.provide(pass("warm"), context)
    return { runner, coldMillis: Duration.toMillis(cold), warmMillis: Duration.toMillis(warm), outcomes }
  }).pipe(
    Effect.scoped,
    Effect.mapError((error) => new Options.Refusal({ message: `The ${runner} runner failed: ${error.message}` }))
  )

/** The outcomes as plain values, so that they can be compared and printed. */
const separate = (sources: Files.Sources, outcomes: ReadonlyArray<Outcome>) => {
  const analyzed: Array<AnalyzedFile> = []
  const unreadable: Array<{ readonly path: string; readonly reason: string }> = []
  outcomes.forEach((outcome, index) => {
    const path = Files.nameOf(sources, sources.files[index]!)
    if (Result.isSuccess(outcome)) analyzed.push({ path, statistics: outcome.success })
    else unreadable.push({ path, reason: outcome.failure.reason })
  })
  return { analyzed, unreadable }
}

const compareRunners = (options: Options.Options) =>
  Effect.gen(function* () {
    const sources = yield* Files.find(options.path)
    const output = options.json && !ProgressBar.standardError.live ? ProgressBar.silent : ProgressBar.standardError
    const runs = yield* Effect.forEach(options.runners, (runner) =>
      measure(runner, options.size, sources.files, output)
    )

    const inline = runs.find((run) => run.runner === "inline")
    const measurements = runs.map(({ coldMillis, runner, warmMillis }): Report.Measurement => ({
      runner,
      coldMillis,
      warmMillis,
      speedUp: inline === undefined ? undefined : inline.warmMillis / warmMillis,
      tasksPerSecond: (1000 * sources.files.length) / warmMillis
    }))
    const [result, ...others] = runs.map((run) => separate(sources, run.outcomes))
    const different = runs.filter((_, index) => index > 0 && !isDeepStrictEqual(result, others[index - 1]))
    const summary = summarize(result!.analyzed, Report.limits)

    if (options.json) {
      const { root } = sources
      const identical = different.length === 0
      yield* Console.log(
        JSON.stringify({ root, summary, unreadable: result!.unreadable, runners: measurements, identical }, null, 2)
      )
    } else {
      yield* Console.log(`\n${Report.describe(sources.root, summary, result!.unreadable)}`)
      yield* Console.log(`\n${Report.compare(measurements)}`)
    }
    if (different.length > 0) {
      return yield* new Options.Refusal({
        message: `The results of ${different.map((run) => run.runner).join(" and ")} differ from those of ${runs[0]!.runner}.`
      })
    }
    if (!options.json && runs.length > 1) {
      yield* Console.log("\nAll runners gave the same results, file by file.")
    }
  })

/** Ends the program with exit code 1, after the reason has been printed. */
class Failed extends Data.TaggedError("Failed") {
  override readonly [Runtime.errorReported] = false
}

const program = Effect.gen(function* () {
  const options = yield* Options.parse(process.argv.slice(2))
  yield* options.help ? Console.log(Options.help) : compareRunners(options)
}).pipe(Effect.catchTag("Refusal", ({ message }) => Effect.andThen(Console.error(message), new Failed())))

NodeRuntime.runMain(program)
