/**
 * The tables of an embedded store.
 *
 * One row of `strand_tasks` is one task, with the columns of its fields. The indexes are partial, so that a row is in the one that its status asks for
 * and a finished one is in none of them but for its expiry. `strand_changes` is a log of what happened, written by triggers
 * of each connection, which are there only while somebody listens.
 */
import type { DatabaseSync } from "node:sqlite"
import { declarations, indexes } from "./Fields.ts"
import { Change, Status } from "./Status.ts"
import { fields } from "./TaskTable.ts"

/** The version of the tables, which a newer version of this library may raise. */
export const version = 1

const tables = `
  CREATE TABLE strand_state (
    version INTEGER NOT NULL,
    consumers INTEGER NOT NULL,
    listeners INTEGER NOT NULL
  );
  INSERT INTO strand_state VALUES (1, 0, 0);

  CREATE TABLE strand_lanes (
    id INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (queue, name)
  );

  CREATE TABLE strand_queues (
    queue TEXT PRIMARY KEY,
    paused INTEGER NOT NULL DEFAULT 0,
    concurrency INTEGER,
    concurrency_per_key INTEGER
  );

  CREATE TABLE strand_sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    worker TEXT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    lease_until INTEGER NOT NULL
  );

  CREATE TABLE strand_signals (
    seq INTEGER PRIMARY KEY,
    session INTEGER NOT NULL,
    id TEXT NOT NULL,
    token INTEGER NOT NULL
  );
  CREATE INDEX strand_signals_session ON strand_signals (session);

  CREATE TABLE strand_tasks (
    ${declarations(fields).join(",\n    ")}
  );
  ${indexes("strand_tasks", fields).join(";\n  ")};
  CREATE INDEX strand_tasks_pending ON strand_tasks (lane, priority, seq) WHERE status = ${Status.pending};
  CREATE INDEX strand_tasks_scheduled ON strand_tasks (run_at) WHERE status = ${Status.scheduled};
  CREATE INDEX strand_tasks_running ON strand_tasks (session) WHERE status = ${Status.running};
  CREATE INDEX strand_tasks_keys ON strand_tasks (concurrency_key, lane)
    WHERE status = ${Status.running} AND concurrency_key IS NOT NULL;
  CREATE INDEX strand_tasks_parked ON strand_tasks (concurrency_key, lane, priority, seq) WHERE status = ${Status.parked};
  CREATE INDEX strand_tasks_failed ON strand_tasks (seq) WHERE status = ${Status.failed};

  CREATE TABLE strand_changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    task INTEGER NOT NULL,
    change INTEGER NOT NULL,
    at INTEGER NOT NULL
  );
`

const waiting = `(${Status.pending}, ${Status.parked})`

const triggers = [
  ["added", "INSERT", "new.seq, new.status", "1"],
  [
    "changed",
    "UPDATE OF status",
    "new.seq, new.status",
    // To be parked, or not any more, is nothing that users know of.
    `new.status <> old.status AND NOT (new.status IN ${waiting} AND old.status IN ${waiting})`
  ],
  ["progressed", "UPDATE OF progress", `new.seq, ${Change.progress}`, "new.progress IS NOT NULL"],
  ["removed", "DELETE", `old.seq, ${Change.removed}`, "1"]
] as const

/** Statements that make a connection log what it changes. */
export const startLogging: ReadonlyArray<string> = triggers.map(
  ([name, event, values, condition]) =>
    `CREATE TEMP TRIGGER strand_log_${name} AFTER ${event} ON main.strand_tasks WHEN ${condition} BEGIN
      INSERT INTO strand_changes (task, change, at) VALUES (${values}, unixepoch('subsec') * 1000); END`
)

/** What ends {@link startLogging}. */
export const stopLogging: ReadonlyArray<string> = triggers.map(([name]) => `DROP TRIGGER temp.strand_log_${name}`)

/** Counts the readers and listeners anew, among the changes of `strand_state`. */
export const recount = `consumers = (SELECT count(*) FROM strand_sessions WHERE kind = 'consumer'),
  listeners = (SELECT count(*) FROM strand_sessions WHERE kind = 'listener')`

/** Throws when a newer version of this library has written what has this format. */
export const refuseNewer = (format: number): void => {
  if (format <= version) return
  throw new Error(
    `the store was written by a newer version of effect-strand (format ${format}, this one knows ${version}): upgrade`
  )
}

/** Makes the tables where there are none. Throws when a newer version of this library has made them. */
export const migrate = (db: DatabaseSync): void => {
  const read = () =>
    Number(db.prepare("SELECT coalesce(max(version), 0) AS version FROM strand_versions").get()!["version"])
  db.exec("CREATE TABLE IF NOT EXISTS strand_versions (version INTEGER PRIMARY KEY, at INTEGER NOT NULL)")
  if (read() === version) return
  db.exec("BEGIN IMMEDIATE")
  try {
    // Another process may have been faster.
    const found = read()
    refuseNewer(found)
    if (found === 0) {
      db.exec(tables)
      db.exec(`INSERT INTO strand_versions VALUES (${version}, unixepoch('subsec') * 1000)`)
    }
    db.exec("COMMIT")
  } catch (error) {
    db.exec("ROLLBACK")
    throw error
  }
}
