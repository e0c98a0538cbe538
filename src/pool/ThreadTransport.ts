/**
 * A worker that is a thread.
 *
 * @since 0.1.0
 */
import { type ResourceLimits, Worker } from "node:worker_threads"
import * as Claims from "./Claims.ts"
import { type End, lines, sibling, type Spawn } from "./Transport.ts"

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
    const shared = Claims.makeShared()
    const worker = new Worker(options.entry ?? sibling("threadEntry", import.meta.url), {
      name: label,
      workerData: { init: { ...init, label }, shared },
      stdout: true,
      stderr: true,
      execArgv: [...(options.execArgv ?? [])],
      ...(options.resourceLimits && { resourceLimits: options.resourceLimits }),
      ...(options.env && { env: options.env })
    })
    // A thread keeps a program alive only through the fibers that wait for its tasks.
    worker.unref()
    const outputs = (["stdout", "stderr"] as const).map((stream) => {
      const output = lines((line) => listener.onOutput(stream, line))
      worker[stream].on("data", output.write)
      return output
    })
    let failure: (Error & { readonly code?: string }) | undefined
    worker.on("message", listener.onFrame)
    worker.on("error", (error: Error) => {
      failure = error instanceof Error ? error : new Error(String(error))
    })
    worker.on("exit", (exitCode) => {
      for (const output of outputs) output.end()
      listener.onEnd(endOf(exitCode, failure))
    })
    return {
      label,
      claims: Claims.poolShared(shared),
      send: (frame, transfer) => {
        worker.postMessage(frame, transfer as Array<ArrayBuffer>)
        Atomics.add(shared, Claims.Shared.Wake, 1)
        Atomics.notify(shared, Claims.Shared.Wake, 1)
      },
      kill: () => void worker.terminate()
    }
  }

const endOf = (exitCode: number, failure: (Error & { readonly code?: string }) | undefined): End => {
  if (failure === undefined) return { reason: "Exit", exitCode }
  if (failure.code === "ERR_WORKER_OUT_OF_MEMORY") return { reason: "OutOfMemory", detail: failure.message }
  return { reason: "UncaughtError", exitCode, detail: failure.stack ?? failure.message }
}
