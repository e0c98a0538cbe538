/** The first file that the process of a task runs. */
import { enableCompileCache } from "node:module"

// Before anything else is loaded, so that it is loaded faster the next time.
enableCompileCache?.()

const { run } = await import("./taskMain.ts")
run((module) => import(module))
