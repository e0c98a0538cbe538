/**
 * Who may start a task that has been sent ahead.
 *
 * A pool sends a worker more tasks than it works on, so that it never waits for the next. When a task takes long, what was
 * sent behind it must go elsewhere, and the worker, being busy, cannot be asked. So the right to start a task is a number
 * that either side draws from a place both can reach: each number is drawn once, by the worker, which then starts the
 * task of that number, or by the pool, which then gives it to somebody else. The worker draws one at a time, the pool all
 * that are left in one step: otherwise the worker could draw one between two that return, and tasks would start in
 * another order than that of their calls.
 *
 * Threads draw from shared memory. Processes have none, but a file that is opened once and inherited has one read
 * position for all of them: reading there draws the next numbers, and the operating system keeps two readers apart.
 */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

/** The numbers from `from` to `to`, exclusive; none when they are equal. */
export interface Range {
  readonly from: number
  readonly to: number
}

/** The pool's side of a worker's numbers. */
export interface PoolClaims {
  /** Lets the numbers up to `end`, exclusive, be drawn. Called before the worker can know of them. */
  readonly extend: (end: number) => void
  /** Draws all numbers that are left, in one step. */
  readonly takeAll: () => Range
  /** How far beyond the last number that the worker has finished numbers may be extended. */
  readonly reach: number
  /** To be called now and then when no task is left to start: gives back what the numbers took up. */
  readonly compact: () => void
  readonly close: () => void
}

/** The worker's side. */
export interface WorkerClaims {
  /** Draws the next number below `end`, the number behind the last that has arrived; -1 when there is none. */
  readonly take: (end: number) => number
}

// ---------------------------------------------------------------------------------------------------------------------
// Shared memory
// ---------------------------------------------------------------------------------------------------------------------

/** The places of the shared memory between a pool and a thread. */
export const Shared = {
  /** The next number to draw. */
  Next: 0,
  /** Counts the frames sent to the thread: what a parked thread waits for. */
  Wake: 1,
  Size: 2
} as const

/** Makes the memory that a thread and its pool share. */
export const makeShared = (): Int32Array => new Int32Array(new SharedArrayBuffer(Shared.Size * 4))

const draw = (shared: Int32Array, end: number): number => {
  for (;;) {
    const next = Atomics.load(shared, Shared.Next)
    if (next >= end) return -1
    if (Atomics.compareExchange(shared, Shared.Next, next, next + 1) === next) return next
  }
}

/** The pool's side of a thread. */
export const poolShared = (shared: Int32Array): PoolClaims => {
  let end = 0
  return {
    extend: (to) => {
      end = to
    },
    takeAll: () => ({ from: Atomics.exchange(shared, Shared.Next, end), to: end }),
    reach: Infinity,
    compact: () => {},
    close: () => {}
  }
}

/** The thread's side. */
export const workerShared = (shared: Int32Array): WorkerClaims => ({ take: (end) => draw(shared, end) })

// ---------------------------------------------------------------------------------------------------------------------
// A shared read position
// ---------------------------------------------------------------------------------------------------------------------

/** How many bytes of the file stand for a number: its last sixteen bits. */
const width = 2

/** The file behind the numbers of a process. It has no name, so nothing is left of it whatever happens. */
export const openFile = (): number => {
  const name = path.join(os.tmpdir(), `strand-${process.pid}-${globalThis.crypto.randomUUID()}`)
  const fd = fs.openSync(name, "wx+", 0o600)
  fs.unlinkSync(name)
  return fd
}

/** The number with these last sixteen bits that is at or next behind `from`. */
const complete = (from: number, low: number): number => from + ((low - from) & 0xffff)

/** Below 2 ** 16, so that the last sixteen bits of a number say which one it is. */
const reach = 60_000

/** What all numbers that are left are read into: there are never more than can be reached. */
const left = new Uint16Array(reach)

/** Writes the numbers from `from` to `to`, exclusive, where they are to be read. */
const makeWriter = (fd: number) => {
  const numbers = new Uint16Array(4096)
  return (from: number, to: number) => {
    for (let start = from; start < to; start += numbers.length) {
      const count = Math.min(numbers.length, to - start)
      for (let n = 0; n < count; n++) numbers[n] = start + n
      fs.writeSync(fd, numbers, 0, count * width, start * width)
    }
  }
}

/** The pool's side of a process. */
export const poolFile = (fd: number): PoolClaims => {
  const write = makeWriter(fd)
  let end = 0
  let start = 0
  let lowest = 0
  return {
    extend: (to) => {
      write(end, to)
      end = to
    },
    takeAll: () => {
      const count = fs.readSync(fd, left, 0, left.byteLength, null) / width
      const from = count === 0 ? end : complete(Math.max(lowest, end - reach), left[0]!)
      lowest = end
      return { from, to: end }
    },
    reach,
    compact: () => {
      if (end - start < 1 << 19) return
      start = end
      fs.ftruncateSync(fd, 0)
      // The numbers of tasks that could not be sent may still be there to draw.
      write(end - reach, end)
    },
    close: () => fs.closeSync(fd)
  }
}

/** The process's side. */
export const workerFile = (fd: number): WorkerClaims => {
  const low = new Uint16Array(1)
  let from = 0
  return {
    take: () => {
      if (fs.readSync(fd, low, 0, width, null) !== width) return -1
      const number = complete(from, low[0]!)
      from = number + 1
      return number
    }
  }
}
