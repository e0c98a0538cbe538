// What an idle worker costs in memory.
import { setTimeout as sleep } from "node:timers/promises"
import { type Case, type CaseContext, wakeWorkers } from "../case.ts"
import { childrenMemory, collectGarbage } from "../measure.ts"

const few = 2
const many = 6

const memoryUsed = (context: CaseContext): number | undefined =>
  context.subject.kind === "thread" ? process.memoryUsage.rss() : childrenMemory()

/** How much a pool of the given size adds, each of its workers having run something. Undefined where unknown. */
const growth = async (context: CaseContext, size: number): Promise<number | undefined> => {
  const before = memoryUsed(context)
  const pool = await context.make({ size })
  await wakeWorkers(context, pool, size)
  await collectGarbage()
  await sleep(300)
  const after = memoryUsed(context)
  return before === undefined || after === undefined ? undefined : after - before
}

export const memory: Case = {
  name: "memory",
  title: "Memory for each idle worker",
  explanation: [
    "A new process for each sample makes a pool of 2 workers that is not counted, one more of 2, and one of 6, and lets",
    "each worker run something. A quarter of what the last added beyond what the second added is the cost of one worker:",
    "resident memory of the process for threads, the children's proportional share of memory for processes."
  ],
  lifetime: "sample",
  rounds: { full: 3, quick: 1 },
  prepare: async (context) => async () => {
    await growth(context, few)
    const ofFew = await growth(context, few)
    const ofMany = await growth(context, many)
    const value = ofFew === undefined || ofMany === undefined ? null : (ofMany - ofFew) / (many - few) / 1e6
    return [{ row: "memory per worker", unit: "MB", better: "lower", value, note: "unknown" }]
  }
}
