// What short tasks have to wait for when a few long ones are among them.
import { setTimeout as sleep } from "node:timers/promises"
import { burnCall, type Case, type CaseContext, checkTiny, makeAwake, runTiny, tinyCall } from "../case.ts"
import { quantile, seededRandom } from "../measure.ts"
import type { Pool } from "../subject.ts"

const longMillis = 50
const period = 100
const burstMillis = 4
const tasksPerBurst = 4
const inFlight = 16

/** Which tasks are long: one in each hundred, between the two given places of it. */
const chooseLong = (count: number, from: number, to: number): Set<number> => {
  const random = seededRandom(count + from)
  const long = new Set<number>()
  for (let start = 0; start < count; start += period) long.add(start + from + Math.floor(random() * (to - from)))
  return long
}

/** Tasks come at their own times, whether or not earlier ones are done. Gives what each tiny one took, in µs. */
const runPaced = async (context: CaseContext, pool: Pool, count: number): Promise<Array<number>> => {
  const long = chooseLong(count, 40, 60)
  const times: Array<number> = []
  const pending: Array<Promise<void>> = []
  const submit = async (index: number) => {
    if (long.has(index)) {
      await pool.run(burnCall(context, longMillis))
    } else {
      const startedAt = performance.now()
      const result = await pool.run(tinyCall(index))
      times.push((performance.now() - startedAt) * 1000)
      checkTiny(index, result)
    }
  }
  const startedAt = performance.now()
  for (let index = 0; index < count; index++) {
    if (index % tasksPerBurst === 0) {
      const due = startedAt + (index / tasksPerBurst) * burstMillis
      await sleep(Math.max(0, due - performance.now()))
    }
    pending.push(submit(index))
  }
  await Promise.all(pending)
  return times
}

/** A fixed number of callers. Gives what each tiny task took, in µs. */
const runClosed = async (context: CaseContext, pool: Pool, count: number): Promise<Array<number>> => {
  const long = chooseLong(count, 0, period)
  const times: Array<number> = []
  await pool.loop({
    count,
    inFlight,
    call: (index) => (long.has(index) ? burnCall(context, longMillis) : tinyCall(index)),
    done: (index, result, micros) => {
      if (long.has(index)) return
      checkTiny(index, result)
      times.push(micros)
    },
    timed: true
  })
  return times
}

export const mix: Case = {
  name: "mix",
  title: "What a tiny task takes when 1 % of the tasks are 50 ms of CPU work",
  explanation: [
    "paced: 4 tasks every 4 ms, whether or not earlier ones are done; the long ones are placed (same seed for all) so",
    "that they never overlap. One worker is therefore always idle: every wait behind a long task is the pool's own fault.",
    "16 in flight: closed loop, long ones at seeded places. Often both workers are on a long task, and waiting up to the",
    "end of one of them is due; waiting longer is not."
  ],
  lifetime: "case",
  rounds: { full: 5, quick: 2 },
  prepare: async (context) => {
    const pool = await makeAwake(context)
    await runTiny(pool, 5000, inFlight)
    await runPaced(context, pool, 2 * period)
    const count = context.quick ? 6 * period : 20 * period
    return async () => {
      const paced = await runPaced(context, pool, count)
      const closed = await runClosed(context, pool, count)
      return [
        { row: "mix paced, tiny p50", unit: "µs", better: "lower", value: quantile(paced, 0.5) },
        { row: "mix paced, tiny p99", unit: "µs", better: "lower", value: quantile(paced, 0.99) },
        { row: "mix 16 in flight, tiny p50", unit: "µs", better: "lower", value: quantile(closed, 0.5) },
        { row: "mix 16 in flight, tiny p99", unit: "µs", better: "lower", value: quantile(closed, 0.99) }
      ]
    }
  }
}
