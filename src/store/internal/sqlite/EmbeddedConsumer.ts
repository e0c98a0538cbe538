/** A reader's connection to an embedded store: its session, its claims, and what wakes it. */
import * as Effect from "effect/Effect"
import { StoreFailure } from "../../../TaskError.ts"
import type { Claim, Consumer, ConsumerOptions, Settlement } from "../../TaskQueue.ts"
import type { Bell } from "./Bell.ts"
import { Claims, type StoredClaim } from "./Claims.ts"
import type { EmbeddedStore } from "./EmbeddedStore.ts"
import { isJson } from "./Rows.ts"
import { Status } from "./Schema.ts"
import * as Sessions from "./Sessions.ts"

/** The longest wait that a timer can take, in milliseconds. */
const longestTimer = 2 ** 31 - 1

/** One reader's connection. */
export class EmbeddedConsumer {
  readonly session: Sessions.Session
  private readonly store: EmbeddedStore
  private readonly options: ConsumerOptions
  private readonly claims: Claims
  /** What it has claimed and not settled, by row. */
  private readonly held = new Map<number, StoredClaim>()
  private readonly reports = new Map<StoredClaim, unknown>()
  private dueTimer: NodeJS.Timeout | undefined
  private poll: NodeJS.Timeout | undefined
  private stopListening = () => {}
  private stopped = false

  constructor(store: EmbeddedStore, options: ConsumerOptions) {
    this.store = store
    this.options = options
    this.claims = new Claims(store.db, store.lanes, store.serialization, options)
    this.session = Sessions.make("consumer", options.lease, () => this.loseAll())
  }

  /** The connection as readers know it. */
  get service(): Consumer {
    return {
      worker: this.session.worker,
      claim: (limit) => this.claim(limit),
      settle: (claim, settlement) => this.settle(claim, settlement),
      progress: (claim, value) => this.progress(claim, value),
      unknown: this.unknown
    }
  }

  /** Writes the session, and makes the lanes of all that it can run. To be run in a transaction. */
  open(): void {
    this.store.sessions.open(this.session)
  }

  /** Begins to listen for work. */
  start(bell: Bell): void {
    this.stopListening = bell.listen(() => this.wake())
    this.poll = setInterval(() => this.wake(), this.options.pollInterval)
    this.poll.unref()
  }

  stop(): void {
    this.stopped = true
    this.stopListening()
    clearInterval(this.poll)
    clearTimeout(this.dueTimer)
  }

  /** There may be work, or a signal. */
  wake(): void {
    this.store.db.refresh(() => {
      if (this.stopped) return
      this.readSignals()
      this.options.onSignal({ _tag: "Work" })
    })
  }

  private claim(limit: number): Effect.Effect<ReadonlyArray<Claim>, StoreFailure> {
    return Effect.map(
      this.store.db.write("claim tasks", () => {
        const now = Date.now()
        this.store.claimed()
        if (this.session.id === 0) return { claims: [], due: undefined, lost: false }
        const lost = this.store.sessions.revive(this.session)
        const due = this.store.transitions.promoteDue(now)
        return { claims: this.claims.take(limit, this.session.id, now), due, lost }
      }),
      ({ claims, due, lost }) => {
        if (lost) this.loseAll()
        for (const claim of claims) this.held.set(claim.seq, claim)
        if (due !== undefined) this.wakeAt(due)
        return claims
      }
    )
  }

  private wakeAt(due: number): void {
    if (this.stopped) return
    clearTimeout(this.dueTimer)
    this.dueTimer = setTimeout(() => this.wake(), Math.min(longestTimer, Math.max(1, due - Date.now())))
    this.dueTimer.unref()
  }

  private settle(claim: Claim, settlement: Settlement): Effect.Effect<boolean, StoreFailure> {
    const stored = claim as StoredClaim
    return Effect.suspend(() => {
      this.report(stored)
      const { db } = this.store
      let written: string | Uint8Array | undefined
      try {
        written = this.encode(settlement)
      } catch (cause) {
        return Effect.fail(new StoreFailure({ operation: "write how a task ended", cause }))
      }
      return db.write(
        "settle a task",
        () => this.end(stored, settlement, written),
        () => {
          // It may have lost the task, and claimed it again.
          if (this.held.get(stored.seq) === stored) this.held.delete(stored.seq)
        }
      )
    })
  }

  private encode(settlement: Settlement): string | Uint8Array | undefined {
    const { serialization } = this.store
    switch (settlement._tag) {
      case "Done":
        return serialization.encode(settlement.exit, settlement.text)
      case "Retry":
        return serialization.encode(settlement.cause, settlement.text)
      case "Release":
        return undefined
    }
  }

  private end(claim: StoredClaim, settlement: Settlement, written: string | Uint8Array | undefined): boolean {
    const { transitions } = this.store
    const now = Date.now()
    if (settlement._tag === "Done") {
      const held = transitions.finishClaimed(claim.seq, claim.token, Status[settlement.status], written!, now)
      this.free(claim, held)
      return held
    }
    const found = transitions.claimed(claim.seq, claim.token)
    if (found === undefined) return false
    // The attempt is over and the task is not, unless somebody has asked for it to be cancelled meanwhile.
    if (found.cancelRequested) transitions.cancelStopped(claim.seq, claim.name, claim.id)
    else if (settlement._tag === "Retry") transitions.retryLater(claim.seq, settlement.runAt, written!, now)
    else transitions.release(claim.seq, false)
    this.store.offered()
    return true
  }

  /** A place has come free: other tasks of a limited queue, or of the same key, may be waiting for it. */
  private free(claim: StoredClaim, held: boolean): void {
    if (!held) return
    if (claim.keyed) this.store.transitions.unpark(claim.seq)
    const { concurrency, concurrencyPerKey } = this.store.lanes.settings(claim.queue)
    if (concurrency !== undefined || concurrencyPerKey !== undefined) this.store.offered()
  }

  private progress(claim: Claim, value: unknown): void {
    const stored = claim as StoredClaim
    const first = !this.reports.has(stored)
    this.reports.set(stored, value)
    if (first) setImmediate(() => this.report(stored))
  }

  /** Writes the latest report of a task, if there is one that is not written yet. */
  private report(claim: StoredClaim): void {
    if (this.reports.size === 0 || !this.reports.has(claim)) return
    const value = this.reports.get(claim)
    this.reports.delete(claim)
    const { db, serialization } = this.store
    const write = () =>
      db
        .prepare(`UPDATE strand_tasks SET progress = ? WHERE seq = ? AND token = ? AND status = ${Status.running}`)
        .run(serialization.encode(value, isJson(value)), claim.seq, claim.token)
    db.post("write progress", write)
  }

  private get unknown(): Effect.Effect<ReadonlyArray<{ readonly name: string; readonly count: number }>, StoreFailure> {
    return this.store.db.read("look for unknown tasks", () => {
      const counts = new Map<string, number>()
      for (const { id, name } of this.claims.unknown) {
        const count = this.waiting(id)
        if (count > 0) counts.set(name, (counts.get(name) ?? 0) + count)
      }
      return Array.from(counts, ([name, count]) => ({ name, count }))
    })
  }

  /** How many tasks of a lane are waiting, counted up to a thousand. */
  private waiting(lane: number): number {
    const row = this.store.db
      .prepare(
        `SELECT count(*) AS count FROM
          (SELECT 1 FROM strand_tasks WHERE status = ${Status.pending} AND lane = ? LIMIT 1000)`
      )
      .get(lane)!
    return row["count"] as number
  }

  /** Passes on what others have asked of the tasks that it holds. */
  private readSignals(): void {
    const { db } = this.store
    const any = () => db.prepare("SELECT id, token FROM strand_signals WHERE session = ?").all(this.session.id)
    if (this.session.id === 0 || any().length === 0) return
    let signals: ReturnType<typeof any> = []
    const take = () => {
      signals = any()
      db.prepare("DELETE FROM strand_signals WHERE session = ?").run(this.session.id)
    }
    db.post("read signals", take, () => {
      for (const { id, token } of signals) {
        const there = db.prepare("SELECT token FROM strand_tasks WHERE id = ?").get(id!)
        const lost = there === undefined || there["token"] !== token
        this.options.onSignal({ _tag: lost ? "Lost" : "Cancel", id: id as string, token: token as number })
      }
    })
  }

  /** Others have taken over: nothing that it held is its own any more. */
  private loseAll(): void {
    for (const { id, token } of this.held.values()) this.options.onSignal({ _tag: "Lost", id, token })
    this.held.clear()
  }
}
