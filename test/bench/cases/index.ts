// All cases, in the order in which they run and are printed.
import type { Case } from "../case.ts"
import { buffer } from "./buffer.ts"
import { cancel } from "./cancel.ts"
import { coldStart } from "./coldStart.ts"
import { cpu } from "./cpu.ts"
import { fibers } from "./fibers.ts"
import { heap } from "./heap.ts"
import { latency } from "./latency.ts"
import { memory } from "./memory.ts"
import { mix } from "./mix.ts"
import { payload } from "./payload.ts"
import { queue } from "./queue.ts"
import { throughput } from "./throughput.ts"

export const cases: ReadonlyArray<Case> = [
  throughput,
  latency,
  cpu,
  mix,
  payload,
  buffer,
  coldStart,
  memory,
  queue,
  heap,
  cancel,
  fibers
]
