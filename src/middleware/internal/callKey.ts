/** What makes two calls the same: the task, its payload, and for whom it is run. */
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import * as TaskCodec from "../../internal/values/TaskCodec.ts"
import type { TaskRequest } from "../../TaskRequest.ts"

/** Values are taken for nested without end where they are nested deeper than this. */
const deepest = 100

const list = (values: Iterable<unknown>, depth: number): string | undefined => {
  const texts: Array<string> = []
  for (const value of values) {
    const text = write(value, depth + 1)
    if (text === undefined) return undefined
    texts.push(text)
  }
  return texts.join()
}

/** Tags what has been written, so that values of two kinds are never the same. */
const tagged = (tag: string, text: string | undefined, end: string): string | undefined =>
  text === undefined ? undefined : tag + text + end

const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

const writeObject = (value: object, depth: number): string | undefined => {
  if (Array.isArray(value)) return tagged("[", list(value, depth), "]")
  if (value instanceof Date) return `Date(${value.getTime()})`
  if (value instanceof Uint8Array) return `Bytes(${Base64.encode(value)})`
  if (value instanceof Map) return tagged("Map(", list(value, depth), ")")
  if (value instanceof Set) return tagged("Set(", list(value, depth), ")")
  if (!isPlain(value)) return undefined
  return tagged(
    "{",
    list(
      Object.entries(value)
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .flat(),
      depth
    ),
    "}"
  )
}

/** Writes a value that a schema says nothing about; undefined where what it is cannot be told from outside. */
const write = (value: unknown, depth: number): string | undefined => {
  if (depth > deepest) return undefined
  switch (typeof value) {
    case "string":
      return JSON.stringify(value)
    case "bigint":
      return `${value}n`
    case "number":
      return Object.is(value, -0) ? "-0" : String(value)
    case "boolean":
    case "undefined":
      return String(value)
    case "object":
      return value === null ? "null" : writeObject(value, depth)
    default:
      return undefined
  }
}

/**
 * Writes the payload of a call; undefined when it does not match its schema, or has values in it that cannot be written: of
 * classes without a schema, and functions.
 */
const payloadText = ({ payload, task }: TaskRequest): string | undefined => {
  const codec = TaskCodec.of(task).payload
  const encoded = codec.encode(payload)
  if (Result.isFailure(encoded)) return undefined
  return codec.text ? JSON.stringify(encoded.success) : write(encoded.success, 0)
}

/** The key of a call, which no other task has; undefined as with {@link payloadText}. */
export const callKey = (
  request: TaskRequest,
  key: ((request: TaskRequest) => string | undefined) | undefined
): string | undefined => {
  const text = key === undefined ? payloadText(request) : key(request)
  if (text === undefined) return undefined
  const whose = key === undefined && request.principal !== undefined ? JSON.stringify(request.principal) : ""
  return `${JSON.stringify(request.name)}${request.task.portable?.source ?? ""}\n${whose}\n${text}`
}
