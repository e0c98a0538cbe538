// Checks that a test file leaves nothing behind: no worker thread, no child process, no open file, socket or timer.
import { assert, afterAll, beforeAll } from "@effect/vitest"
import { readdirSync, readFileSync, readlinkSync, watch } from "node:fs"

type Counts = ReadonlyMap<string, number>

const count = (kinds: ReadonlyArray<string>): Counts => {
  const counts = new Map<string, number>()
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return counts
}

/** What has gone between the listing and the reading is not there. */
const unlessGone = <A>(read: () => A, otherwise: A): A => {
  try {
    return read()
  } catch {
    return otherwise
  }
}

const tasks = () => readdirSync("/proc/self/task")

/** Worker threads, also those that keep nothing alive. */
const threads = (): ReadonlyArray<string> =>
  tasks()
    .map((id) => unlessGone(() => readFileSync(`/proc/self/task/${id}/comm`, "utf8").trim(), "gone"))
    .filter((name) => name === "WorkerThread" || name.startsWith("node-worker"))

const children = (): ReadonlyArray<string> =>
  tasks()
    .flatMap((id) => unlessGone(() => readFileSync(`/proc/self/task/${id}/children`, "utf8"), "").split(" "))
    .filter((pid) => pid.trim() !== "")
    .map(() => "child process")

/** Files, sockets, pipes, and the event loops of other threads, also those that keep nothing alive. */
const descriptors = (): ReadonlyArray<string> =>
  readdirSync("/proc/self/fd")
    .map((fd) => unlessGone(() => readlinkSync(`/proc/self/fd/${fd}`), "gone"))
    .filter((target) => target !== "gone" && !target.startsWith("/proc/"))
    .map((target) => `descriptor of ${target.replace(/:\[\d+\]$/, "")}`)

/** Timers and handles that keep the process alive. */
const resources = (): ReadonlyArray<string> => process.getActiveResourcesInfo()

/** Everything that there is now. */
export const snapshot = (): Counts => count([...threads(), ...children(), ...descriptors(), ...resources()])

/** What there is more of than there was. */
export const beyond = (before: Counts, now: Counts = snapshot()): ReadonlyArray<string> =>
  [...now]
    .map(([kind, n]) => [kind, n - (before.get(kind) ?? 0)] as const)
    .filter(([, more]) => more > 0)
    .map(([kind, more]) => `${more} more ${kind}`)

/** Waits until nothing is left beyond what there was, and gives what is left after all when it has waited long enough. */
export const awaitNone = async (before: Counts, patience = 5000): Promise<ReadonlyArray<string>> => {
  const deadline = performance.now() + patience
  for (;;) {
    const left = beyond(before)
    if (left.length === 0 || performance.now() > deadline) return left
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Checks, after the tests of the file that calls it, that they have left nothing. */
export const check = (): void => {
  let before: Counts
  beforeAll(() => {
    // Node keeps the descriptor with which it watches files, once it has watched one.
    watch(import.meta.dirname).close()
    before = snapshot()
  })
  afterAll(async () => {
    assert.deepStrictEqual(await awaitNone(before), [], "left behind by this test file")
  })
}
