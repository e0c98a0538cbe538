// Worker threads keep the promises of every runner, and those of workers that may crash.
import * as ThreadRunner from "effect-strand/ThreadRunner"
import { RunnerSuite } from "effect-strand/testing"
import * as Leaks from "../helpers/leaks.ts"

Leaks.check()

RunnerSuite.suite("ThreadRunner", {
  make: ({ memoryMb, module = RunnerSuite.tasksModule, ...options }) =>
    ThreadRunner.layer({
      ...options,
      module,
      resourceLimits: memoryMb === undefined ? undefined : { maxOldGenerationSizeMb: memoryMb }
    }),
  capabilities: {
    queue: true,
    boundary: true,
    parallel: true,
    isolated: true,
    processes: false,
    transfer: true,
    modules: true
  }
})
