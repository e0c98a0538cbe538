/** Reading and removing many records without holding up the event loop: pages, and slices of the table. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { StoreFailure } from "../../../TaskError.ts"
import type { EntriesOptions, Filter, TaskRecord } from "../../TaskStore.ts"
import type { Database } from "./Database.ts"
import { number, optional, type Parameter, value } from "./Statements.ts"
import { Status, storedAs } from "./Status.ts"
import { selectRecords } from "./TaskTable.ts"
import type { Reader, Transaction } from "./Transaction.ts"

/** How many records a page holds, at most. */
const pageSize = 100

/** How many rows a statement looks at, at most. */
const sliceRows = 5_000

/** How many rows are removed in one transaction. */
const removedRows = 100

interface Condition {
  readonly sql: string
  readonly values: ReadonlyArray<Parameter>
}

const isList = <A>(value: A | ReadonlyArray<A>): value is ReadonlyArray<A> => Array.isArray(value)

const listOf = <A>(value: A | ReadonlyArray<A>): ReadonlyArray<A> => (isList(value) ? value : [value])

const millisOf = (time: DateTime.DateTime | Date): number => DateTime.toEpochMillis(DateTime.makeUnsafe(time))

const notExpired = "(expires_at IS NULL OR expires_at > ?)"

const byId = selectRecords(`WHERE id = ? AND ${notExpired}`)

const positionOf = value("SELECT seq FROM strand_tasks WHERE id = ?", number)

const lastOfSlice = value(
  "SELECT max(seq) FROM (SELECT seq FROM strand_tasks WHERE seq > ? ORDER BY seq LIMIT ?)",
  optional(number)
)

const firstOfSlice = value(
  "SELECT min(seq) FROM (SELECT seq FROM strand_tasks WHERE seq < ? ORDER BY seq DESC LIMIT ?)",
  optional(number)
)

/** A filter as a condition over `strand_tasks`. What has expired is not there any more. */
const conditionOf = ({ name, queue, since, status, tag, until }: Filter): Condition => {
  const parts = [notExpired]
  const values: Array<Parameter> = [Date.now()]
  const ofLanes = (column: string, allowed: ReadonlyArray<Parameter>) => {
    parts.push(`lane IN (SELECT id FROM strand_lanes WHERE ${column} IN (${allowed.map(() => "?").join(", ")}))`)
    values.push(...allowed)
  }
  if (status !== undefined) {
    const wanted = listOf(status)
    const stored = wanted.flatMap(storedAs)
    // What was scheduled is pending once its time has come, though nobody may have looked yet.
    const due = wanted.includes("pending") !== wanted.includes("scheduled")
    const comparison = wanted.includes("pending") ? "<=" : ">"
    const others = stored.filter((each) => !due || each !== Status.scheduled)
    const marks = others.map(() => "?").join(", ")
    parts.push(
      due
        ? `(status IN (${marks}) OR (status = ${Status.scheduled} AND run_at ${comparison} ?))`
        : `status IN (${marks})`
    )
    values.push(...others, ...(due ? [Date.now()] : []))
  }
  if (name !== undefined) ofLanes("name", listOf(name))
  if (queue !== undefined) ofLanes("queue", listOf(queue))
  if (since !== undefined) {
    parts.push("created_at >= ?")
    values.push(millisOf(since))
  }
  if (until !== undefined) {
    parts.push("created_at < ?")
    values.push(millisOf(until))
  }
  if (tag !== undefined) {
    parts.push("EXISTS (SELECT 1 FROM json_each(details, '$.tags') WHERE value = ?)")
    values.push(tag)
  }
  return { sql: parts.join(" AND "), values }
}

/** The many records of one store. */
export class Listing {
  private readonly db: Database

  constructor(db: Database) {
    this.db = db
  }

  /** Reads one record. */
  get(reader: Reader, id: string): TaskRecord | undefined {
    return reader.get(byId, id, Date.now())
  }

  entries(options: EntriesOptions = {}): Stream.Stream<TaskRecord, StoreFailure> {
    const { after, first = "oldest", limit = Infinity } = options
    if (limit <= 0) return Stream.empty
    const start =
      after === undefined
        ? Effect.succeed(first === "oldest" ? 0 : Number.MAX_SAFE_INTEGER)
        : this.db.read("find where a page begins", (reader) => {
            const position = reader.get(positionOf, after)
            if (position === undefined) throw new Error(`there is no record with the id ${after} to begin after`)
            return position
          })
    return Stream.unwrap(
      Effect.map(start, (position) =>
        Stream.paginate({ position, left: limit }, (cursor) =>
          Effect.map(this.page(options, cursor.position, Math.min(cursor.left, pageSize)), ({ next, records }) => {
            const left = cursor.left - records.length
            return [
              records,
              next === undefined || left <= 0 ? Option.none() : Option.some({ position: next, left })
            ] as const
          })
        )
      )
    )
  }

  /** The next records behind a position. No statement looks at more than a slice of the table. */
  private page(options: EntriesOptions, position: number, limit: number) {
    return this.db.read("list records", (reader) => {
      const { sql, values } = conditionOf(options)
      const newest = options.first === "newest"
      const edge = reader.one(newest ? firstOfSlice : lastOfSlice, position, sliceRows)
      if (edge === undefined) return { records: [], next: undefined }
      const [from, to] = newest ? [edge - 1, position] : [position, edge + 1]
      const records = reader.all(
        selectRecords(`WHERE seq > ? AND seq < ? AND ${sql} ORDER BY seq ${newest ? "DESC" : "ASC"} LIMIT ?`),
        from,
        to,
        ...values,
        limit
      )
      return { records, next: records.length === limit ? reader.get(positionOf, records.at(-1)!.id) : edge }
    })
  }

  size(filter: Filter = {}): Effect.Effect<number, StoreFailure> {
    const count = (from: number) =>
      this.db.read("count records", (reader) => {
        const to = reader.one(lastOfSlice, from, sliceRows)
        if (to === undefined) return undefined
        const { sql, values } = conditionOf(filter)
        const counting = value(`SELECT count(*) FROM strand_tasks WHERE seq > ? AND seq <= ? AND ${sql}`, number)
        return { to, count: reader.one(counting, from, to, ...values) }
      })
    return inSlices(count)
  }

  clear(filter: Filter | undefined): Effect.Effect<number, StoreFailure> {
    const { sql, values } = conditionOf(filter ?? { status: ["completed", "failed", "cancelled"] })
    // What runs is its reader's until it is over.
    const condition = `seq > ? AND seq <= ? AND status <> ${Status.running} AND ${sql}`
    const remove = (from: number) =>
      this.db.write("clear records", (transaction) => {
        const to = transaction.one(lastOfSlice, from, removedRows)
        if (to === undefined) return undefined
        return { to, count: this.remove(transaction, condition, from, to, ...values) }
      })
    return inSlices(remove)
  }

  get cleanupExpired(): Effect.Effect<number, StoreFailure> {
    const condition = `seq IN
      (SELECT seq FROM strand_tasks WHERE expires_at IS NOT NULL AND expires_at <= ? LIMIT ${removedRows})`
    const remove = () =>
      this.db.write("remove expired records", (transaction) => {
        const count = this.remove(transaction, condition, Date.now())
        return { to: count < removedRows ? undefined : 0, count }
      })
    return inSlices(remove)
  }

  /** Removes records, and gives how many. */
  private remove(transaction: Transaction, condition: string, ...values: ReadonlyArray<Parameter>): number {
    const count = transaction.run(`DELETE FROM strand_tasks WHERE ${condition}`, ...values)
    if (count > 0) transaction.announceChange()
    return count
  }
}

/** Adds up the counts of one slice after the other, until one says of no place where the next begins. */
const inSlices = (
  next: (
    from: number
  ) => Effect.Effect<{ readonly to: number | undefined; readonly count: number } | undefined, StoreFailure>
): Effect.Effect<number, StoreFailure> => {
  const go = (from: number, sum: number): Effect.Effect<number, StoreFailure> =>
    Effect.flatMap(next(from), (slice) =>
      slice?.to === undefined ? Effect.succeed(sum + (slice?.count ?? 0)) : go(slice.to, sum + slice.count)
    )
  return go(0, 0)
}
