// Strand on threads and on child processes.
import { ProcessRunner, ThreadRunner } from "effect-strand"
import { fromLayer, run } from "../strandPool.ts"
import type { MakePool } from "../subject.ts"

const module = new URL("../strandTasks.ts", import.meta.url)

// Who gives a task no time to stop has a worker ready to take over. The time was called `grace` up to version 0.3.
const options = ({ graceMillis, size }: Parameters<MakePool>[0]) => ({
  module,
  size,
  forceKillAfter: graceMillis,
  grace: graceMillis,
  spares: graceMillis === 0 ? 1 : 0
})

export const makeStrandThreads: MakePool = (pool) => fromLayer(ThreadRunner.layer(options(pool)), run)

export const makeStrandProcesses: MakePool = (pool) => fromLayer(ProcessRunner.layer(options(pool)), run)

export const makeStrandBundledThreads: MakePool = (pool) =>
  fromLayer(ThreadRunner.layer({ ...options(pool), bundle: true }), run)
