// How long one tiny task takes, there and back, when it is the only one.
import { type Case, checkTiny, makeAwake, runTiny, tinyCall } from "../case.ts"
import { quantile } from "../measure.ts"

export const latency: Case = {
  name: "latency",
  title: "One tiny task at a time, there and back",
  explanation: ["A warm pool, one caller that asks for the next task when it has the answer to the last."],
  lifetime: "case",
  rounds: { full: 7, quick: 2 },
  prepare: async (context) => {
    const pool = await makeAwake(context)
    await runTiny(pool, 5000, 1)
    const count = context.quick ? 1500 : 4000
    return async () => {
      const times: Array<number> = []
      await pool.loop({
        count,
        inFlight: 1,
        call: tinyCall,
        done: (index, result, micros) => {
          checkTiny(index, result)
          times.push(micros)
        },
        timed: true
      })
      return [
        { row: "latency p50", unit: "µs", better: "lower", value: quantile(times, 0.5) },
        { row: "latency p99", unit: "µs", better: "lower", value: quantile(times, 0.99) }
      ]
    }
  }
}
