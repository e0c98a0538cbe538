// Draws numbers against the test that has started it, as fast as it can: a thread from shared memory, a process from the
// file that it has inherited. Writes each number that it has drawn.
import { writeSync } from "node:fs"
import { isMainThread, parentPort, workerData } from "node:worker_threads"
import * as ProcessChannel from "../../../../src/runner/internal/wire/ProcessChannel.ts"
import * as ThreadChannel from "../../../../src/runner/internal/wire/ThreadChannel.ts"

/** A turn of the event loop, after which this is told to stop, if it is. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

const draw = async (take: () => number, write: (numbers: Array<number>) => void, stopped: () => boolean) => {
  let numbers: Array<number> = []
  while (!stopped()) {
    for (let n = 0; n < 2000; n++) {
      const number = take()
      if (number !== -1) numbers.push(number)
      else if (numbers.length > 0) {
        write(numbers)
        numbers = []
      }
      if (numbers.length < 50) continue
      write(numbers)
      numbers = []
    }
    await turn()
  }
  write(numbers)
}

if (isMainThread) {
  const { take } = ProcessChannel.workerStartNumbers(4)
  let stopped = false
  process.stdin.on("end", () => (stopped = true)).resume()
  await draw(
    () => take(Infinity),
    (numbers) => writeSync(1, numbers.map((number) => `${number}\n`).join("")),
    () => stopped
  )
} else {
  const { end, shared, start } = workerData as {
    readonly end: number
    readonly shared: Int32Array
    readonly start: Int32Array
  }
  const { take } = ThreadChannel.workerStartNumbers(shared)
  const drawn: Array<number> = []
  // From here on it needs nothing of the thread that has started it, which is not going to turn its event loop.
  parentPort!.postMessage("ready", [])
  Atomics.wait(start, 0, 0)
  // The second number of `start` is what the pool has extended its numbers to.
  for (let arrived = 0; arrived < end;) {
    arrived = Atomics.load(start, 1)
    for (let number = take(arrived); number !== -1; number = take(arrived)) drawn.push(number)
  }
  parentPort!.postMessage(drawn, [])
}
