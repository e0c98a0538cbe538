// The worker script of workerpool.
import workerpool from "workerpool"
import * as tasks from "../tasks.ts"

workerpool.worker({ ...tasks })
