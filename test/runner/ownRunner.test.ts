// A runner that brings no more than how it executes a request, the one of the example, keeps the promises of every runner.
import { Layer } from "effect"
import { RunnerSuite } from "effect-strand/testing"
import * as Runner from "../../examples/runner.ts"
import * as Leaks from "../helpers/leaks.ts"

Leaks.check()

RunnerSuite.suite("the example of a runner", {
  make: ({ shutdownGrace }) => Runner.layer({ pause: 0, shutdownGrace }).pipe(Layer.provide(RunnerSuite.handlers)),
  capabilities: {
    queue: false,
    boundary: false,
    parallel: false,
    isolated: false,
    processes: false,
    transfer: false,
    modules: false
  }
})
