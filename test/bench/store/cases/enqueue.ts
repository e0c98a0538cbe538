// How many jobs a second one process can store.
import { cpuMillis } from "../../measure.ts"
import type { Metric } from "../../results.ts"
import { bulkSize, type Case, makeJob, makeJobs } from "../case.ts"
import type { Client } from "../subject.ts"

const levels = [
  { inFlight: 1, row: "one at a time" },
  { inFlight: 64, row: "64 in flight" }
]

/** Stores jobs for a while and gives how many a second, and what CPU time each needed. */
const rate = async (client: Client, inFlight: number, millis: number) => {
  let id = 0
  const cpuBefore = cpuMillis()
  const startedAt = performance.now()
  await client.loop({ inFlight, next: () => (performance.now() - startedAt < millis ? makeJob(id++) : undefined) })
  return {
    perSecond: (id * 1000) / (performance.now() - startedAt),
    cpuMicros: (1000 * (cpuMillis() - cpuBefore)) / id
  }
}

export const enqueue: Case = {
  name: "enqueue",
  title: "Enqueueing: jobs stored per second",
  explanation: [
    "One process, no worker. A closed loop of one caller and of 64, each of which stores its next job when the queue has",
    `confirmed its last; and ${bulkSize.toLocaleString("en-US")} jobs in one call. Each sample begins with an empty queue.`,
    "none: the queue has no call for many jobs. CPU: what the client needs for a job; a server's is not in it."
  ],
  lifetime: "case",
  rounds: { full: 5, quick: 1 },
  prepare: async ({ client, quick }) => {
    const sampleMillis = quick ? 500 : 1500
    for (const { inFlight } of levels) await rate(client, inFlight, sampleMillis / 2)
    await client.enqueueAll?.(makeJobs(bulkSize / 10))
    return async () => {
      const metrics: Array<Metric> = []
      for (const { inFlight, row } of levels) {
        await client.clear()
        const { cpuMicros, perSecond } = await rate(client, inFlight, sampleMillis)
        metrics.push({ row: `enqueue, ${row}`, unit: "jobs/s", better: "higher", value: perSecond })
        metrics.push({ row: `CPU, ${row}`, unit: "µs", better: "lower", value: cpuMicros })
      }
      await client.clear()
      const bulk = { row: "enqueue, in one call", unit: "jobs/s", better: "higher" } as const
      if (client.enqueueAll === undefined) {
        metrics.push({ ...bulk, value: null, note: "none" })
      } else {
        const jobs = makeJobs(bulkSize)
        const startedAt = performance.now()
        await client.enqueueAll(jobs)
        metrics.push({ ...bulk, value: (bulkSize * 1000) / (performance.now() - startedAt) })
        await client.clear()
      }
      return metrics
    }
  }
}
