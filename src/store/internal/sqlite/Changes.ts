/**
 * What happens to tasks, for those in this process who want to know.
 *
 * The log of changes is read from where it was left, after each commit of this process and at each ring of another's
 * bell. Nobody listening costs nothing: no log is written then.
 */
import type { TaskChange, TaskEvent } from "../../TaskStore.ts"
import { startLogging, stopLogging } from "./Schema.ts"
import { number, optional, query, text, value } from "./Statements.ts"
import { Change, isOver, statusOf } from "./Status.ts"
import { select } from "./TaskTable.ts"
import type { Reader, Transaction } from "./Transaction.ts"

type Observer = (change: TaskChange) => void

/** How many rows of the log are read at once. */
const page = 1_000

/** How much of the log is kept for those who are slow to read it: so many rows, and all of the last minute. */
const keptRows = 100_000

/** How many rows are removed from it in one transaction. */
const prunedRows = 2_000

const lastNumber = value("SELECT max(seq) FROM sqlite_sequence WHERE name = 'strand_changes'", optional(number))

const ends = query("SELECT min(seq), max(seq) FROM strand_changes", {
  first: optional(number),
  last: optional(number)
})

const oldest = value("SELECT at FROM strand_changes ORDER BY seq LIMIT 1", number)

const newRows = query("SELECT seq, task, change, at FROM strand_changes WHERE seq > ? ORDER BY seq LIMIT ?", {
  seq: number,
  task: number,
  change: number,
  at: number
})

const byId = select(["seq", "state"], "WHERE id = ?")

const nameOf = select(["id", "name"], "WHERE seq = ?")

const attemptsOf = select(["attempts"], "WHERE seq = ?")

const progressOf = select(["progress"], "WHERE seq = ? AND progress IS NOT NULL")

const exitOf = select(["exit"], "WHERE seq = ?")

const idOf = value("SELECT id FROM strand_tasks WHERE seq = ?", text)

/** The log of one database, as this process reads it. */
export class Changes {
  /** Calls back with a reader when the log can be read. */
  private readonly look: (read: (reader: Reader) => void) => void
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

  constructor(look: (read: (reader: Reader) => void) => void) {
    this.look = look
  }

  /** Makes this connection log what it does, while anybody wants to know. */
  log(transaction: Transaction, wanted: boolean): void {
    if (wanted === this.logging) return
    transaction.afterRollback(() => {
      this.logging = !wanted
    })
    this.logging = wanted
    for (const statement of wanted ? startLogging : stopLogging) transaction.run(statement)
  }

  /** Begins to read the log at its end, in the transaction that opens the listener's session. */
  begin(transaction: Transaction): void {
    const position = transaction.one(lastNumber) ?? 0
    transaction.afterCommit(() => {
      this.position = position
    })
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
  added(transaction: Transaction, id: string, seq: number): void {
    if (this.observers.has(id)) transaction.afterCommit(() => this.locate(id, seq))
  }

  private locate(id: string, seq: number): void {
    if (!this.observers.has(id)) return
    this.ids.set(seq, id)
    this.unlocated.delete(id)
  }

  /** Finds the row of an observed task that was there before. */
  find(transaction: Transaction, id: string): void {
    const found = transaction.get(byId, id)
    if (found !== undefined) this.added(transaction, id, found.seq)
  }

  /** Reads what is new in the log, and tells who wants to know. */
  readonly read = (reader: Reader): void => {
    if (this.position < 0 || this.reading) return
    const rows = reader.all(newRows, this.position, page)
    const [first] = rows
    if (first === undefined) return
    const missed = first.seq > this.position + 1
    this.position = rows.at(-1)!.seq
    if (missed) this.readAll(reader)
    for (const { at, change, task } of rows) this.tell(reader, task, change, at)
    if (rows.length < page) return
    this.reading = true
    setImmediate(() => {
      this.reading = false
      this.look(this.read)
    })
  }

  /** A part of the log was removed before this process has read it: every observed task is looked at. */
  private readAll(reader: Reader): void {
    for (const id of this.observers.keys()) {
      const found = reader.get(byId, id)
      if (found === undefined) continue
      this.ids.set(found.seq, id)
      this.tell(reader, found.seq, found.state, Date.now())
    }
  }

  private tell(reader: Reader, seq: number, change: number, at: number): void {
    const id = this.ids.get(seq) ?? this.locateRow(reader, seq)
    const observers = id === undefined ? undefined : this.observers.get(id)
    if (observers !== undefined) {
      const told = this.changeOf(reader, seq, change)
      if (told !== undefined) for (const observer of Array.from(observers)) observer(told)
    }
    if (id !== undefined && (observers === undefined || change === Change.removed)) this.ids.delete(seq)
    if (this.listeners.size > 0 && change < Change.progress) this.tellListeners(reader, seq, change, at)
  }

  /** The observed task that is in a row, if its row was not known yet. */
  private locateRow(reader: Reader, seq: number): string | undefined {
    if (this.unlocated.size === 0) return undefined
    const id = reader.get(idOf, seq)
    if (id === undefined || !this.unlocated.has(id)) return undefined
    this.locate(id, seq)
    return id
  }

  private changeOf(reader: Reader, seq: number, change: number): TaskChange | undefined {
    if (change === Change.removed) return { _tag: "Removed" }
    if (change === Change.progress) {
      const found = reader.get(progressOf, seq)
      return found === undefined ? undefined : { _tag: "Progress", value: found.progress }
    }
    const status = statusOf(change)
    if (isOver(change)) {
      const exit = reader.get(exitOf, seq)?.exit
      // It may have been put back since.
      return exit === undefined ? undefined : { _tag: "Settled", status, exit }
    }
    const found = reader.get(attemptsOf, seq)
    // It may have been removed since, which the log says further on.
    return found === undefined ? undefined : { _tag: "Status", status, attempts: found.attempts }
  }

  private tellListeners(reader: Reader, seq: number, change: number, at: number): void {
    const found = reader.get(nameOf, seq)
    if (found === undefined) return
    const event: TaskEvent = { ...found, status: statusOf(change), at }
    for (const listener of this.listeners) listener(event)
  }

  /** Removes a part of the log that nobody needs. False when there is none. */
  prune(transaction: Transaction, now: number): boolean {
    const { first, last } = transaction.one(ends)
    if (first === undefined || last === undefined) return false
    const spare = last - keptRows
    const until = first + prunedRows
    if (spare > first) {
      transaction.run("DELETE FROM strand_changes WHERE seq < ?", Math.min(until, spare))
      return true
    }
    return transaction.run("DELETE FROM strand_changes WHERE seq < ? AND at < ?", until, now - 60_000) === prunedRows
  }

  /** Whether {@link prune} would find something. */
  isPrunable(reader: Reader): boolean {
    const first = reader.get(oldest)
    return first !== undefined && first < Date.now() - 60_000
  }
}
