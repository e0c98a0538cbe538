// A worker process of the benchmark of stores: it takes jobs from the queue of one subject and tells the driver process
// how that went. The driver gives orders, one at a time; each is answered when it has been carried out.
import { setTimeout as sleep } from "node:timers/promises"
import { sharedMillis } from "../measure.ts"
import type { Handle, Job, Outcome, Place } from "./subject.ts"
import { subjects } from "./subjects/index.ts"

/** In `process.argv`, as JSON. */
export interface WorkerArguments {
  readonly subjectName: string
  readonly place: Place
}

/** count: how many jobs ran, told from time to time. report: the start of each job, told at once. hang: also never ends. */
export type Handling = "count" | "report" | "hang"

export type Order =
  | { readonly type: "consume"; readonly concurrency: number; readonly handling: Handling }
  | { readonly type: "stop" }
  /** How much of a core this process needs, in percent, over the given time. */
  | { readonly type: "cpu"; readonly millis: number }

/** What has run since the last order to consume. Times are those of `sharedMillis`. */
export interface Tally {
  readonly count: number
  readonly idSum: number
  readonly firstStart: number
  readonly lastEnd: number
}

export type Report =
  | { readonly type: "done"; readonly value: number }
  | { readonly type: "failed"; readonly message: string }
  | { readonly type: "counted"; readonly tally: Tally }
  | { readonly type: "started"; readonly id: number; readonly at: number }

const { place, subjectName }: WorkerArguments = JSON.parse(process.argv[2]!)
const store = await subjects.find(({ name }) => name === subjectName)!.load()

const send = (report: Report): void => {
  process.send!(report)
}

const nothing: Tally = { count: 0, idSum: 0, firstStart: Infinity, lastEnd: 0 }
let tally = { ...nothing }
let timer: NodeJS.Timeout | undefined

const tellTally = (): void => {
  clearTimeout(timer)
  timer = undefined
  send({ type: "counted", tally })
}

const check = ({ id, text }: Job): void => {
  if (typeof id !== "number" || text.length !== 40) throw new Error(`A job arrived damaged: ${id}, ${text}`)
}

/** Cheap, so that it weighs little on fast queues: a message now and then instead of one for each job. */
const count: Handle = (job) => {
  check(job)
  const now = sharedMillis()
  if (tally.count === 0) tally.firstStart = now
  tally.count++
  tally.idSum += job.id
  tally.lastEnd = now
  timer ??= setTimeout(tellTally, 10)
  return { id: job.id, ok: true }
}

const report: Handle = (job) => {
  const at = sharedMillis()
  check(job)
  send({ type: "started", id: job.id, at })
  return { id: job.id, ok: true }
}

const hang: Handle = (job) => {
  void report(job)
  return new Promise<Outcome>(() => {})
}

const handles: Readonly<Record<Handling, Handle>> = { count, report, hang }

let stop: (() => Promise<void>) | undefined

const carryOut = async (order: Order): Promise<number> => {
  switch (order.type) {
    case "consume":
      tally = { ...nothing }
      stop = await store.consume(place, { concurrency: order.concurrency, handle: handles[order.handling] })
      return 0
    case "stop":
      await stop?.()
      stop = undefined
      tellTally()
      return 0
    case "cpu": {
      const before = process.cpuUsage()
      const startedAt = performance.now()
      await sleep(order.millis)
      const { system, user } = process.cpuUsage(before)
      return (100 * (system + user)) / 1000 / (performance.now() - startedAt)
    }
  }
}

process.on("message", async (order: Order) => {
  try {
    send({ type: "done", value: await carryOut(order) })
  } catch (error) {
    send({ type: "failed", message: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
})
process.on("disconnect", () => process.exit(1))
send({ type: "done", value: 0 })
