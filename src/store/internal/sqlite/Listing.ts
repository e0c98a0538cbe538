/** Reading and removing many records without holding up the event loop: pages, and slices of the table. */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { SQLInputValue } from "node:sqlite"
import type { StoreFailure } from "../../../TaskError.ts"
import type { Serialization } from "../../Serialization.ts"
import type { EntriesOptions, Filter, TaskRecord } from "../../TaskStore.ts"
import type { Database } from "./Database.ts"
import { readRecord, recordColumns, recordTables, type Row } from "./Rows.ts"
import { Status, storedAs } from "./Schema.ts"

/** How many records a page holds, at most. */
const pageSize = 100

/** How many rows a statement looks at, at most. */
const sliceRows = 5_000

/** How many rows are removed in one transaction. */
const removedRows = 100

interface Condition {
  readonly sql: string
  readonly values: ReadonlyArray<SQLInputValue>
}

const listOf = <A>(value: A | ReadonlyArray<A>): ReadonlyArray<A> =>
  Array.isArray(value) ? (value as ReadonlyArray<A>) : [value as A]

const millisOf = (time: DateTime.DateTime | Date): number => DateTime.toEpochMillis(DateTime.makeUnsafe(time))

/** A filter as a condition over `strand_tasks t` and its lane `l`. What has expired is not there any more. */
const conditionOf = ({ name, queue, since, status, tag, until }: Filter): Condition => {
  const parts = ["(t.expires_at IS NULL OR t.expires_at > ?)"]
  const values: Array<SQLInputValue> = [Date.now()]
  const oneOf = (column: string, allowed: ReadonlyArray<SQLInputValue>) => {
    parts.push(`${column} IN (${allowed.map(() => "?").join(", ")})`)
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
        ? `(t.status IN (${marks}) OR (t.status = ${Status.scheduled} AND t.run_at ${comparison} ?))`
        : `t.status IN (${marks})`
    )
    values.push(...others, ...(due ? [Date.now()] : []))
  }
  if (name !== undefined) oneOf("l.name", listOf(name))
  if (queue !== undefined) oneOf("l.queue", listOf(queue))
  if (since !== undefined) {
    parts.push("t.created_at >= ?")
    values.push(millisOf(since))
  }
  if (until !== undefined) {
    parts.push("t.created_at < ?")
    values.push(millisOf(until))
  }
  if (tag !== undefined) {
    parts.push("EXISTS (SELECT 1 FROM json_each(t.details, '$.tags') WHERE value = ?)")
    values.push(tag)
  }
  return { sql: parts.join(" AND "), values }
}

/** The many records of one store. */
export class Listing {
  private readonly db: Database
  private readonly serialization: Serialization
  private readonly timeToLive: number

  constructor(db: Database, serialization: Serialization, timeToLive: number) {
    this.db = db
    this.serialization = serialization
    this.timeToLive = timeToLive
  }

  /** Reads the row of one record. To be run in a transaction or alone. */
  get(id: string): TaskRecord | undefined {
    const row = this.db
      .prepare(
        `SELECT ${recordColumns} FROM ${recordTables} WHERE t.id = ? AND (t.expires_at IS NULL OR t.expires_at > ?)`
      )
      .get(id, Date.now())
    return row === undefined ? undefined : readRecord(this.serialization, this.timeToLive, row as Row)
  }

  entries(options: EntriesOptions = {}): Stream.Stream<TaskRecord, StoreFailure> {
    const { after, first = "oldest", limit = Infinity } = options
    if (limit <= 0) return Stream.empty
    const start =
      after === undefined
        ? Effect.succeed(first === "oldest" ? 0 : Number.MAX_SAFE_INTEGER)
        : this.db.read("find where a page begins", () => {
            const row = this.db.prepare("SELECT seq FROM strand_tasks WHERE id = ?").get(after)
            if (row === undefined) throw new Error(`there is no record with the id ${after} to begin after`)
            return row["seq"] as number
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
    return this.db.read("list records", () => {
      const { sql, values } = conditionOf(options)
      const newest = options.first === "newest"
      const edge = this.edge(position, newest, sliceRows)
      if (edge === undefined) return { records: [], next: undefined }
      const [from, to] = newest ? [edge - 1, position] : [position, edge + 1]
      const rows = this.db
        .prepare(
          `SELECT ${recordColumns} FROM ${recordTables}
           WHERE t.seq > ? AND t.seq < ? AND ${sql} ORDER BY t.seq ${newest ? "DESC" : "ASC"} LIMIT ?`
        )
        .all(from, to, ...values, limit) as Array<Row>
      const records = rows.map((row) => readRecord(this.serialization, this.timeToLive, row))
      return { records, next: rows.length === limit ? (rows.at(-1)!["seq"] as number) : edge }
    })
  }

  /** The last row of the slice behind a position; undefined when there is none. */
  private edge(position: number, newest: boolean, size: number): number | undefined {
    const sql = newest
      ? "SELECT min(seq) AS seq FROM (SELECT seq FROM strand_tasks WHERE seq < ? ORDER BY seq DESC LIMIT ?)"
      : "SELECT max(seq) AS seq FROM (SELECT seq FROM strand_tasks WHERE seq > ? ORDER BY seq LIMIT ?)"
    return (this.db.prepare(sql).get(position, size)!["seq"] as number | null) ?? undefined
  }

  size(filter: Filter = {}): Effect.Effect<number, StoreFailure> {
    return this.inSlices("count records", (from, to) => {
      const { sql, values } = conditionOf(filter)
      return this.db
        .prepare(
          `SELECT count(*) AS count FROM strand_tasks t JOIN strand_lanes l ON l.id = t.lane
           WHERE t.seq > ? AND t.seq <= ? AND ${sql}`
        )
        .get(from, to, ...values)!["count"] as number
    })
  }

  clear(filter: Filter | undefined): Effect.Effect<number, StoreFailure> {
    const { sql, values } = conditionOf(filter ?? { status: ["completed", "failed", "cancelled"] })
    // What runs is its reader's until it is over.
    return this.inSlices(
      "clear records",
      (from, to) =>
        Number(
          this.db
            .prepare(
              `DELETE FROM strand_tasks WHERE seq IN
                (SELECT t.seq FROM strand_tasks t JOIN strand_lanes l ON l.id = t.lane
                 WHERE t.seq > ? AND t.seq <= ? AND t.status <> ${Status.running} AND ${sql})`
            )
            .run(from, to, ...values).changes
        ),
      removedRows
    )
  }

  /** Adds up what a function gives for each slice of the table. With `write`, slices are so many rows, and written. */
  private inSlices(
    name: string,
    each: (from: number, to: number) => number,
    write?: number
  ): Effect.Effect<number, StoreFailure> {
    const run = (position: number) => () => {
      const edge = this.edge(position, false, write ?? sliceRows)
      return edge === undefined ? undefined : { edge, count: each(position, edge) }
    }
    const go = (position: number, sum: number): Effect.Effect<number, StoreFailure> =>
      Effect.flatMap(
        write === undefined ? this.db.read(name, run(position)) : this.db.write(name, run(position)),
        (slice) => (slice === undefined ? Effect.succeed(sum) : go(slice.edge, sum + slice.count))
      )
    return go(0, 0)
  }

  get cleanupExpired(): Effect.Effect<number, StoreFailure> {
    const step = this.db.write("remove expired records", () =>
      Number(
        this.db
          .prepare(
            `DELETE FROM strand_tasks WHERE seq IN
              (SELECT seq FROM strand_tasks WHERE expires_at IS NOT NULL AND expires_at <= ? LIMIT ${removedRows})`
          )
          .run(Date.now()).changes
      )
    )
    const go = (sum: number): Effect.Effect<number, StoreFailure> =>
      Effect.flatMap(step, (count) => (count < removedRows ? Effect.succeed(sum + count) : go(sum + count)))
    return go(0)
  }
}
