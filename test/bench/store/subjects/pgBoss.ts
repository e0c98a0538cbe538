// pg-boss on PostgreSQL, with and without LISTEN/NOTIFY: it makes workers start sooner, and enqueueing dearer. One poller
// fetches whole batches, because a fetch is what costs most, and goes on at once while batches come full; without that it
// waits half a second or more between fetches.
import { PgBoss } from "pg-boss"
import { query, queryNumber } from "../postgres.ts"
import { promiseLoop } from "../promiseLoop.ts"
import type { Client, Consumption, Job, Place, Store } from "../subject.ts"

const queueName = "jobs"
const batchSize = 100

const start = async ({ name, postgresUrl }: Place, notify: boolean): Promise<PgBoss> => {
  const boss = new PgBoss({ connectionString: postgresUrl, schema: name, useListenNotify: notify })
  boss.on("error", (error) => console.error(error))
  return boss.start()
}

const connect = async (place: Place, notify: boolean): Promise<Client> => {
  const { name: schema, postgresUrl } = place
  const boss = await start(place, notify)
  await boss.createQueue(queueName, { notify })
  const enqueue = async (job: Job): Promise<void> => {
    await boss.send(queueName, job)
  }
  return {
    enqueue,
    loop: promiseLoop(enqueue),
    enqueueAll: async (jobs) => {
      await boss.insert(
        queueName,
        jobs.map((data) => ({ data }))
      )
    },
    unfinished: () => queryNumber(postgresUrl, `SELECT count(*) FROM ${schema}.job WHERE state < 'completed'`),
    clear: async () => {
      await query(postgresUrl, `TRUNCATE ${schema}.job`)
    },
    settle: async () => {
      await query(postgresUrl, `VACUUM ANALYZE ${schema}.job`)
    }
  }
}

const consume = async (place: Place, { concurrency, handle }: Consumption, notify: boolean) => {
  const boss = await start(place, notify)
  await boss.work<Job>(queueName, { batchSize, burstWhenBatchFull: true, perJobResults: true }, async (batch) => {
    const results: Array<{ id: string; status: "completed"; output: object }> = []
    let next = 0
    const runner = async () => {
      for (let job = batch[next++]; job !== undefined; job = batch[next++]) {
        results.push({ id: job.id, status: "completed", output: await handle(job.data) })
      }
    }
    await Promise.all(Array.from({ length: concurrency }, runner))
    return results
  })
  return () => boss.stop({ graceful: true, timeout: 5000 })
}

const store = (notify: boolean): Store => ({
  connect: (place) => connect(place, notify),
  consume: (place, consumption) => consume(place, consumption, notify)
})

export const polling = store(false)
export const notified = store(true)
