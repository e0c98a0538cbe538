// The runners that stay in this program keep the promises of every runner.
import * as FiberRunner from "effect-strand/FiberRunner"
import { RunnerSuite } from "effect-strand/testing"
import * as Leaks from "../helpers/leaks.ts"

Leaks.check()

const nothingSpecial: RunnerSuite.Capabilities = {
  queue: false,
  boundary: false,
  parallel: false,
  isolated: false,
  processes: false,
  transfer: false,
  modules: false
}

RunnerSuite.suite("FiberRunner.layer", {
  make: ({ concurrency = 1, maxQueue, overflow, shutdownGrace, size }) =>
    FiberRunner.layer(RunnerSuite.handlers, { concurrency: size * concurrency, maxQueue, overflow, shutdownGrace }),
  capabilities: { ...nothingSpecial, queue: true }
})

RunnerSuite.suite("FiberRunner.layerInline", {
  make: ({ shutdownGrace }) => FiberRunner.layerInline(RunnerSuite.handlers, { shutdownGrace }),
  capabilities: nothingSpecial
})
