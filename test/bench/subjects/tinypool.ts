// tinypool on threads or on child processes.
import { Tinypool } from "tinypool"
import { promisePool } from "../promisePool.ts"
import type { MakePool } from "../subject.ts"
import { workerScript } from "../workers.ts"

const filename = workerScript("tasks").href

export const makeTinypool =
  (runtime: "worker_threads" | "child_process", concurrentTasksPerWorker: number): MakePool =>
  async ({ binary, size }) => {
    const pool = new Tinypool({
      filename,
      runtime,
      minThreads: size,
      maxThreads: size,
      concurrentTasksPerWorker,
      ...(binary === true ? { serialization: "advanced" } : {})
    })
    return promisePool(
      ({ payload, task }, transfer) =>
        pool.run(payload, transfer === undefined ? { name: task } : { name: task, transferList: [...transfer] }),
      ({ payload, task }) => {
        const abort = new AbortController()
        pool.run(payload, { name: task, signal: abort.signal }).catch(() => {})
        return { cancel: () => abort.abort() }
      }
    )
  }
