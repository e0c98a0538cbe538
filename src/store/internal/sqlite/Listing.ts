/** Reading and removing many records without holding up the event loop: pages, and slices of the table. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { StoreFailure } from "../../../TaskError.ts"
import type { EntriesOptions, Filter, TaskRecord } from "../../TaskStore.ts"
import type { Database } from "./Database.ts"
import { marks, number, optional, type Parameter, value } from "./Statements.ts"
import { Status, storedAs } from "./Status.ts"
import { selectRecords } from "./TaskTable.ts"
import type { Reader, Transaction } from "./Transaction.ts"

/** How many records a page holds, at most. */
const pageSize = 100

/** How many rows a statement looks at, at most. */
const sliceRows = 5_000

/** How many rows are removed in one transaction. */
const removedRows = 100

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
const conditionOf = ({ name, queue, since, status, tag, until }: Filter) => {
  const parts = [notExpired]
  const values: Array<Parameter> = [Date.now()]
  const add = (part: string, ...given: ReadonlyArray<Parameter>) => {
    parts.push(part)
    values.push(...given)
  }
  const ofLanes = (column: string, allowed: ReadonlyArray<string>) =>
    add(`lane IN (SELECT id FROM strand_lanes WHERE ${column} IN (${marks(allowed)}))`, ...allowed)
  if (status !== undefined) {
    const wanted = listOf(status)
    const stored = wanted.flatMap(storedAs)
    // What was scheduled is pending once its time has come, though nobody may have looked yet.
    if (wanted.includes("pending") === wanted.includes("scheduled")) {
      add(`status IN (${marks(stored)})`, ...stored)
    } else {
      const others = stored.filter((each) => each !== Status.scheduled)
      const due = `status = ${Status.scheduled} AND run_at ${wanted.includes("pending") ? "<=" : ">"} ?`
      add(`(status IN (${marks(others)}) OR (${due}))`, ...others, Date.now())
    }
  }
  if (name !== undefined) ofLanes("name", listOf(name))
  if (queue !== undefined) ofLanes("queue", listOf(queue))
  if (since !== undefined) add("created_at >= ?", millisOf(since))
  if (until !== undefined) add("created_at < ?", millisOf(until))
  if (tag !== undefined) add("EXISTS (SELECT 1 FROM json_each(details, '$.tags') WHERE value = ?)", tag)
  return { sql: parts.join(" AND "), values }
}

/** Reads one record. */
export const get = (reader: Reader, id: string): TaskRecord | undefined => reader.get(byId, id, Date.now())

/** The records that a filter names, in pages. */
export const entries = (db: Database, options: EntriesOptions = {}): Stream.Stream<TaskRecord, StoreFailure> => {
  const { after, first = "oldest", limit = Infinity } = options
  if (limit <= 0) return Stream.empty
  const start =
    after === undefined
      ? Effect.succeed(first === "oldest" ? 0 : Number.MAX_SAFE_INTEGER)
      : db.read("find where a page begins", (reader) => {
          const position = reader.get(positionOf, after)
          if (position === undefined) throw new Error(`there is no record with the id ${after} to begin after`)
          return position
        })
  const from = ({ left, position }: { readonly left: number; readonly position: number }) =>
    Effect.map(page(db, options, position, Math.min(left, pageSize)), ({ next, records }) => {
      const rest = left - records.length
      const cursor = next === undefined || rest <= 0 ? Option.none() : Option.some({ position: next, left: rest })
      return [records, cursor] as const
    })
  return Stream.unwrap(Effect.map(start, (position) => Stream.paginate({ position, left: limit }, from)))
}

/** The next records behind a position. No statement looks at more than a slice of the table. */
const page = (db: Database, options: EntriesOptions, position: number, limit: number) =>
  db.read("list records", (reader) => {
    const { sql, values } = conditionOf(options)
    const newest = options.first === "newest"
    const edge = reader.one(newest ? firstOfSlice : lastOfSlice, position, sliceRows)
    if (edge === undefined) return { records: [], next: undefined }
    const [from, to] = newest ? [edge - 1, position] : [position, edge + 1]
    const order = newest ? "DESC" : "ASC"
    const listed = selectRecords(`WHERE seq > ? AND seq < ? AND ${sql} ORDER BY seq ${order} LIMIT ?`)
    const records = reader.all(listed, from, to, ...values, limit)
    return { records, next: records.length === limit ? reader.get(positionOf, records.at(-1)!.id) : edge }
  })

/** How many records a filter names. */
export const size = (db: Database, filter: Filter = {}): Effect.Effect<number, StoreFailure> =>
  inSlices((from) =>
    db.read("count records", (reader) => {
      const to = reader.one(lastOfSlice, from, sliceRows)
      if (to === undefined) return { to, count: 0 }
      const { sql, values } = conditionOf(filter)
      const counting = value(`SELECT count(*) FROM strand_tasks WHERE seq > ? AND seq <= ? AND ${sql}`, number)
      return { to, count: reader.one(counting, from, to, ...values) }
    })
  )

/** Removes the records that a filter names, or all of tasks that are over. Gives how many. */
export const clear = (
  db: Database,
  filter: Filter = { status: ["completed", "failed", "cancelled"] }
): Effect.Effect<number, StoreFailure> => {
  const { sql, values } = conditionOf(filter)
  // What runs is its reader's until it is over.
  const condition = `seq > ? AND seq <= ? AND status <> ${Status.running} AND ${sql}`
  return inSlices((from) =>
    db.write("clear records", (transaction) => {
      const to = transaction.one(lastOfSlice, from, removedRows)
      return { to, count: to === undefined ? 0 : remove(transaction, condition, from, to, ...values) }
    })
  )
}

/** Removes the records whose time to live is over. Gives how many. */
export const cleanupExpired = (db: Database): Effect.Effect<number, StoreFailure> =>
  inSlices(() =>
    db.write("remove expired records", (transaction) => {
      const count = remove(transaction, expired, Date.now())
      return { to: count < removedRows ? undefined : 0, count }
    })
  )

const expired = `seq IN
  (SELECT seq FROM strand_tasks WHERE expires_at IS NOT NULL AND expires_at <= ? LIMIT ${removedRows})`

/** Removes records, and gives how many. */
const remove = (transaction: Transaction, condition: string, ...values: ReadonlyArray<Parameter>): number => {
  const count = transaction.run(`DELETE FROM strand_tasks WHERE ${condition}`, ...values)
  if (count > 0) transaction.announceChange()
  return count
}

/** Adds up the counts of one slice after the other, until one says of no place where the next begins. */
const inSlices = (
  next: (from: number) => Effect.Effect<{ readonly to: number | undefined; readonly count: number }, StoreFailure>,
  from = 0,
  sum = 0
): Effect.Effect<number, StoreFailure> =>
  Effect.flatMap(next(from), ({ count, to }) =>
    to === undefined ? Effect.succeed(sum + count) : inSlices(next, to, sum + count)
  )
