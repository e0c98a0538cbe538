/** The worker's side of a thread of a pool. */
import { workerData } from "node:worker_threads"
import type { LoadModule } from "../../../internal/task/TasksModule.ts"
import * as ThreadChannel from "../wire/ThreadChannel.ts"
import type * as Wire from "../wire/Wire.ts"
import { WorkerMain } from "./WorkerMain.ts"

/** Works for the pool that has started this thread, until it says that it is enough. */
export const run = async (load: LoadModule): Promise<void> => {
  const { init, ...end }: ThreadChannel.ThreadEnd & { readonly init: Wire.WorkerInit } = workerData
  const { listen, send, startNumbers } = ThreadChannel.open(end)
  const worker = new WorkerMain({ init, load, startNumbers, send, exit: () => process.exit(0) })
  listen(worker)
  await worker.start()
}
