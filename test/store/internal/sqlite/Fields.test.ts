// A field is one line: what follows from a table of fields follows for a field that is added to it.
import { assert, describe, it } from "@effect/vitest"
import { DatabaseSync } from "node:sqlite"
import * as Fields from "../../../../src/store/internal/sqlite/Fields.ts"
import { number, Statements, text } from "../../../../src/store/internal/sqlite/Statements.ts"
import { fields, givenOf } from "../../../../src/store/internal/sqlite/TaskTable.ts"
import { Reader } from "../../../../src/store/internal/sqlite/Transaction.ts"
import * as Serialization from "../../../../src/store/Serialization.ts"
import type { StoredCall, TaskRecord } from "../../../../src/store/TaskStore.ts"

const settings = {
  serialization: Serialization.json,
  timeToLive: 1000,
  laneOf: () => ({ id: 1, queue: "default", name: "work" })
}

/** The table of stored tasks, and two fields more. */
const more = {
  ...fields,
  resultSize: { ...Fields.optional(Fields.column("INTEGER", number)), index: "many" as const, given: true as const },
  region: { ...Fields.detail("here"), given: true as const }
}

/** A database whose table of tasks has the columns of a table of fields. */
const open = (table: Fields.Fields) => {
  const connection = new DatabaseSync(":memory:")
  connection.exec(`CREATE TABLE strand_tasks (${Fields.declarations(table).join(", ")})`)
  for (const index of Fields.indexes("strand_tasks", table)) connection.exec(index)
  return { connection, reader: new Reader(new Statements(connection), settings) }
}

const call = {
  id: "1",
  name: "work",
  text: true,
  payload: { n: 1 },
  priority: 10,
  runAt: 3,
  createdAt: 2,
  maxAttempts: 5
}

describe("a field that is added to the table of tasks", () => {
  const { columns, write } = Fields.writing(more, ["lane", "state", ...givenOf(more)])
  const { columns: read, read: readRow } = Fields.reading(more, ["id", "resultSize", "region", "tags", "payload"])

  const insert = (values: Parameters<typeof write>[0]) => {
    const opened = open(more)
    const marks = columns.map(() => "?").join(", ")
    opened.connection
      .prepare(`INSERT INTO strand_tasks (${columns.join(", ")}) VALUES (${marks})`)
      .run(...write(values, settings))
    const query = { writes: false as const, sql: `SELECT ${read} FROM strand_tasks`, read: readRow }
    return { ...opened, record: opened.reader.one(query) }
  }

  it("has a column and an index", () => {
    const { connection } = open(more)
    const columns = connection.prepare(
      "SELECT type, \"notnull\" AS required FROM pragma_table_info('strand_tasks') WHERE name = 'result_size'"
    )
    assert.deepStrictEqual({ ...columns.get() }, { type: "INTEGER", required: 0 })
    const indexes = connection.prepare("SELECT name FROM pragma_index_list('strand_tasks')").all()
    assert.include(
      indexes.map((row) => row["name"]),
      "strand_tasks_by_result_size"
    )
  })

  it("is inserted and read", () => {
    const { connection, record } = insert({ ...call, lane: 1, state: 0, resultSize: 7, region: "there" })
    assert.deepStrictEqual(record, { id: "1", resultSize: 7, region: "there", tags: [], payload: { n: 1 } })
    const row = connection.prepare("SELECT result_size, details FROM strand_tasks").get()
    assert.deepStrictEqual({ ...row }, { result_size: 7, details: `{"region":"there"}` })
  })

  it("is what it is when nothing is said", () => {
    const { connection, record } = insert({ ...call, lane: 1, state: 0, tags: [] })
    assert.deepStrictEqual(record, { id: "1", resultSize: undefined, region: "here", tags: [], payload: { n: 1 } })
    assert.isNull(connection.prepare("SELECT details FROM strand_tasks").get()!["details"])
  })

  it("has a type that the compiler holds writers and readers to", () => {
    const { record } = insert({ ...call, lane: 1, state: 0 })
    const size: number | undefined = record.resultSize
    // @ts-expect-error a region is a text
    const region: number = record.region
    assert.deepStrictEqual([size, region], [undefined, "here"])
    // @ts-expect-error a size is a number
    const wrong: Parameters<typeof write>[0] = { ...call, lane: 1, state: 0, resultSize: "7" }
    assert.include(write(wrong, settings), "7")
  })
})

describe("the table of tasks", () => {
  it("has all fields of a call, and no call has others", () => {
    type Given = ReturnType<typeof givenOf<typeof fields>>[number] | "name" | "queue"
    const all: [Exclude<Given, keyof StoredCall>, Exclude<keyof StoredCall, Given>] extends [never, never]
      ? true
      : false = true
    assert.isTrue(all)
  })

  it("has all fields of a record", () => {
    type Read = keyof typeof fields | "name" | "queue" | "status" | "worker" | "leaseUntil"
    const all: Exclude<keyof TaskRecord, Read> extends never ? true : false = true
    assert.isTrue(all)
  })

  it("says what is wrong when a column holds what it cannot", () => {
    const { connection, reader } = open(fields)
    connection.exec(`INSERT INTO strand_tasks (id, lane, status, priority, run_at, created_at, max_attempts)
      VALUES ('1', 1, 0, 'urgent', 1, 1, 1)`)
    const { columns, read } = Fields.reading(fields, ["priority"])
    const query = { writes: false as const, sql: `SELECT ${columns} FROM strand_tasks`, read }
    assert.throws(() => reader.one(query), "the database holds a string in place of a number")
    assert.strictEqual(text("a", undefined), "a")
  })
})
