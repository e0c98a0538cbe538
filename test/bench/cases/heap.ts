// What a million waiting tasks cost.
import { setTimeout as sleep } from "node:timers/promises"
import { blockWorkers, type Case, makeAwake, tinyCall } from "../case.ts"
import { collectGarbage, watchEventLoop } from "../measure.ts"

export const heap: Case = {
  name: "heap",
  title: "1,000,000 tiny tasks waiting",
  explanation: [
    "Both workers are in a busy loop while the tasks are handed in, so that all have to wait. The caller keeps a handle for",
    "each (a promise, a fiber). heap: growth of the garbage-collected heap of the caller's process, handles included.",
    "resident: growth of the whole process, where what was already sent to a worker waits outside the heap.",
    "With --quick there are 100,000."
  ],
  lifetime: "sample",
  rounds: { full: 1, quick: 1 },
  execArgv: ["--max-old-space-size=8192"],
  prepare: async (context) => {
    const count = context.quick ? 100_000 : 1_000_000
    const pool = await makeAwake(context)
    return async () => {
      await blockWorkers(pool, (call) => void pool.run(call))
      await collectGarbage()
      const heapBefore = process.memoryUsage().heapUsed
      const residentBefore = process.memoryUsage.rss()
      const loop = watchEventLoop()
      await sleep(5)
      const startedAt = performance.now()
      const settled = await pool.queue(tinyCall, count)
      const handedIn = performance.now() - startedAt
      await sleep(5)
      const stall = loop.worst()
      await collectGarbage()
      const heapGrowth = process.memoryUsage().heapUsed - heapBefore
      const residentGrowth = process.memoryUsage.rss() - residentBefore
      // Nobody waits for the tasks, the process is about to end; but the handles had to stay in use until here.
      if (typeof settled !== "function") throw new Error("No handles")
      return [
        { row: "heap per waiting task", unit: "B", better: "lower", value: heapGrowth / count },
        { row: "resident per waiting task", unit: "B", better: "lower", value: residentGrowth / count },
        { row: "handing in, per task", unit: "µs", better: "lower", value: (1000 * handedIn) / count },
        { row: "stall while handing in", unit: "ms", better: "lower", value: stall }
      ]
    }
  }
}
