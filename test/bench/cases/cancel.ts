// How long a pool is away after a task that never ends has been called off.
import { setTimeout as sleep } from "node:timers/promises"
import { blockWorkers, type Case, type CaseContext, checkTiny, poolSize, tinyCall, wakeWorkers } from "../case.ts"
import type { Metric } from "../results.ts"
import type { Started } from "../subject.ts"

const limitMillis = 5000

export const graceMillis = 250

const measure = async (context: CaseContext, row: string, forceKillAfter: number): Promise<Metric> => {
  const pool = await context.make({ size: poolSize, graceMillis: forceKillAfter })
  await wakeWorkers(context, pool, poolSize)
  const start = pool.start
  if (start === undefined) return { row, unit: "ms", better: "lower", value: null, note: "–" }
  const running: Array<Started> = []
  await blockWorkers(pool, (call) => running.push(start(call)))
  const startedAt = performance.now()
  for (const task of running) task.cancel()
  const answered = pool.run(tinyCall(1)).then((result) => {
    checkTiny(1, result)
    return performance.now() - startedAt
  })
  const value = await Promise.race([answered, sleep(limitMillis, null)])
  return { row, unit: "ms", better: "lower", value, note: "never" }
}

export const cancel: Case = {
  name: "cancel",
  title: "Cancelling a busy loop: until the next result",
  explanation: [
    "Both workers are in a busy loop; both tasks are cancelled and a tiny one is asked for at once. never: no answer in 5 s.",
    `Strand waits for its grace time before it kills: 0 in the first row, with one spare worker ready, and ${graceMillis} ms in`,
    "the second, without."
  ],
  lifetime: "sample",
  rounds: { full: 3, quick: 1 },
  prepare: async (context) => async () => {
    const atOnce = await measure(context, "cancel, next result", 0)
    if (context.subject.group !== "strand") return [atOnce]
    return [atOnce, await measure(context, `cancel, grace ${graceMillis} ms`, graceMillis)]
  }
}
