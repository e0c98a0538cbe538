// plainjob on SQLite. A worker of plainjob runs one job at a time, so a process has as many as the concurrency says.
import { join } from "node:path"
import Database from "better-sqlite3"
import { better, defineQueue, defineWorker, JobStatus } from "plainjob"
import { promiseLoop } from "../promiseLoop.ts"
import type { Client, Consumption, Job, Place } from "../subject.ts"

const type = "noop"

const quiet = { error: console.error, warn: () => {}, info: () => {}, debug: () => {} }

const open = ({ folder }: Place) => {
  const database = new Database(join(folder, "jobs.db"))
  return { database, queue: defineQueue({ connection: better(database), logger: quiet }) }
}

export const connect = (place: Place): Promise<Client> => {
  const { database, queue } = open(place)
  const enqueue = (job: Job): Promise<void> => {
    queue.add(type, job)
    return Promise.resolve()
  }
  return Promise.resolve({
    enqueue,
    loop: promiseLoop(enqueue),
    enqueueAll: (jobs) => {
      queue.addMany(type, [...jobs])
      return Promise.resolve()
    },
    unfinished: () =>
      Promise.resolve(
        queue.countJobs({ status: JobStatus.Pending }) + queue.countJobs({ status: JobStatus.Processing })
      ),
    clear: () => {
      database.exec("DELETE FROM plainjob_jobs")
      database.pragma("wal_checkpoint(TRUNCATE)")
      return Promise.resolve()
    }
  })
}

export const consume = (place: Place, { concurrency, handle }: Consumption) => {
  const { queue } = open(place)
  const work = async ({ data }: { readonly data: string }): Promise<void> => {
    await handle(JSON.parse(data) as Job)
  }
  const workers = Array.from({ length: concurrency }, () => defineWorker(type, work, { queue, logger: quiet }))
  // A worker goes on until it is stopped; while there are jobs, it never lets the event loop turn.
  const running = workers.map((worker) => worker.start())
  return Promise.resolve(async () => {
    for (const worker of workers) await worker.stop()
    await Promise.all(running)
    queue.close()
  })
}
