/** A worker that is a thread. */
import { type ResourceLimits, Worker } from "node:worker_threads"
import * as Conditions from "../../../internal/values/Conditions.ts"
import * as ThreadChannel from "../wire/ThreadChannel.ts"
import { type End, lines, type Spawn, workerFile } from "./Transport.ts"

/** What a thread is given at its start. */
export interface ThreadOptions {
  readonly resourceLimits?: ResourceLimits | undefined
  readonly env?: Record<string, string> | undefined
  readonly execArgv?: ReadonlyArray<string> | undefined
  readonly entry?: URL | undefined
}

/** Starts threads. */
export const spawn =
  (options: ThreadOptions): Spawn =>
  (init, number, listener) => {
    const label = `thread ${number}`
    let failure: (Error & { readonly code?: string }) | undefined
    // A thread has a larger stack than this one, and can write values that are nested too deeply to be read here. Whose
    // they are cannot be told any more.
    const unreadable = (error: unknown) => {
      failure ??= new Error(`What it has sent cannot be read: ${String(error)}`)
      void worker.terminate()
    }
    const { close, send, threadEnd, startNumbers } = ThreadChannel.make(listener.onFrames, unreadable)
    const worker = new Worker(options.entry ?? workerFile("threadEntry"), {
      name: label,
      workerData: { init: { ...init, label }, ...threadEnd },
      transferList: [threadEnd.port],
      execArgv: [...Conditions.execArgv(), ...(options.execArgv ?? [])],
      ...(options.resourceLimits && { resourceLimits: options.resourceLimits }),
      ...(options.env && { env: { ...process.env, ...options.env } })
    })
    // A thread keeps a program alive only through the fibers that wait for its tasks.
    worker.unref()
    const outputs = (["stdout", "stderr"] as const).map((stream) => {
      const output = lines((line) => listener.onOutput(stream, line))
      // The options `stdout` and `stderr` would do the same, but keep the program alive while the thread lives.
      worker[stream].unpipe()
      worker[stream].on("data", output.write).resume()
      return output
    })
    worker.on("error", (error: Error) => {
      failure = error instanceof Error ? error : new Error(String(error))
    })
    worker.on("exit", (exitCode) => {
      for (const output of outputs) output.end()
      close()
      listener.onEnd(endOf(exitCode, failure))
    })
    return {
      label,
      startNumbers,
      send,
      moves: true,
      kill: () => void worker.terminate()
    }
  }

const endOf = (exitCode: number, failure: (Error & { readonly code?: string }) | undefined): End => {
  if (failure === undefined) return { reason: "Exit", exitCode }
  if (failure.code === "ERR_WORKER_OUT_OF_MEMORY") return { reason: "OutOfMemory", detail: failure.message }
  return { reason: "UncaughtError", exitCode, detail: failure.stack ?? failure.message }
}
