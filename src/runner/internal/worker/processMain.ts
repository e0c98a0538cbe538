/** The worker's side of a process of a pool. */
import { Worker } from "node:worker_threads"
import { gather, startNumbersFd, workerStartNumbers } from "../wire/ProcessChannel.ts"
import type * as Wire from "../wire/Wire.ts"
import type { LoadModule } from "../../../internal/task/TasksModule.ts"
import { WorkerMain } from "./WorkerMain.ts"

/** How often it is seen whether the pool's process lives, in milliseconds. */
const watchInterval = 1000

/** A busy loop keeps this thread from learning that the pool's process is gone. Another thread looks for it. */
const watchParent = (): void => {
  new Worker(
    `const { parent, interval } = require("node:worker_threads").workerData
     const never = new Int32Array(new SharedArrayBuffer(4))
     for (;;) {
       Atomics.wait(never, 0, 0, interval)
       if (process.ppid !== parent) process.kill(process.pid, "SIGKILL")
     }`,
    {
      eval: true,
      workerData: { parent: process.ppid, interval: watchInterval },
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 1 }
    }
  ).unref()
}

/** Works for the pool that has started this process, until it says that it is enough. */
export const run = async (load: LoadModule): Promise<void> => {
  // The pool is gone: whatever is under way has nobody to go to.
  process.on("disconnect", () => process.exit(0))
  // Ctrl-C in a terminal reaches the whole group. The pool decides when its processes end.
  process.on("SIGINT", () => {})
  watchParent()
  const init: Wire.WorkerInit = JSON.parse(process.argv[2]!)
  const worker = new WorkerMain({
    init,
    load,
    startNumbers: workerStartNumbers(startNumbersFd),
    send: (frame) => void process.send!(frame),
    exit: () => process.disconnect()
  })
  process.on("message", gather(worker.receive))
  await worker.start()
}
