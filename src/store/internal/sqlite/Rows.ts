/** How tasks are written into rows, and read back. */
import type { Serialization } from "../../Serialization.ts"
import type { NewTask } from "../../TaskQueue.ts"
import type { EncodedExit, TaskRecord, TraceParent } from "../../TaskStore.ts"
import { currentStatus } from "./Schema.ts"

/** A row of `strand_tasks`, joined with its lane and its session. */
export type Row = Readonly<Record<string, null | number | bigint | string | Uint8Array>>

/** What is kept together in one column, because few tasks have any of it and no statement asks for it. */
interface Details {
  readonly tags?: ReadonlyArray<string> | undefined
  readonly trace?: TraceParent | undefined
  readonly parentId?: string | undefined
  readonly retryDelays?: ReadonlyArray<number> | undefined
  readonly principal?: unknown
  readonly discardResult?: boolean | undefined
}

const noDetails: Details = {}

/** The details of a task as text, or null when it has none. */
export const writeDetails = ({
  discardResult,
  parentId,
  principal,
  retryDelays,
  tags,
  trace
}: Pick<NewTask, keyof Details>): string | null =>
  parentId === undefined &&
  retryDelays === undefined &&
  trace === undefined &&
  principal === undefined &&
  discardResult !== true &&
  (tags === undefined || tags.length === 0)
    ? null
    : JSON.stringify({
        tags: tags?.length === 0 ? undefined : tags,
        trace,
        parentId,
        retryDelays,
        principal,
        discardResult: discardResult || undefined
      })

export const readDetails = (text: unknown): Details =>
  text === null ? noDetails : (JSON.parse(text as string) as Details)

/** Two texts as one, of which no other two make the same. */
export const pairOf = (first: string, second: string): string => `${first.length}:${first}${second}`

const secondOf = (pair: string): string => {
  const colon = pair.indexOf(":")
  return pair.slice(colon + 1 + Number(pair.slice(0, colon)))
}

/** The key by which a task is found again: one name may use the key of another. */
export const writeIdempotencyKey = (name: string, key: string | undefined): string | null =>
  key === undefined ? null : pairOf(name, key)

/** A time to live as it is stored: -1 for no end, null for the store's own. */
export const writeTimeToLive = (millis: number | undefined): number | null =>
  millis === undefined ? null : millis === Infinity ? -1 : Math.round(millis)

/** Whether a value is the same after JSON. */
export const isJson = (value: unknown): boolean => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0)
    case "object":
      if (value === null) return true
      if (Array.isArray(value)) return value.every(isJson)
      return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isJson)
    default:
      return false
  }
}

const optional = (value: unknown): number | undefined => (value === null ? undefined : (value as number))

/** The columns of {@link readRecord}: `FROM strand_tasks t`. */
export const recordColumns = `
  t.*, l.queue AS lane_queue, l.name AS lane_name, s.worker AS session_worker, s.lease_until AS session_lease`

/** The tables of {@link readRecord}. */
export const recordTables = `strand_tasks t
  JOIN strand_lanes l ON l.id = t.lane
  LEFT JOIN strand_sessions s ON s.id = t.session`

/** Reads one value that a serialization wrote. */
export const readValue = (serialization: Serialization, value: Row[string] | undefined): unknown =>
  value === null || value === undefined ? undefined : serialization.decode(value as string | Uint8Array)

/** Makes a record of a row. `timeToLive` is the store's. */
export const readRecord = (serialization: Serialization, timeToLive: number, row: Row): TaskRecord => {
  const details = readDetails(row["details"])
  const stored = row["time_to_live"]
  return {
    id: row["id"] as string,
    name: row["lane_name"] as string,
    queue: row["lane_queue"] as string,
    status: currentStatus(row["status"] as number, row["run_at"] as number, Date.now()),
    payload: readValue(serialization, row["payload"]),
    exit: readValue(serialization, row["exit"]) as EncodedExit | undefined,
    failure: readValue(serialization, row["failure"]),
    attempts: row["attempts"] as number,
    maxAttempts: row["max_attempts"] as number,
    retryDelays: details.retryDelays,
    priority: row["priority"] as number,
    createdAt: row["created_at"] as number,
    runAt: row["run_at"] as number,
    startedAt: optional(row["started_at"]),
    finishedAt: optional(row["finished_at"]),
    deadline: optional(row["deadline"]),
    timeToLive: stored === null ? timeToLive : stored === -1 ? Infinity : (stored as number),
    expiresAt: optional(row["expires_at"]),
    token: row["token"] as number,
    worker: (row["session_worker"] as string | null) ?? undefined,
    leaseUntil: optional(row["session_lease"]),
    cancelRequested: row["cancel_requested"] === 1,
    progress: readValue(serialization, row["progress"]),
    tags: details.tags ?? [],
    trace: details.trace,
    parentId: details.parentId,
    idempotencyKey: row["idempotency_key"] === null ? undefined : secondOf(row["idempotency_key"] as string),
    concurrencyKey: (row["concurrency_key"] as string | null) ?? undefined,
    principal: details.principal,
    discardResult: details.discardResult === true
  }
}
