// Runs an example the way a person does, as a program of its own.
import { afterAll } from "@effect/vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"

export const examples = join(import.meta.dirname, "..", "..", "examples")

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
  /** True when a process that the program had started was still there after it. */
  readonly leftBehind: boolean
}

const environment = (): NodeJS.ProcessEnv => {
  const { CI: _ci, FORCE_COLOR: _color, NODE_OPTIONS: _options, ...rest } = process.env
  return { ...rest, NO_COLOR: "1" }
}

const signalGroup = (pid: number, signal: NodeJS.Signals | 0): boolean => {
  try {
    return process.kill(-pid, signal)
  } catch {
    return false
  }
}

/**
 * Runs an example in a process group of its own, until it ends or a time limit kills the group. With `interruptAt` the
 * whole group gets the signal of Ctrl-C, as it does in a terminal, as soon as standard error holds this text.
 */
export const run = async (
  args: ReadonlyArray<string>,
  options: { readonly interruptAt?: string; readonly limitMillis?: number } = {}
): Promise<Ended> => {
  const child = spawn(process.execPath, ["--conditions=strand-source", ...args], {
    cwd: examples,
    env: environment(),
    detached: true,
    stdio: ["ignore", "pipe", "pipe"]
  })
  const pid = child.pid!
  const output = { stdout: "", stderr: "" }
  let interrupted = false
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      output[name] += text
      if (!interrupted && options.interruptAt !== undefined && output.stderr.includes(options.interruptAt)) {
        interrupted = true
        signalGroup(pid, "SIGINT")
      }
    })
  }
  const timer = setTimeout(() => signalGroup(pid, "SIGKILL"), options.limitMillis ?? 25_000)
  // "close" comes after "exit", when all output has been read.
  const closed = once(child, "close")
  const [code] = (await once(child, "exit")) as [number | null]
  const leftBehind = signalGroup(pid, 0)
  if (leftBehind) signalGroup(pid, "SIGKILL")
  await closed
  clearTimeout(timer)
  return { code, ...output, leftBehind }
}

/** An example that goes on until it is ended. */
export interface Started {
  readonly pid: number
  /** The first match of a pattern in what has been printed, as soon as it is there; fails when the program ends before. */
  readonly printed: (pattern: RegExp) => Promise<RegExpExecArray>
  /** Sends a signal to the program alone, and waits until it and all that it has started are gone. */
  readonly end: (signal: NodeJS.Signals) => Promise<void>
}

/** What is left of started examples, if their tests have failed, ends with them. */
const started = new Set<number>()
afterAll(() => {
  for (const pid of started) signalGroup(pid, "SIGKILL")
})

/** Starts an example in a process group of its own. */
export const start = (args: ReadonlyArray<string>): Started => {
  const child = spawn(process.execPath, ["--conditions=strand-source", ...args], {
    cwd: examples,
    env: environment(),
    detached: true,
    stdio: ["ignore", "pipe", "pipe"]
  })
  let output = ""
  let ended = false
  let changed = () => {}
  // All who have inherited the outputs have to be gone for this.
  const closed = once(child, "close").then(() => {
    ended = true
    changed()
  })
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text
      changed()
    })
  }
  const pid = child.pid!
  started.add(pid)
  return {
    pid,
    printed: async (pattern) => {
      for (;;) {
        const found = pattern.exec(output)
        if (found !== null) return found
        if (ended) throw new Error(`The program ended without printing ${pattern}:\n${output}`)
        await new Promise<void>((resolve) => (changed = resolve))
      }
    },
    end: async (signal) => {
      const timer = setTimeout(() => signalGroup(pid, "SIGKILL"), 10_000)
      process.kill(pid, signal)
      await closed
      clearTimeout(timer)
      started.delete(pid)
    }
  }
}
