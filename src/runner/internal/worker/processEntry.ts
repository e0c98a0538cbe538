/** The first file that a process of a pool runs. */
import { enableCompileCache } from "node:module"

// Before anything else is loaded, so that it is loaded faster the next time.
enableCompileCache?.()

const { run } = await import("./processMain.ts")
await run((module) => import(module))
