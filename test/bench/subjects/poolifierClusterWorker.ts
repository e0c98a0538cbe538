// The worker script of poolifier's cluster pool.
import { ClusterWorker } from "poolifier"
import * as tasks from "../tasks.ts"

export default new ClusterWorker({ ...tasks } as ConstructorParameters<typeof ClusterWorker>[0])
