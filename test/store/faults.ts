// The means of the durability tests: programs that can be killed and frozen, what they have written down, small disks.
import { assert } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import { execFileSync, fork } from "node:child_process"
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { TaskQueue } from "effect-strand/TaskQueue"
import { TaskStore } from "effect-strand/TaskStore"
import { until } from "../../src/testing/Subject.ts"
import { type Kind, open as layer } from "./programs/work.ts"

// --- programs --------------------------------------------------------------------------------------------------------

/** A program that runs beside the test. */
export interface Program {
  readonly pid: number
  readonly kill: Effect.Effect<void>
  readonly signal: (signal: NodeJS.Signals) => Effect.Effect<void>
  readonly tell: Effect.Effect<void>
  readonly isGone: () => boolean
  readonly exitCode: () => number | null
  /** All that it has printed. */
  readonly output: () => string
}

/** Starts a program of the folder `programs`, waits until it is ready, and kills it when the test is over. */
export const start = (
  name: "reader" | "enqueuer",
  args: ReadonlyArray<unknown>
): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.gen(function* () {
    const file = fileURLToPath(new URL(`./programs/${name}.ts`, import.meta.url))
    const child = fork(file, [JSON.stringify(args)], { execArgv: [], stdio: ["ignore", "pipe", "pipe", "ipc"] })
    let output = ""
    let ready = false
    child.stdout!.on("data", (data) => (output += data))
    child.stderr!.on("data", (data) => (output += data))
    child.on("message", () => (ready = true))
    const isGone = () => child.exitCode !== null || child.signalCode !== null
    const kill = Effect.andThen(
      Effect.sync(() => child.kill("SIGKILL")),
      until("the death of the process", isGone)
    )
    yield* Effect.addFinalizer(() => kill)
    yield* until(`the ${name}`, () => ready || isGone())
    if (!ready) return yield* Effect.die(new Error(`The ${name} ended: ${output}`))
    return {
      pid: child.pid!,
      kill,
      signal: (signal) => Effect.sync(() => child.kill(signal)),
      tell: Effect.sync(() => child.send("end")),
      isGone,
      exitCode: () => child.exitCode,
      output: () => output
    }
  })

// --- what they write down --------------------------------------------------------------------------------------------

/** The lines of a file that grows, split into words. */
export interface Lines {
  readonly path: string
  /** What has been written so far. */
  readonly all: () => ReadonlyArray<ReadonlyArray<string>>
}

/** The lines of a file. Each is read once. */
export const linesOf = (path: string): Lines => {
  const lines: Array<ReadonlyArray<string>> = []
  let position = 0
  const read = (): void => {
    if (!existsSync(path)) return
    const file = openSync(path, "r")
    try {
      const bytes = Buffer.alloc(fstatSync(file).size - position)
      const length = readSync(file, bytes, 0, bytes.length, position)
      const end = bytes.subarray(0, length).lastIndexOf(10) + 1
      for (const line of bytes.toString("utf8", 0, end).split("\n").slice(0, -1)) lines.push(line.split(" "))
      position += end
    } finally {
      closeSync(file)
    }
  }
  return {
    path,
    all: () => {
      read()
      return lines
    }
  }
}

/** An attempt of a task, as its handler has written it down. */
export interface Start {
  readonly attempt: number
  readonly pid: number
  ended: boolean
}

/** All starts of each task, in order. */
export const startsOf = (lines: Lines): ReadonlyMap<string, ReadonlyArray<Start>> => {
  const starts = new Map<string, Array<Start>>()
  for (const [what, id, attempt, pid] of lines.all()) {
    const known = starts.get(id!) ?? []
    starts.set(id!, known)
    if (what === "start") known.push({ attempt: Number(attempt), pid: Number(pid), ended: false })
    else known.find((start) => String(start.attempt) === attempt && String(start.pid) === pid)!.ended = true
  }
  return starts
}

/** How often something has been written down. */
export const countOf = (lines: Lines, what: string): number => lines.all().filter(([first]) => first === what).length

// --- stores ----------------------------------------------------------------------------------------------------------

/** Opens the store of a folder in this process. */
export const open = (kind: Kind, folder: string) =>
  Effect.map(Layer.build(layer(kind, folder)), (context) => ({
    context,
    store: Context.get(context, TaskStore),
    queue: Context.get(context, TaskQueue)
  }))

/** A Logger that keeps the messages of warnings and errors. */
export const keepLog = () => {
  const messages: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => {
    if (logLevel === "Warn" || logLevel === "Error" || logLevel === "Fatal") messages.push(String(message))
  })
  return { messages, layer: Logger.layer([logger]) }
}

// --- disks -----------------------------------------------------------------------------------------------------------

/**
 * A disk of its own for a folder. False where the system does not let this process mount one, which is said loudly, and
 * fails where all tests have to run.
 */
export const mountDisk = (folder: string, options: string): Effect.Effect<boolean, never, Scope.Scope> =>
  Effect.gen(function* () {
    mkdirSync(folder, { recursive: true })
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder], { stdio: "pipe" })
    } catch (error) {
      const message = `LEFT OUT: no disk of its own could be mounted (${String(error)})`
      console.error(message)
      if (process.env["CI"] === "true") assert.fail(message)
      return false
    }
    yield* Effect.addFinalizer(() => Effect.sync(() => execFileSync("umount", [folder])))
    return true
  })
