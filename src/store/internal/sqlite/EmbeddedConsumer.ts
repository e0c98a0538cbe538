/** A reader's connection to an embedded store: its session, its claims, and what wakes it. */
import * as Effect from "effect/Effect"
import { StoreFailure } from "../../../TaskError.ts"
import type { Claim, Consumer, ConsumerOptions, Settlement } from "../../TaskQueue.ts"
import { isJson } from "../Json.ts"
import type { Bell } from "./Bell.ts"
import { ClaimSelection } from "./ClaimSelection.ts"
import type { Database } from "./Database.ts"
import type { Lanes } from "./Lanes.ts"
import * as Sessions from "./Sessions.ts"
import { number, query, text, value } from "./Statements.ts"
import { Status } from "./Status.ts"
import type { ClaimedTask } from "./TaskTable.ts"
import type { Reader, Settings, Transaction } from "./Transaction.ts"
import type { Transitions } from "./Transitions.ts"

/** The longest wait that a timer can take, in milliseconds. */
const longestTimer = 2 ** 31 - 1

const signals = query("SELECT id, token FROM strand_signals WHERE session = ?", { id: text, token: number })

const tokenOf = value("SELECT token FROM strand_tasks WHERE id = ?", number)

const countWaiting = value(
  `SELECT count(*) FROM (SELECT 1 FROM strand_tasks WHERE status = ${Status.pending} AND lane = ? LIMIT 1000)`,
  number
)

/** What of its store a consumer works with. */
export interface Core {
  readonly db: Database
  readonly settings: Settings
  readonly lanes: Lanes
  readonly transitions: Transitions
  readonly sessions: Sessions.Sessions
}

/** One reader's connection. */
export class EmbeddedConsumer implements Consumer {
  readonly session: Sessions.Session
  private readonly parts: Core
  private readonly options: ConsumerOptions
  private readonly selection: ClaimSelection
  /** What it has claimed and not settled, by the tasks' ids. */
  private readonly held = new Map<string, ClaimedTask>()
  private readonly reports = new Map<ClaimedTask, unknown>()
  private dueTimer: NodeJS.Timeout | undefined
  private poll: NodeJS.Timeout | undefined
  private stopListening = () => {}
  private stopped = false

  constructor(parts: Core, options: ConsumerOptions) {
    this.parts = parts
    this.options = options
    this.selection = new ClaimSelection(parts.lanes, options)
    this.session = Sessions.make("consumer", options.lease, () => this.loseAll())
  }

  /** Its name in records. */
  get worker(): string {
    return this.session.worker
  }

  /** Begins to listen for work. */
  start(bell: Bell): void {
    this.stopListening = bell.listen(() => this.wake())
    this.poll = setInterval(() => this.wake(), this.options.pollInterval).unref()
  }

  stop(): void {
    this.stopped = true
    this.stopListening()
    clearInterval(this.poll)
    clearTimeout(this.dueTimer)
  }

  /** There may be work, or a signal. */
  wake(): void {
    this.parts.db.look((reader) => {
      if (this.stopped) return
      this.readSignals(reader)
      this.options.onSignal({ _tag: "Work" })
    })
  }

  readonly claim: Consumer["claim"] = (limit) =>
    this.parts.db.write("claim tasks", (transaction) => {
      if (this.session.id === 0) return []
      const now = Date.now()
      const lost = this.parts.sessions.revive(transaction, this.session)
      const due = this.parts.transitions.promoteDue(transaction, now)
      const claims = this.selection.take(transaction, limit, this.session.id, now)
      transaction.afterCommit(() => {
        if (lost) this.loseAll()
        for (const claim of claims) this.held.set(claim.id, claim)
        if (due !== undefined) this.wakeAt(due)
      })
      return claims
    })

  private wakeAt(due: number): void {
    if (this.stopped) return
    clearTimeout(this.dueTimer)
    this.dueTimer = setTimeout(() => this.wake(), Math.min(longestTimer, Math.max(1, due - Date.now()))).unref()
  }

  /** The claim as it was taken: undefined when it has been settled, or is another reader's now. */
  private takenAs({ id, token }: Claim): ClaimedTask | undefined {
    const claim = this.held.get(id)
    return claim?.token === token ? claim : undefined
  }

  readonly settle: Consumer["settle"] = (claim, settlement) =>
    Effect.suspend(() => {
      const held = this.takenAs(claim)
      if (held === undefined) return Effect.succeed(false)
      this.report(held)
      const { serialization } = this.parts.settings
      let written: string | Uint8Array = ""
      try {
        if (settlement._tag === "Done") written = serialization.encode(settlement.exit, settlement.text)
        else if (settlement._tag === "Retry") written = serialization.encode(settlement.cause, settlement.text)
      } catch (cause) {
        return Effect.fail(new StoreFailure({ operation: "write how a task ended", cause }))
      }
      return this.parts.db.write("settle a task", (transaction) => {
        transaction.afterCommit(() => {
          // It may have lost the task, and claimed it again.
          if (this.held.get(held.id) === held) this.held.delete(held.id)
        })
        return this.end(transaction, held, settlement, written)
      })
    })

  private end(
    transaction: Transaction,
    claim: ClaimedTask,
    settlement: Settlement,
    written: string | Uint8Array
  ): boolean {
    const { transitions } = this.parts
    if (settlement._tag === "Done") {
      return transitions.finishClaimed(transaction, claim, Status[settlement.status], written)
    }
    const cancelRequested = transitions.cancelRequested(transaction, claim)
    if (cancelRequested === undefined) return false
    // The attempt is over and the task is not, unless somebody has asked for it to be cancelled meanwhile.
    if (cancelRequested) transitions.cancelStopped(transaction, claim)
    else if (settlement._tag === "Retry") transitions.retryLater(transaction, claim.seq, settlement.runAt, written)
    else transitions.release(transaction, claim.seq, false)
    return true
  }

  readonly progress: Consumer["progress"] = (claim, value) => {
    const held = this.takenAs(claim)
    if (held === undefined) return
    const first = !this.reports.has(held)
    this.reports.set(held, value)
    if (first) setImmediate(() => this.report(held))
  }

  /** Writes the latest report of a task, if there is one that is not written yet. */
  private report(claim: ClaimedTask): void {
    if (this.reports.size === 0 || !this.reports.has(claim)) return
    const value = this.reports.get(claim)
    this.reports.delete(claim)
    const { db, settings, transitions } = this.parts
    db.send("write progress", (transaction) =>
      transitions.progress(transaction, claim, settings.serialization.encode(value, isJson(value)))
    )
  }

  get unknown(): Consumer["unknown"] {
    return this.parts.db.read("look for unknown tasks", (reader) => {
      const counts = new Map<string, number>()
      for (const { id, name } of this.selection.unknown(reader)) {
        // Counted up to a thousand.
        const count = reader.one(countWaiting, id)
        if (count > 0) counts.set(name, (counts.get(name) ?? 0) + count)
      }
      return Array.from(counts, ([name, count]) => ({ name, count }))
    })
  }

  /** Passes on what others have asked of the tasks that it holds. */
  private readSignals(reader: Reader): void {
    if (this.session.id === 0 || reader.all(signals, this.session.id).length === 0) return
    this.parts.db.send("read signals", (transaction) => {
      const told = transaction.all(signals, this.session.id).map(({ id, token }) => {
        const lost = transaction.get(tokenOf, id) !== token
        return { _tag: lost ? ("Lost" as const) : ("Cancel" as const), id, token }
      })
      transaction.run("DELETE FROM strand_signals WHERE session = ?", this.session.id)
      transaction.afterCommit(() => {
        for (const signal of told) this.options.onSignal(signal)
      })
    })
  }

  /** Others have taken over: nothing that it held is its own any more. */
  private loseAll(): void {
    for (const { id, token } of this.held.values()) this.options.onSignal({ _tag: "Lost", id, token })
    this.held.clear()
  }
}
