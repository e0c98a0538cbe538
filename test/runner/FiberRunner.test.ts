// The runners that stay in this program keep the promises of every runner.
import * as FiberRunner from "effect-strand/FiberRunner"
import { RunnerSuite } from "effect-strand/testing"
import * as Capabilities from "../helpers/capabilities.ts"
import * as Leaks from "../helpers/leaks.ts"

Leaks.check()

RunnerSuite.suite("FiberRunner.layer", {
  make: ({ concurrency = 1, maxQueue, overflow, shutdownGrace, size }) =>
    FiberRunner.layer(RunnerSuite.handlers, { concurrency: size * concurrency, maxQueue, overflow, shutdownGrace }),
  capabilities: Capabilities.fibers
})

RunnerSuite.suite("FiberRunner.layerInline", {
  make: ({ shutdownGrace }) => FiberRunner.layerInline(RunnerSuite.handlers, { shutdownGrace }),
  capabilities: Capabilities.inline
})
