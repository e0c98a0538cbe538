// Starts and ends the processes that measure. Each leads a process group of its own, so that ending it also ends whatever
// it has started, busy loops included.
import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import type { Metric } from "./results.ts"
import type { Reply } from "./serveSamples.ts"

export interface Driver {
  /** Prepares at the first call, takes a sample at each later one. Rejects if the process fails or takes too long. */
  readonly next: () => Promise<ReadonlyArray<Metric>>
  readonly end: () => Promise<void>
}

const limitMillis = 180_000

const running = new Set<ChildProcess>()

const killGroup = (child: ChildProcess): void => {
  try {
    process.kill(-child.pid!, "SIGKILL")
  } catch {
    // The group is already gone.
  }
}

process.on("exit", () => running.forEach(killGroup))
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1))

/** Starts a process that calls `serveSamples`, which is told the assignment before its first sample. */
export const startDriver = (script: URL, assignment: object, execArgv: ReadonlyArray<string> = []): Driver => {
  const child = fork(fileURLToPath(script), {
    detached: true,
    // The conditions of this process, by which `effect-strand` may lead to the sources.
    execArgv: [...process.execArgv, "--expose-gc", ...execArgv],
    stdio: ["ignore", "ignore", "pipe", "ipc"]
  })
  running.add(child)
  const exited = once(child, "exit")
  let errorOutput = ""
  child.stderr!.on("data", (data: Buffer) => {
    errorOutput = (errorOutput + data.toString()).slice(-2000)
  })
  const ended = async (): Promise<Reply> => {
    const [code, signal] = await exited
    return { error: `The process ended (${signal ?? code}). ${errorOutput}` }
  }
  let message = assignment
  return {
    next: async () => {
      const overdue = Promise.withResolvers<Reply>()
      const timer = setTimeout(() => overdue.resolve({ error: "No answer in 3 minutes" }), limitMillis)
      const answered = once(child, "message").then(([reply]) => reply as Reply)
      child.send(message)
      message = {}
      const reply = await Promise.race([answered, ended(), overdue.promise])
      clearTimeout(timer)
      if ("error" in reply) throw new Error(reply.error)
      return reply.metrics
    },
    end: async () => {
      killGroup(child)
      await exited
      running.delete(child)
    }
  }
}
