/**
 * The readers that the server starts as processes of their own. One that ends, or is killed, is replaced.
 */
import { fork } from "node:child_process"
import { Effect, Layer, Schedule } from "effect"

/** Runs one reader until it ends by itself. Interrupted, it ends the reader and waits until it is gone. */
const reader = (state: string) =>
  Effect.callback<void>((resume) => {
    const child = fork(new URL("./reader.ts", import.meta.url), ["--state", state], {
      // What readers print goes to standard error.
      stdio: ["ignore", 2, 2, "ipc"]
    })
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()).once("error", () => resolve()))
    void gone.then(() => resume(Effect.logWarning(`The reader with pid ${child.pid} has ended`)))
    return Effect.promise(() => {
      child.kill("SIGTERM")
      return gone
    })
  })

export const layer = (state: string, count: number) =>
  Layer.effectDiscard(
    Effect.forEach(
      Array.from({ length: count }),
      () => Effect.forkScoped(Effect.repeat(reader(state), Schedule.spaced("1 second"))),
      { discard: true }
    )
  )
