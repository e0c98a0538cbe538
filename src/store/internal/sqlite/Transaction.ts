/**
 * Reading a store, and changing it: two values, without which nothing can be done to it.
 *
 * A {@link Transaction} is handed out by the {@link Database} when it has begun one, and what has to be done in one takes it
 * as its first argument. It collects what is to be announced, which is done when it is committed and forgotten when it is
 * rolled back. A {@link Reader} only reads.
 */
import type { Serialization } from "../../Serialization.ts"
import type { Parameter, Query, Statements } from "./Statements.ts"

/** A queue and the name of a task: see {@link Lanes}. */
export interface Lane {
  readonly id: number
  readonly queue: string
  readonly name: string
}

/** What holds for all that is read from a store and written into it. */
export interface Settings {
  readonly serialization: Serialization
  /** How long records are kept that do not say so themselves, in milliseconds. */
  readonly timeToLive: number
  /** The lane of a row. */
  readonly laneOf: (reader: Reader, id: number) => Lane
}

/** A connection that is read. */
export class Reader {
  readonly settings: Settings
  protected readonly statements: Statements

  constructor(statements: Statements, settings: Settings) {
    this.statements = statements
    this.settings = settings
  }

  /** The first row. */
  get<A>(query: Query<A, Reader>, ...values: ReadonlyArray<Parameter>): A | undefined {
    const row = this.statements.prepare(query.sql).get(...values)
    return row === undefined ? undefined : query.read(row, this)
  }

  /** The row of a statement that always has one. */
  one<A>(query: Query<A, Reader>, ...values: ReadonlyArray<Parameter>): A {
    return query.read(this.statements.prepare(query.sql).get(...values)!, this)
  }

  all<A>(query: Query<A, Reader>, ...values: ReadonlyArray<Parameter>): Array<A> {
    const rows = this.statements.prepare(query.sql).all(...values)
    return rows.map((row) => query.read(row, this))
  }

  lane(id: number): Lane {
    return this.settings.laneOf(this, id)
  }
}

/** A transaction that has begun. */
export class Transaction extends Reader {
  /** Whether it changes anything. */
  readonly writes: boolean
  /** How many readers and listeners of all processes there were when it began. */
  others = { consumers: 0, listeners: 0 }
  bringsWork = false
  bringsNews: "none" | "later" | "now" = "none"
  private committed: Array<() => void> | undefined
  private rolledBack: Array<() => void> | undefined

  constructor(statements: Statements, settings: Settings, writes: boolean) {
    super(statements, settings)
    this.writes = writes
  }

  /** Runs a statement, and gives how many rows it has changed. */
  run(sql: string, ...values: ReadonlyArray<Parameter>): number {
    return Number(this.statements.prepare(sql).run(...values).changes)
  }

  /** Runs a statement, and gives the number of the row that it has made. */
  insert(sql: string, ...values: ReadonlyArray<Parameter>): number {
    return Number(this.statements.prepare(sql).run(...values).lastInsertRowid)
  }

  /** Runs a statement, and gives the rows that it has changed. */
  change<A>(statement: Query<A, Reader, true>, ...values: ReadonlyArray<Parameter>): Array<A> {
    const rows = this.statements.prepare(statement.sql).all(...values)
    return rows.map((row) => statement.read(row, this))
  }

  // --- what it announces ---------------------------------------------------------------------------------------------

  /** There is work for readers, or a signal. */
  announceWork(): void {
    this.bringsWork = true
  }

  /** Tasks have changed. */
  announceChange(): void {
    this.bringsNews = "now"
  }

  /** Tasks have changed in a way that is not urgent: that a task runs is no great news, and its end may follow at once. */
  announceChangeLater(): void {
    if (this.bringsNews === "none") this.bringsNews = "later"
  }

  /** Does something when the transaction is committed. */
  afterCommit(run: () => void): void {
    this.committed ??= []
    this.committed.push(run)
  }

  /** Does something when the transaction is rolled back: for what memory has learned of its changes. */
  afterRollback(run: () => void): void {
    this.rolledBack ??= []
    this.rolledBack.push(run)
  }

  /** To be called by who has committed it. */
  hasCommitted(): void {
    if (this.committed !== undefined) for (const run of this.committed) run()
  }

  /** To be called by who has rolled it back. */
  hasRolledBack(): void {
    if (this.rolledBack !== undefined) for (const run of this.rolledBack) run()
  }
}
