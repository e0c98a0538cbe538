// All subjects, in the order of the tables. Each library is imported only in the process that measures it. A number in a
// name is how many tasks at a time the pool may give to one worker. The bare thread and the bare process are workers
// without a library that import Strand's tasks module: what Strand's own workers cannot do without.
import type { Subject } from "../subject.ts"

const strandTasks = new URL("../strandTasks.ts", import.meta.url)

export const subjects: ReadonlyArray<Subject> = [
  {
    name: "piscina",
    group: "peer",
    kind: "thread",
    load: async () => (await import("./piscina.ts")).makePiscina(1)
  },
  {
    name: "piscina 64",
    group: "peer",
    kind: "thread",
    load: async () => (await import("./piscina.ts")).makePiscina(64)
  },
  {
    name: "tinypool 64",
    group: "peer",
    kind: "thread",
    load: async () => (await import("./tinypool.ts")).makeTinypool("worker_threads", 64)
  },
  {
    name: "workerpool threads",
    group: "peer",
    kind: "thread",
    load: async () => (await import("./workerpool.ts")).makeWorkerpool("thread")
  },
  {
    name: "poolifier threads",
    group: "peer",
    kind: "thread",
    load: async () => (await import("./poolifier.ts")).makePoolifier("thread")
  },
  {
    name: "effect rpc",
    group: "peer",
    kind: "thread",
    load: async () => (await import("./effectRpc.ts")).makeEffectRpc(1)
  },
  {
    name: "effect rpc 64",
    group: "peer",
    kind: "thread",
    load: async () => (await import("./effectRpc.ts")).makeEffectRpc(64)
  },
  {
    name: "raw postMessage",
    group: "reference",
    kind: "thread",
    load: async () => (await import("./raw.ts")).makeRaw("thread")
  },
  {
    name: "bare thread",
    group: "reference",
    kind: "thread",
    cases: ["cold-start", "memory"],
    load: async () => (await import("./raw.ts")).makeRaw("thread", strandTasks)
  },
  {
    name: "strand threads",
    group: "strand",
    kind: "thread",
    load: async () => (await import("./strand.ts")).makeStrandThreads
  },
  {
    name: "strand bundled threads",
    group: "strand",
    kind: "thread",
    cases: ["cold-start", "memory"],
    load: async () => (await import("./strand.ts")).makeStrandBundledThreads
  },
  {
    name: "tinypool processes",
    group: "peer",
    kind: "process",
    load: async () => (await import("./tinypool.ts")).makeTinypool("child_process", 1)
  },
  {
    name: "workerpool processes",
    group: "peer",
    kind: "process",
    load: async () => (await import("./workerpool.ts")).makeWorkerpool("process")
  },
  {
    name: "poolifier cluster",
    group: "peer",
    kind: "process",
    load: async () => (await import("./poolifier.ts")).makePoolifier("cluster")
  },
  {
    name: "raw process.send",
    group: "reference",
    kind: "process",
    load: async () => (await import("./raw.ts")).makeRaw("process")
  },
  {
    name: "bare process",
    group: "reference",
    kind: "process",
    cases: ["cold-start", "memory"],
    load: async () => (await import("./raw.ts")).makeRaw("process", strandTasks)
  },
  {
    name: "strand processes",
    group: "strand",
    kind: "process",
    load: async () => (await import("./strand.ts")).makeStrandProcesses
  },
  {
    name: "bare fibers",
    group: "reference",
    kind: "fiber",
    cases: ["fibers"],
    load: async () => (await import("./bareFibers.ts")).makeBareFibers
  },
  {
    name: "strand fibers",
    group: "strand",
    kind: "fiber",
    cases: ["fibers"],
    load: async () => (await import("./strandFibers.ts")).makeStrandFibers
  }
]
