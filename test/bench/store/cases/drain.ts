// How many jobs a second worker processes get through.
import { setTimeout as sleep } from "node:timers/promises"
import { cpuMillis } from "../../measure.ts"
import type { Metric } from "../../results.ts"
import { type Case, type CaseContext, fill } from "../case.ts"
import type { Client } from "../subject.ts"
import type { WorkerProcess } from "../workers.ts"

const jobCount = (quick: boolean): number => (quick ? 5000 : 20_000)

/** A slow queue is stopped here, and what it got through so far counts. */
const limitMillis = (quick: boolean): number => (quick ? 3000 : 10_000)

const total = (workers: ReadonlyArray<WorkerProcess>) => {
  const tallies = workers.map((worker) => worker.tally())
  return {
    count: tallies.reduce((sum, { count }) => sum + count, 0),
    idSum: tallies.reduce((sum, { idSum }) => sum + idSum, 0),
    millis: Math.max(...tallies.map(({ lastEnd }) => lastEnd)) - Math.min(...tallies.map((each) => each.firstStart))
  }
}

/** What has been worked on must also be finished for the queue, at the latest when the workers have stopped in order. */
const checkFinished = async (client: Client): Promise<void> => {
  const deadline = performance.now() + 5000
  let left = await client.unfinished()
  while (left > 0 && performance.now() < deadline) {
    await sleep(50)
    left = await client.unfinished()
  }
  if (left > 0) throw new Error(`${left} jobs have run but are not finished`)
}

/** Stores no-op jobs, has the workers run them, and gives how many a second they ran and what CPU time each needed. */
const drainRate = async (
  client: Client,
  workers: ReadonlyArray<WorkerProcess>,
  concurrency: number,
  count: number,
  limit: number
): Promise<{ readonly perSecond: number; readonly cpuMicros: number }> => {
  await client.clear()
  await fill(client, count)
  await client.settle?.()
  const cpuBefore = cpuMillis()
  await Promise.all(workers.map((worker) => worker.consume(concurrency, "count")))
  const deadline = performance.now() + limit
  while (total(workers).count < count && performance.now() < deadline) await sleep(5)
  const cpu = cpuMillis() - cpuBefore
  await Promise.all(workers.map((worker) => worker.stop()))
  const ran = total(workers)
  if (ran.count === 0) throw new Error(`No job has started in ${limit} ms`)
  if (ran.count >= count) {
    if (ran.count > count || ran.idSum !== (count * (count - 1)) / 2) {
      throw new Error(`${count} jobs were stored, ${ran.count} have run: some more than once`)
    }
    await checkFinished(client)
  }
  return { perSecond: (ran.count * 1000) / ran.millis, cpuMicros: (1000 * cpu) / ran.count }
}

const rows = (row: string, cpu: string, rate: Awaited<ReturnType<typeof drainRate>>): ReadonlyArray<Metric> => [
  { row, unit: "jobs/s", better: "higher", value: rate.perSecond },
  { row: cpu, unit: "µs", better: "lower", value: rate.cpuMicros }
]

const prepare = async ({ client, startWorker }: CaseContext, workerCount: number) => {
  const workers = await Promise.all(Array.from({ length: workerCount }, startWorker))
  // Warms the code of the client and of each worker.
  await drainRate(client, workers, 10, 1000 * workerCount, 3000)
  await client.clear()
  return workers
}

export const drain: Case = {
  name: "drain",
  title: "Draining with one worker process: no-op jobs per second",
  explanation: [
    "20,000 jobs (quick: 5,000) have been stored before the worker begins; from the start of the first handler to the end",
    "of the last; fetching the first jobs is not in it. A slow queue is stopped after 10 s (3 s), and what it got through",
    "counts. Each job must run exactly once and be finished when the worker has stopped. CPU: what the client and the worker",
    "need for a job; a server's is not in it."
  ],
  lifetime: "case",
  rounds: { full: 3, quick: 1 },
  prepare: async (context) => {
    const { client, quick } = context
    const workers = await prepare(context, 1)
    return async () => {
      const metrics: Array<Metric> = []
      for (const concurrency of [1, 10, 100]) {
        const rate = await drainRate(client, workers, concurrency, jobCount(quick), limitMillis(quick))
        metrics.push(...rows(`drain, concurrency ${concurrency}`, `CPU, ${concurrency}`, rate))
      }
      await client.clear()
      return metrics
    }
  }
}

export const drainFour: Case = {
  name: "drain-four",
  title: "Draining with four worker processes on one store: no-op jobs per second",
  explanation: ["The same with four worker processes, each of which runs ten jobs at a time."],
  lifetime: "case",
  rounds: { full: 3, quick: 1 },
  prepare: async (context) => {
    const { client, quick } = context
    const workers = await prepare(context, 4)
    return async () => {
      const rate = await drainRate(client, workers, 10, jobCount(quick), limitMillis(quick))
      await client.clear()
      return rows("drain, four processes", "CPU, four", rate)
    }
  }
}
