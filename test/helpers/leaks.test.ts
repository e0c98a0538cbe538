// The leak check is worth something only if it finds what is left behind.
import { assert, describe, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync } from "node:fs"
import { connect, createServer } from "node:net"
import { Worker } from "node:worker_threads"
import * as Leaks from "./leaks.ts"

Leaks.check()

/** Checks that a leak is seen while it is there, and no more when it is gone. */
const seen = async (kind: RegExp, make: () => Promise<() => unknown>) => {
  const before = Leaks.snapshot()
  const remove = await make()
  const left = await Leaks.awaitNone(before, 50)
  assert.isTrue(
    left.some((text) => kind.test(text)),
    `saw only: ${left.join(", ")}`
  )
  await remove()
  assert.deepStrictEqual(await Leaks.awaitNone(before), [])
}

describe("the leak check", () => {
  it("finds a worker thread, also one that keeps nothing alive", () =>
    seen(/WorkerThread|node-worker/, async () => {
      const worker = new Worker("setInterval(() => {}, 1000)", { eval: true })
      await once(worker, "online")
      worker.unref()
      return () => worker.terminate()
    }))

  it("finds a child process, also one that keeps nothing alive", () =>
    seen(/child process/, async () => {
      const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" })
      await once(child, "spawn")
      child.unref()
      return async () => {
        child.kill("SIGKILL")
        await once(child, "exit")
      }
    }))

  it("finds a timer", () =>
    seen(/Timeout/, async () => {
      // The test runner has timers of its own, which come and go: more than it can have ended meanwhile.
      const timers = Array.from({ length: 20 }, () => setInterval(() => {}, 1000))
      return () => timers.forEach((timer) => clearInterval(timer))
    }))

  it("finds an open file", () =>
    seen(/descriptor of .*leaks\.test\.ts/, async () => {
      const file = openSync(import.meta.filename, "r")
      return () => closeSync(file)
    }))

  it("finds a server and a socket", () =>
    seen(/descriptor of socket|TCP/, async () => {
      const server = createServer((socket) => socket.resume())
      server.listen(0, "127.0.0.1")
      await once(server, "listening")
      const address = server.address()
      const socket = connect(typeof address === "object" && address !== null ? address.port : 0, "127.0.0.1")
      await once(socket, "connect")
      socket.unref()
      server.unref()
      return async () => {
        socket.destroy()
        server.close()
        await once(server, "close")
      }
    }))
})
