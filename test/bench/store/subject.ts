// What the benchmark of stores knows about a job queue that it measures: how a client stores jobs, and how a worker
// process takes them. A subject does both in the way that is natural for it, with promises (promiseLoop.ts) or with
// fibers (effectLoop.ts).
import type { Contestant } from "../results.ts"
import type { ServerName } from "./servers.ts"

/** The payload in all cases; the text has 40 characters. */
export interface Job {
  readonly id: number
  readonly text: string
}

/** What every handler gives back, to be kept where the queue keeps results. */
export interface Outcome {
  readonly id: number
  readonly ok: boolean
}

/** The work of a worker process. A subject calls it once for each start of a job. */
export type Handle = (job: Job) => Outcome | Promise<Outcome>

/** What belongs to one driver process and its workers alone. Whoever made it removes it and all that is in it. */
export interface Place {
  /** A prefix of keys for Redis, a schema for PostgreSQL: letters, digits and underscores. */
  readonly name: string
  /** For files. It exists for subjects without a server only. */
  readonly folder: string
  readonly redisUrl: string
  readonly postgresUrl: string
}

/** A closed loop: `inFlight` callers, each of which stores the next job as soon as its last is stored. */
export interface Loop {
  readonly inFlight: number
  /** Undefined: the caller has done enough. */
  readonly next: () => Job | undefined
}

/** The side that stores jobs. What it opens lives as long as its process. */
export interface Client {
  /** Done when the queue has confirmed the job. */
  readonly enqueue: (job: Job) => Promise<void>
  readonly loop: (loop: Loop) => Promise<void>
  /** Absent: the queue has no call for many jobs. */
  readonly enqueueAll?: (jobs: ReadonlyArray<Job>) => Promise<void>
  /** Stores a job and waits for its outcome. Absent: the queue has no way to wait. */
  readonly run?: (job: Job) => Promise<unknown>
  /** How many jobs wait or are being worked on. */
  readonly unfinished: () => Promise<number>
  /** Removes all jobs, whatever their state. Nobody works on any. */
  readonly clear: () => Promise<void>
  /** What the database would do by itself sooner or later after so many new rows, done at once. */
  readonly settle?: () => Promise<void>
}

export interface Consumption {
  /** How many jobs may be worked on at the same time. */
  readonly concurrency: number
  readonly handle: Handle
}

export interface Store {
  /** Makes whatever tables and files are needed. A client is there before any worker. */
  readonly connect: (place: Place) => Promise<Client>
  /** Works on jobs in this process until the result is called, which lets started jobs end. Can be called again then. */
  readonly consume: (place: Place, consumption: Consumption) => Promise<() => Promise<void>>
}

export interface Subject extends Contestant {
  /** Where it keeps its jobs. A subject is left out if that is not there. */
  readonly server: ServerName
  /** How it is set up and what its way of storing promises, for the foot of the tables. */
  readonly setUp: string
  /** For a queue that looks for new jobs from time to time: how often. Jobs have to come at any moment in between. */
  readonly pollMillis?: number
  /** Imports the library. */
  readonly load: () => Promise<Store>
}
