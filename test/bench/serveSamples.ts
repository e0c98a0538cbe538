// The inside of a process that measures. It prepares on the first message, which says what, and takes a sample on each
// further one. Between its turns it and what it has started do nothing.
import type { Metric } from "./results.ts"

/** The answer to each message: that all is prepared (no metrics), a sample, or what went wrong. */
export type Reply = { readonly metrics: ReadonlyArray<Metric> } | { readonly error: string }

type Sampler = () => Promise<ReadonlyArray<Metric>>

export const serveSamples = <Assignment>(prepare: (assignment: Assignment) => Promise<Sampler>): void => {
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
}
