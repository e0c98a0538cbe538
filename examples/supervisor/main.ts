/**
 * A worker that dies now and then, and a supervisor that has it running again: the customers only wait a little.
 *
 * The worker (worker.ts) is an HTTP server in a process of its own. It is ready when it answers; when it dies it is started
 * again, at most three times; it is gone when this program ends, however that happens.
 *
 *     node --conditions=strand-source examples/supervisor/main.ts
 */
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import { Console, Effect, Schedule, Stream } from "effect"
import { type BackgroundProcess, type ProcessStatus, runProcess } from "effect-strand/BackgroundProcess"

const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

const startWorker = (port: number) =>
  runProcess({
    name: "prices",
    command: process.execPath,
    args: [fileURLToPath(new URL("./worker.ts", import.meta.url))],
    env: { PORT: String(port) },
    ready: { url: `http://127.0.0.1:${port}/health`, interval: "20 millis" },
    restart: "onFailure",
    schedule: Schedule.max([Schedule.exponential("300 millis"), Schedule.recurs(3)]),
    log: "none"
  })

const tell = (status: ProcessStatus): string => {
  switch (status._tag) {
    case "Restarting": {
      const reason = status.lastLines.find((line) => line.includes("Error:")) ?? `signal ${status.signal}`
      return `the worker died (${reason}), and is started again in ${status.delay} ms`
    }
    case "Ready":
      return `the worker is ready, for the ${["first", "second", "third"][status.run - 1]} time`
    case "Starting":
      return "the worker is starting"
    default:
      return `the worker is over: ${status.exit.reason}`
  }
}

/** Tells what becomes of the worker after a run, until it is ready again or over. */
const awaitNextRun = (worker: BackgroundProcess, run: number) =>
  worker.statusChanges.pipe(
    Stream.dropWhile((status) => status._tag === "Ready" && status.run === run),
    Stream.tap((status) => Console.log(`  ${tell(status)}`)),
    Stream.takeUntil(({ _tag }) => _tag === "Ready"),
    Stream.runDrain
  )

const main = Effect.gen(function* () {
  const port = yield* freePort
  const worker = yield* startWorker(port)
  yield* Console.log(tell(yield* worker.status))

  const priceOf = (item: string) =>
    Effect.tryPromise(() => fetch(`http://127.0.0.1:${port}/${item}`).then((response) => response.text()))

  const ask = (item: string) =>
    Effect.gen(function* () {
      const run = (yield* worker.restarts) + 1
      yield* Effect.matchEffect(priceOf(item), {
        onSuccess: (euros) => Console.log(`${item}: ${euros} euros`),
        onFailure: () => Effect.andThen(Console.log(`${item}: no answer`), awaitNextRun(worker, run))
      })
    })

  yield* Effect.forEach(["tea", "unicorn", "coffee"], ask)

  yield* Console.log("somebody kills the worker")
  process.kill(yield* worker.pid, "SIGKILL")
  yield* awaitNextRun(worker, 2)

  yield* ask("cake")
  const { reason, restarts } = yield* worker.stop
  yield* Console.log(`${reason}, after ${restarts} restarts`)
})

await Effect.runPromise(Effect.scoped(main))
