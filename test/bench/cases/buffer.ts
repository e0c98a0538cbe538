// What 64 MB of bytes cost to hand to a worker.
import { type Case, makeAwake } from "../case.ts"
import { collectGarbage } from "../measure.ts"
import type { Metric } from "../results.ts"
import type { Pool } from "../subject.ts"

const size = 64 * 1024 * 1024

const send = async (pool: Pool, transferred: boolean): Promise<number> => {
  const bytes = new Uint8Array(size).fill(7)
  await collectGarbage()
  const startedAt = performance.now()
  const length = await pool.run({ task: "weigh", payload: { bytes } }, transferred ? [bytes.buffer] : undefined)
  const elapsed = performance.now() - startedAt
  if (length !== size) throw new Error(`${String(length)} of ${size} bytes arrived`)
  if (transferred && bytes.byteLength !== 0) throw new Error("The buffer was copied, not transferred")
  return elapsed
}

export const buffer: Case = {
  name: "buffer",
  title: "64 MB of bytes to a worker, the answer is a number",
  explanation: ["Process pools use structured clone here instead of JSON, and cannot transfer."],
  lifetime: "case",
  rounds: { full: 5, quick: 2 },
  prepare: async (context) => {
    const pool = await makeAwake(context, true)
    const canTransfer = context.subject.kind === "thread"
    await send(pool, false)
    if (canTransfer) await send(pool, true)
    return async (): Promise<ReadonlyArray<Metric>> => [
      { row: "64 MB copied", unit: "ms", better: "lower", value: await send(pool, false) },
      canTransfer
        ? { row: "64 MB transferred", unit: "ms", better: "lower", value: await send(pool, true) }
        : { row: "64 MB transferred", unit: "ms", better: "lower", value: null, note: "–" }
    ]
  }
}
