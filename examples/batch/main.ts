/**
 * A batch that no crash sets back: each file is a task in a store, so that what is done is never done again.
 *
 * Run it, kill it at any moment (kill -9 is fine), and run it again: it goes on where it was. The key of a task is the
 * path of its file with the time of its last change: offered again, it stands for the task that is there already, and a
 * file that has changed is a new task. The task itself is the one of examples/analyze, unchanged.
 */
import { statSync } from "node:fs"
import { join } from "node:path"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, Console, Data, Effect, Exit, Fiber, Layer, Option, Runtime, Stream } from "effect"
import { StoreReader, StoreRunner, type TaskFiber, TaskQueue, TaskStore, ThreadRunner } from "effect-strand"
import * as SqliteStore from "effect-strand/SqliteStore"
import { type AnalyzedFile, summarize } from "../analyze/analysis.ts"
import { analyzeFile } from "../analyze/definition.ts"
import * as Files from "../analyze/files.ts"
import * as ProgressBar from "../analyze/progressBar.ts"
import * as Report from "../analyze/report.ts"
import * as Options from "./options.ts"

type Handle = TaskFiber.TaskFiber<Effect.Success<ReturnType<typeof analyzeFile.run>>, unknown>

/** Stores a task for each file, or finds the one that is there. Nothing runs yet: there is no reader. */
const offer = (files: ReadonlyArray<string>) =>
  Effect.forEach(
    files,
    (path) =>
      analyzeFile.fork({ path }, { idempotencyKey: `${path} ${statSync(path).mtimeMs}`, timeToLive: "365 days" }),
    { concurrency: "unbounded" }
  )

/** The ids of the tasks with a status. */
const idsOf = (status: "completed" | "failed" | "running") =>
  TaskStore.TaskStore.use((store) => Stream.runCollect(store.entries({ name: analyzeFile.name, status }))).pipe(
    Effect.map((records) => new Set(records.map(({ id }) => id)))
  )

const awaitAll = (handles: ReadonlyArray<Handle>, before: ReadonlySet<string>) =>
  Effect.gen(function* () {
    const total = handles.filter(({ taskId }) => !before.has(taskId)).length
    const onProgress = total === 0 ? undefined : yield* ProgressBar.make("batch", total, ProgressBar.standardError)
    let done = 0
    const awaited = (handle: Handle) =>
      Effect.tap(Fiber.await(handle), () =>
        onProgress === undefined || before.has(handle.taskId) ? Effect.void : onProgress(++done)
      )
    return yield* Effect.forEach(handles, awaited, { concurrency: "unbounded" })
  }).pipe(Effect.scoped)

const reasonOf = (cause: Cause.Cause<unknown>): string =>
  Option.match(Cause.findErrorOption(cause), {
    onNone: () => Cause.pretty(cause).split("\n")[0]!,
    onSome: (error) => (error instanceof Error ? error.message : String(error))
  })

const batch = (options: Options.Options) =>
  Effect.gen(function* () {
    const found = yield* Files.find(options.path)
    const sources = { ...found, files: found.files.slice(0, options.limit) }
    const queue = yield* TaskQueue.TaskQueue

    const before = yield* idsOf("completed")
    const failedBefore = yield* idsOf("failed")
    const begun = yield* idsOf("running")
    if (options.retryFailed) yield* Effect.forEach(failedBefore, queue.retry, { discard: true })
    const handles = yield* offer(sources.files)
    const count = (ids: ReadonlySet<string>) => handles.filter(({ taskId }) => ids.has(taskId)).length
    yield* Console.log(
      `${handles.length} files: ${count(before)} are done, ${count(begun)} were begun when the last run ended`
    )
    if (count(failedBefore) > 0) {
      yield* Console.log(
        `${count(failedBefore)} have failed before${options.retryFailed ? " and are tried again" : "; --retry-failed tries them again"}`
      )
    }

    const reader = StoreReader.layer({ tasks: [analyzeFile], concurrency: options.size }).pipe(
      Layer.provide(ThreadRunner.layer({ module: new URL("../analyze/tasks.ts", import.meta.url), size: options.size }))
    )
    const exits = yield* Effect.provide(awaitAll(handles, before), reader)

    const analyzed: Array<AnalyzedFile> = []
    const unreadable: Array<{ readonly path: string; readonly reason: string }> = []
    exits.forEach((exit, index) => {
      const path = Files.nameOf(sources, sources.files[index]!)
      if (Exit.isSuccess(exit)) analyzed.push({ path, statistics: exit.value })
      else unreadable.push({ path, reason: reasonOf(exit.cause) })
    })
    const doneNow = analyzed.length - count(before)
    yield* Console.log(`${count(before)} files done before, ${doneNow} done now, ${unreadable.length} failed`)
    yield* Console.log(`\n${Report.describe(sources.root, summarize(analyzed, Report.limits), unreadable)}`)
  })

/** Ends the program with exit code 1, after the reason has been printed. */
class Failed extends Data.TaggedError("Failed") {
  override readonly [Runtime.errorReported] = false
}

const program = Effect.gen(function* () {
  const options = yield* Options.parse(process.argv.slice(2))
  if (options.help) return yield* Console.log(Options.help)
  const store = SqliteStore.layer({ filename: join(options.state, "tasks.db") })
  yield* batch(options).pipe(Effect.provide(StoreRunner.layer.pipe(Layer.provideMerge(store))))
}).pipe(Effect.catch(({ message }) => Effect.andThen(Console.error(message), new Failed())))

NodeRuntime.runMain(program)
