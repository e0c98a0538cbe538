/**
 * One SQLite connection, as what {@link GroupCommit} commits to.
 *
 * `node:sqlite` is synchronous, and a transaction costs more than a row, so what is asked of a connection is gathered and
 * committed together.
 */
import type * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type { DatabaseSync } from "node:sqlite"
import type { StoreFailure } from "../../../TaskError.ts"
import { type CommitFailure, type Engine, GroupCommit } from "../GroupCommit.ts"
import { type Done, execWhenFree, Statements } from "./Statements.ts"
import { Reader, type Settings, Transaction } from "./Transaction.ts"

/** What makes the changes of a transaction durable beside, or in place of, the database itself. */
export interface Medium {
  /** Gets the database to itself, and what others have written. Calls back once, now or later. */
  readonly acquire: (done: Done) => void
  /** Writes what the open transaction has changed. Calls back once, now or later. */
  readonly persist: (done: Done) => void
  /** Ends what `acquire` began. */
  readonly release: () => void
}

/** Of a database that is durable by itself. */
const itself: Medium = { acquire: (done) => done(), persist: (done) => done(), release: () => {} }

type WithTransaction = (transaction: Transaction) => void

/** What a connection tells who has opened it. */
export interface Events {
  /** A transaction has begun that changes something. */
  readonly begun: WithTransaction
  /** A transaction is committed, and its operations are about to complete. */
  readonly committed: WithTransaction
  /** Something has failed that nobody waits for. */
  readonly failed: (cause: Cause.Cause<StoreFailure>) => void
  /** There has been no commit for some time, and this many in all. */
  readonly quiet?: ((commits: number) => void) | undefined
}

/** After how long without a commit there is time for upkeep, in milliseconds. */
const quietAfter = 250

/** The transactions of a connection. */
export class ConnectionEngine implements Engine<Transaction> {
  readonly reader: Reader
  readonly events: Events
  private readonly connection: DatabaseSync
  private readonly medium: Medium
  private readonly statements: Statements
  private readonly settings: Settings
  private commits = 0
  private committedAt = 0
  private quietTimer: NodeJS.Timeout | undefined

  constructor(connection: DatabaseSync, medium = itself, settings: Settings, events: Events) {
    this.connection = connection
    this.medium = medium
    this.events = events
    this.settings = settings
    this.statements = new Statements(connection)
    this.reader = new Reader(this.statements, settings)
  }

  /** Whether all that others have written can be read now, and nothing that is not committed. */
  get isCurrent(): boolean {
    return this.medium === itself && !this.connection.isTransaction
  }

  begin(writes: boolean, begun: WithTransaction, failed: (error: unknown) => void): void {
    this.medium.acquire((failure) => {
      if (failure !== undefined) return failed(failure.error)
      const transaction = new Transaction(this.statements, this.settings, writes)
      if (writes) this.open(transaction, begun, failed)
      else begun(transaction)
    })
  }

  private open(transaction: Transaction, begun: WithTransaction, failed: (error: unknown) => void): void {
    execWhenFree(this.connection, "BEGIN IMMEDIATE", (failure) => {
      if (failure !== undefined) {
        this.medium.release()
        return failed(failure.error)
      }
      try {
        this.events.begun(transaction)
      } catch (error) {
        this.undo(transaction)
        return failed(error)
      }
      begun(transaction)
    })
  }

  commit(transaction: Transaction, committed: WithTransaction, failed: (failure: CommitFailure) => void): void {
    if (!transaction.writes) {
      this.medium.release()
      return committed(transaction)
    }
    this.medium.persist((failure) => {
      try {
        if (failure !== undefined) throw failure.error
        this.connection.exec("COMMIT")
      } catch (error) {
        this.undo(transaction)
        return failed({ error, undone: true })
      }
      this.awaitQuiet()
      this.medium.release()
      committed(transaction)
    })
  }

  rollback(transaction: Transaction, undone: () => void): void {
    this.undo(transaction)
    undone()
  }

  private undo(transaction: Transaction): void {
    try {
      this.connection.exec("ROLLBACK")
    } catch {
      // SQLite rolls back by itself when it runs out of space or memory: there is no transaction to end then.
    }
    transaction.hasRolledBack()
    this.medium.release()
  }

  announce(transaction: Transaction): void {
    if (!transaction.writes) return
    transaction.hasCommitted()
    this.events.committed(transaction)
  }

  private awaitQuiet(): void {
    const { quiet } = this.events
    this.commits++
    this.committedAt = performance.now()
    if (quiet === undefined || this.quietTimer !== undefined) return
    const look = () => {
      const left = this.committedAt + quietAfter - performance.now()
      this.quietTimer = left > 1 ? setTimeout(look, left).unref() : undefined
      if (this.quietTimer === undefined) quiet(this.commits)
    }
    this.quietTimer = setTimeout(look, quietAfter).unref()
  }

  close(): void {
    clearTimeout(this.quietTimer)
  }
}

/** What can be done with a connection. Operations are functions over a {@link Transaction}, or a {@link Reader}. */
export class Database extends GroupCommit<Transaction, Reader> {
  private readonly connection: ConnectionEngine

  constructor(connection: ConnectionEngine) {
    super(connection)
    this.connection = connection
  }

  /** A {@link write} that nobody waits for. Its failure is told to who has opened the connection. */
  send(name: string, run: (transaction: Transaction) => void, failed?: () => void): void {
    this.post(name, run, (exit) => {
      if (Exit.isSuccess(exit)) return
      // Once the store is closed there is nothing left to be done.
      if (!this.closed) this.connection.events.failed(exit.cause)
      failed?.()
    })
  }

  /** Reads what is committed: in place where it can be read at once. What fails is tried again at the next occasion. */
  look(read: (reader: Reader) => void): void {
    if (this.connection.isCurrent) read(this.connection.reader)
    else this.postRead("look for what others have written", read, () => {})
  }

  override close(done: () => void): void {
    super.close(() => {
      this.connection.close()
      done()
    })
  }
}
