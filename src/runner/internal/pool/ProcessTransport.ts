/** A worker that is a process. */
import { type ChildProcess, fork } from "node:child_process"
import { Socket } from "node:net"
import { fileURLToPath } from "node:url"
import * as Conditions from "../../../internal/values/Conditions.ts"
import * as ProcessChannel from "../wire/ProcessChannel.ts"
import { type End, lastLines, lines, workerFile, type Spawn } from "./Transport.ts"

/** What a process is given at its start. */
export interface ProcessOptions {
  readonly env?: Record<string, string> | undefined
  readonly execArgv?: ReadonlyArray<string> | undefined
  readonly cwd?: string | undefined
  readonly entry?: URL | undefined
}

/** Starts processes. */
export const spawn =
  (options: ProcessOptions): Spawn =>
  (init, number, listener) => {
    const fd = ProcessChannel.openFile()
    const child = fork(
      fileURLToPath(options.entry ?? workerFile("processEntry")),
      [JSON.stringify({ ...init, label: `process ${number}` })],
      {
        serialization: "advanced",
        stdio: ["ignore", "pipe", "pipe", "ipc", fd],
        execArgv: [...Conditions.execArgv(), ...(options.execArgv ?? [])],
        env: { ...process.env, ...options.env },
        ...(options.cwd !== undefined && { cwd: options.cwd })
      }
    )
    const label = `process ${number} (pid ${child.pid ?? "none"})`
    const said = lastLines(20)
    const outputs = (["stdout", "stderr"] as const).map((stream) => {
      const output = lines((line) => {
        if (stream === "stderr") said.add(line)
        listener.onOutput(stream, line)
      })
      child[stream]!.on("data", output.write)
      return output
    })
    unref(child)
    child.on("message", ProcessChannel.gather(listener.onFrames))
    let failure: Error | undefined
    child.on("error", (error) => {
      failure = error
      // It could not be started, so no exit follows.
      if (child.pid === undefined) listener.onEnd(endOf(null, null, error.message, failure))
    })
    const startNumbers = ProcessChannel.poolStartNumbers(fd)
    child.on("exit", () => {
      // Its pipes stay open while a grandchild holds them; nobody is to wait for that.
      setTimeout(() => {
        child.stdout?.destroy()
        child.stderr?.destroy()
      }, 250).unref()
    })
    child.on("close", (exitCode, signal) => {
      for (const output of outputs) output.end()
      listener.onEnd(endOf(exitCode, signal, said.text, failure))
    })
    return {
      label,
      startNumbers,
      send: (frame) => {
        if (child.connected) child.send(frame)
      },
      moves: false,
      kill: () => void child.kill("SIGKILL")
    }
  }

/** A process keeps a program alive only through the fibers that wait for its tasks. */
const unref = (child: ChildProcess): void => {
  child.unref()
  child.channel?.unref()
  for (const stream of [child.stdout, child.stderr]) if (stream instanceof Socket) stream.unref()
}

const endOf = (exitCode: number | null, signal: string | null, said: string, failure: Error | undefined): End => {
  const detail = said === "" ? {} : { detail: said }
  if (failure !== undefined) return { reason: "UncaughtError", detail: failure.message }
  if (/JavaScript heap out of memory|Allocation failed/.test(said)) return { reason: "OutOfMemory" }
  if (signal !== null) return { reason: "Signal", signal, ...detail }
  // Node ends with 1 and prints the stack when an error is not caught.
  if (exitCode === 1 && /^\s+at /m.test(said)) return { reason: "UncaughtError", exitCode: 1, ...detail }
  return { reason: "Exit", exitCode: exitCode ?? -1, ...detail }
}
