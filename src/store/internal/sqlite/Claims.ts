/**
 * How a reader's claims are chosen: the first tasks by priority and age, of the lanes it may take from, within the limits
 * of their queues.
 */
import type { Claim } from "../../TaskQueue.ts"
import type { Serialization } from "../../Serialization.ts"
import type { Database } from "./Database.ts"
import type { Lane, Lanes } from "./Lanes.ts"
import { pairOf, readDetails, readValue, type Row } from "./Rows.ts"
import { Status } from "./Schema.ts"

/** A claim, and where its task is. */
export interface StoredClaim extends Claim {
  readonly seq: number
  readonly keyed: boolean
}

interface Candidate {
  readonly seq: number
  readonly priority: number
  readonly lane: Lane
  readonly key: string | null
}

const columns = `seq, id, lane, token, attempts, max_attempts, payload, priority, created_at, run_at, deadline, details,
  concurrency_key`

/** The claims of one reader. All methods belong in a transaction. */
export class Claims {
  private readonly db: Database
  private readonly lanes: Lanes
  private readonly serialization: Serialization
  private readonly tasks: ReadonlySet<string>
  private readonly queues: ReadonlySet<string> | undefined
  private version = 0
  private open: ReadonlyArray<Lane> = []
  private limited = false

  constructor(
    db: Database,
    lanes: Lanes,
    serialization: Serialization,
    options: { readonly tasks: ReadonlyArray<string>; readonly queues?: ReadonlyArray<string> | undefined }
  ) {
    this.db = db
    this.lanes = lanes
    this.serialization = serialization
    this.tasks = new Set(options.tasks)
    this.queues = options.queues === undefined ? undefined : new Set(options.queues)
  }

  /** The lanes in the reader's queues that it has no handlers for. */
  get unknown(): ReadonlyArray<Lane> {
    this.lanes.refresh()
    return [...this.lanes.all].filter((lane) => this.listensTo(lane) && !this.tasks.has(lane.name))
  }

  private listensTo(lane: Lane): boolean {
    return this.queues === undefined || this.queues.has(lane.queue)
  }

  /** Takes up to `limit` tasks for a session. */
  take(limit: number, session: number, now: number): Array<StoredClaim> {
    this.lanes.refresh()
    if (this.version !== this.lanes.version) this.choose()
    if (this.open.length === 0) return []
    const rows =
      this.open.length === 1 && !this.limited
        ? this.takeFirst(this.open[0]!.id, limit, session, now)
        : this.takeChosen(this.candidates(limit), session, now)
    return rows.map((row) => this.read(row))
  }

  private choose(): void {
    this.version = this.lanes.version
    this.open = [...this.lanes.all].filter(
      (lane) => this.listensTo(lane) && this.tasks.has(lane.name) && !this.lanes.settings(lane.queue).paused
    )
    this.limited = this.open.some((lane) => {
      const { concurrency, concurrencyPerKey } = this.lanes.settings(lane.queue)
      return concurrency !== undefined || concurrencyPerKey !== undefined
    })
  }

  private takeFirst(lane: number, limit: number, session: number, now: number): Array<Row> {
    const rows = this.db
      .prepare(
        `UPDATE strand_tasks SET status = ${Status.running}, session = ?, token = token + 1, attempts = attempts + 1,
          started_at = ? WHERE seq IN
            (SELECT seq FROM strand_tasks WHERE status = ${Status.pending} AND lane = ? ORDER BY priority, seq LIMIT ?)
         RETURNING ${columns}`
      )
      .all(session, now, lane, limit) as Array<Row>
    // The order of what RETURNING gives is not promised.
    return rows.length === 1 ? rows : rows.toSorted(byRow)
  }

  private takeChosen(candidates: ReadonlyArray<Candidate>, session: number, now: number): Array<Row> {
    const statement = this.db.prepare(
      `UPDATE strand_tasks SET status = ${Status.running}, session = ?, token = token + 1, attempts = attempts + 1,
        started_at = ? WHERE seq = ? RETURNING ${columns}`
    )
    return candidates.map(({ seq }) => statement.get(session, now, seq) as Row)
  }

  /** The first tasks of all lanes that the limits let through. What a key holds back is parked on the way. */
  private candidates(limit: number): ReadonlyArray<Candidate> {
    const room = new Map<string, number>()
    const running = new Map<string, number>()
    const chosen: Array<Candidate> = []
    const sources = this.open.map((lane) => this.pending(lane, limit))
    for (;;) {
      const source = firstOf(sources)
      if (source === undefined || chosen.length === limit) return chosen
      const candidate = source.shift()!
      if (source.length === 0 && source.full) {
        const more = this.pending(candidate.lane, limit, candidate)
        source.push(...more)
        source.full = more.full
      }
      const { queue } = candidate.lane
      const left = room.get(queue) ?? this.roomOf(queue)
      if (left <= 0) {
        room.set(queue, 0)
        sources.splice(
          0,
          sources.length,
          ...sources.filter((other) => other[0] !== undefined && other[0].lane.queue !== queue)
        )
        continue
      }
      if (this.isHeldBack(candidate, running)) continue
      room.set(queue, left - 1)
      chosen.push(candidate)
    }
  }

  private pending(lane: Lane, limit: number, after?: Candidate): Array<Candidate> & { full: boolean } {
    const rows =
      after === undefined
        ? this.db
            .prepare(
              `SELECT seq, priority, concurrency_key AS key FROM strand_tasks
               WHERE status = ${Status.pending} AND lane = ? ORDER BY priority, seq LIMIT ?`
            )
            .all(lane.id, limit)
        : this.db
            .prepare(
              `SELECT seq, priority, concurrency_key AS key FROM strand_tasks
               WHERE status = ${Status.pending} AND lane = ? AND (priority, seq) > (?, ?) ORDER BY priority, seq LIMIT ?`
            )
            .all(lane.id, after.priority, after.seq, limit)
    const candidates = rows.map((row) => ({ ...row, lane }) as unknown as Candidate)
    return Object.assign(candidates, { full: rows.length === limit })
  }

  private roomOf(queue: string): number {
    const { concurrency } = this.lanes.settings(queue)
    if (concurrency === undefined) return Infinity
    const row = this.db
      .prepare(
        `SELECT count(*) AS count FROM strand_tasks INDEXED BY strand_tasks_running
         WHERE status = ${Status.running} AND lane IN (SELECT id FROM strand_lanes WHERE queue = ?)`
      )
      .get(queue)!
    return concurrency - (row["count"] as number)
  }

  /** Parks a task whose concurrency key has all the places that it may have. */
  private isHeldBack({ key, lane, seq }: Candidate, running: Map<string, number>): boolean {
    const { concurrencyPerKey } = this.lanes.settings(lane.queue)
    if (key === null || concurrencyPerKey === undefined) return false
    const id = pairOf(lane.queue, key)
    const count = running.get(id) ?? this.runningOf(lane.queue, key)
    if (count >= concurrencyPerKey) {
      this.db.prepare(`UPDATE strand_tasks SET status = ${Status.parked} WHERE seq = ?`).run(seq)
      running.set(id, count)
      return true
    }
    running.set(id, count + 1)
    return false
  }

  private runningOf(queue: string, key: string): number {
    const row = this.db
      .prepare(
        `SELECT count(*) AS count FROM strand_tasks
         WHERE status = ${Status.running} AND concurrency_key = ?
           AND lane IN (SELECT id FROM strand_lanes WHERE queue = ?)`
      )
      .get(key, queue)!
    return row["count"] as number
  }

  private read(row: Row): StoredClaim {
    const lane = this.lanes.get(row["lane"] as number)
    const details = readDetails(row["details"])
    return {
      seq: row["seq"] as number,
      keyed: row["concurrency_key"] !== null,
      id: row["id"] as string,
      name: lane.name,
      queue: lane.queue,
      token: row["token"] as number,
      payload: readValue(this.serialization, row["payload"]),
      priority: row["priority"] as number,
      attempt: row["attempts"] as number,
      maxAttempts: row["max_attempts"] as number,
      retryDelays: details.retryDelays,
      createdAt: row["created_at"] as number,
      runAt: row["run_at"] as number,
      deadline: (row["deadline"] as number | null) ?? undefined,
      tags: details.tags ?? noTags,
      trace: details.trace,
      parentId: details.parentId,
      principal: details.principal,
      discardResult: details.discardResult === true
    }
  }
}

const noTags: ReadonlyArray<string> = []

const byRow = (a: Row, b: Row): number =>
  (a["priority"] as number) - (b["priority"] as number) || (a["seq"] as number) - (b["seq"] as number)

/** The source with the first candidate of all. */
const firstOf = <A extends Array<Candidate>>(sources: ReadonlyArray<A>): A | undefined => {
  let first: A | undefined
  for (const source of sources) {
    const [candidate] = source
    if (candidate === undefined) continue
    const best = first?.[0]
    if (
      best === undefined ||
      candidate.priority < best.priority ||
      (candidate.priority === best.priority && candidate.seq < best.seq)
    ) {
      first = source
    }
  }
  return first
}
