/**
 * How a reader's claims are chosen: the first tasks by priority and age, of the lanes it may take from, within the limits
 * of their queues.
 */
import type { ConsumerOptions } from "../../TaskQueue.ts"
import { pairOf } from "../Pair.ts"
import type { Lanes } from "./Lanes.ts"
import { number, value } from "./Statements.ts"
import { Status } from "./Status.ts"
import { claim, type ClaimedTask, select } from "./TaskTable.ts"
import type { Lane, Reader, Transaction } from "./Transaction.ts"

/** What claims are chosen by: those of lower priority first, and of the same the older ones. */
type Rank = Pick<ClaimedTask, "priority" | "seq">

type Candidate = Rank & Pick<ClaimedTask, "concurrencyKey">

/** The candidates of a lane, in their order. */
interface Source {
  readonly lane: Lane
  first: Candidate | undefined
  readonly others: Generator<Candidate, undefined>
}

const taking = `UPDATE strand_tasks SET status = ${Status.running}, session = ?, token = token + 1, attempts = attempts + 1,
  started_at = ?`

const takeFirst = claim(`${taking} WHERE seq IN
  (SELECT seq FROM strand_tasks WHERE status = ${Status.pending} AND lane = ? ORDER BY priority, seq LIMIT ?)`)

const takeOne = claim(`${taking} WHERE seq = ?`)

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

  constructor(lanes: Lanes, options: Pick<ConsumerOptions, "queues" | "tasks">) {
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
      const others = pending(transaction, lane, limit)
      return { lane, first: others.next().value, others }
    })
    for (;;) {
      const source = firstOf(sources)
      if (source?.first === undefined || chosen.length === limit) return chosen
      const { first, lane } = source
      const left = room.get(lane.queue) ?? this.roomOf(transaction, lane.queue)
      if (left <= 0) {
        sources = sources.filter((other) => other.lane.queue !== lane.queue)
        continue
      }
      if (!this.isHeldBack(transaction, first, lane.queue, running)) {
        room.set(lane.queue, left - 1)
        chosen.push(first)
      }
      source.first = source.others.next().value
    }
  }

  private roomOf(reader: Reader, queue: string): number {
    const { concurrency } = this.lanes.settings(queue)
    return concurrency === undefined ? Infinity : concurrency - reader.one(runningInQueue, queue)
  }

  /** Parks a task whose concurrency key has all the places that it may have. */
  private isHeldBack(transaction: Transaction, task: Candidate, queue: string, running: Map<string, number>): boolean {
    const { concurrencyKey, seq } = task
    const { concurrencyPerKey } = this.lanes.settings(queue)
    if (concurrencyKey === undefined || concurrencyPerKey === undefined) return false
    const id = pairOf(queue, concurrencyKey)
    const count = running.get(id) ?? transaction.one(runningWithKey, concurrencyKey, queue)
    const held = count >= concurrencyPerKey
    if (held) transaction.run(`UPDATE strand_tasks SET status = ${Status.parked} WHERE seq = ?`, seq)
    running.set(id, held ? count : count + 1)
    return held
  }
}

const byRank = (a: Rank, b: Rank): number => a.priority - b.priority || a.seq - b.seq

/** The pending tasks of a lane, read as they are wanted. */
function* pending(reader: Reader, lane: Lane, limit: number): Generator<Candidate, undefined> {
  let last: Rank | undefined = { priority: -Infinity, seq: 0 }
  while (last !== undefined) {
    const page: ReadonlyArray<Candidate> = reader.all(nextPending, lane.id, last.priority, last.seq, limit)
    yield* page
    last = page[limit - 1]
  }
}

/** The source with the first candidate of all. */
const firstOf = (sources: ReadonlyArray<Source>): Source | undefined => {
  let best: Source | undefined
  for (const source of sources) {
    if (source.first === undefined) continue
    if (best?.first === undefined || byRank(source.first, best.first) < 0) best = source
  }
  return best
}
