// The process that measures one case of one subject: nothing else is imported there, so no library disturbs another's
// heap or compiled code. It prepares on the first message and takes a sample on each further one. Between its turns it
// and its pool do nothing.
import type { Metric } from "./case.ts"
import { cases } from "./cases/index.ts"
import { subjects } from "./subjects/index.ts"

/** The first message to a driver. Every later message is empty and asks for a sample. */
export interface Assignment {
  readonly caseName: string
  readonly subjectName: string
  readonly quick: boolean
  readonly burnPerMilli: number
}

/** What a driver answers to each message: that it is prepared (no metrics), a sample, or what went wrong. */
export type Reply = { readonly metrics: ReadonlyArray<Metric> } | { readonly error: string }

type Sampler = () => Promise<ReadonlyArray<Metric>>

const prepare = async ({ burnPerMilli, caseName, quick, subjectName }: Assignment): Promise<Sampler> => {
  const measured = cases.find(({ name }) => name === caseName)!
  const subject = subjects.find(({ name }) => name === subjectName)!
  const startedAt = performance.now()
  const make = await subject.load()
  const loadMillis = performance.now() - startedAt
  return measured.prepare({ subject, make, loadMillis, quick, burnPerMilli })
}

let sampler: Sampler | undefined

const answer = async (message: unknown): Promise<Reply> => {
  try {
    if (sampler !== undefined) return { metrics: await sampler() }
    sampler = await prepare(message as Assignment)
    return { metrics: [] }
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

process.on("message", async (message) => {
  const reply = await answer(message)
  process.send!(reply)
})

// Started as the leader of a group of its own: if the benchmark ends, however it ends, the group ends with it.
process.on("disconnect", () => process.kill(-process.pid, "SIGKILL"))
