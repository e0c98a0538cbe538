// The supervisor as a person runs it: it tells each death and each restart of its worker, and leaves none behind, be it
// that it comes to its end or that it is killed.
import { assert, describe, it } from "@effect/vitest"
import { readdirSync, readFileSync } from "node:fs"
import { run, start } from "./run.ts"

const read = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

/** The worker that a program has started. */
const workerOf = (pid: number): string | undefined =>
  readdirSync(`/proc/${pid}/task`)
    .flatMap((thread) => read(`/proc/${pid}/task/${thread}/children`).trim().split(" "))
    .find((child) => read(`/proc/${child}/cmdline`).includes("supervisor/worker.ts"))

const awaitGone = async (pid: string): Promise<void> => {
  for (const deadline = performance.now() + 10_000; performance.now() < deadline;) {
    if (!read(`/proc/${pid}/cmdline`).includes("supervisor/worker.ts")) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  process.kill(Number(pid), "SIGKILL")
  assert.fail(`the worker ${pid} is still there`)
}

describe("examples/supervisor", () => {
  it("goes on when its worker dies", async () => {
    const ended = await run(["supervisor/main.ts"])
    assert.deepStrictEqual(ended, {
      code: 0,
      stderr: "",
      leftBehind: false,
      stdout: `the worker is ready, for the first time
tea: 3 euros
unicorn: no answer
  the worker died (TypeError: Cannot read properties of undefined (reading 'euros')), and is started again in 300 ms
  the worker is starting
  the worker is ready, for the second time
coffee: 4 euros
somebody kills the worker
  the worker died (signal SIGKILL), and is started again in 600 ms
  the worker is starting
  the worker is ready, for the third time
cake: 5 euros
Stopped, after 2 restarts
`
    })
  })
  it("takes its worker with it when it is killed", async () => {
    const program = start(["supervisor/main.ts"])
    await program.printed(/for the first time/)
    const worker = workerOf(program.pid)
    assert.isDefined(worker)
    await program.end("SIGKILL")
    await awaitGone(worker!)
  })
})
