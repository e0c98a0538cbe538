// What Strand's fiber runner adds to forking a fiber and joining it.
import { cpuMillis } from "../measure.ts"
import { type Case, runTiny } from "../case.ts"

const levels = [1, 64]

export const fibers: Case = {
  name: "fibers",
  title: "A task in a fiber of the same program: fork it, join it",
  explanation: [
    "Effect.forkChild and Fiber.join of the handler itself, against fork and join over Strand's FiberRunner."
  ],
  lifetime: "case",
  rounds: { full: 7, quick: 2 },
  prepare: async (context) => {
    const pool = await context.make({ size: 1 })
    const count = context.quick ? 20_000 : 100_000
    for (const inFlight of levels) await runTiny(pool, count, inFlight)
    return async () => {
      const metrics = []
      for (const inFlight of levels) {
        const cpuBefore = cpuMillis()
        const startedAt = performance.now()
        await runTiny(pool, count, inFlight)
        const micros = (performance.now() - startedAt) * 1000
        metrics.push({
          row: `fork and join, ${inFlight} in flight`,
          unit: "µs",
          better: "lower" as const,
          value: micros / count
        })
        metrics.push({
          row: `CPU, ${inFlight}`,
          unit: "µs",
          better: "lower" as const,
          value: (1000 * (cpuMillis() - cpuBefore)) / count
        })
      }
      return metrics
    }
  }
}
