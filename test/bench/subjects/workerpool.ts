// workerpool on threads or on child processes.
import { fileURLToPath } from "node:url"
import workerpool from "workerpool"
import { promisePool } from "../promisePool.ts"
import type { MakePool } from "../subject.ts"
import { workerScript } from "../workers.ts"

const script = fileURLToPath(workerScript("subjects/workerpoolWorker"))

export const makeWorkerpool =
  (workerType: "thread" | "process"): MakePool =>
  async ({ binary, size }) => {
    const pool = workerpool.pool(script, {
      workerType,
      minWorkers: "max",
      maxWorkers: size,
      ...(binary === true && workerType === "process" ? { forkOpts: { serialization: "advanced" } } : {})
    })
    return promisePool(
      // Its own promise lacks what `await` on a native one has ready, so it is passed on as it is.
      ({ payload, task }, transfer) =>
        pool.exec(
          task,
          [payload],
          transfer === undefined ? {} : { transfer: [...transfer] }
        ) as unknown as PromiseLike<unknown>,
      ({ payload, task }) => {
        const running = pool.exec(task, [payload])
        running.catch(() => {})
        return { cancel: () => running.cancel() }
      }
    )
  }
