// How long a job waits for an idle worker in another process, and how long its outcome takes to come back.
import { setTimeout as sleep } from "node:timers/promises"
import { quantile, sharedMillis } from "../../measure.ts"
import type { Metric } from "../../results.ts"
import { type Case, makeJob } from "../case.ts"

const row = (name: string, value: number): Metric => ({ row: name, unit: "ms", better: "lower", value })

export const latency: Case = {
  name: "latency",
  title: "Latency between two processes when the worker is idle",
  explanation: [
    "One job at a time, at odd moments: from the call that stores it to the start of its handler in another process, and,",
    "where the queue has a way to wait for it, from the call until the outcome is back. 200 jobs of each kind, or as many as",
    "8 s allow and at least 15 (quick: 60, 4 s, 5), so p99 is the longest wait where a queue polls. none: the queue has no",
    "way to wait."
  ],
  lifetime: "case",
  rounds: { full: 3, quick: 1 },
  prepare: async ({ client, quick, startWorker, subject }) => {
    const count = quick ? 60 : 200
    const fewest = quick ? 5 : 15
    const limitMillis = quick ? 4000 : 8000
    const worker = await startWorker()
    let id = 0
    let pauses = 1
    let started = Promise.withResolvers<number>()
    worker.onStarted = (_, at) => started.resolve(at)

    /**
     * Long enough for the worker to come to rest. For a queue that polls, jobs have to come at all moments between two of
     * its looks alike, few as they are: multiples of the golden ratio lie evenly, however many there are.
     */
    const pause = () => sleep(10 + ((pauses++ * 0.618034) % 1) * (subject.pollMillis ?? 30))

    /** Takes some samples and gives the milliseconds of each. */
    const take = async (sample: () => Promise<number>): Promise<ReadonlyArray<number>> => {
      const times: Array<number> = []
      const deadline = performance.now() + limitMillis
      while (times.length < fewest || (times.length < count && performance.now() < deadline)) {
        await pause()
        times.push(await sample())
      }
      return times
    }

    const untilStart = async (): Promise<number> => {
      started = Promise.withResolvers<number>()
      const calledAt = sharedMillis()
      await client.enqueue(makeJob(id++))
      return (await started.promise) - calledAt
    }
    const untilResult = async (): Promise<number> => {
      const calledAt = sharedMillis()
      await client.run!(makeJob(id++))
      return sharedMillis() - calledAt
    }
    return async () => {
      await client.clear()
      await worker.consume(10, "report")
      for (let warmUp = 0; warmUp < (subject.pollMillis === undefined ? 5 : 2); warmUp++) {
        await untilStart()
        await client.run?.(makeJob(id++))
      }
      const starts = await take(untilStart)
      const metrics = [row("start p50", quantile(starts, 0.5)), row("start p99", quantile(starts, 0.99))]
      if (client.run === undefined) {
        for (const part of ["p50", "p99"]) {
          metrics.push({ row: `result ${part}`, unit: "ms", better: "lower", value: null, note: "none" })
        }
      } else {
        const results = await take(untilResult)
        metrics.push(row("result p50", quantile(results, 0.5)), row("result p99", quantile(results, 0.99)))
      }
      await worker.stop()
      return metrics
    }
  }
}
