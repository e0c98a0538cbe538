// How long one tiny task takes, there and back, when it is the only one.
import { type Case, checkTiny, makeAwake, runTiny, tinyCall } from "../case.ts"
import { quantile } from "../measure.ts"

export const latency: Case = {
  name: "latency",
  title: "One tiny task at a time, there and back",
  explanation: [
    "A warm pool, one caller that asks for the next task when it has the answer to the last. Many short rounds, because",
    "the operating system decides anew each time whether caller and worker share a core, and waking another core can cost",
    "more than the pool does. The best round compares pools at equal luck."
  ],
  lifetime: "case",
  rounds: { full: 21, quick: 5 },
  prepare: async (context) => {
    const pool = await makeAwake(context)
    await runTiny(pool, 5000, 1)
    return async () => {
      await runTiny(pool, 1000, 1)
      const times: Array<number> = []
      await pool.loop({
        count: 2000,
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
        { row: "latency p50, best round", unit: "µs", better: "lower", over: "best", value: quantile(times, 0.5) },
        { row: "latency p99", unit: "µs", better: "lower", value: quantile(times, 0.99) }
      ]
    }
  }
}
