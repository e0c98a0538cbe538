/**
 * Records as files that a person can read: one JSON file for each task.
 *
 * A file is written aside and renamed, so it is whole at any moment. A file that cannot be read is left alone and reported;
 * the others go on.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync
} from "node:fs"
import { hash } from "node:crypto"
import { dirname, join } from "node:path"
import { isJson, type Row } from "../sqlite/Rows.ts"
import { Status } from "../sqlite/Schema.ts"

/** A column's name in the table and in the file, and how it is written there. */
interface Column {
  readonly column: string
  readonly name: string
  readonly kind: "plain" | "time" | "value" | "status" | "json"
}

const columns: ReadonlyArray<Column> = [
  { column: "id", name: "id", kind: "plain" },
  { column: "status", name: "status", kind: "status" },
  { column: "payload", name: "payload", kind: "value" },
  { column: "exit", name: "exit", kind: "value" },
  { column: "failure", name: "failure", kind: "value" },
  { column: "progress", name: "progress", kind: "value" },
  { column: "attempts", name: "attempts", kind: "plain" },
  { column: "max_attempts", name: "maxAttempts", kind: "plain" },
  { column: "priority", name: "priority", kind: "plain" },
  { column: "created_at", name: "createdAt", kind: "time" },
  { column: "run_at", name: "runAt", kind: "time" },
  { column: "started_at", name: "startedAt", kind: "time" },
  { column: "finished_at", name: "finishedAt", kind: "time" },
  { column: "deadline", name: "deadline", kind: "time" },
  { column: "expires_at", name: "expiresAt", kind: "time" },
  { column: "time_to_live", name: "timeToLive", kind: "plain" },
  { column: "cancel_requested", name: "cancelRequested", kind: "plain" },
  { column: "recorded", name: "recorded", kind: "plain" },
  { column: "idempotency_key", name: "idempotencyKey", kind: "plain" },
  { column: "concurrency_key", name: "concurrencyKey", kind: "plain" },
  { column: "details", name: "details", kind: "json" },
  { column: "seq", name: "sequence", kind: "plain" },
  { column: "lane", name: "lane", kind: "plain" },
  { column: "session", name: "session", kind: "plain" },
  { column: "token", name: "token", kind: "plain" }
]

/** The columns of `strand_tasks`, in the order in which {@link RecordFiles.load} gives them. */
export const columnNames: ReadonlyArray<string> = columns.map(({ column }) => column)

const statusNames = Object.keys(Status)

const toFile = (kind: Column["kind"], value: NonNullable<Row[string]>): unknown => {
  switch (kind) {
    case "time":
      return new Date(value as number).toISOString()
    case "status":
      return statusNames[value as number]
    case "json":
      return JSON.parse(value as string)
    case "value":
      return valueToFile(value as string | Uint8Array)
    default:
      return value
  }
}

const fromFile = (kind: Column["kind"], value: unknown): Row[string] => {
  switch (kind) {
    case "time": {
      const time = Date.parse(value as string)
      if (Number.isNaN(time)) throw new Error(`${JSON.stringify(value)} is not a time`)
      return time
    }
    case "status": {
      const status = statusNames.indexOf(value as string)
      if (status < 0) throw new Error(`${JSON.stringify(value)} is not a status`)
      return status
    }
    case "json":
      return JSON.stringify(value)
    case "value":
      return valueFromFile(value as Written)
    default:
      return value as Row[string]
  }
}

/** What a serialization wrote: JSON as such, other text and bytes marked as what they are. */
type Written = { readonly json: unknown } | { readonly text: string } | { readonly base64: string }

const valueToFile = (value: string | Uint8Array): Written => {
  if (typeof value !== "string") return { base64: Buffer.from(value).toString("base64") }
  try {
    const json: unknown = JSON.parse(value)
    // Only what comes back as the same text.
    if (isJson(json) && JSON.stringify(json) === value) return { json }
  } catch {
    // Text of another kind.
  }
  return { text: value }
}

const valueFromFile = (written: Written): string | Uint8Array => {
  if ("json" in written) return JSON.stringify(written.json)
  return "text" in written ? written.text : Buffer.from(written.base64, "base64")
}

const required = ["id", "status", "sequence", "lane", "priority", "createdAt", "runAt", "maxAttempts"]

/** The record files of a folder. */
export class RecordFiles {
  private readonly folder: string
  private readonly sync: boolean
  /** What is wrong with the files that could not be read, by their path. */
  readonly damaged = new Map<string, string>()

  constructor(folder: string, sync: boolean) {
    this.folder = folder
    this.sync = sync
    mkdirSync(folder, { recursive: true })
  }

  /** The file of a task. An id may hold anything; a file's name may not, and some file systems ignore case. */
  path(id: string): string {
    const plain = /^[a-z0-9_-]{1,100}$/.test(id)
    const name = plain ? id : `${id.replace(/[^\w-]/g, "_").slice(0, 40)}.${hash("sha256", id).slice(0, 32)}`
    // Folders stay small: the last characters of an id differ most.
    return join(this.folder, name.slice(-2), `${name}.json`)
  }

  write(row: Row): void {
    const file: Record<string, unknown> = {}
    for (const { column, kind, name } of columns) {
      const value = row[column]
      if (value !== null && value !== undefined) file[name] = toFile(kind, value)
    }
    const id = row["id"] as string
    writeAside(this.path(id), `${JSON.stringify(file, null, 2)}\n`, this.sync)
    this.damaged.delete(this.path(id))
  }

  remove(id: string): void {
    rmSync(this.path(id), { force: true })
  }

  /** What is wrong with the file of a task, if it could not be read. */
  damageOf(id: string): string | undefined {
    if (this.damaged.size === 0) return undefined
    const path = this.path(id)
    const problem = this.damaged.get(path)
    return problem === undefined ? undefined : `${path}: ${problem}`
  }

  /** Reads all files: one list of values for each, in the order of {@link columnNames}. */
  *load(): Generator<ReadonlyArray<Row[string]>> {
    this.damaged.clear()
    for (const folder of readdirSync(this.folder)) {
      for (const file of readdirSync(join(this.folder, folder))) {
        if (!file.endsWith(".json")) continue
        const path = join(this.folder, folder, file)
        try {
          yield this.parse(readFileSync(path, "utf8"))
        } catch (error) {
          this.damaged.set(path, (error as Error).message)
        }
      }
    }
  }

  private parse(text: string): ReadonlyArray<Row[string]> {
    const file = JSON.parse(text) as Record<string, unknown>
    for (const name of required) if (file[name] === undefined) throw new Error(`it has no ${name}`)
    return columns.map(({ kind, name }) => (file[name] === undefined ? null : fromFile(kind, file[name])))
  }
}

/** Writes a file so that there is at any moment either the old or the new one. */
export const writeAside = (path: string, text: string, sync: boolean): void => {
  const aside = `${path}.${process.pid}.new`
  const file = openForWriting(aside)
  try {
    writeSync(file, text)
    if (sync) fsyncSync(file)
  } catch (error) {
    closeSync(file)
    rmSync(aside, { force: true })
    throw error
  }
  closeSync(file)
  renameSync(aside, path)
}

const openForWriting = (path: string): number => {
  try {
    return openSync(path, "w")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error
    mkdirSync(dirname(path), { recursive: true })
    return openSync(path, "w")
  }
}
