/**
 * Tables of fields: what each field of a record is in a column, how it is written there, and how it is read.
 *
 * From such a table follow the columns of a table in the database, the values that are inserted, the records that are
 * read, and the types of both.
 */
import type { Parameter, Read, Row, Value } from "./Statements.ts"
import type { Reader, Settings } from "./Transaction.ts"

/** What the writer of a field knows of its record. */
export interface Written {
  readonly name: string
  /** Whether its values are known to be all JSON. Undefined: they are looked at. */
  readonly text?: boolean | undefined
}

/** A field with a column of its own. */
export interface Column<A, W = A> {
  readonly kind: "column"
  /** The column, or an expression over several, where it has not the field's name. */
  readonly column?: string
  /** The type of the column; "" for one that takes texts and bytes as they are. */
  readonly type: string
  readonly nullable: boolean
  /** What is in the column when nothing is said. */
  readonly initial?: number
  /** Rows are found by it: one at most, or several. */
  readonly index?: "unique" | "many"
  /** What it is to a person who reads a file. */
  readonly file: "plain" | "time" | "value" | "status"
  read(value: Value, reader: Reader): A
  write(value: W, settings: Settings, record: Written): Parameter
}

/** A field that few records have and no statement asks for. All of these are in the column `details`, as JSON. */
export interface Detail<A> {
  readonly kind: "detail"
  readonly initial: A
  isInitial(value: A): boolean
}

/** Fields by their names. */
export interface Fields {
  readonly [name: string]: Column<unknown> | Detail<unknown>
}

type ReadOf<F> = F extends { read(value: Value, reader: Reader): infer A }
  ? A
  : F extends { readonly initial: infer A }
    ? A
    : never

type WrittenOf<F> = F extends { write(value: infer W, settings: Settings, record: Written): Parameter }
  ? W
  : F extends { readonly initial: infer A }
    ? A | undefined
    : never

/** A record, as it is read. */
export type RecordOf<T extends Fields, K extends keyof T = keyof T> = { readonly [P in K]: ReadOf<T[P]> }

/** A record, as it is written: what may be undefined may be left out. */
export type WritableOf<T extends Fields, K extends keyof T = keyof T> = {
  readonly [P in K as undefined extends WrittenOf<T[P]> ? never : P]: WrittenOf<T[P]>
} & {
  readonly [P in K as undefined extends WrittenOf<T[P]> ? P : never]?: WrittenOf<T[P]> | undefined
}

// --- kinds of fields -----------------------------------------------------------------------------------------------------

/** A column whose values are kept as they are. */
export const column = <A extends Parameter>(
  type: string,
  read: Read<A>,
  file: Column<A>["file"] = "plain"
): Column<A> => ({
  kind: "column",
  type,
  nullable: false,
  file,
  read,
  write: (value) => value
})

/** The same, where nothing may be in it. */
export const optional = <A, W>(of: Column<A, W>): Column<A | undefined, W | undefined> => ({
  ...of,
  nullable: true,
  read: (value, reader) => (value === null || value === undefined ? undefined : of.read(value, reader)),
  write: (value, settings, record) => (value === undefined ? null : of.write(value, settings, record))
})

/** A detail, and what it is where nothing is said. */
export const detail = <A>(initial: A, isInitial = (value: A) => value === initial): Detail<A> => ({
  kind: "detail",
  initial,
  isInitial
})

// --- what follows from a table -------------------------------------------------------------------------------------------

/** The column of the details. */
const detailsColumn = "details"

/** Some fields of a table, in the order in which they are named. With details among them there is their column too. */
const partOf = <T extends Fields, K extends keyof T & string>(fields: T, keys: ReadonlyArray<K>) => {
  const names: Array<K> = []
  const columns: Array<Column<unknown>> = []
  const columnNames: Array<string> = []
  const detailNames: Array<K> = []
  const details: Array<Detail<unknown>> = []
  for (const key of keys) {
    const field = fields[key]!
    if (field.kind === "detail") {
      detailNames.push(key)
      details.push(field)
      continue
    }
    names.push(key)
    columns.push(field)
    columnNames.push(field.column ?? key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
  }
  if (details.length > 0) columnNames.push(detailsColumn)
  return { names, columns, columnNames, detailNames, details }
}

/** The names of the fields of a table, without some. */
export const namesOf = <T extends Fields, H extends keyof T = never>(fields: T, without: ReadonlyArray<H> = []) =>
  Object.keys(fields).filter((name): name is Exclude<keyof T & string, H> => !without.some((each) => each === name))

/** The columns of a table, as a statement creates them. */
export const declarations = (fields: Fields): ReadonlyArray<string> => {
  const { columnNames, columns } = partOf(fields, namesOf(fields))
  return columnNames.map((name, n) => {
    const column = columns[n]
    if (column === undefined) return `${name} TEXT`
    const parts = [name, column.type, column.nullable ? "" : "NOT NULL"]
    if (column.initial !== undefined) parts.push(`DEFAULT ${column.initial}`)
    return parts.filter((part) => part !== "").join(" ")
  })
}

/** The indexes that fields ask for, as statements create them. */
export const indexes = (table: string, fields: Fields): ReadonlyArray<string> => {
  const { columnNames, columns } = partOf(fields, namesOf(fields))
  return columns.flatMap(({ index, nullable }, n) => {
    if (index === undefined) return []
    const name = columnNames[n]!
    const unique = index === "unique" ? "UNIQUE " : ""
    const where = nullable ? ` WHERE ${name} IS NOT NULL` : ""
    return [`CREATE ${unique}INDEX ${table}_by_${name} ON ${table} (${name})${where}`]
  })
}

/** The fields of a table that have columns, each with its column's name; the details as one. */
export const columnsOf = (fields: Fields) => {
  const { columnNames, columns, names } = partOf(fields, namesOf(fields))
  return columnNames.map((column, n) => ({ column, name: names[n] ?? detailsColumn, field: columns[n] }))
}

const nothing = {}

/** How some fields of a row are read. */
export const reading = <T extends Fields, K extends keyof T & string>(fields: T, keys: ReadonlyArray<K>) => {
  const { columnNames, columns, detailNames, details, names } = partOf(fields, keys)
  const read = (row: Row, reader: Reader) => {
    const record: { [P in K]?: unknown } = {}
    for (let n = 0; n < names.length; n++) record[names[n]!] = columns[n]!.read(row[n], reader)
    if (details.length > 0) {
      const text = row[columns.length]
      const found: { readonly [P in K]?: unknown } = typeof text === "string" ? JSON.parse(text) : nothing
      for (let n = 0; n < details.length; n++) {
        const value = found[detailNames[n]!]
        record[detailNames[n]!] = value === undefined ? details[n]!.initial : value
      }
    }
    return record as RecordOf<T, K>
  }
  return { columns: columnNames.join(", "), read }
}

/** How some fields of a record are written into a row. */
export const writing = <T extends Fields, K extends keyof T & string>(fields: T, keys: ReadonlyArray<K>) => {
  const { columnNames, columns, detailNames, details, names } = partOf(fields, keys)
  return {
    columns: columnNames,
    /** The values of the columns, in their order. */
    write: (record: Written & WritableOf<T, K>, settings: Settings): Array<Parameter> => {
      const values: { readonly [P in K]?: unknown } = record
      const row: Array<Parameter> = []
      for (let n = 0; n < names.length; n++) row.push(columns[n]!.write(values[names[n]!], settings, record))
      if (details.length > 0) {
        let found: { [name: string]: unknown } | undefined
        for (let n = 0; n < details.length; n++) {
          const value = values[detailNames[n]!]
          if (value !== undefined && !details[n]!.isInitial(value)) (found ??= {})[detailNames[n]!] = value
        }
        row.push(found === undefined ? null : JSON.stringify(found))
      }
      return row
    }
  }
}
