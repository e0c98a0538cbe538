/**
 * The steps of a task's life, each of them as the statements that make it.
 *
 * Every method belongs in a transaction and can be run again when that is rolled back. What a claim needs to be safe is
 * in the statements: a task is only ended by the holder of its latest fencing token, while it is running.
 */
import { TaskCancelled } from "../../../TaskError.ts"
import * as TaskExit from "../../../internal/values/TaskExit.ts"
import type { Serialization } from "../../Serialization.ts"
import type { NewTask, Offered } from "../../TaskQueue.ts"
import type { EncodedExit, NewRecord } from "../../TaskStore.ts"
import type { Database } from "./Database.ts"
import type { Lanes } from "./Lanes.ts"
import { isJson, writeDetails, writeIdempotencyKey, writeTimeToLive } from "./Rows.ts"
import { isOver, Status, storedAs } from "./Schema.ts"

/** A task with its payload as it is stored. */
export interface WrittenTask {
  readonly task: NewTask
  readonly payload: string | Uint8Array
}

/** Ends a task: its status, its exit, the time, and when its record expires by its own or the store's time to live. */
const ending = `UPDATE strand_tasks SET status = ?, exit = ?, finished_at = ?, session = NULL, cancel_requested = NULL,
  expires_at = CASE WHEN ifnull(time_to_live, ?) < 0 THEN NULL ELSE ? + ifnull(time_to_live, ?) END`

const putColumns = [
  "id",
  "lane",
  "status",
  "priority",
  "run_at",
  "created_at",
  "attempts",
  "max_attempts",
  "token",
  "session",
  "payload",
  "exit",
  "failure",
  "progress",
  "started_at",
  "finished_at",
  "deadline",
  "time_to_live",
  "expires_at",
  "idempotency_key",
  "concurrency_key",
  "details"
]

const putStatement = `INSERT INTO strand_tasks (recorded, ${putColumns.join(", ")})
  VALUES (1, ${putColumns.map(() => "?").join(", ")})
  ON CONFLICT (id) DO UPDATE SET ${putColumns.map((column) => `${column} = excluded.${column}`).join(", ")}
  WHERE recorded = 1`

/** The steps, over one database. */
export class Transitions {
  private readonly db: Database
  private readonly lanes: Lanes
  private readonly serialization: Serialization
  private readonly timeToLive: number

  constructor(db: Database, lanes: Lanes, serialization: Serialization, timeToLive: number) {
    this.db = db
    this.lanes = lanes
    this.serialization = serialization
    this.timeToLive = timeToLive
  }

  /** Adds a task, unless its idempotency key is taken. Gives the row's number too. */
  add({ payload, task }: WrittenTask, now: number): Offered & { readonly seq: number } {
    const key = writeIdempotencyKey(task.name, task.idempotencyKey)
    if (key !== null) {
      const earlier = this.db.prepare("SELECT seq, id, expires_at FROM strand_tasks WHERE idempotency_key = ?").get(key)
      if (earlier !== undefined) {
        const expired = earlier["expires_at"] !== null && (earlier["expires_at"] as number) <= now
        if (!expired) return { id: earlier["id"] as string, created: false, seq: earlier["seq"] as number }
        this.db.prepare("DELETE FROM strand_tasks WHERE seq = ?").run(earlier["seq"]!)
      }
    }
    try {
      return { id: task.id, created: true, seq: this.insert(task, payload, key, now) }
    } catch (error) {
      // What somebody has only recorded so far is now a task that is run.
      const { changes } = this.db.prepare("DELETE FROM strand_tasks WHERE id = ? AND recorded = 1").run(task.id)
      if (changes === 0) throw error
      return { id: task.id, created: true, seq: this.insert(task, payload, key, now) }
    }
  }

  private insert(task: NewTask, payload: string | Uint8Array, key: string | null, now: number): number {
    const { lastInsertRowid } = this.db
      .prepare(
        `INSERT INTO strand_tasks (id, lane, status, priority, run_at, created_at, max_attempts, payload, deadline,
          time_to_live, idempotency_key, concurrency_key, details) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
      )
      .run(
        task.id,
        this.lanes.of(task.queue, task.name).id,
        task.runAt > now ? Status.scheduled : Status.pending,
        task.priority,
        task.runAt,
        task.createdAt,
        task.maxAttempts,
        payload,
        task.deadline ?? null,
        writeTimeToLive(task.timeToLive),
        key,
        task.concurrencyKey ?? null,
        writeDetails(task)
      )
    return Number(lastInsertRowid)
  }

  /** Puts tasks whose time has come among the pending ones. Gives the time of the next one. */
  promoteDue(now: number): number | undefined {
    const due = this.db.prepare(`SELECT min(run_at) AS at FROM strand_tasks WHERE status = ${Status.scheduled}`)
    const first = due.get()!["at"] as number | null
    if (first === null || first > now) return first ?? undefined
    this.db
      .prepare(
        `UPDATE strand_tasks SET status = ${Status.pending} WHERE seq IN
          (SELECT seq FROM strand_tasks WHERE status = ${Status.scheduled} AND run_at <= ? ORDER BY run_at LIMIT 500)`
      )
      .run(now)
    return (due.get()!["at"] as number | null) ?? undefined
  }

  /** Ends a running task as its claim's holder. False when the claim has been lost. */
  finishClaimed(seq: number, token: number, status: number, exit: string | Uint8Array, now: number): boolean {
    const { changes } = this.db
      .prepare(`${ending} WHERE seq = ? AND token = ? AND status = ${Status.running}`)
      .run(status, exit, now, this.storeTimeToLive, now, this.storeTimeToLive, seq, token)
    return changes === 1
  }

  private get storeTimeToLive(): number {
    return this.timeToLive === Infinity ? -1 : this.timeToLive
  }

  /** Ends a task whoever has it. */
  finish(seq: number, status: number, exit: EncodedExit, text: boolean): void {
    const now = Date.now()
    this.db
      .prepare(`${ending} WHERE seq = ?`)
      .run(status, this.serialization.encode(exit, text), now, this.storeTimeToLive, now, this.storeTimeToLive, seq)
    this.unpark(seq)
  }

  /** The end of a task that was asked to stop, and has. */
  cancelStopped(seq: number, name: string, id: string): void {
    const error = new TaskCancelled({ task: name, taskId: id })
    this.finish(seq, Status.cancelled, TaskExit.ofError(error).exit, true)
  }

  /** Gives a running task back. The attempt counts when its reader crashed. */
  release(seq: number, counts: boolean): void {
    this.db
      .prepare(
        `UPDATE strand_tasks SET status = ${Status.pending}, session = NULL, cancel_requested = NULL,
          attempts = attempts - ? WHERE seq = ?`
      )
      .run(counts ? 0 : 1, seq)
    this.unpark(seq)
  }

  /** Lets a task wait for its next attempt. */
  retryLater(seq: number, runAt: number, failure: string | Uint8Array, now: number): void {
    this.db
      .prepare(`UPDATE strand_tasks SET status = ?, run_at = ?, failure = ?, session = NULL WHERE seq = ?`)
      .run(runAt > now ? Status.scheduled : Status.pending, runAt, failure, seq)
    this.unpark(seq)
  }

  /** The claim's task, when the claim still holds: its name and whether it has been asked to stop. */
  claimed(seq: number, token: number): { readonly cancelRequested: boolean } | undefined {
    const row = this.db
      .prepare(`SELECT cancel_requested FROM strand_tasks WHERE seq = ? AND token = ? AND status = ${Status.running}`)
      .get(seq, token)
    return row === undefined ? undefined : { cancelRequested: row["cancel_requested"] === 1 }
  }

  /**
   * A task has left its place: the next ones with its concurrency key wait no more. There is one of each name in the queue,
   * since not every reader can run every name; those that find the place taken are parked again.
   */
  unpark(seq: number): void {
    const row = this.db.prepare("SELECT concurrency_key, lane FROM strand_tasks WHERE seq = ?").get(seq)
    if (row === undefined || row["concurrency_key"] === null) return
    const { queue } = this.lanes.get(row["lane"] as number)
    const next = this.db.prepare(
      `UPDATE strand_tasks SET status = ${Status.pending} WHERE seq =
        (SELECT seq FROM strand_tasks
         WHERE status = ${Status.parked} AND concurrency_key = ? AND lane = ? AND recorded IS NULL
         ORDER BY priority, seq LIMIT 1)`
    )
    for (const lane of this.lanes.all) if (lane.queue === queue) next.run(row["concurrency_key"]!, lane.id)
  }

  /** All that waits for a key is looked at again, as after a change of the limit. */
  unparkAll(): void {
    this.db
      .prepare(
        `UPDATE strand_tasks SET status = ${Status.pending} WHERE status = ${Status.parked} AND recorded IS NULL`
      )
      .run()
  }

  /**
   * Cancels a task: at once when nobody runs it, otherwise by a signal to who does. False when there is nothing to
   * cancel.
   */
  cancel(id: string, exit: EncodedExit | undefined): boolean {
    const row = this.db
      .prepare("SELECT seq, status, lane, session, token, recorded FROM strand_tasks WHERE id = ?")
      .get(id)
    if (row === undefined || isOver(row["status"] as number)) return false
    const seq = row["seq"] as number
    if (row["status"] !== Status.running) {
      const name = this.lanes.get(row["lane"] as number).name
      if (exit === undefined) this.cancelStopped(seq, name, id)
      else this.finish(seq, Status.failed, exit, true)
      return true
    }
    if (row["recorded"] === 1) return false
    this.db.prepare("UPDATE strand_tasks SET cancel_requested = 1 WHERE seq = ?").run(seq)
    this.db
      .prepare("INSERT INTO strand_signals (session, id, token) VALUES (?, ?, ?)")
      .run(row["session"]!, id, row["token"]!)
    return true
  }

  /** Puts a failed or cancelled task back, as new. */
  retry(id: string, now: number): boolean {
    return (
      this.db
        .prepare(
          `UPDATE strand_tasks SET status = ${Status.pending}, run_at = ?, attempts = 0, exit = NULL, failure = NULL,
            progress = NULL, started_at = NULL, finished_at = NULL, expires_at = NULL, deadline = NULL,
            cancel_requested = NULL
           WHERE id = ? AND recorded IS NULL AND status IN (${Status.failed}, ${Status.cancelled})`
        )
        .run(now, id).changes === 1
    )
  }

  /** Writes a record, in place of the one with its id. `session` holds the records of what runs elsewhere. */
  put(record: NewRecord, session: number, now: number): void {
    const value = (data: unknown) => (data === undefined ? null : this.serialization.encode(data, isJson(data)))
    const over = isOver(storedAs(record.status)[0]!)
    const timeToLive = record.timeToLive ?? this.timeToLive
    const keeps = timeToLive === Infinity ? null : (record.finishedAt ?? now) + timeToLive
    const { changes } = this.db.prepare(putStatement).run(
      record.id,
      this.lanes.of(record.queue, record.name).id,
      // What somebody else queues is not for readers: it is shown as pending, and in no index that a claim looks at.
      record.status === "pending" || record.status === "scheduled" ? Status.parked : storedAs(record.status)[0]!,
      record.priority,
      record.runAt,
      record.createdAt,
      record.attempts,
      record.maxAttempts,
      record.token,
      record.status === "running" ? session : null,
      value(record.payload),
      value(record.exit),
      value(record.failure),
      value(record.progress),
      record.startedAt ?? null,
      record.finishedAt ?? null,
      record.deadline ?? null,
      writeTimeToLive(record.timeToLive),
      over ? (record.expiresAt ?? keeps) : null,
      writeIdempotencyKey(record.name, record.idempotencyKey),
      record.concurrencyKey ?? null,
      writeDetails(record)
    )
    if (changes === 0) throw new Error(`task ${record.id} is one that readers run, which have its record`)
  }

  /** Removes a task. What runs it is told that it has lost it. */
  remove(id: string): boolean {
    const row = this.db.prepare("SELECT seq, status, session, token FROM strand_tasks WHERE id = ?").get(id)
    if (row === undefined) return false
    const seq = row["seq"] as number
    if (row["status"] === Status.running) {
      this.db
        .prepare("INSERT INTO strand_signals (session, id, token) VALUES (?, ?, ?)")
        .run(row["session"]!, id, row["token"]!)
      this.db.prepare("UPDATE strand_tasks SET status = ? WHERE seq = ?").run(Status.cancelled, seq)
      this.unpark(seq)
    }
    return this.db.prepare("DELETE FROM strand_tasks WHERE seq = ?").run(seq).changes === 1
  }
}
