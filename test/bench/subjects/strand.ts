// Strand on threads and on child processes.
import { ProcessRunner, ThreadRunner } from "../../../src/index.ts"
import { fromLayer, run } from "../strandPool.ts"
import type { MakePool } from "../subject.ts"

const module = new URL("../strandTasks.ts", import.meta.url)

export const makeStrandThreads: MakePool = ({ graceMillis, size }) =>
  fromLayer(ThreadRunner.layer({ module, size, grace: graceMillis }), run)

export const makeStrandProcesses: MakePool = ({ graceMillis, size }) =>
  fromLayer(ProcessRunner.layer({ module, size, grace: graceMillis }), run)
