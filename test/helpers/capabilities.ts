// What runners can do that run tasks in the fibers of this program, for the conformance suite.
import type { RunnerSuite } from "effect-strand/testing"

/** Without a queue. */
export const inline: RunnerSuite.Capabilities = {
  queue: false,
  boundary: false,
  parallel: false,
  isolated: false,
  processes: false,
  transfer: false,
  modules: false
}

/** With a queue. */
export const fibers: RunnerSuite.Capabilities = { ...inline, queue: true }
