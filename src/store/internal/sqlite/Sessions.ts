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
import { Status } from "./Schema.ts"
import type { Transitions } from "./Transitions.ts"

/** What a session is there for: to run tasks, to hear of changes, or to keep records of what runs elsewhere. */
export type Kind = "consumer" | "listener" | "recorder"

/** How often sessions look whether others are gone, in milliseconds. */
const watchInterval = 500

/** How long a session that has no lease of its own lives without a heartbeat, in milliseconds. */
export const defaultLease = 30_000

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

let counter = 0

/** Makes a session, to be opened. */
export const make = (kind: Kind, lease: number, onLost: () => void): Session => ({
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
  private readonly own = new Set<Session>()
  private timer: NodeJS.Timeout | undefined
  /** Called now and then while there are sessions. */
  onTick: () => void = () => {}
  /** Called when claims of others have come back. */
  onTakeover: () => void = () => {}

  constructor(db: Database, transitions: Transitions) {
    this.db = db
    this.transitions = transitions
  }

  /** The sessions of this store. */
  get all(): ReadonlyArray<Session> {
    return Array.from(this.own)
  }

  /** How many sessions of a kind are this store's own. */
  count(kind: Kind): number {
    let count = 0
    for (const session of this.own) if (session.kind === kind && session.id > 0) count++
    return count
  }

  /** Writes a session. To be run in a transaction. */
  open(session: Session): void {
    this.insert(session)
    this.own.add(session)
    if (this.timer === undefined) {
      this.timer = setInterval(() => this.tick(), watchInterval)
      this.timer.unref()
    }
  }

  private insert(session: Session): void {
    const { host, pid, startedAt } = ProcessIdentity.self
    session.beatAt = Date.now()
    session.id = Number(
      this.db
        .prepare(
          `INSERT INTO strand_sessions (kind, worker, host, pid, started_at, lease_until) VALUES (?, ?, ?, ?, ?, ?)`
        )
        .run(session.kind, session.worker, host, pid, startedAt, session.beatAt + session.lease).lastInsertRowid
    )
    this.recount()
  }

  /**
   * Opens a session again that others have ended, because this process was held up for longer than its lease. True when
   * they had: what it held is not its own any more. What is written in its name is written after this, in the same
   * transaction: claims of a session that is not there would never come back.
   */
  revive(session: Session): boolean {
    if (this.isOpen(session)) return false
    this.insert(session)
    return true
  }

  /** A row may have been rolled back, and its number given to another session. */
  private isOpen({ id, worker }: Session): boolean {
    return this.db.prepare("SELECT 1 FROM strand_sessions WHERE id = ? AND worker = ?").get(id, worker) !== undefined
  }

  /** Ends a session of this store and gives back what it holds. To be run in a transaction. */
  end(session: Session): void {
    if (this.isOpen(session)) this.remove(session.id, false)
  }

  /** To be called when the end of a session has been committed. */
  forget(session: Session): void {
    this.own.delete(session)
    if (this.own.size > 0) return
    clearInterval(this.timer)
    this.timer = undefined
  }

  private recount(): void {
    this.db
      .prepare(
        `UPDATE strand_state SET
          consumers = (SELECT count(*) FROM strand_sessions WHERE kind = 'consumer'),
          listeners = (SELECT count(*) FROM strand_sessions WHERE kind = 'listener')`
      )
      .run()
  }

  /** Removes a session's row. With `crashed`, the attempts of its tasks count, and may have been their last. */
  private remove(id: number, crashed: boolean): void {
    const worker = this.db.prepare("SELECT worker FROM strand_sessions WHERE id = ?").get(id)?.["worker"]
    if (worker === undefined) return
    const tasks = this.db
      .prepare(
        `SELECT t.seq, t.id, t.token, t.recorded, t.cancel_requested, t.attempts, t.max_attempts, l.name
         FROM strand_tasks t JOIN strand_lanes l ON l.id = t.lane
         WHERE t.session = ? AND t.status = ${Status.running} ORDER BY t.priority, t.seq`
      )
      .all(id)
    for (const task of tasks) {
      const seq = task["seq"] as number
      const spent = (task["attempts"] as number) >= (task["max_attempts"] as number)
      if (task["cancel_requested"] === 1) {
        this.transitions.cancelStopped(seq, task["name"] as string, task["id"] as string)
      } else if (task["recorded"] === 1 || (crashed && spent)) {
        const error = new WorkerCrashed({
          task: task["name"] as string,
          taskId: task["id"] as string,
          worker: worker as string,
          reason: "Lost",
          detail:
            task["recorded"] === 1
              ? "the program that recorded it has ended"
              : `attempt ${String(task["attempts"])} was its last`
        })
        this.transitions.finish(seq, Status.failed, TaskExit.ofError(error).exit, true)
      } else {
        this.transitions.release(seq, crashed)
      }
    }
    this.db.prepare("DELETE FROM strand_signals WHERE session = ?").run(id)
    this.db.prepare("DELETE FROM strand_sessions WHERE id = ?").run(id)
    this.recount()
  }

  private tick(): void {
    const now = Date.now()
    for (const session of this.own) {
      if (session.id > 0 && now - session.beatAt >= session.lease / 3) this.beat(session, now)
    }
    this.db.refresh(() => {
      // It may have ended meanwhile.
      if (this.timer === undefined) return
      this.watchOthers(Date.now())
      this.onTick()
    })
  }

  private beat(session: Session, now: number): void {
    session.beatAt = now
    let lost = false
    const write = () => {
      const { changes } = this.db
        .prepare("UPDATE strand_sessions SET lease_until = ? WHERE id = ? AND worker = ?")
        .run(Date.now() + session.lease, session.id, session.worker)
      lost = changes === 0
      if (lost && this.own.has(session)) this.insert(session)
    }
    this.db.post("extend a lease", write, () => {
      if (lost) session.onLost()
    })
  }

  private watchOthers(now: number): void {
    const gone = this.gone(now)
    if (gone.length === 0) return
    this.db.post(
      "take over from a reader that is gone",
      () => {
        // Looked up again: another may have been faster, or the heartbeat has come after all.
        for (const id of this.gone(Date.now())) this.remove(id, true)
      },
      () => this.onTakeover()
    )
  }

  private gone(now: number): ReadonlyArray<number> {
    const ids: Array<number> = []
    const rows = this.db.prepare("SELECT id, host, pid, started_at, lease_until FROM strand_sessions").all()
    for (const row of rows) {
      const id = row["id"] as number
      if (this.isOwn(id)) continue
      const identity = {
        host: row["host"] as string,
        pid: row["pid"] as number,
        startedAt: row["started_at"] as number
      }
      if ((row["lease_until"] as number) < now || ProcessIdentity.isGone(identity)) ids.push(id)
    }
    return ids
  }

  private isOwn(id: number): boolean {
    for (const session of this.own) if (session.id === id) return true
    return false
  }
}
