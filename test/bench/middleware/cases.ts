// The cases of the benchmark of middlewares: what one task costs, and what many calls cost a rate limit.
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import type { TaskRunner } from "effect-strand"
import type { CaseOutline } from "../benchmark.ts"
import { collectGarbage, cpuMillis } from "../measure.ts"
import type { Metric } from "../results.ts"
import { type CaseName, increment, type Subject } from "./subjects.ts"

export interface Case extends CaseOutline {
  readonly name: CaseName
  /** Makes and warms a subject, and gives the function that takes a sample. */
  readonly prepare: (subject: Subject, quick: boolean) => Promise<() => Promise<ReadonlyArray<Metric>>>
}

type Run = <A, E>(effect: Effect.Effect<A, E, TaskRunner.TaskRunner>) => Promise<A>

/** A subject, made once for all of its samples. */
const runnerOf = async (subject: Subject, measured: CaseName): Promise<Run> => {
  const runtime = ManagedRuntime.make(subject.runner(measured))
  await runtime.context()
  return (effect) => runtime.runPromise(effect)
}

/** Calls a task so often, and gives the microseconds for each. */
const time = async (run: Run, count: number, concurrency: number | "unbounded"): Promise<number> => {
  const numbers = Array.from({ length: count }, (_, index) => index)
  let sum = 0
  const calls = Effect.forEach(numbers, (n) => Effect.map(increment.run(n), (result) => void (sum += result)), {
    concurrency,
    discard: true
  })
  const startedAt = performance.now()
  await run(calls)
  const micros = ((performance.now() - startedAt) * 1000) / count
  if (sum !== (count * (count + 1)) / 2) throw new Error(`The tasks have given ${sum}`)
  return micros
}

const micros = (row: string, value: number): Metric => ({ row, unit: "µs a task", better: "lower", value })

const overhead: Case = {
  name: "overhead",
  title: "What middlewares cost a task",
  explanation: [
    "One task after the other, in the fiber of the caller (FiberRunner.layerInline); the handler does nothing."
  ],
  lifetime: "case",
  rounds: { full: 41, quick: 9 },
  prepare: async (subject, quick) => {
    const run = await runnerOf(subject, "overhead")
    const count = quick ? 5_000 : 20_000
    for (let round = 0; round < 10; round++) await time(run, count, 1)
    return async () => {
      const cpuBefore = cpuMillis()
      const wall = micros("task", await time(run, count, 1))
      return [wall, micros("CPU", (1000 * (cpuMillis() - cpuBefore)) / count)]
    }
  }
}

const heap = async (): Promise<number> => {
  await collectGarbage()
  return process.memoryUsage().heapUsed / 1024
}

export const few = 10_000
export const many = 100_000

const label = (count: number) => count.toLocaleString("en-US")

/** The rows of a rate limit's case. */
export const rows = {
  time: (name: Case["name"], count: number) => `${name}, ${label(count)} tasks`,
  heap: (name: Case["name"], count: number) => `heap after ${label(count)} ${name}`
}

const rateLimited = (name: "passing" | "waiting", concurrency: 1 | "unbounded", explanation: string): Case => ({
  name,
  title: `What a rate limit costs a task, after few and after many: ${name}`,
  explanation: [explanation, "Heap: how much more there is of it after that many tasks than before."],
  lifetime: "case",
  rounds: { full: 7, quick: 3 },
  prepare: async (subject) => {
    const run = await runnerOf(subject, name)
    for (let round = 0; round < 10; round++) await time(run, few, concurrency)
    return async () => {
      const metrics: Array<Metric> = []
      await time(run, few, concurrency)
      for (const count of [few, many]) metrics.push(micros(rows.time(name, count), await time(run, count, concurrency)))
      const before = await heap()
      for (const count of [few, many]) {
        await time(run, count, concurrency)
        metrics.push({ row: rows.heap(name, count), unit: "kB", better: "lower", value: (await heap()) - before })
      }
      return metrics
    }
  }
})

export const cases: ReadonlyArray<Case> = [
  overhead,
  rateLimited("passing", 1, "One task after the other, none of which has to wait: the limit is 20,000 in 10 ms."),
  rateLimited("waiting", "unbounded", "All tasks at once, most of which wait: the limit is 500 in 5 ms, so 10 µs each.")
]
