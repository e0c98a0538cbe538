// Child processes keep the promises of every runner, and those of workers that may crash.
import * as ProcessRunner from "effect-strand/ProcessRunner"
import { RunnerSuite } from "effect-strand/testing"
import * as Leaks from "../helpers/leaks.ts"

Leaks.check()

RunnerSuite.suite("ProcessRunner", {
  make: ({ memoryMb, module = RunnerSuite.tasksModule, ...options }) =>
    ProcessRunner.layer({
      ...options,
      module,
      execArgv: memoryMb === undefined ? [] : [`--max-old-space-size=${memoryMb}`]
    }),
  capabilities: {
    queue: true,
    boundary: true,
    parallel: true,
    isolated: true,
    processes: true,
    transfer: false,
    modules: true
  }
})
