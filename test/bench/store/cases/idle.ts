// What a worker process costs while there is nothing to do.
import { setTimeout as sleep } from "node:timers/promises"
import { type Case, makeJob } from "../case.ts"

export const idle: Case = {
  name: "idle",
  title: "An idle worker process: percent of a core",
  explanation: [
    "The CPU time of the worker process over 5 s (quick: 2 s) without jobs, 2 s (1 s) after its last one. What the server",
    "of a queue needs in the meantime is not in it."
  ],
  lifetime: "case",
  rounds: { full: 3, quick: 1 },
  prepare: async ({ client, quick, startWorker }) => {
    const worker = await startWorker()
    return async () => {
      await client.clear()
      let running = 0
      const started = Promise.withResolvers<void>()
      worker.onStarted = () => {
        if (++running === 10) started.resolve()
      }
      await worker.consume(10, "report")
      for (let id = 0; id < 10; id++) await client.enqueue(makeJob(id))
      await started.promise
      await sleep(quick ? 1000 : 2000)
      const value = await worker.cpu(quick ? 2000 : 5000)
      await worker.stop()
      return [{ row: "idle worker", unit: "% of a core", better: "lower", value }]
    }
  }
}
