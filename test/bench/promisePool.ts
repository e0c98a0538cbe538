// The caller's side of a pool whose `run` gives a promise: loops and queues are written with promises too.
import type { Call, Loop, Pool, Started } from "./subject.ts"

export const promisePool = (
  run: (call: Call, transfer?: ReadonlyArray<ArrayBuffer>) => PromiseLike<unknown>,
  start?: (call: Call) => Started
): Pool => ({
  run: async (call, transfer) => run(call, transfer),
  loop: async (loop: Loop) => {
    let next = 0
    const caller = async () => {
      while (next < loop.count) {
        const index = next++
        const startedAt = loop.timed ? performance.now() : 0
        const result = await run(loop.call(index))
        loop.done(index, result, loop.timed ? (performance.now() - startedAt) * 1000 : 0)
      }
    }
    await Promise.all(Array.from({ length: loop.inFlight }, caller))
  },
  queue: async (call, count) => {
    const results: Array<PromiseLike<unknown>> = []
    for (let index = 0; index < count; index++) results.push(run(call(index)))
    return async () => {
      await Promise.all(results)
    }
  },
  ...(start === undefined ? {} : { start })
})
