/**
 * The first file that a process of a pool runs.
 *
 * @since 0.1.0
 */
import { enableCompileCache } from "node:module"
import { Worker } from "node:worker_threads"
import type * as Wire from "./Wire.ts"

enableCompileCache?.()

// The pool is gone: whatever is under way has nobody to go to.
process.on("disconnect", () => process.exit(0))
// Ctrl-C in a terminal reaches the whole group. The pool decides when its processes end.
process.on("SIGINT", () => {})

const { workerFile } = await import("./Claims.ts")
const { claimsFd, gather } = await import("./ProcessTransport.ts")
const { WorkerMain } = await import("./WorkerMain.ts")

const worker = new WorkerMain({
  init: JSON.parse(process.argv[2]!) as Wire.WorkerInit,
  claims: workerFile(claimsFd),
  send: (frame) => void process.send!(frame),
  exit: () => process.disconnect()
})

process.on("message", gather(worker.receive))

// A busy loop keeps this thread from learning that its parent is gone. Another thread asks for it.
const parent = process.ppid
new Worker(
  `const { workerData } = require("node:worker_threads")
   const sleep = new Int32Array(new SharedArrayBuffer(4))
   for (;;) {
     Atomics.wait(sleep, 0, 0, 1000)
     if (process.ppid !== workerData) process.kill(process.pid, "SIGKILL")
   }`,
  { eval: true, workerData: parent, execArgv: [], resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 1 } }
).unref()

await worker.start()
