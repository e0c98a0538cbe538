// The worker script of poolifier's thread pool.
import { ThreadWorker } from "poolifier"
import * as tasks from "../tasks.ts"

export default new ThreadWorker({ ...tasks } as ConstructorParameters<typeof ThreadWorker>[0])
