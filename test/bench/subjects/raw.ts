// No library at all: one message for each task to the worker with the fewest tasks in hand, one message back. It shows
// what the platform's own messages cost and, with another module for the workers to import, what that import costs.
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import { Worker } from "node:worker_threads"
import { promisePool } from "../promisePool.ts"
import type { MakePool } from "../subject.ts"
import { workerScript } from "../workers.ts"
import type { Answer, Request } from "./rawWorker.ts"

const script = workerScript("subjects/rawWorker")

interface Channel {
  readonly send: (request: Request, transfer?: ReadonlyArray<ArrayBuffer>) => void
  waiting: number
}

const openThread = (moduleToImport: string | undefined, onAnswer: (answer: Answer) => void): Channel => {
  const worker = new Worker(script, { argv: moduleToImport === undefined ? [] : [moduleToImport] })
  worker.on("message", onAnswer)
  return { send: (request, transfer) => worker.postMessage(request, transfer), waiting: 0 }
}

const openProcess = (
  moduleToImport: string | undefined,
  binary: boolean,
  onAnswer: (answer: Answer) => void
): Channel => {
  const child = fork(fileURLToPath(script), moduleToImport === undefined ? [] : [moduleToImport], {
    serialization: binary ? "advanced" : "json"
  })
  child.on("message", (answer) => onAnswer(answer as Answer))
  return { send: (request) => child.send(request), waiting: 0 }
}

export const makeRaw =
  (kind: "thread" | "process", moduleToImport?: URL): MakePool =>
  async ({ binary, size }) => {
    const resolvers = new Map<number, (result: unknown) => void>()
    let nextId = 0
    const channels = Array.from({ length: size }, () => {
      const onAnswer = (answer: Answer) => {
        channel.waiting--
        const resolve = resolvers.get(answer.id)!
        resolvers.delete(answer.id)
        resolve(answer.result)
      }
      const channel: Channel =
        kind === "thread"
          ? openThread(moduleToImport?.href, onAnswer)
          : openProcess(moduleToImport?.href, binary === true, onAnswer)
      return channel
    })
    return promisePool(
      (call, transfer) =>
        new Promise((resolve) => {
          let channel = channels[0]!
          for (const other of channels) if (other.waiting < channel.waiting) channel = other
          channel.waiting++
          const id = nextId++
          resolvers.set(id, resolve)
          channel.send({ id, call }, transfer)
        })
    )
  }
