/**
 * The steps of a task's life, each of them as the statements that make it.
 *
 * Each takes the transaction in which it is made, and announces there what it means for others. What a claim needs to be
 * safe is in the statements: a task is only ended by the holder of its latest fencing token, while it is running.
 */
import * as TaskExit from "../../../internal/values/TaskExit.ts"
import { TaskCancelled } from "../../../TaskError.ts"
import type { NewTask, Offered } from "../../TaskQueue.ts"
import type { EncodedExit, NewRecord } from "../../TaskStore.ts"
import { pairOf } from "../Pair.ts"
import type { Lanes } from "./Lanes.ts"
import { insertInto, number, optional, type Parameter, value } from "./Statements.ts"
import { isOver, Status, storedAs } from "./Status.ts"
import { type ClaimedTask, offered, select, whole } from "./TaskTable.ts"
import type { Settings, Transaction } from "./Transaction.ts"

/** An offered task with its row, but for what only a transaction can tell. */
export interface WrittenTask {
  readonly task: NewTask
  readonly row: ReadonlyArray<Parameter>
}

/** Writes an offered task. Throws when its payload cannot be written. */
export const write = (task: NewTask, settings: Settings): WrittenTask => ({ task, row: offered.write(task, settings) })

const insertOffered = insertInto("strand_tasks", ["lane", "status", ...offered.columns])

const putWhole = `${insertInto("strand_tasks", whole.columns)}
  ON CONFLICT (id) DO UPDATE SET ${whole.columns.map((column) => `${column} = excluded.${column}`).join(", ")}
  WHERE recorded = 1`

/** Ends a task: its status, its exit, the time, and when its record expires by its own or the store's time to live. */
const ending = `UPDATE strand_tasks SET status = ?, exit = ?, finished_at = ?, session = NULL, cancel_requested = NULL,
  expires_at = CASE WHEN ifnull(time_to_live, ?) < 0 THEN NULL ELSE ? + ifnull(time_to_live, ?) END`

const endClaimed = `${ending} WHERE seq = ? AND token = ? AND status = ${Status.running}`

const endAny = `${ending} WHERE seq = ?`

const byKey = select(["seq", "id", "expiresAt"], "WHERE idempotency_key = ?")

const nextDue = value(`SELECT min(run_at) FROM strand_tasks WHERE status = ${Status.scheduled}`, optional(number))

const stillClaimed = select(["cancelRequested"], `WHERE seq = ? AND token = ? AND status = ${Status.running}`)

const place = select(["concurrencyKey", "queue"], "WHERE seq = ?")

const whoHas = select(["id", "seq", "state", "name", "session", "token", "recorded"], "WHERE id = ?")

/** A task, and who runs it. */
type HeldTask = ReturnType<typeof whoHas.read>

const unparkOne = `UPDATE strand_tasks SET status = ${Status.pending} WHERE seq =
  (SELECT seq FROM strand_tasks
   WHERE status = ${Status.parked} AND concurrency_key = ? AND lane = ? AND recorded IS NULL
   ORDER BY priority, seq LIMIT 1)`

const unparkAll = `UPDATE strand_tasks SET status = ${Status.pending}
  WHERE status = ${Status.parked} AND recorded IS NULL`

const promote = `UPDATE strand_tasks SET status = ${Status.pending} WHERE seq IN
  (SELECT seq FROM strand_tasks WHERE status = ${Status.scheduled} AND run_at <= ? ORDER BY run_at LIMIT 500)`

const setProgress = `UPDATE strand_tasks SET progress = ? WHERE seq = ? AND token = ? AND status = ${Status.running}`

const giveBack = `UPDATE strand_tasks SET status = ${Status.pending}, session = NULL, cancel_requested = NULL,
  attempts = attempts - ? WHERE seq = ?`

const setRetry = "UPDATE strand_tasks SET status = ?, run_at = ?, failure = ?, session = NULL WHERE seq = ?"

const renew = `UPDATE strand_tasks SET status = ${Status.pending}, run_at = ?, attempts = 0, exit = NULL, failure = NULL,
  progress = NULL, started_at = NULL, finished_at = NULL, expires_at = NULL, deadline = NULL, cancel_requested = NULL
  WHERE id = ? AND recorded IS NULL AND status IN (${Status.failed}, ${Status.cancelled})`

const deleteRow = "DELETE FROM strand_tasks WHERE seq = ?"

/** The steps, over one database. */
export class Transitions {
  private readonly lanes: Lanes

  constructor(lanes: Lanes) {
    this.lanes = lanes
  }

  /** Adds a task, unless its idempotency key is taken. Gives the row's number too. */
  add(transaction: Transaction, written: WrittenTask, now: number): Offered & { readonly seq: number } {
    const { id, idempotencyKey, name } = written.task
    if (idempotencyKey !== undefined) {
      const earlier = transaction.get(byKey, pairOf(name, idempotencyKey))
      if (earlier !== undefined) {
        const expired = earlier.expiresAt !== undefined && earlier.expiresAt <= now
        if (!expired) return { id: earlier.id, created: false, seq: earlier.seq }
        transaction.run(deleteRow, earlier.seq)
      }
    }
    transaction.announceWork()
    transaction.announceChange()
    try {
      return { id, created: true, seq: this.insert(transaction, written, now) }
    } catch (error) {
      // What somebody has only recorded so far is now a task that is run.
      if (transaction.run("DELETE FROM strand_tasks WHERE id = ? AND recorded = 1", id) === 0) throw error
      return { id, created: true, seq: this.insert(transaction, written, now) }
    }
  }

  private insert(transaction: Transaction, { row, task }: WrittenTask, now: number): number {
    const status = task.runAt > now ? Status.scheduled : Status.pending
    return transaction.insert(insertOffered, this.lanes.of(transaction, task.queue, task.name).id, status, ...row)
  }

  /** Puts tasks whose time has come among the pending ones. Gives the time of the next one. */
  promoteDue(transaction: Transaction, now: number): number | undefined {
    const first = transaction.one(nextDue)
    if (first === undefined || first > now) return first
    transaction.run(promote, now)
    transaction.announceChangeLater()
    return transaction.one(nextDue)
  }

  /** Ends a claimed task. False when the claim has been lost. */
  finishClaimed(transaction: Transaction, claim: ClaimedTask, status: number, exit: string | Uint8Array): boolean {
    const { concurrencyKey, queue, seq, token } = claim
    const now = Date.now()
    const kept = storedTimeToLive(transaction)
    if (transaction.run(endClaimed, status, exit, now, kept, now, kept, seq, token) === 0) return false
    transaction.announceChange()
    // A place has come free: other tasks of a limited queue, or of the same key, may be waiting for it.
    if (concurrencyKey !== undefined) this.unpark(transaction, seq)
    if (this.lanes.isLimited(queue)) transaction.announceWork()
    return true
  }

  /** Writes what a claimed task reports. */
  progress(transaction: Transaction, { seq, token }: ClaimedTask, value: string | Uint8Array): void {
    transaction.run(setProgress, value, seq, token)
    transaction.announceChange()
  }

  /** Ends a task whoever has it. Its exit is all JSON. */
  finish(transaction: Transaction, seq: number, status: number, exit: EncodedExit): void {
    const now = Date.now()
    const kept = storedTimeToLive(transaction)
    const written = transaction.settings.serialization.encode(exit, true)
    transaction.run(endAny, status, written, now, kept, now, kept, seq)
    this.leave(transaction, seq)
  }

  /** The end of a task that was asked to stop, and has. */
  cancelStopped(transaction: Transaction, { id, name, seq }: Pick<ClaimedTask, "id" | "name" | "seq">): void {
    const { exit } = TaskExit.ofError(new TaskCancelled({ task: name, taskId: id }))
    this.finish(transaction, seq, Status.cancelled, exit)
  }

  /** Gives a running task back. The attempt counts when its reader crashed. */
  release(transaction: Transaction, seq: number, counts: boolean): void {
    transaction.run(giveBack, counts ? 0 : 1, seq)
    this.leave(transaction, seq)
  }

  /** Lets a task wait for its next attempt. */
  retryLater(transaction: Transaction, seq: number, runAt: number, failure: string | Uint8Array): void {
    transaction.run(setRetry, runAt > Date.now() ? Status.scheduled : Status.pending, runAt, failure, seq)
    this.leave(transaction, seq)
  }

  /** Whether the task of a claim has been asked to stop; undefined when the claim has been lost. */
  cancelRequested(transaction: Transaction, { seq, token }: ClaimedTask): boolean | undefined {
    return transaction.get(stillClaimed, seq, token)?.cancelRequested
  }

  /** A task does not run any more. */
  private leave(transaction: Transaction, seq: number): void {
    this.unpark(transaction, seq)
    transaction.announceChange()
    transaction.announceWork()
  }

  /**
   * A task has left its place: the next ones with its concurrency key wait no more. There is one of each name in the queue,
   * since not every reader can run every name; those that find the place taken are parked again.
   */
  private unpark(transaction: Transaction, seq: number): void {
    const left = transaction.get(place, seq)
    if (left?.concurrencyKey === undefined) return
    for (const lane of this.lanes.all) {
      if (lane.queue === left.queue) transaction.run(unparkOne, left.concurrencyKey, lane.id)
    }
  }

  /** All that waits for a key is looked at again, as after a change of the limit. */
  unparkAll(transaction: Transaction): void {
    transaction.run(unparkAll)
    transaction.announceWork()
  }

  /**
   * Cancels a task: at once when nobody runs it, otherwise by a signal to who does. False when there is nothing to
   * cancel.
   */
  cancel(transaction: Transaction, id: string, exit: EncodedExit | undefined): boolean {
    const task = transaction.get(whoHas, id)
    if (task === undefined || isOver(task.state)) return false
    if (task.state !== Status.running) {
      if (exit === undefined) this.cancelStopped(transaction, task)
      else this.finish(transaction, task.seq, Status.failed, exit)
      return true
    }
    if (task.recorded) return false
    transaction.run("UPDATE strand_tasks SET cancel_requested = 1 WHERE seq = ?", task.seq)
    this.signal(transaction, task)
    return true
  }

  /** Tells who runs a task that it is to be stopped, or not its own any more. */
  private signal(transaction: Transaction, { id, session, token }: HeldTask): void {
    transaction.run("INSERT INTO strand_signals (session, id, token) VALUES (?, ?, ?)", session ?? null, id, token)
    transaction.announceWork()
  }

  /** Puts a failed or cancelled task back, as new. */
  retry(transaction: Transaction, id: string, now: number): boolean {
    if (transaction.run(renew, now, id) === 0) return false
    transaction.announceChange()
    transaction.announceWork()
    return true
  }

  /** Writes a record, in place of the one with its id. `session` holds the records of what runs elsewhere. */
  put(transaction: Transaction, record: NewRecord, session: number, now: number): void {
    const { settings } = transaction
    const [stored] = storedAs(record.status)
    const waits = record.status === "pending" || record.status === "scheduled"
    const timeToLive = record.timeToLive ?? settings.timeToLive
    const keeps = timeToLive === Infinity ? undefined : (record.finishedAt ?? now) + timeToLive
    const row = whole.write(
      {
        ...record,
        lane: this.lanes.of(transaction, record.queue, record.name).id,
        // What somebody else queues is not for readers: it is shown as pending, and in no index that a claim looks at.
        state: waits ? Status.parked : stored!,
        session: record.status === "running" ? session : undefined,
        recorded: true,
        expiresAt: isOver(stored!) ? (record.expiresAt ?? keeps) : undefined
      },
      settings
    )
    if (transaction.run(putWhole, ...row) === 0) {
      throw new Error(`task ${record.id} is one that readers run, which have its record`)
    }
    transaction.announceChange()
  }

  /** Removes a task. What runs it is told that it has lost it. */
  remove(transaction: Transaction, id: string): boolean {
    const task = transaction.get(whoHas, id)
    if (task === undefined) return false
    if (task.state === Status.running) {
      this.signal(transaction, task)
      transaction.run("UPDATE strand_tasks SET status = ? WHERE seq = ?", Status.cancelled, task.seq)
      this.leave(transaction, task.seq)
    }
    transaction.announceChange()
    return transaction.run(deleteRow, task.seq) === 1
  }
}

/** The store's time to live, as rows have it. */
const storedTimeToLive = ({ settings }: Transaction): number =>
  settings.timeToLive === Infinity ? -1 : settings.timeToLive
