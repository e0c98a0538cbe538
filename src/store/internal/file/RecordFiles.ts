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
import { hasCode } from "../ErrorCode.ts"
import { isJson } from "../Json.ts"
import { columnsOf } from "../sqlite/Fields.ts"
import type { Parameter, Row } from "../sqlite/Statements.ts"
import { Status } from "../sqlite/Status.ts"
import { fields } from "../sqlite/TaskTable.ts"

/** What is called otherwise in a file, which is for people, than in the table of fields. */
const fileNames: { readonly [field: string]: string | undefined } = { seq: "sequence", state: "status" }

const columns = columnsOf(fields).map(({ column, field, name }) => ({
  column,
  name: fileNames[name] ?? name,
  kind: field?.file ?? ("json" as const),
  initial: field?.initial ?? null,
  required: field !== undefined && !field.nullable && field.initial === undefined
}))

type FileKind = (typeof columns)[number]["kind"]

/** The columns of `strand_tasks`, in the order of the rows that are written and read here. */
export const columnNames: ReadonlyArray<string> = columns.map(({ column }) => column)

const idAt = columnNames.indexOf("id")

const statusNames = Object.keys(Status)

const toFile = (kind: FileKind, value: NonNullable<Row[number]>): unknown => {
  switch (kind) {
    case "time":
      return new Date(Number(value)).toISOString()
    case "status":
      return statusNames[Number(value)]
    case "json":
      return JSON.parse(String(value))
    case "value":
      return typeof value === "string" || value instanceof Uint8Array ? valueToFile(value) : value
    case "plain":
      return value
  }
}

const fromFile = (kind: FileKind, value: unknown): Parameter => {
  switch (kind) {
    case "time": {
      const time = typeof value === "string" ? Date.parse(value) : Number.NaN
      if (Number.isNaN(time)) throw new Error(`${JSON.stringify(value)} is not a time`)
      return time
    }
    case "status": {
      const status = statusNames.findIndex((name) => name === value)
      if (status < 0) throw new Error(`${JSON.stringify(value)} is not a status`)
      return status
    }
    case "json":
      return JSON.stringify(value)
    case "value":
      return valueFromFile(value)
    case "plain":
      if (typeof value === "string" || typeof value === "number") return value
      throw new Error(`${JSON.stringify(value)} is neither a text nor a number`)
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

const valueFromFile = (value: unknown): string | Uint8Array => {
  if (typeof value === "object" && value !== null) {
    if ("json" in value) return JSON.stringify(value.json)
    if ("text" in value && typeof value.text === "string") return value.text
    if ("base64" in value && typeof value.base64 === "string") return Buffer.from(value.base64, "base64")
  }
  throw new Error(`${JSON.stringify(value)} is not what a serialization has written`)
}

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
    for (const [n, { kind, name }] of columns.entries()) {
      const value = row[n]
      if (value !== null && value !== undefined) file[name] = toFile(kind, value)
    }
    const id = String(row[idAt])
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
  *load(): Generator<ReadonlyArray<Parameter>> {
    this.damaged.clear()
    for (const folder of readdirSync(this.folder)) {
      for (const file of readdirSync(join(this.folder, folder))) {
        if (!file.endsWith(".json")) continue
        const path = join(this.folder, folder, file)
        try {
          yield this.parse(readFileSync(path, "utf8"))
        } catch (error) {
          this.damaged.set(path, error instanceof Error ? error.message : String(error))
        }
      }
    }
  }

  private parse(text: string): ReadonlyArray<Parameter> {
    const file: { readonly [name: string]: unknown } = JSON.parse(text)
    return columns.map(({ initial, kind, name, required }) => {
      if (file[name] !== undefined) return fromFile(kind, file[name])
      if (required) throw new Error(`it has no ${name}`)
      return initial
    })
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
    if (!hasCode(error, "ENOENT")) throw error
    mkdirSync(dirname(path), { recursive: true })
    return openSync(path, "w")
  }
}
