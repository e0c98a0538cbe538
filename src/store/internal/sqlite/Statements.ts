/**
 * The statements of one SQLite connection, and typed readers of what they give: the one place where values of `node:sqlite`
 * come in. Here, too, is how to wait for a database that another process is writing to.
 *
 * A row is read as a list, which costs half of an object, and made a record by its {@link Query}. A value of another type
 * than its column's is a fault of the file, and is said as such.
 */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite"

/** What is given to a statement. */
export type Parameter = SQLInputValue

/** What is in a column. */
export type Value = SQLOutputValue | undefined

/** What a statement gives, in the order of its columns. */
export type Row = Readonly<Record<number, Value>>

/** Makes a value of what is in a column. `C` is what it needs to know besides. */
export type Read<A, C = unknown> = (value: Value, context: C) => A

/** A statement that only reads, or one that changes rows and gives them back. */
export interface Query<A, C = unknown, Writes = false> {
  readonly writes: Writes
  readonly sql: string
  readonly read: (row: Row, context: C) => A
}

const refuse = (expected: string, value: Value): never => {
  throw new Error(`the database holds ${value === null ? "nothing" : `a ${typeof value}`} in place of ${expected}`)
}

export const number: Read<number> = (value) => (typeof value === "number" ? value : refuse("a number", value))

export const text: Read<string> = (value) => (typeof value === "string" ? value : refuse("a text", value))

/** What a serialization wrote. */
export const written: Read<string | Uint8Array> = (value) =>
  typeof value === "string" || value instanceof Uint8Array ? value : refuse("a text or bytes", value)

/** True is written as 1, and false as 0 or not at all. */
export const flag: Read<boolean> = (value) => value === 1

/** A column that may be empty. */
export const optional =
  <A, C>(read: Read<A, C>): Read<A | undefined, C> =>
  (value, context) =>
    value === null || value === undefined ? undefined : read(value, context)

/** A statement that only reads, with the names of its columns in order. */
export const query = <T extends { readonly [name: string]: Read<unknown> }>(
  sql: string,
  reads: T
): Query<{ readonly [K in keyof T]: ReturnType<T[K]> }> => {
  const names: ReadonlyArray<keyof T> = Object.keys(reads)
  const all = Object.values(reads)
  const read = (row: Row, context: unknown) => {
    const record: Partial<{ [K in keyof T]: unknown }> = {}
    for (let n = 0; n < names.length; n++) record[names[n]!] = all[n]!(row[n], context)
    return record as { readonly [K in keyof T]: ReturnType<T[K]> }
  }
  return { writes: false, sql, read }
}

/** A statement that only reads, and one value of it. */
export const value = <A>(sql: string, read: Read<A>): Query<A> => ({
  writes: false,
  sql,
  read: (row, context) => read(row[0], context)
})

/** The marks of as many parameters. */
export const marks = (parameters: ReadonlyArray<unknown>): string => parameters.map(() => "?").join(", ")

/** A statement that inserts a row. */
export const insertInto = (table: string, columns: ReadonlyArray<string>): string =>
  `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${marks(columns)})`

// --- a database that others use too ---------------------------------------------------------------------------------------

/** Is told once, now or later, that something is done, or why not. */
export type Done = (failure?: { readonly error: unknown }) => void

/** After how long a database that stays busy is a failure, in milliseconds. */
export const busyTimeout = 30_000

/** How long to wait before asking again, in milliseconds: one, with some chance in it. */
const delay = () => 1 + Math.floor(Math.random() * 2)

/** Whether an error is SQLITE_BUSY or SQLITE_LOCKED, or one of what they are extended to. */
const isBusy = (error: unknown): boolean => {
  if (!(error instanceof Error && "errcode" in error && typeof error.errcode === "number")) return false
  const code = error.errcode & 0xff
  return code === 5 || code === 6
}

/**
 * Runs a statement that needs the database to itself. Nothing ever waits in the event loop: a database that another process
 * is writing to is asked again a moment later.
 */
export const execWhenFree = (db: DatabaseSync, sql: string, done: Done, since = performance.now()): void => {
  try {
    db.exec(sql)
  } catch (error) {
    if (!isBusy(error) || performance.now() - since > busyTimeout) return done({ error })
    setTimeout(() => execWhenFree(db, sql, done, since), delay())
    return
  }
  done()
}

// --- the statements --------------------------------------------------------------------------------------------------------

/** The statements of a connection, each prepared once. */
export class Statements {
  private readonly connection: DatabaseSync
  private readonly prepared = new Map<string, StatementSync>()

  constructor(connection: DatabaseSync) {
    this.connection = connection
  }

  prepare(sql: string): StatementSync {
    let statement = this.prepared.get(sql)
    if (statement === undefined) {
      statement = this.connection.prepare(sql, { returnArrays: true })
      this.prepared.set(sql, statement)
    }
    return statement
  }
}
