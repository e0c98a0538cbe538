/**
 * What happens to tasks, for those in this process who want to know.
 *
 * The log of changes is read from where it was left, after each commit of this process and at each ring of another's
 * bell. Nobody listening costs nothing: no log is written then.
 */
import type { Serialization } from "../../Serialization.ts"
import type { EncodedExit, TaskChange, TaskEvent } from "../../TaskStore.ts"
import type { Database } from "./Database.ts"
import type { Lanes } from "./Lanes.ts"
import { readValue } from "./Rows.ts"
import { Change, isOver, startLogging, statusOf, stopLogging } from "./Schema.ts"

type Observer = (change: TaskChange) => void

/** How many rows of the log are read at once. */
const page = 1_000

/** How much of the log is kept for those who are slow to read it: so many rows, and all of the last minute. */
const keptRows = 100_000

/** How many rows are removed from it in one transaction. */
const prunedRows = 2_000

/** The log of one database, as this process reads it. */
export class Changes {
  private readonly db: Database
  private readonly lanes: Lanes
  private readonly serialization: Serialization
  /** The observers of each task, by its id. */
  private readonly observers = new Map<string, Set<Observer>>()
  /** The observed tasks by their rows, as far as these are known. */
  private readonly ids = new Map<number, string>()
  /** The observed tasks whose rows are not known. */
  private readonly unlocated = new Set<string>()
  private readonly listeners = new Set<(event: TaskEvent) => void>()
  private position = -1
  private reading = false
  private logging = false

  constructor(db: Database, lanes: Lanes, serialization: Serialization) {
    this.db = db
    this.lanes = lanes
    this.serialization = serialization
  }

  /** Whether anybody wants to know anything. */
  get wanted(): boolean {
    return this.observers.size > 0 || this.listeners.size > 0
  }

  /** Makes this connection log what it does, while anybody wants to know. To be called in a transaction. */
  log(wanted: boolean): void {
    if (wanted === this.logging) return
    this.logging = wanted
    if (wanted) startLogging(this.db.connection)
    else stopLogging(this.db.connection)
  }

  /** The transaction is undone in which logging may have begun or ended. */
  rolledBack(): void {
    const row = this.db.connection.prepare(
      "SELECT count(*) AS count FROM sqlite_temp_master WHERE name LIKE 'strand_log_%'"
    )
    this.logging = (row.get()!["count"] as number) > 0
  }

  /** Begins to read the log at its end. To be run in the transaction that opens the listener's session. */
  begin(): void {
    const row = this.db.prepare("SELECT max(seq) AS seq FROM strand_changes").get()!
    const sequence = this.db.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'strand_changes'").get()
    this.position = Math.max(Number(row["seq"] ?? 0), Number(sequence?.["seq"] ?? 0))
  }

  observe(id: string, observer: Observer): () => void {
    let observers = this.observers.get(id)
    if (observers === undefined) {
      this.observers.set(id, (observers = new Set()))
      this.unlocated.add(id)
    }
    observers.add(observer)
    return () => {
      observers.delete(observer)
      if (observers.size > 0 || this.observers.get(id) !== observers) return
      this.observers.delete(id)
      this.unlocated.delete(id)
    }
  }

  listen(listener: (event: TaskEvent) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Tells which row a task has, which may be an observed one. */
  locate(id: string, seq: number): void {
    if (!this.observers.has(id)) return
    this.ids.set(seq, id)
    this.unlocated.delete(id)
  }

  /** Finds the row of an observed task that was there before. */
  find(id: string): void {
    const row = this.db.prepare("SELECT seq FROM strand_tasks WHERE id = ?").get(id)
    if (row !== undefined) this.locate(id, row["seq"] as number)
  }

  /** Reads what is new in the log, and tells who wants to know. */
  readonly read = (): void => {
    if (this.position < 0 || this.reading) return
    const rows = this.db
      .prepare("SELECT seq, task, change, at FROM strand_changes WHERE seq > ? ORDER BY seq LIMIT ?")
      .all(this.position, page) as unknown as ReadonlyArray<{ seq: number; task: number; change: number; at: number }>
    if (rows.length === 0) return
    const missed = rows[0]!.seq > this.position + 1
    this.position = rows.at(-1)!.seq
    if (missed) this.readAll()
    for (const { at, change, task } of rows) this.tell(task, change, at)
    if (rows.length < page) return
    this.reading = true
    setImmediate(() => {
      this.reading = false
      this.read()
    })
  }

  /** A part of the log was removed before this process has read it: every observed task is looked at. */
  private readAll(): void {
    for (const id of this.observers.keys()) {
      const row = this.db.prepare("SELECT seq, status FROM strand_tasks WHERE id = ?").get(id)
      if (row === undefined) continue
      this.ids.set(row["seq"] as number, id)
      this.tell(row["seq"] as number, row["status"] as number, Date.now())
    }
  }

  private tell(seq: number, change: number, at: number): void {
    const id = this.ids.get(seq) ?? this.locateRow(seq)
    const observers = id === undefined ? undefined : this.observers.get(id)
    if (observers !== undefined) this.tellObservers(seq, change, observers)
    if (id !== undefined && (observers === undefined || change === Change.removed)) this.ids.delete(seq)
    if (this.listeners.size > 0 && change < Change.progress) this.tellListeners(seq, change, at)
  }

  /** The observed task that is in a row, if its row was not known yet. */
  private locateRow(seq: number): string | undefined {
    if (this.unlocated.size === 0) return undefined
    const id = this.db.prepare("SELECT id FROM strand_tasks WHERE seq = ?").get(seq)?.["id"] as string | undefined
    if (id === undefined || !this.unlocated.has(id)) return undefined
    this.locate(id, seq)
    return id
  }

  private tellObservers(seq: number, change: number, observers: ReadonlySet<Observer>): void {
    const told = this.changeOf(seq, change)
    if (told !== undefined) for (const observer of Array.from(observers)) observer(told)
  }

  private changeOf(seq: number, change: number): TaskChange | undefined {
    if (change === Change.removed) return { _tag: "Removed" }
    const row = this.db.prepare("SELECT status, attempts, progress, exit FROM strand_tasks WHERE seq = ?").get(seq)
    // It has been removed since, which the log says further on.
    if (row === undefined) return undefined
    if (change === Change.progress) {
      return row["progress"] === null
        ? undefined
        : { _tag: "Progress", value: readValue(this.serialization, row["progress"]) }
    }
    const status = statusOf(change)
    if (!isOver(change)) return { _tag: "Status", status, attempts: row["attempts"] as number }
    // It has been put back since.
    if (row["exit"] === null) return undefined
    return { _tag: "Settled", status, exit: readValue(this.serialization, row["exit"]) as EncodedExit }
  }

  private tellListeners(seq: number, change: number, at: number): void {
    const row = this.db.prepare("SELECT id, lane FROM strand_tasks WHERE seq = ?").get(seq)
    if (row === undefined) return
    const name = this.lanes.get(row["lane"] as number).name
    const event: TaskEvent = { id: row["id"] as string, name, status: statusOf(change), at }
    for (const listener of this.listeners) listener(event)
  }

  /** Removes a part of the log that nobody needs. False when there is none. To be run in a transaction. */
  prune(now: number): boolean {
    const ends = this.db.prepare("SELECT min(seq) AS first, max(seq) AS last FROM strand_changes").get()!
    if (ends["first"] === null) return false
    const first = ends["first"] as number
    const spare = (ends["last"] as number) - keptRows
    const until = first + prunedRows
    if (spare > first) {
      this.db.prepare("DELETE FROM strand_changes WHERE seq < ?").run(Math.min(until, spare))
      return true
    }
    return (
      this.db.prepare("DELETE FROM strand_changes WHERE seq < ? AND at < ?").run(until, now - 60_000).changes ===
      prunedRows
    )
  }

  /** Whether {@link prune} would find something. */
  get prunable(): boolean {
    const first = this.db.prepare("SELECT at FROM strand_changes ORDER BY seq LIMIT 1").get()
    return first !== undefined && (first["at"] as number) < Date.now() - 60_000
  }
}
