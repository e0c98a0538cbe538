// BullMQ on Redis.
import { Queue, QueueEvents, Worker } from "bullmq"
import { promiseLoop } from "../promiseLoop.ts"
import type { Client, Consumption, Job, Outcome, Place } from "../subject.ts"

const queueName = "jobs"

// Workers of BullMQ must be allowed to wait for ever, so it asks for no limit of retries.
const options = ({ name, redisUrl }: Place) => ({
  connection: { url: redisUrl, maxRetriesPerRequest: null },
  prefix: name
})

export const connect = async (place: Place): Promise<Client> => {
  const queue = new Queue<Job, Outcome>(queueName, options(place))
  await queue.waitUntilReady()
  let events: QueueEvents | undefined
  const enqueue = async (job: Job): Promise<void> => {
    await queue.add("noop", job)
  }
  return {
    enqueue,
    loop: promiseLoop(enqueue),
    enqueueAll: async (jobs) => {
      await queue.addBulk(jobs.map((data) => ({ name: "noop", data })))
    },
    run: async (job) => {
      // Opened when it is needed first: until then it would only cost the other cases something.
      events ??= new QueueEvents(queueName, options(place))
      await events.waitUntilReady()
      const added = await queue.add("noop", job)
      return added.waitUntilFinished(events)
    },
    unfinished: () => queue.getJobCountByTypes("waiting", "active", "delayed", "prioritized"),
    clear: () => queue.obliterate({ force: true, count: 10_000 })
  }
}

export const consume = async (place: Place, { concurrency, handle }: Consumption) => {
  const worker = new Worker<Job, Outcome>(queueName, async ({ data }) => handle(data), {
    ...options(place),
    concurrency
  })
  worker.on("error", (error) => console.error(error))
  await worker.waitUntilReady()
  return () => worker.close()
}
