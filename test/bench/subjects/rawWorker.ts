// The worker of the subjects without a library, as a thread or as a child process. It first imports the module that its
// argument names, if any.
import { parentPort } from "node:worker_threads"
import type { Call } from "../subject.ts"
import * as tasks from "../tasks.ts"

export interface Request {
  readonly id: number
  readonly call: Call
}

export interface Answer {
  readonly id: number
  readonly result: unknown
}

const moduleToImport = process.argv[2]
if (moduleToImport !== undefined) await import(moduleToImport)

const byName: Record<string, unknown> = { ...tasks }

const answer = ({ call, id }: Request): Answer => {
  const task = byName[call.task] as (payload: Call["payload"]) => unknown
  return { id, result: task(call.payload) }
}

if (parentPort === null) {
  process.on("message", (request) => process.send!(answer(request as Request)))
} else {
  const port = parentPort
  port.on("message", (request: Request) => port.postMessage(answer(request)))
}
