// What the benchmark knows about a thing it measures. A subject makes pools; a pool runs the tasks of tasks.ts in the way
// that is natural for it: a promise library with promises, an Effect library with fibers (see promisePool.ts and
// effectPool.ts).
import type { Contestant } from "./results.ts"
import type * as tasks from "./tasks.ts"

export type TaskName = "tiny" | "burn" | "echoProfile" | "echoRecords" | "weigh" | "spin"

/** One task to run: its name and its payload. */
export type Call = { [Name in TaskName]: { task: Name; payload: Parameters<(typeof tasks)[Name]>[0] } }[TaskName]

export interface PoolOptions {
  readonly size: number
  /** The pool will be sent raw bytes: a process pool has to leave JSON for structured clone. */
  readonly binary?: boolean
  /** How long a cancelled task may go on before its worker is killed, for pools that have such a setting. */
  readonly graceMillis?: number
}

/** A closed loop: `inFlight` callers, each of which asks for the next task as soon as it has the answer to its last. */
export interface Loop {
  readonly count: number
  readonly inFlight: number
  readonly call: (index: number) => Call
  /** Called with each answer and, where `timed`, the microseconds it took to come (0 otherwise). */
  readonly done: (index: number, result: unknown, micros: number) => void
  readonly timed: boolean
}

/** A task under way that can be called off, where the pool is able to. */
export interface Started {
  readonly cancel: () => void
}

export interface Pool {
  readonly run: (call: Call, transfer?: ReadonlyArray<ArrayBuffer>) => Promise<unknown>
  readonly loop: (loop: Loop) => Promise<void>
  /** Hands in `count` tasks at once. Done when all are handed in; the answer waits until all have ended. */
  readonly queue: (call: (index: number) => Call, count: number) => Promise<() => Promise<void>>
  /** Absent: the pool has no way to call a running task off. */
  readonly start?: (call: Call) => Started
}

export type MakePool = (options: PoolOptions) => Promise<Pool>

export interface Subject extends Contestant {
  readonly kind: "thread" | "process" | "fiber"
  /** The only cases it takes part in. Without it: all of those for threads and processes. */
  readonly cases?: ReadonlyArray<string>
  /** Imports the library. Its pools are made later, so that the two can be timed apart. */
  readonly load: () => Promise<MakePool>
}
