// Strand on threads and on child processes.
import { ProcessRunner, ThreadRunner } from "../../../src/index.ts"
import { fromLayer, run } from "../strandPool.ts"
import type { MakePool } from "../subject.ts"

const module = new URL("../strandTasks.ts", import.meta.url)

// Who gives a task no time to stop has a worker ready to take over.
const options = ({ graceMillis, size }: Parameters<MakePool>[0]) => ({
  module,
  size,
  forceKillAfter: graceMillis,
  spares: graceMillis === 0 ? 1 : 0
})

export const makeStrandThreads: MakePool = (pool) => fromLayer(ThreadRunner.layer(options(pool)), run)

export const makeStrandProcesses: MakePool = (pool) => fromLayer(ProcessRunner.layer(options(pool)), run)

export const makeStrandBundledThreads: MakePool = (pool) =>
  fromLayer(ThreadRunner.layer({ ...options(pool), bundle: true }), run)
