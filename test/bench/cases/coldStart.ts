// How long a new pool takes to its first result.
import { type Case, checkTiny, poolSize, tinyCall } from "../case.ts"

export const coldStart: Case = {
  name: "cold-start",
  title: "Cold start: from making the pool to its first result",
  explanation: [
    "A new process for each sample. It imports the library, which is given apart, then makes a pool of 2 workers and asks",
    "for one tiny task. The bare thread and process import Strand's tasks module and answer without a library."
  ],
  lifetime: "sample",
  rounds: { full: 7, quick: 2 },
  prepare: async (context) => async () => {
    const startedAt = performance.now()
    const pool = await context.make({ size: poolSize })
    checkTiny(1, await pool.run(tinyCall(1)))
    const elapsed = performance.now() - startedAt
    return [
      { row: "first result", unit: "ms", better: "lower", value: elapsed },
      { row: "library import", unit: "ms", better: "lower", value: context.loadMillis }
    ]
  }
}
