// All subjects, in the order of the tables. Each library is imported only in the processes that measure it. Strand's own
// stores are subjects like the others: a module with `connect` and `consume` (see `Store` in subject.ts), and an entry
// here in the group "strand".
import type { Subject } from "../subject.ts"

export const subjects: ReadonlyArray<Subject> = [
  {
    name: "strand SqliteStore",
    group: "strand",
    server: "files",
    setUp:
      "node:sqlite, write-ahead log, synchronous NORMAL: survives a crash of the process, not of the machine; payloads and " +
      "results go through their schemas; results are kept",
    load: () => import("./strandSqlite.ts")
  },
  {
    name: "BullMQ",
    group: "peer",
    server: "Redis",
    setUp: "the defaults, with ioredis; finished jobs stay with their results",
    load: () => import("./bullmq.ts")
  },
  {
    name: "pg-boss",
    group: "peer",
    server: "PostgreSQL",
    setUp:
      "fetches 100 jobs at a time while there are as many (burst mode), runs so many of them at once as the concurrency " +
      "says, and settles them together, each with its result; looks for jobs every two seconds (default)",
    pollMillis: 2000,
    load: async () => (await import("./pgBoss.ts")).polling
  },
  {
    name: "pg-boss notify",
    group: "peer",
    server: "PostgreSQL",
    setUp: "as pg-boss, with LISTEN/NOTIFY",
    load: async () => (await import("./pgBoss.ts")).notified
  },
  {
    name: "graphile-worker",
    group: "peer",
    server: "PostgreSQL",
    setUp: "the defaults; keeps no results",
    load: async () => (await import("./graphileWorker.ts")).byDefault
  },
  {
    name: "graphile-worker batched",
    group: "peer",
    server: "PostgreSQL",
    setUp: "tuned as its page on performance says: local queue of 500 jobs, completions in batches; keeps no results",
    load: async () => (await import("./graphileWorker.ts")).batched
  },
  {
    name: "plainjob",
    group: "peer",
    server: "files",
    setUp:
      "better-sqlite3, write-ahead log, synchronous NORMAL: survives a crash of the process, not of the machine; as many " +
      "workers as the concurrency says, which look for jobs once a second (default) when there are none; keeps no results",
    pollMillis: 1000,
    load: () => import("./plainjob.ts")
  },
  {
    name: "PersistedQueue on Redis",
    group: "peer",
    server: "Redis",
    setUp: "Effect's own queue with node-redis; looks for jobs once a second (default); keeps no results",
    pollMillis: 1000,
    load: async () => (await import("./persistedQueue.ts")).onRedis
  },
  {
    name: "PersistedQueue on PostgreSQL",
    group: "peer",
    server: "PostgreSQL",
    setUp: "Effect's own queue with @effect/sql-pg; looks for jobs once a second (default); keeps no results",
    pollMillis: 1000,
    load: async () => (await import("./persistedQueue.ts")).onPostgres
  }
]
