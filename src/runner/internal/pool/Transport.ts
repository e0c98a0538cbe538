/** What a pool needs of a thread or a process. */
import type { PoolStartNumbers } from "../wire/StartNumbers.ts"
import type * as Wire from "../wire/Wire.ts"

/** How a worker ended. */
export interface End {
  readonly reason: "Exit" | "Signal" | "OutOfMemory" | "UncaughtError"
  readonly exitCode?: number
  readonly signal?: string
  /** What it said last. */
  readonly detail?: string
}

/** What a worker tells its pool. */
export interface Listener {
  /** Everything that it has said by now. */
  readonly onFrames: (frames: ReadonlyArray<Wire.Frame>) => void
  /** Called once, when the worker has ended and nothing more can come from it. */
  readonly onEnd: (end: End) => void
  /** A line of its standard output or standard error. */
  readonly onOutput: (stream: "stdout" | "stderr", line: string) => void
}

/** A running thread or process. */
export interface Transport {
  /** For example `thread 3` or `process 3 (pid 4711)`. */
  readonly label: string
  readonly startNumbers: PoolStartNumbers
  readonly send: Wire.Send
  /** Whether what is to be moved is gone from here once it has been sent. */
  readonly moves: boolean
  /** Ends it at once, whatever it does. `onEnd` follows. */
  readonly kill: () => void
}

/** Starts a worker. */
export type Spawn = (init: Omit<Wire.WorkerInit, "label">, number: number, listener: Listener) => Transport

/** Collects the text of a stream into lines. */
export const lines = (onLine: (line: string) => void) => {
  const decoder = new TextDecoder()
  let rest = ""
  return {
    write: (bytes: Uint8Array) => {
      const parts = (rest + decoder.decode(bytes, { stream: true })).split(/\r?\n/)
      rest = parts.pop()!
      parts.forEach(onLine)
    },
    end: () => {
      if (rest !== "") onLine(rest)
      rest = ""
    }
  }
}

/** Keeps the last few lines, to tell what a worker said before it ended. */
export const lastLines = (count: number) => {
  const kept: Array<string> = []
  return {
    add: (line: string) => {
      kept.push(line)
      if (kept.length > count) kept.shift()
    },
    get text() {
      return kept.join("\n").trim()
    }
  }
}

/** A file of the worker's side, as source while this library runs from source, else as compiled. */
export const workerFile = (name: string): URL =>
  new URL(`../worker/${name}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url)
