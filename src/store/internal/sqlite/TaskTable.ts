/**
 * The fields of a stored task, in one table.
 *
 * The columns of `strand_tasks`, the values that are inserted, the records that are read and the files of a folder's records
 * follow from it. A new field is a line of {@link fields}; the compiler compares it with what `TaskRecord` says of it.
 */
import type { EncodedExit, TaskRecord, TraceParent } from "../../TaskStore.ts"
import { isJson } from "../Json.ts"
import { pairOf, secondOf } from "../Pair.ts"
import * as Fields from "./Fields.ts"
import { number, type Query, text, type Value, written } from "./Statements.ts"
import { currentStatus, statusOf } from "./Status.ts"
import type { Reader } from "./Transaction.ts"

// --- kinds of fields -----------------------------------------------------------------------------------------------------

const integer = Fields.column("INTEGER", number)
const time = Fields.column("INTEGER", number, "time")
const string = Fields.column("TEXT", text)

const flag: Fields.Column<boolean> = {
  ...integer,
  nullable: true,
  read: (value) => value === 1,
  write: (value) => (value ? 1 : null)
}

/** What the store's serialization writes. */
const value: Fields.Column<unknown> = {
  kind: "column",
  type: "",
  nullable: true,
  file: "value",
  read: (value, { settings }) =>
    value === null || value === undefined ? undefined : settings.serialization.decode(written(value, undefined)),
  write: (value, { serialization }, { text }) =>
    value === undefined ? null : serialization.encode(value, text ?? isJson(value))
}

const isExit = (value: unknown): value is EncodedExit =>
  typeof value === "object" &&
  value !== null &&
  "_tag" in value &&
  (value._tag === "Success" || value._tag === "Failure")

const exit: Fields.Column<EncodedExit | undefined> = {
  ...value,
  read: (stored, reader) => {
    const read = value.read(stored, reader)
    if (read === undefined || isExit(read)) return read
    throw new Error("the database holds something else in place of how a task ended")
  }
}

/** A time to live: -1 for no end, nothing for the store's own. */
const timeToLive: Fields.Column<number, number | undefined> = {
  ...Fields.optional(integer),
  read: (value, reader) =>
    value === null ? reader.settings.timeToLive : value === -1 ? Infinity : integer.read(value, reader),
  write: (millis) => (millis === undefined ? null : millis === Infinity ? -1 : Math.round(millis))
}

/** A key that each task's name has for itself. */
const keyOfName: Fields.Column<string | undefined> = Fields.optional({
  ...string,
  read: (value, reader) => secondOf(string.read(value, reader)),
  write: (key, _settings, { name }) => pairOf(name, key)
})

/** What is known when a task is offered. */
const given = <F>(field: F): F & { readonly given: true } => ({ ...field, given: true })

// --- the table -----------------------------------------------------------------------------------------------------------

/** All fields, in the order of their columns, which the journals of folders go by. */
export const fields = {
  seq: { ...integer, type: "INTEGER PRIMARY KEY AUTOINCREMENT" },
  id: given({ ...string, index: "unique" as const }),
  lane: integer,
  /** Its status as it is stored. */
  state: { ...integer, column: "status", file: "status" as const },
  priority: given(Fields.column("NUMERIC", number)),
  runAt: given(time),
  createdAt: given(time),
  attempts: { ...integer, initial: 0 },
  maxAttempts: given(integer),
  token: { ...integer, initial: 0 },
  session: Fields.optional(integer),
  /** Somebody else runs it, and its record is only kept here. */
  recorded: flag,
  payload: given(value),
  exit,
  failure: value,
  progress: value,
  startedAt: Fields.optional(time),
  finishedAt: Fields.optional(time),
  deadline: given(Fields.optional(time)),
  timeToLive: given(timeToLive),
  expiresAt: { ...Fields.optional(time), index: "many" as const },
  cancelRequested: flag,
  idempotencyKey: given({ ...keyOfName, index: "unique" as const }),
  concurrencyKey: given(Fields.optional(string)),
  tags: given(Fields.detail<ReadonlyArray<string>>([], (tags) => tags.length === 0)),
  trace: given(Fields.detail<TraceParent | undefined>(undefined)),
  parentId: given(Fields.detail<string | undefined>(undefined)),
  retryDelays: given(Fields.detail<ReadonlyArray<number> | undefined>(undefined)),
  principal: given(Fields.detail<unknown>(undefined)),
  discardResult: given(Fields.detail<boolean>(false))
}

/** What a task's lane says. */
const ofLane = (part: "name" | "queue"): Fields.Column<string> => ({
  ...string,
  column: "lane",
  read: (lane, reader) => reader.lane(number(lane, undefined))[part]
})

/** What is read and not written: it follows from the fields, or stands in other tables. */
const derived = {
  name: ofLane("name"),
  queue: ofLane("queue"),
  status: { ...string, column: currentStatus, read: (state: Value) => statusOf(number(state, undefined)) },
  attempt: { ...integer, column: "attempts" },
  worker: {
    ...Fields.optional(string),
    column: "(SELECT worker FROM strand_sessions WHERE strand_sessions.id = session)"
  },
  leaseUntil: {
    ...Fields.optional(time),
    column: "(SELECT lease_until FROM strand_sessions WHERE strand_sessions.id = session)"
  }
}

/** All that can be read of a task. */
const readable = { ...fields, ...derived }

type Readable = typeof readable

/** The names of the fields that are given. */
type Given<T> = { [K in keyof T]: T[K] extends { readonly given: true } ? K : never }[keyof T] & string

/** The names of the fields of a table that are known when a task is offered. */
export const givenOf = <T extends Fields.Fields>(fields: T): ReadonlyArray<Given<T>> =>
  Fields.namesOf(fields).filter((name): name is Given<T> => "given" in fields[name]!)

// --- statements ----------------------------------------------------------------------------------------------------------

/** A statement for some fields of tasks. What follows is all behind `FROM strand_tasks`. */
export const select = <K extends keyof Readable>(
  keys: ReadonlyArray<K>,
  rest: string
): Query<Fields.RecordOf<Readable, K>, Reader> => {
  const { columns, read } = Fields.reading(readable, keys)
  return { writes: false, sql: `SELECT ${columns} FROM strand_tasks ${rest}`, read }
}

/** A statement that changes tasks, and gives them as their readers claim them. */
export const claim = (update: string): Query<ClaimedTask, Reader, true> => {
  const { columns, read } = Fields.reading(readable, claimed)
  return { writes: true, sql: `${update} RETURNING ${columns}`, read }
}

const claimed = [...givenOf(fields), "name", "queue", "token", "attempt", "seq"] as const

/** A task as its readers claim it. */
export type ClaimedTask = Fields.RecordOf<Readable, (typeof claimed)[number]>

/** What is nobody's business outside of the store. */
const hidden = ["seq", "lane", "state", "session", "recorded", "attempt"] as const

/** A statement for the records of tasks. */
export const selectRecords = (rest: string): Query<TaskRecord, Reader> => select(Fields.namesOf(readable, hidden), rest)

/** The writer of what an offered task brings. */
export const offered = Fields.writing(fields, givenOf(fields))

/** The writer of whole records. */
export const whole = Fields.writing(fields, Fields.namesOf(fields, ["seq"]))
