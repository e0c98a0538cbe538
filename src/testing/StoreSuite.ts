/**
 * The conformance suite of stores: whatever provides `TaskStore` and `TaskQueue` passes it, or loses what it was given.
 *
 * It registers vitest tests, so it needs `vitest` and `@effect/vitest`, which nothing else in this package does.
 *
 * @since 0.2.0
 */
import { describe } from "@effect/vitest"
import { bulk } from "./store/bulk.ts"
import { cancelling } from "./store/cancelling.ts"
import { claiming } from "./store/claiming.ts"
import { closing } from "./store/closing.ts"
import { keys } from "./store/keys.ts"
import { limits } from "./store/limits.ts"
import { listing } from "./store/listing.ts"
import { notifying } from "./store/notifying.ts"
import { processes } from "./store/processes.ts"
import { random } from "./store/random.ts"
import { records } from "./store/records.ts"
import { settling } from "./store/settling.ts"
import { storedValues } from "./store/storedValues.ts"
import type { StoreSubject } from "./store/StoreSubject.ts"
import { delays, expiry } from "./store/timing.ts"

export type { StoreCapabilities, StoreOptions, StoreSubject } from "./store/StoreSubject.ts"

/**
 * Registers the tests of a store.
 *
 * **Details**
 *
 * Each test opens a store of its own. A random test that fails prints a text behind `Replay:`; with that text as
 * `random.replay`, and the suite reduced to this test, it fails again in the same way.
 *
 * **Example** (A store of one's own)
 *
 * ```ts no-run
 * import { StoreSuite } from "effect-strand/testing"
 * import { join } from "node:path"
 * import * as MyStore from "./MyStore.ts"
 *
 * StoreSuite.suite("MyStore", {
 *   make: ({ autoCleanup, folder, timeToLive }) =>
 *     MyStore.layer({ filename: join(folder, "tasks"), autoCleanup, timeToLive }),
 *   capabilities: { persistent: true, clients: true }
 * })
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const suite = (name: string, subject: StoreSubject): void => {
  const groups = {
    records,
    lists: listing,
    claims: claiming,
    settlements: settling,
    cancellation: cancelling,
    delays,
    "times to live": expiry,
    "idempotency keys": keys,
    "pauses and limits": limits,
    bulks: bulk,
    values: storedValues,
    news: notifying,
    "closing and opening": closing,
    "random operations": random
  }
  describe(name, { timeout: 60_000 }, () => {
    for (const [group, register] of Object.entries(groups)) describe(group, () => register(subject))
    if (subject.module !== undefined) describe("other processes", () => processes(subject))
  })
}
