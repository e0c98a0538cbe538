// How long jobs are lost to the world when the worker that has them in hand is killed. With default settings most queues
// take longer than anybody wants to watch: BullMQ a minute, PersistedQueue one and a half on Redis and two on SQL, pg-boss
// a quarter of an hour, plainjob half an hour, graphile-worker four. So the case gives up early, and says that it did.
import { setTimeout as sleep } from "node:timers/promises"
import { sharedMillis } from "../../measure.ts"
import type { Metric } from "../../results.ts"
import { type Case, makeJob } from "../case.ts"
import type { WorkerProcess } from "../workers.ts"

const jobCount = 10

/** Resolves with the time of the last start when so many different jobs have been started by a worker. */
const allStarted = (worker: WorkerProcess): Promise<number> => {
  const ids = new Set<number>()
  return new Promise((resolve) => {
    worker.onStarted = (id, at) => {
      ids.add(id)
      if (ids.size === jobCount) resolve(at)
    }
  })
}

const orAfter = async <A>(promise: Promise<A>, millis: number): Promise<A | undefined> => {
  const timer = Promise.withResolvers<undefined>()
  const timeout = setTimeout(timer.resolve, millis, undefined)
  const winner = await Promise.race([promise, timer.promise])
  clearTimeout(timeout)
  return winner
}

export const recovery: Case = {
  name: "recovery",
  title: "After kill -9 of a worker with ten jobs in hand: until all ten have been started again",
  explanation: [
    "The jobs never end by themselves, a second worker process is up, and all settings that have to do with leases and",
    "stalled jobs are the defaults. The case gives up after 20 s (quick: 5 s)."
  ],
  lifetime: "sample",
  // With two rounds the median is the longer one.
  rounds: { full: 2, quick: 1 },
  prepare: async ({ client, quick, startWorker }) => {
    const capSeconds = quick ? 5 : 20
    await client.clear()
    const [first, second] = await Promise.all([startWorker(), startWorker()])
    return async (): Promise<ReadonlyArray<Metric>> => {
      const inHand = allStarted(first)
      // Stored before, so that a queue which hands out batches can hand them out in one.
      for (let id = 0; id < jobCount; id++) await client.enqueue(makeJob(id))
      await first.consume(jobCount, "hang")
      if ((await orAfter(inHand, 15_000)) === undefined) throw new Error("The first worker did not start the ten jobs")
      const again = allStarted(second)
      await second.consume(jobCount, "hang")
      await sleep(1000)
      const killedAt = sharedMillis()
      await first.kill()
      const startedAt = await orAfter(again, capSeconds * 1000)
      const row = { row: "recovery", unit: "s", better: "lower" } as const
      return [
        startedAt === undefined
          ? { ...row, value: null, note: `>${capSeconds}` }
          : { ...row, value: (startedAt - killedAt) / 1000 }
      ]
    }
  }
}
