// All cases, in the order in which they run and are printed.
import type { Case } from "../case.ts"
import { drain, drainFour } from "./drain.ts"
import { enqueue } from "./enqueue.ts"
import { idle } from "./idle.ts"
import { latency } from "./latency.ts"
import { recovery } from "./recovery.ts"

export const cases: ReadonlyArray<Case> = [enqueue, drain, drainFour, latency, idle, recovery]
