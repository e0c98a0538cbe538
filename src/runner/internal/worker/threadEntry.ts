/** The first file that a thread of a pool runs. */
import { enableCompileCache } from "node:module"

// Before anything else is loaded, so that it is loaded faster the next time.
enableCompileCache?.()

const { run } = await import("./threadMain.ts")
await run((module) => import(module))
