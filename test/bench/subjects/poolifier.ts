// poolifier with a fixed number of threads or of cluster processes.
import { fileURLToPath } from "node:url"
import { FixedClusterPool, FixedThreadPool } from "poolifier"
import { promisePool } from "../promisePool.ts"
import type { MakePool } from "../subject.ts"
import { workerScript } from "../workers.ts"

const threadScript = fileURLToPath(workerScript("subjects/poolifierThreadWorker"))

const clusterScript = fileURLToPath(workerScript("subjects/poolifierClusterWorker"))

export const makePoolifier =
  (kind: "thread" | "cluster"): MakePool =>
  async ({ binary, size }) => {
    const pool =
      kind === "thread"
        ? new FixedThreadPool<unknown, unknown>(size, threadScript)
        : new FixedClusterPool<unknown, unknown>(
            size,
            clusterScript,
            binary === true ? { settings: { serialization: "advanced" } } : {}
          )
    return promisePool(
      ({ payload, task }, transfer) => pool.execute(payload, task, undefined, transfer),
      ({ payload, task }) => {
        const abort = new AbortController()
        pool.execute(payload, task, abort.signal).catch(() => {})
        return { cancel: () => abort.abort() }
      }
    )
  }
