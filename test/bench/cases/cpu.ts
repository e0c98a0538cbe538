// How near two workers come to doing CPU work twice as fast.
import { burnCall, type Case, makeAwake, poolSize } from "../case.ts"
import { median } from "../measure.ts"
import type { Pool } from "../subject.ts"

const taskMillis = 20

export const cpu: Case = {
  name: "cpu",
  title: `CPU work: tasks of ${taskMillis} ms, handed in at once`,
  explanation: [
    "A task is a fixed amount of work that takes 20 ms alone on a core. Just before each run the same workers do some",
    "of them one at a time; what the middle one took in its worker, times the number of tasks, halved, is the ideal.",
    "Efficiency is the ideal over the time the run took."
  ],
  lifetime: "case",
  rounds: { full: 3, quick: 2 },
  prepare: async (context) => {
    const pool = await makeAwake(context)
    const [alone, together] = context.quick ? [10, 150] : [40, 200]
    const burn = async (target: Pool, count: number, inFlight: number): Promise<Array<number>> => {
      const times: Array<number> = []
      await target.loop({
        count,
        inFlight,
        call: () => burnCall(context, taskMillis),
        done: (_index, result) => times.push(result as number),
        timed: false
      })
      return times
    }
    return async () => {
      const ideal = (median(await burn(pool, alone, 1)) * together) / poolSize
      const startedAt = performance.now()
      await burn(pool, together, together)
      const elapsed = performance.now() - startedAt
      return [
        { row: "cpu efficiency", unit: "%", better: "higher", value: (100 * ideal) / elapsed },
        { row: `cpu, ${together} tasks`, unit: "ms", better: "lower", value: elapsed }
      ]
    }
  }
}
