/**
 * The first file that a thread of a pool runs.
 *
 * When nothing is under way, the thread parks: it waits in shared memory for the next frame, which reaches it in half the
 * time that a turn of the event loop takes. It does so for a moment only, and never while a timer, a socket or anything
 * else needs the event loop.
 *
 * @since 0.1.0
 */
import { enableCompileCache } from "node:module"
import { type MessagePort, workerData } from "node:worker_threads"
import type * as Wire from "./Wire.ts"

enableCompileCache?.()

const { Shared, workerShared } = await import("./Claims.ts")
const { withWaiting } = await import("./ThreadTransport.ts")
const { WorkerMain } = await import("./WorkerMain.ts")

/** How long a thread stays parked after its last task, in milliseconds. */
const parkFor = 50

const { init, port, shared } = workerData as {
  readonly init: Wire.WorkerInit
  readonly port: MessagePort
  readonly shared: Int32Array
}

const worker = new WorkerMain({
  init,
  claims: workerShared(shared),
  send: (frame, transfer) => port.postMessage(frame, transfer as Array<ArrayBuffer>),
  exit: () => process.exit(0)
})

/** True when only the port to the pool is open. */
const nothingElse = (): boolean => {
  const resources = process.getActiveResourcesInfo()
  for (const resource of resources) if (resource !== "MessagePort") return false
  return true
}

const park = (): void => {
  let seen = Atomics.load(shared, Shared.Wake)
  while (worker.isIdle && nothingElse()) {
    const frames = withWaiting(port)
    if (frames.length > 0) {
      worker.receive(frames)
      continue
    }
    if (Atomics.wait(shared, Shared.Wake, seen, parkFor) === "timed-out") return
    seen = Atomics.load(shared, Shared.Wake)
  }
}

port.on("message", (frame: Wire.Frame) => {
  worker.receive(withWaiting(port, frame))
  park()
})

await worker.start()
