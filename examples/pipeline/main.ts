/**
 * A pipeline over two pools: files are taken apart in processes, and what comes of it is compressed in threads.
 *
 * It says what a code base weighs: how much of it is code, how much comment, and what the code comes to when it is shipped
 * compressed. Each task knows its pool, a router holds the pools, and a limiter keeps the number of files bounded that are
 * on their way, so that a large code base takes no more memory than a small one.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Data, Duration, Effect, Result, Runtime } from "effect"
import { Limiter, ProcessRunner, Task, TaskRouter, ThreadRunner } from "effect-strand"
import * as Files from "../analyze/files.ts"
import { splitFile, type Unreadable, weigh } from "./definition.ts"
import * as Options from "./options.ts"
import * as Report from "./report.ts"

type Outcome = Result.Result<Report.WeighedFile, Unreadable>

const pools = (size: number) =>
  TaskRouter.layer({
    parse: ProcessRunner.layer({
      module: new URL("./parse.ts", import.meta.url),
      size,
      // Node warns that its type stripper is experimental, which is of no interest here.
      execArgv: ["--disable-warning=ExperimentalWarning"]
    }),
    crunch: ThreadRunner.layer({ module: new URL("./crunch.ts", import.meta.url), size }),
    default: "parse"
  })

/** The way of one file: to a process, then its two parts to threads. */
const weighFile = (path: string, name: string) =>
  splitFile.run({ path }).pipe(
    Effect.flatMap(({ code, comments }) =>
      Task.all({ code: weigh.run({ bytes: code }), comments: weigh.run({ bytes: comments }) })
    ),
    Effect.map((weights): Outcome => Result.succeed({ name, ...weights })),
    Effect.catchTag("Unreadable", (error) => Effect.succeed<Outcome>(Result.fail(error)))
  )

const pipeline = (options: Options.Options) =>
  Effect.gen(function* () {
    const sources = yield* Files.find(options.path)
    const files = sources.files.slice(0, options.limit)
    const underway = yield* Limiter.make({ permits: options.size * 4 })
    const [took, outcomes] = yield* Effect.timed(
      Effect.forEach(files, (path) => underway.run(weighFile(path, Files.nameOf(sources, path))), {
        concurrency: "unbounded"
      })
    )
    yield* Console.log(Report.describe(outcomes.filter(Result.isSuccess).map(({ success }) => success)))
    const unreadable = outcomes.filter(Result.isFailure)
    if (unreadable.length > 0) {
      yield* Console.log(`\nNot weighed:\n${unreadable.map(({ failure }) => `  ${failure.message}`).join("\n")}`)
    }

    yield* Console.log(`\n${files.length} files in ${(Duration.toMillis(took) / 1000).toFixed(2)} s`)
    const router = yield* TaskRouter.TaskRouter
    const parse = yield* router.get("parse")
    const crunch = yield* router.get("crunch")
    yield* Console.log(Report.describePool("parse", "processes", yield* parse.stats))
    yield* Console.log(Report.describePool("crunch", "threads", yield* crunch.stats))
  })

/** Ends the program with exit code 1, after the reason has been printed. */
class Failed extends Data.TaggedError("Failed") {
  override readonly [Runtime.errorReported] = false
}

const program = Effect.gen(function* () {
  const options = yield* Options.parse(process.argv.slice(2))
  if (options.help) return yield* Console.log(Options.help)
  yield* Effect.provide(pipeline(options), pools(options.size))
}).pipe(Effect.catch(({ message }) => Effect.andThen(Console.error(message), new Failed())))

NodeRuntime.runMain(program)
