// What Strand's stores have set themselves to reach, each as a comparison within one run or a limit.
import { atLeast, type Check, limit } from "../checks.ts"
import { subjects } from "./subjects/index.ts"

/** The subjects that the targets are about, and nobody else's. */
const strand = subjects.filter(({ name }) => name === "strand SqliteStore")
const peers = subjects.filter(({ group }) => group === "peer")
const bullmq = peers.filter(({ name }) => name === "BullMQ")

export const checks: ReadonlyArray<Check> = strand.flatMap((store) => [
  atLeast("drain, concurrency 10: SqliteStore ≥ 6× BullMQ", "drain, concurrency 10", store, bullmq, 6),
  atLeast("drain, concurrency 10: SqliteStore ≥ 2× the best peer", "drain, concurrency 10", store, peers, 2),
  atLeast("enqueue, 64 in flight: SqliteStore ≥ 4× BullMQ", "enqueue, 64 in flight", store, bullmq, 4),
  atLeast("drain, four processes: SqliteStore ≥ 3× BullMQ with four", "drain, four processes", store, bullmq, 3),
  limit("start in another process: p50 below 1 ms", "start p50", store, "ms", (own) => own < 1),
  limit("start in another process: p99 below 5 ms", "start p99", store, "ms", (own) => own < 5),
  limit("an idle reader below 0.5 % of a core", "idle worker", store, "%", (own) => own < 0.5),
  limit("recovery after kill -9 below 2 s", "recovery", store, "s", (own) => own < 2)
])
