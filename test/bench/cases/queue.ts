// What 10,000 tasks handed in at once do to the process that hands them in.
import { setTimeout as sleep } from "node:timers/promises"
import { type Case, makeAwake, runTiny, tinyCall } from "../case.ts"
import { collectGarbage, watchEventLoop } from "../measure.ts"

const count = 10_000

export const queue: Case = {
  name: "queue",
  title: "10,000 tiny tasks handed in at once",
  explanation: [
    "handing in: until the caller has all its handles. stall: the longest the event loop was away, from then until the",
    "last answer. total: until the last answer."
  ],
  lifetime: "case",
  rounds: { full: 7, quick: 2 },
  prepare: async (context) => {
    const pool = await makeAwake(context)
    await runTiny(pool, 5000, 16)
    const handIn = async () => {
      const startedAt = performance.now()
      const settled = await pool.queue(tinyCall, count)
      const handedIn = performance.now() - startedAt
      await settled()
      return { handedIn, total: performance.now() - startedAt }
    }
    await handIn()
    return async () => {
      await collectGarbage()
      const loop = watchEventLoop()
      await sleep(5)
      const { handedIn, total } = await handIn()
      const stall = loop.worst()
      return [
        { row: "queue 10,000, handing in", unit: "ms", better: "lower", value: handedIn },
        { row: "queue 10,000, stall", unit: "ms", better: "lower", value: stall },
        { row: "queue 10,000, total", unit: "ms", better: "lower", value: total }
      ]
    }
  }
}
