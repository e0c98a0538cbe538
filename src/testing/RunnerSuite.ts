/**
 * The conformance suite of runners: whatever runs tasks passes it, or does not keep Strand's promises.
 *
 * It registers vitest tests, so it needs `vitest` and `@effect/vitest`, which nothing else in this package does.
 *
 * @since 0.1.0
 */
import { describe, it } from "@effect/vitest"
import { batch } from "./runner/batch.ts"
import { closing } from "./runner/closing.ts"
import { controls } from "./runner/controls.ts"
import { faults } from "./runner/faults.ts"
import { functions } from "./runner/functions.ts"
import { input } from "./runner/input.ts"
import { interruption } from "./runner/interruption.ts"
import { limits } from "./runner/limits.ts"
import { messages } from "./runner/messages.ts"
import { modules } from "./runner/modules.ts"
import { nesting } from "./runner/nesting.ts"
import { observing } from "./runner/observing.ts"
import { outcomes } from "./runner/outcomes.ts"
import { sameErrors } from "./runner/sameErrors.ts"
import { scheduling } from "./runner/scheduling.ts"
import { storm } from "./runner/storm.ts"
import { streams } from "./runner/streams.ts"
import { values } from "./runner/values.ts"
import type { Subject } from "./Subject.ts"

export type { Capabilities, RunnerOptions, Subject } from "./Subject.ts"

/**
 * The file with the handlers of the suite's tasks, for runners that load a tasks module.
 *
 * @category constants
 * @since 0.1.0
 */
export const tasksModule: URL = new URL(import.meta.url.endsWith(".ts") ? "./tasks.ts" : "./tasks.js", import.meta.url)

/**
 * The same handlers as a Layer, for runners that are given their handlers.
 *
 * @category constants
 * @since 0.1.0
 */
export { default as handlers } from "./tasks.ts"

/**
 * Registers the tests of a runner.
 *
 * **Example** (A runner of one's own)
 *
 * ```ts no-run
 * import { RunnerSuite } from "effect-strand/testing"
 * import * as MyRunner from "./MyRunner.ts"
 *
 * RunnerSuite.suite("MyRunner", {
 *   make: ({ shutdownGrace, size }) => MyRunner.layer(RunnerSuite.handlers, { size, shutdownGrace }),
 *   capabilities: {
 *     queue: false,
 *     boundary: false,
 *     parallel: false,
 *     isolated: false,
 *     processes: false,
 *     transfer: false,
 *     modules: false
 *   }
 * })
 * ```
 *
 * @category constructors
 * @since 0.1.0
 */
export const suite = (name: string, subject: Subject): void => {
  const shared = {
    ends: outcomes,
    values,
    interruption,
    "limits and options": limits,
    scheduling,
    streams,
    "progress, logs and spans": observing,
    "tasks of tasks": nesting,
    "many at once": batch,
    functions,
    messages,
    "bad input": input,
    "bad values": sameErrors,
    controls,
    closing
  }
  describe(name, { timeout: 120_000 }, () => {
    // One runner for the tests of a group that ask for nothing special; the others make their own.
    for (const [group, register] of Object.entries(shared)) {
      if (group === "streams" && subject.capabilities.durable) continue
      it.layer(subject.make({ size: 2 }), { excludeTestServices: true, timeout: "30 seconds" })(group, (it) =>
        register(it, subject)
      )
    }
    describe("a storm", () => storm(subject))
    if (subject.capabilities.isolated) describe("faults", () => faults(subject))
    if (subject.capabilities.modules) describe("tasks modules", () => modules(subject))
  })
}
