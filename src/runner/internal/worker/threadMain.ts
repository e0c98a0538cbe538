/**
 * The worker's side of a thread of a pool.
 *
 * When nothing is under way, the thread parks: it waits in shared memory for the next frame, which reaches it in half the
 * time that a turn of the event loop takes. It does so for a moment only, and never while a timer, a socket or anything
 * else needs the event loop.
 */
import { type MessagePort, workerData } from "node:worker_threads"
import { Shared, workerShared } from "../wire/Claims.ts"
import { withWaiting } from "../pool/ThreadTransport.ts"
import type * as Wire from "../wire/Wire.ts"
import type { LoadModule } from "../../../internal/task/TasksModule.ts"
import { WorkerMain } from "./WorkerMain.ts"

/** How long a thread stays parked after its last task, in milliseconds. */
const parkFor = 50

/** True when only the port to the pool is open. */
const nothingElse = (): boolean => {
  const resources = process.getActiveResourcesInfo()
  for (const resource of resources) if (resource !== "MessagePort") return false
  return true
}

/** Works for the pool that has started this thread, until it says that it is enough. */
export const run = async (load: LoadModule): Promise<void> => {
  const { init, port, shared } = workerData as {
    readonly init: Wire.WorkerInit
    readonly port: MessagePort
    readonly shared: Int32Array
  }
  const worker = new WorkerMain({
    init,
    load,
    claims: workerShared(shared),
    send: (frame, transfer) => port.postMessage(frame, transfer as Array<ArrayBuffer>),
    exit: () => process.exit(0)
  })

  const park = (): void => {
    let seen = Atomics.load(shared, Shared.Wake)
    while (worker.isIdle && nothingElse()) {
      let frames = withWaiting(port, [])
      while (frames.length === 0) {
        if (Atomics.wait(shared, Shared.Wake, seen, parkFor) === "timed-out") return
        seen = Atomics.load(shared, Shared.Wake)
        frames = withWaiting(port, [])
      }
      worker.receive(frames)
    }
  }

  port.on("message", (frame: Wire.Frame) => {
    worker.receive(withWaiting(port, [frame]))
    park()
  })

  await worker.start()
}
