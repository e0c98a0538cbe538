// graphile-worker on PostgreSQL: as it comes, and as its documentation sets it up for throughput.
import { Logger, makeWorkerUtils, run } from "graphile-worker"
import { query, queryNumber } from "../postgres.ts"
import { promiseLoop } from "../promiseLoop.ts"
import type { Client, Consumption, Job, Place, Store } from "../subject.ts"

const logger = new Logger(() => (level, message) => {
  if (level === "error") console.error(message)
})

const connect = async ({ name: schema, postgresUrl }: Place): Promise<Client> => {
  const utils = await makeWorkerUtils({ connectionString: postgresUrl, schema, logger })
  await utils.migrate()
  const enqueue = async (job: Job): Promise<void> => {
    await utils.addJob("noop", job)
  }
  return {
    enqueue,
    loop: promiseLoop(enqueue),
    enqueueAll: async (jobs) => {
      await utils.addJobs(jobs.map((payload) => ({ identifier: "noop", payload })))
    },
    // Finished jobs are deleted.
    unfinished: () => queryNumber(postgresUrl, `SELECT count(*) FROM ${schema}._private_jobs`),
    clear: async () => {
      await query(postgresUrl, `TRUNCATE ${schema}._private_jobs`)
    },
    settle: async () => {
      await query(postgresUrl, `VACUUM ANALYZE ${schema}._private_jobs`)
    }
  }
}

const store = (tuned: (concurrency: number) => GraphileConfig.Preset["worker"]): Store => ({
  connect,
  consume: async ({ name: schema, postgresUrl }: Place, { concurrency, handle }: Consumption) => {
    const runner = await run({
      preset: { worker: { connectionString: postgresUrl, schema, concurrentJobs: concurrency, ...tuned(concurrency) } },
      taskList: {
        noop: async (payload: unknown) => {
          await handle(payload as Job)
        }
      },
      parsedCronItems: [],
      noHandleSignals: true,
      logger
    })
    return () => runner.stop()
  }
})

export const byDefault = store(() => ({}))

export const batched = store((concurrency) => ({
  maxPoolSize: Math.min(concurrency + 1, 25),
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0
}))
