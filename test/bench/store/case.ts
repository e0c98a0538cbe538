// What a case of the benchmark of stores is. Each subject of a case has a driver process with a client (driver.ts), a
// place of its own to keep jobs in, and as many worker processes as the case starts.
import type { CaseOutline } from "../benchmark.ts"
import type { Metric } from "../results.ts"
import type { Client, Job, Subject } from "./subject.ts"
import type { WorkerProcess } from "./workers.ts"

export interface CaseContext {
  readonly subject: Subject
  readonly client: Client
  readonly startWorker: () => Promise<WorkerProcess>
  /** Shorter samples, for a look instead of a measurement. */
  readonly quick: boolean
}

export interface Case extends CaseOutline {
  /** Makes and warms what the samples need, and gives the function that takes one. */
  readonly prepare: (context: CaseContext) => Promise<() => Promise<ReadonlyArray<Metric>>>
}

export const makeJob = (id: number): Job => ({ id, text: `What job number ${id} is about`.padEnd(40, ".") })

export const makeJobs = (count: number): ReadonlyArray<Job> => Array.from({ length: count }, (_, id) => makeJob(id))

/** Jobs stored in one call. */
export const bulkSize = 10_000

/** Stores many jobs as fast as the queue can. */
export const fill = async (client: Client, count: number): Promise<void> => {
  const jobs = makeJobs(count)
  if (client.enqueueAll === undefined) {
    let next = 0
    return client.loop({ inFlight: 64, next: () => jobs[next++] })
  }
  for (let from = 0; from < count; from += bulkSize) await client.enqueueAll(jobs.slice(from, from + bulkSize))
}
