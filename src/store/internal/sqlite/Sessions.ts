/**
 * Who uses a database now: the readers, the listeners and the recorders of all processes.
 *
 * A session is a row with a lease that its heartbeat extends. Claims belong to a session, so that one small write keeps
 * all of a reader's claims. Sessions look after each other: a session whose process is gone, or whose lease is over, is
 * ended by the next that looks, and what it held goes back.
 */
import * as TaskExit from "../../../internal/values/TaskExit.ts"
import { WorkerCrashed } from "../../../TaskError.ts"
import type { Database } from "./Database.ts"
import * as ProcessIdentity from "./ProcessIdentity.ts"
import { recount } from "./Schema.ts"
import { insertInto, number, query, text, value } from "./Statements.ts"
import { Status } from "./Status.ts"
import { select } from "./TaskTable.ts"
import type { Reader, Transaction } from "./Transaction.ts"
import type { Transitions } from "./Transitions.ts"

/** What a session is there for: to run tasks, to hear of changes, or to keep records of what runs elsewhere. */
export type Kind = "consumer" | "listener" | "recorder"

/** How often sessions look whether others are gone, in milliseconds. */
const watchInterval = 500

/** How long a session that has no lease of its own lives without a heartbeat, in milliseconds. */
const defaultLease = 30_000

/** A session of this process. */
export interface Session {
  /** Its row; 0 until it is written, and when it has been ended by others. */
  id: number
  readonly kind: Kind
  readonly worker: string
  readonly lease: number
  /** Called when others have ended the session, after which it has a new row. */
  readonly onLost: () => void
  beatAt: number
}

const isThere = value("SELECT 1 FROM strand_sessions WHERE id = ? AND worker = ?", number)

const workerOf = value("SELECT worker FROM strand_sessions WHERE id = ?", text)

const countSessions = `UPDATE strand_state SET ${recount}`

const extend = "UPDATE strand_sessions SET lease_until = ? WHERE id = ? AND worker = ?"

const insertSession = insertInto("strand_sessions", ["kind", "worker", "host", "pid", "started_at", "lease_until"])

const everybody = query("SELECT id, host, pid, started_at, lease_until FROM strand_sessions", {
  id: number,
  host: text,
  pid: number,
  startedAt: number,
  leaseUntil: number
})

const held = select(
  ["seq", "id", "name", "recorded", "cancelRequested", "attempts", "maxAttempts"],
  `WHERE session = ? AND status = ${Status.running} ORDER BY priority, seq`
)

let counter = 0

/** Makes a session, to be opened. */
export const make = (kind: Kind, lease = defaultLease, onLost = () => {}): Session => ({
  id: 0,
  kind,
  worker: `${ProcessIdentity.self.host.split("/")[0]}/${process.pid}/${++counter}`,
  lease,
  onLost,
  beatAt: 0
})

/** The sessions of a store, and the watch over those of others. */
export class Sessions {
  private readonly db: Database
  private readonly transitions: Transitions
  /** The sessions of this store. */
  readonly own = new Set<Session>()
  private timer: NodeJS.Timeout | undefined
  /** Called now and then while there are sessions. */
  private readonly onTick: (reader: Reader) => void

  constructor(db: Database, transitions: Transitions, onTick: (reader: Reader) => void) {
    this.db = db
    this.transitions = transitions
    this.onTick = onTick
  }

  /** How many sessions of a kind are this store's own. */
  count(kind: Kind): number {
    let count = 0
    for (const session of this.own) if (session.kind === kind && session.id > 0) count++
    return count
  }

  /** Writes a session. */
  open(transaction: Transaction, session: Session): void {
    this.insert(transaction, session)
    this.own.add(session)
    if (this.timer === undefined) {
      this.timer = setInterval(() => this.tick(), watchInterval).unref()
    }
  }

  private insert(transaction: Transaction, session: Session): void {
    const { host, pid, startedAt } = ProcessIdentity.self
    const { kind, lease, worker } = session
    session.beatAt = Date.now()
    session.id = transaction.insert(insertSession, kind, worker, host, pid, startedAt, session.beatAt + lease)
    transaction.run(countSessions)
  }

  /**
   * Opens a session again that others have ended, because this process was held up for longer than its lease. True when
   * they had: what it held is not its own any more. What is written in its name is written after this, in the same
   * transaction: claims of a session that is not there would never come back.
   */
  revive(transaction: Transaction, session: Session): boolean {
    if (this.isOpen(transaction, session)) return false
    this.insert(transaction, session)
    return true
  }

  /** A row may have been rolled back, and its number given to another session. */
  private isOpen(reader: Reader, { id, worker }: Session): boolean {
    return reader.get(isThere, id, worker) !== undefined
  }

  /** Ends a session of this store and gives back what it holds. */
  end(transaction: Transaction, session: Session): void {
    if (this.isOpen(transaction, session)) this.remove(transaction, session.id, false)
  }

  /** To be called when the end of a session has been committed. */
  forget(session: Session): void {
    this.own.delete(session)
    if (this.own.size > 0) return
    clearInterval(this.timer)
    this.timer = undefined
  }

  /** Removes a session's row. With `crashed`, the attempts of its tasks count, and may have been their last. */
  private remove(transaction: Transaction, id: number, crashed: boolean): void {
    const worker = transaction.get(workerOf, id)
    if (worker === undefined) return
    for (const task of transaction.all(held, id)) {
      if (task.cancelRequested) {
        this.transitions.cancelStopped(transaction, task)
      } else if (task.recorded || (crashed && task.attempts >= task.maxAttempts)) {
        const detail = task.recorded
          ? "the program that recorded it has ended"
          : `attempt ${task.attempts} was its last`
        const error = new WorkerCrashed({ task: task.name, taskId: task.id, worker, reason: "Lost", detail })
        this.transitions.finish(transaction, task.seq, Status.failed, TaskExit.ofError(error).exit)
      } else {
        this.transitions.release(transaction, task.seq, crashed)
      }
    }
    transaction.run("DELETE FROM strand_signals WHERE session = ?", id)
    transaction.run("DELETE FROM strand_sessions WHERE id = ?", id)
    transaction.run(countSessions)
  }

  private tick(): void {
    const now = Date.now()
    for (const session of this.own) {
      if (session.id > 0 && now - session.beatAt >= session.lease / 3) this.beat(session, now)
    }
    this.db.look((reader) => {
      // It may have ended meanwhile.
      if (this.timer === undefined) return
      this.watchOthers(reader)
      this.onTick(reader)
    })
  }

  private beat(session: Session, now: number): void {
    session.beatAt = now
    this.db.send("extend a lease", (transaction) => {
      if (transaction.run(extend, Date.now() + session.lease, session.id, session.worker) > 0) return
      if (this.own.has(session)) this.insert(transaction, session)
      transaction.afterCommit(session.onLost)
    })
  }

  private watchOthers(reader: Reader): void {
    if (this.gone(reader).length === 0) return
    this.db.send("take over from a reader that is gone", (transaction) => {
      // Looked up again: another may have been faster, or the heartbeat has come after all.
      for (const id of this.gone(transaction)) this.remove(transaction, id, true)
    })
  }

  private gone(reader: Reader): ReadonlyArray<number> {
    const now = Date.now()
    const own = new Set(Array.from(this.own, ({ id }) => id))
    return reader
      .all(everybody)
      .filter((other) => !own.has(other.id) && (other.leaseUntil < now || ProcessIdentity.isGone(other)))
      .map(({ id }) => id)
  }
}
