/**
 * What a pool and a process share beside the channel that Node gives them: a file from which start numbers are drawn.
 *
 * Processes have no memory in common, but a file that is opened once and inherited has one read position for all of them:
 * reading there draws the next numbers, and the operating system keeps two readers apart.
 */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import type { PoolStartNumbers, WorkerStartNumbers } from "./StartNumbers.ts"
import type { Frame } from "./Wire.ts"

/** Where the file is, in the process. */
export const startNumbersFd = 4

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

/** The pool's side of a process's start numbers. */
export const poolStartNumbers = (fd: number): PoolStartNumbers => {
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
export const workerStartNumbers = (fd: number): WorkerStartNumbers => {
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

/**
 * Gathers the frames that arrive in one turn of the event loop: they are dealt with together, so that what follows from
 * them is, too.
 */
export const gather = (onFrames: (frames: ReadonlyArray<Frame>) => void) => {
  let frames: Array<Frame> = []
  const deliver = () => {
    const all = frames
    frames = []
    onFrames(all)
  }
  return (frame: Frame): void => {
    if (frames.push(frame) === 1) process.nextTick(deliver)
  }
}
