// The driver's side of its worker processes. They belong to the driver's process group and end with it.
import { fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import type { Place, Subject } from "./subject.ts"
import type { Handling, Order, Report, Tally, WorkerArguments } from "./worker.ts"

export interface WorkerProcess {
  readonly consume: (concurrency: number, handling: Handling) => Promise<void>
  readonly stop: () => Promise<void>
  /** What it has counted since it was told last to consume. Complete after `stop`. */
  readonly tally: () => Tally
  /** Percent of a core. */
  readonly cpu: (millis: number) => Promise<number>
  /** Is called with the start of each job, where the handling reports it. */
  onStarted: (id: number, at: number) => void
  readonly kill: () => Promise<void>
}

const script = fileURLToPath(new URL("./worker.ts", import.meta.url))

const nothing: Tally = { count: 0, idSum: 0, firstStart: Infinity, lastEnd: 0 }

/** Done when the process is up and has imported the library. */
export const startWorker = async (subject: Subject, place: Place): Promise<WorkerProcess> => {
  const args: WorkerArguments = { subjectName: subject.name, place }
  const child = fork(script, [JSON.stringify(args)], { stdio: ["ignore", "ignore", "inherit", "ipc"] })
  const exited = once(child, "exit")
  let answered = Promise.withResolvers<number>()
  let tally = nothing

  const worker: WorkerProcess = {
    consume: async (concurrency, handling) => {
      tally = nothing
      await order({ type: "consume", concurrency, handling })
    },
    stop: async () => {
      await order({ type: "stop" })
    },
    tally: () => tally,
    cpu: (millis) => order({ type: "cpu", millis }),
    onStarted: () => {},
    kill: async () => {
      child.kill("SIGKILL")
      await exited
    }
  }
  const order = (order: Order): Promise<number> => {
    answered = Promise.withResolvers<number>()
    child.send(order)
    return answered.promise
  }
  child.on("message", (report: Report) => {
    switch (report.type) {
      case "done":
        return answered.resolve(report.value)
      case "failed":
        return answered.reject(new Error(`In the worker process: ${report.message}`))
      case "counted":
        tally = report.tally
        return
      case "started":
        return worker.onStarted(report.id, report.at)
    }
  })
  child.on("exit", (code, signal) => answered.reject(new Error(`A worker process ended (${signal ?? code})`)))
  await answered.promise
  return worker
}
