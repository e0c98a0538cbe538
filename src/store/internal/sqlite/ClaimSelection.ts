/**
 * How a reader's claims are chosen: the first tasks by priority and age, of the lanes it may take from, within the limits
 * of their queues.
 */
import { pairOf } from "../Pair.ts"
import type { Lanes } from "./Lanes.ts"
import { number, value } from "./Statements.ts"
import { Status } from "./Status.ts"
import { claim, type ClaimedTask, select } from "./TaskTable.ts"
import type { Lane, Reader, Transaction } from "./Transaction.ts"

interface Candidate {
  readonly seq: number
  readonly priority: number
  readonly lane: Lane
  readonly key: string | undefined
}

/** The first candidates of a lane. */
interface Source {
  readonly lane: Lane
  candidates: Array<Candidate>
  /** There may be more in its lane. */
  full: boolean
}

const taking = `UPDATE strand_tasks SET status = ${Status.running}, session = ?, token = token + 1, attempts = attempts + 1,
  started_at = ?`

const takeFirst = claim(`${taking} WHERE seq IN
  (SELECT seq FROM strand_tasks WHERE status = ${Status.pending} AND lane = ? ORDER BY priority, seq LIMIT ?)`)

const takeOne = claim(`${taking} WHERE seq = ?`)

const firstPending = select(
  ["seq", "priority", "concurrencyKey"],
  `WHERE status = ${Status.pending} AND lane = ? ORDER BY priority, seq LIMIT ?`
)

const nextPending = select(
  ["seq", "priority", "concurrencyKey"],
  `WHERE status = ${Status.pending} AND lane = ? AND (priority, seq) > (?, ?) ORDER BY priority, seq LIMIT ?`
)

const ofQueue = "lane IN (SELECT id FROM strand_lanes WHERE queue = ?)"

const runningInQueue = value(
  `SELECT count(*) FROM strand_tasks INDEXED BY strand_tasks_running WHERE status = ${Status.running} AND ${ofQueue}`,
  number
)

const runningWithKey = value(
  `SELECT count(*) FROM strand_tasks WHERE status = ${Status.running} AND concurrency_key = ? AND ${ofQueue}`,
  number
)

/** The choice of one reader. */
export class ClaimSelection {
  private readonly lanes: Lanes
  private readonly tasks: ReadonlySet<string>
  private readonly queues: ReadonlySet<string> | undefined
  private version = 0
  private open: ReadonlyArray<Lane> = []
  private limited = false

  constructor(
    lanes: Lanes,
    options: { readonly tasks: ReadonlyArray<string>; readonly queues?: ReadonlyArray<string> | undefined }
  ) {
    this.lanes = lanes
    this.tasks = new Set(options.tasks)
    this.queues = options.queues === undefined ? undefined : new Set(options.queues)
  }

  /** The lanes in the reader's queues that it has no handlers for. */
  unknown(reader: Reader): ReadonlyArray<Lane> {
    this.lanes.refresh(reader)
    return [...this.lanes.all].filter((lane) => this.listensTo(lane) && !this.tasks.has(lane.name))
  }

  private listensTo(lane: Lane): boolean {
    return this.queues === undefined || this.queues.has(lane.queue)
  }

  /** Takes up to `limit` tasks for a session. */
  take(transaction: Transaction, limit: number, session: number, now: number): Array<ClaimedTask> {
    if (this.version !== this.lanes.version) this.choose()
    if (this.open.length === 0) return []
    const taken =
      this.open.length === 1 && !this.limited
        ? transaction.change(takeFirst, session, now, this.open[0]!.id, limit)
        : this.candidates(transaction, limit).flatMap(({ seq }) => transaction.change(takeOne, session, now, seq))
    if (taken.length > 0) transaction.announceChangeLater()
    // The order of what RETURNING gives is not promised.
    return taken.length > 1 ? taken.toSorted(byRank) : taken
  }

  private choose(): void {
    this.version = this.lanes.version
    this.open = [...this.lanes.all].filter(
      (lane) => this.listensTo(lane) && this.tasks.has(lane.name) && !this.lanes.settings(lane.queue).paused
    )
    this.limited = this.open.some(({ queue }) => this.lanes.isLimited(queue))
  }

  /** The first tasks of all lanes that the limits let through. What a key holds back is parked on the way. */
  private candidates(transaction: Transaction, limit: number): ReadonlyArray<Candidate> {
    const room = new Map<string, number>()
    const running = new Map<string, number>()
    const chosen: Array<Candidate> = []
    let sources = this.open.map((lane): Source => {
      const candidates = this.pending(transaction, lane, limit)
      return { lane, candidates, full: candidates.length === limit }
    })
    for (;;) {
      const source = firstOf(sources)
      if (source === undefined || chosen.length === limit) return chosen
      const candidate = source.candidates.shift()!
      if (source.candidates.length === 0 && source.full) {
        source.candidates = this.pending(transaction, source.lane, limit, candidate)
        source.full = source.candidates.length === limit
      }
      const { queue } = candidate.lane
      const left = room.get(queue) ?? this.roomOf(transaction, queue)
      if (left <= 0) {
        sources = sources.filter(({ lane }) => lane.queue !== queue)
      } else if (!this.isHeldBack(transaction, candidate, running)) {
        room.set(queue, left - 1)
        chosen.push(candidate)
      }
    }
  }

  private pending(reader: Reader, lane: Lane, limit: number, after?: Candidate): Array<Candidate> {
    const rows =
      after === undefined
        ? reader.all(firstPending, lane.id, limit)
        : reader.all(nextPending, lane.id, after.priority, after.seq, limit)
    return rows.map(({ concurrencyKey, priority, seq }) => ({ seq, priority, lane, key: concurrencyKey }))
  }

  private roomOf(reader: Reader, queue: string): number {
    const { concurrency } = this.lanes.settings(queue)
    return concurrency === undefined ? Infinity : concurrency - reader.one(runningInQueue, queue)
  }

  /** Parks a task whose concurrency key has all the places that it may have. */
  private isHeldBack(transaction: Transaction, { key, lane, seq }: Candidate, running: Map<string, number>): boolean {
    const { concurrencyPerKey } = this.lanes.settings(lane.queue)
    if (key === undefined || concurrencyPerKey === undefined) return false
    const id = pairOf(lane.queue, key)
    const count = running.get(id) ?? transaction.one(runningWithKey, key, lane.queue)
    const held = count >= concurrencyPerKey
    if (held) transaction.run(`UPDATE strand_tasks SET status = ${Status.parked} WHERE seq = ?`, seq)
    running.set(id, held ? count : count + 1)
    return held
  }
}

const byRank = (a: ClaimedTask, b: ClaimedTask): number => a.priority - b.priority || a.seq - b.seq

/** The source with the first candidate of all. */
const firstOf = (sources: ReadonlyArray<Source>): Source | undefined => {
  let first: Source | undefined
  for (const source of sources) {
    const [candidate] = source.candidates
    if (candidate === undefined) continue
    const best = first?.candidates[0]
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
