// How many tiny tasks a second a pool runs with a given number of callers waiting.
import { cpuMillis } from "../measure.ts"
import { type Case, makeAwake, runTiny } from "../case.ts"
import type { Pool } from "../subject.ts"

const levels = [1, 16, 256, 4096]

/** Warms up with more and more tasks until a run is long enough to tell how many fit into a sample. */
const countFor = async (pool: Pool, inFlight: number, sampleMillis: number): Promise<number> => {
  for (let count = 2 * inFlight + 500; ; count *= 2) {
    const startedAt = performance.now()
    await runTiny(pool, count, inFlight)
    const elapsed = performance.now() - startedAt
    if (elapsed >= sampleMillis / 2) return Math.max(Math.round((count * sampleMillis) / elapsed), 2 * inFlight)
  }
}

export const throughput: Case = {
  name: "throughput",
  title: "Tiny tasks, tasks per second by number in flight",
  explanation: [
    "A task adds two numbers. Closed loop: so many callers, each asks for its next task when it has its last answer.",
    "Callers are promise loops for promise pools and fibers for Effect. Every answer is checked. CPU: what all of the pool's",
    "threads and processes and the caller need for a task."
  ],
  lifetime: "case",
  rounds: { full: 11, quick: 3 },
  prepare: async (context) => {
    const sampleMillis = context.quick ? 100 : 150
    const pool = await makeAwake(context)
    const counts: Array<number> = []
    for (const inFlight of levels) counts.push(await countFor(pool, inFlight, sampleMillis))
    return async () => {
      const metrics = []
      for (const [position, inFlight] of levels.entries()) {
        const count = counts[position]!
        await runTiny(pool, Math.ceil(count / 4), inFlight)
        const cpuBefore = cpuMillis()
        const startedAt = performance.now()
        await runTiny(pool, count, inFlight)
        const seconds = (performance.now() - startedAt) / 1000
        const cpu = cpuMillis() - cpuBefore
        metrics.push({
          row: `tiny, ${inFlight} in flight`,
          unit: "tasks/s",
          better: "higher" as const,
          value: count / seconds
        })
        metrics.push({ row: `CPU, ${inFlight}`, unit: "µs", better: "lower" as const, value: (1000 * cpu) / count })
      }
      return metrics
    }
  }
}
