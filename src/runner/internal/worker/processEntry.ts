/**
 * The first file that a process of a pool runs.
 *
 * @since 0.1.0
 */
import { enableCompileCache } from "node:module"

// Before anything else is loaded, so that it is loaded faster the next time.
enableCompileCache?.()

const { run } = await import("./processMain.ts")
await run((module) => import(module))
