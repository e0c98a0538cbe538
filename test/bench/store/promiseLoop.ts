// The closed loop of a client with promises.
import type { Job, Loop } from "./subject.ts"

export const promiseLoop =
  (enqueue: (job: Job) => Promise<unknown>) =>
  async ({ inFlight, next }: Loop): Promise<void> => {
    const caller = async () => {
      for (let job = next(); job !== undefined; job = next()) await enqueue(job)
    }
    await Promise.all(Array.from({ length: inFlight }, caller))
  }
