// What a case of the benchmark of pools is: how it prepares a subject, and how it takes one sample. Cases run in a
// process of their own for each subject (driver.ts), and the samples of the subjects are taken in turn (benchmark.ts).
import { setTimeout as sleep } from "node:timers/promises"
import type { CaseOutline } from "./benchmark.ts"
import type { Metric } from "./results.ts"
import type { Call, MakePool, Pool, Subject } from "./subject.ts"

export interface CaseContext {
  readonly subject: Subject
  readonly make: MakePool
  /** How long importing the subject's library took in this process. */
  readonly loadMillis: number
  /** Shorter samples, for a look instead of a measurement. */
  readonly quick: boolean
  /** How often `burn` has to go round for one millisecond of CPU work. */
  readonly burnPerMilli: number
}

export interface Case extends CaseOutline {
  /** Flags of Node for the process, beside those that all have. */
  readonly execArgv?: ReadonlyArray<string>
  /** Makes and warms what the samples need, and gives the function that takes one. */
  readonly prepare: (context: CaseContext) => Promise<() => Promise<ReadonlyArray<Metric>>>
}

/** All pools have two workers, where a case does not say otherwise. */
export const poolSize = 2

export const tinyCall = (index: number): Call => ({ task: "tiny", payload: { a: index, b: 1 } })

/** Stops the benchmark if a pool answers a tiny task wrongly. */
export const checkTiny = (index: number, result: unknown): void => {
  if (result !== index + 1) throw new Error(`Tiny task ${index} was answered with ${String(result)}`)
}

export const burnCall = (context: CaseContext, millis: number): Call => ({
  task: "burn",
  payload: { iterations: Math.round(context.burnPerMilli * millis) }
})

/** Keeps a pool busy until surely each worker is up and has run something, and the code of `burn` is compiled. */
export const wakeWorkers = async (context: CaseContext, pool: Pool, size: number): Promise<void> => {
  const count = size * 8
  await pool.loop({ count, inFlight: count, call: () => burnCall(context, 25), done: () => {}, timed: false })
}

/** A pool of two workers, both awake. */
export const makeAwake = async (context: CaseContext, binary = false): Promise<Pool> => {
  const pool = await context.make({ size: poolSize, binary })
  await wakeWorkers(context, pool, poolSize)
  return pool
}

/** Runs tiny tasks until the caller's and the workers' code is warm. */
export const runTiny = (pool: Pool, count: number, inFlight: number): Promise<void> =>
  pool.loop({ count, inFlight, call: tinyCall, done: checkTiny, timed: false })

/**
 * Gives a pool endless tasks, with `startSpin`, until it no longer answers: not every pool puts two tasks on two workers.
 */
export const blockWorkers = async (pool: Pool, startSpin: (call: Call) => void): Promise<void> => {
  for (let attempt = 0; attempt < 8; attempt++) {
    startSpin({ task: "spin", payload: { limitMillis: 300_000 } })
    const probe = pool.run(tinyCall(0)).then(
      () => true,
      () => false
    )
    if (attempt + 1 >= poolSize && !(await Promise.race([probe, sleep(400, false)]))) return
  }
  throw new Error("The pool still answers although every worker should be in a busy loop")
}
