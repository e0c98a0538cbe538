// piscina, with its default of one task at a time for each worker or with several.
import { fileURLToPath } from "node:url"
import { Piscina } from "piscina"
import { promisePool } from "../promisePool.ts"
import type { MakePool } from "../subject.ts"
import { workerScript } from "../workers.ts"

const filename = fileURLToPath(workerScript("tasks"))

export const makePiscina =
  (concurrentTasksPerWorker: number): MakePool =>
  async ({ size }) => {
    const pool = new Piscina({ filename, minThreads: size, maxThreads: size, concurrentTasksPerWorker })
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
