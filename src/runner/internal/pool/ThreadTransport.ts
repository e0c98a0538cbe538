/** A worker that is a thread. */
import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  type ResourceLimits,
  Worker
} from "node:worker_threads"
import * as Conditions from "../../../internal/values/Conditions.ts"
import * as Claims from "../wire/Claims.ts"
import { type End, lines, workerFile, type Spawn } from "./Transport.ts"
import type * as Wire from "../wire/Wire.ts"

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
    const { port1: port, port2: workerPort } = new MessageChannel()
    const worker = new Worker(options.entry ?? workerFile("threadEntry"), {
      name: label,
      workerData: { init: { ...init, label }, shared, port: workerPort },
      transferList: [workerPort],
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
    let failure: (Error & { readonly code?: string }) | undefined
    // A thread has a larger stack than this one, and can write values that are nested too deeply to be read here. Whose
    // they are cannot be told any more.
    const unreadable = (error: unknown) => {
      failure ??= new Error(`What it has sent cannot be read: ${String(error)}`)
      void worker.terminate()
    }
    port.on("messageerror", unreadable)
    port.on("message", (frame: Wire.Frame) => listener.onFrames(withWaiting(port, [frame], unreadable)))
    port.unref()
    worker.on("error", (error: Error) => {
      failure = error instanceof Error ? error : new Error(String(error))
    })
    worker.on("exit", (exitCode) => {
      for (const output of outputs) output.end()
      const rest = withWaiting(port, [], unreadable)
      if (rest.length > 0) listener.onFrames(rest)
      port.close()
      listener.onEnd(endOf(exitCode, failure))
    })
    return {
      label,
      claims: Claims.poolShared(shared),
      send: (frame, transfer) => {
        port.postMessage(frame, transfer as Array<ArrayBuffer>)
        Atomics.add(shared, Claims.Shared.Wake, 1)
        Atomics.notify(shared, Claims.Shared.Wake, 1)
      },
      moves: true,
      kill: () => void worker.terminate()
    }
  }

/** The frames that have arrived at a port: they are dealt with together, so that what follows from them is, too. */
export const withWaiting = (
  port: MessagePort,
  frames: Array<Wire.Frame>,
  onUnreadable?: (error: unknown) => void
): ReadonlyArray<Wire.Frame> => {
  for (;;) {
    let received: { readonly message: Wire.Frame } | undefined
    try {
      received = receiveMessageOnPort(port)
    } catch (error) {
      if (onUnreadable === undefined) throw error
      onUnreadable(error)
    }
    if (received === undefined) return frames
    frames.push(received.message)
  }
}

const endOf = (exitCode: number, failure: (Error & { readonly code?: string }) | undefined): End => {
  if (failure === undefined) return { reason: "Exit", exitCode }
  if (failure.code === "ERR_WORKER_OUT_OF_MEMORY") return { reason: "OutOfMemory", detail: failure.message }
  return { reason: "UncaughtError", exitCode, detail: failure.stack ?? failure.message }
}
