/**
 * What a pool and a thread share: a port for frames, and memory, in which start numbers are drawn and a thread that has nothing
 * to do is woken.
 *
 * When nothing is under way, a thread parks: it waits in shared memory for the next frame, which reaches it in half the
 * time that a turn of the event loop takes. It does so for a moment only, and never while a timer, a socket or anything
 * else needs the event loop.
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads"
import type { PoolStartNumbers, WorkerStartNumbers } from "./StartNumbers.ts"
import type { Frame, Send } from "./Wire.ts"

/** The places of the memory: the next number to draw. */
export const next = 0
/** The number of frames that have been sent to the thread: what a parked thread waits for. */
const wake = 1

/** How long a thread stays parked after its last task, in milliseconds. */
const parkFor = 50

/** Makes the memory that a thread and its pool share. */
export const makeMemory = (): Int32Array => new Int32Array(new SharedArrayBuffer(8))

const draw = (shared: Int32Array, end: number): number => {
  for (;;) {
    const number = Atomics.load(shared, next)
    if (number >= end) return -1
    if (Atomics.compareExchange(shared, next, number, number + 1) === number) return number
  }
}

/** The pool's side of a thread's start numbers. */
export const poolStartNumbers = (shared: Int32Array): PoolStartNumbers => {
  let end = 0
  return {
    extend: (to) => {
      end = to
    },
    takeAll: () => ({ from: Atomics.exchange(shared, next, end), to: end }),
    reach: Infinity,
    compact: () => {},
    close: () => {}
  }
}

/** The thread's side. */
export const workerStartNumbers = (shared: Int32Array): WorkerStartNumbers => ({ take: (end) => draw(shared, end) })

const sendTo =
  (port: MessagePort): Send =>
  (frame, transfer) =>
    port.postMessage(frame, transfer as Array<ArrayBuffer>)

/** The frames that have arrived at a port: they are dealt with together, so that what follows from them is, too. */
const withWaiting = (
  port: MessagePort,
  frames: Array<Frame>,
  onUnreadable?: (error: unknown) => void
): ReadonlyArray<Frame> => {
  for (;;) {
    let received: { readonly message: Frame } | undefined
    try {
      received = receiveMessageOnPort(port)
    } catch (error) {
      if (onUnreadable === undefined) throw error
      onUnreadable(error)
    }
    if (received === undefined) return frames
    frames.push(received.message)
  }
}

/** What the thread is given of a channel. */
export interface ThreadEnd {
  readonly port: MessagePort
  readonly shared: Int32Array
}

/** Makes a channel. */
export const make = (onFrames: (frames: ReadonlyArray<Frame>) => void, onUnreadable: (error: unknown) => void) => {
  const shared = makeMemory()
  const { port1: port, port2 } = new MessageChannel()
  const post = sendTo(port)
  const send: Send = (frame, transfer) => {
    post(frame, transfer)
    Atomics.add(shared, wake, 1)
    Atomics.notify(shared, wake, 1)
  }
  port.on("messageerror", onUnreadable)
  port.on("message", (frame: Frame) => onFrames(withWaiting(port, [frame], onUnreadable)))
  // A thread keeps a program alive only through the fibers that wait for its tasks.
  port.unref()
  return {
    threadEnd: { port: port2, shared } satisfies ThreadEnd,
    startNumbers: poolStartNumbers(shared),
    send,
    /** The thread has ended: gives what it has said last. */
    close: (): void => {
      const rest = withWaiting(port, [], onUnreadable)
      if (rest.length > 0) onFrames(rest)
      port.close()
    }
  }
}

/** Who takes frames in a thread. */
export interface ThreadListener {
  /** True when nothing is under way that the event loop would be needed for. */
  readonly isIdle: boolean
  readonly receive: (frames: ReadonlyArray<Frame>) => void
}

/** True when only the port to the pool is open. */
const nothingElse = (): boolean => {
  const resources = process.getActiveResourcesInfo()
  for (const resource of resources) if (resource !== "MessagePort") return false
  return true
}

/** The thread's end of a channel. */
export const open = ({ port, shared }: ThreadEnd) => ({
  startNumbers: workerStartNumbers(shared),
  send: sendTo(port),
  listen: (listener: ThreadListener): void => {
    const park = (): void => {
      let seen = Atomics.load(shared, wake)
      while (listener.isIdle && nothingElse()) {
        let frames = withWaiting(port, [])
        while (frames.length === 0) {
          if (Atomics.wait(shared, wake, seen, parkFor) === "timed-out") return
          seen = Atomics.load(shared, wake)
          frames = withWaiting(port, [])
        }
        listener.receive(frames)
      }
    }
    port.on("message", (frame: Frame) => {
      listener.receive(withWaiting(port, [frame]))
      park()
    })
  }
})
