/**
 * What a pool and its workers say to each other.
 *
 * All that one side has to say in one turn of its event loop goes into one frame: a flat array of records, each the
 * code of an operation followed by its fields. Gathering is what makes small tasks cheap, since a message costs
 * far more than what is in it. A frame whose values all survive JSON is sent as JSON text, which is cheaper to write and
 * to read than a structured clone; one that holds bytes or values without a schema is cloned.
 */
import type * as LogLevel from "effect/LogLevel"
import * as Uncloneable from "../../../internal/values/Uncloneable.ts"

/** What the fields of records hold. */
interface Fields {
  /** The number of a task that has been sent to the worker. */
  readonly seq: number
  /** The index of a task among those that the worker has handlers for, or {@link portableIndex}. */
  readonly index: number
  /** The id of a task, or the number in one that the pool has made. */
  readonly id: number | string
  /** A payload as it was written, or a `PortablePayload`. */
  readonly payload: unknown
  readonly meta: Meta | 0
  /** The number of a call by a handler. */
  readonly call: number
  /** The number of the task whose handler it is; -1 when there is none. */
  readonly caller: number
  /** The name of a task; null when its payload brings its function along. */
  readonly task: string | null
  readonly callMeta: CallMeta
  /** A result or a failure as it was written, or what a handler reports. */
  readonly value: unknown
  readonly values: ReadonlyArray<unknown>
  /** Messages to a task; null when none will come any more. */
  readonly messages: ReadonlyArray<unknown> | null
  /** How long a task has taken. */
  readonly micros: number
  readonly entry: LogEntry
  /** The names of the tasks that the worker has handlers for. */
  readonly names: ReadonlyArray<string>
  readonly module: string
  readonly reason: string
  /** Where in a value its reason is. */
  readonly path: string
  /** How much heap is in use. */
  readonly bytes: number
  /** The name of one of a runner's controls. */
  readonly control: string
  readonly argument: unknown
  /** The name of a task that a handler calls. */
  readonly name: string
  /** How its caller defines a task. */
  readonly fingerprint: string
}

/** The names of the fields of an operation, in their order. */
export type Names = ReadonlyArray<keyof Fields>

/** Where in a record a field is, behind its beginning. */
export type Place<A> = number & { readonly "~value"?: A }

/** One operation: its code, which a record begins with, and the places of its fields, which follow in their order. */
export type Operation<N extends Names> = { readonly [K in N[number]]: Place<Fields[K]> } & {
  readonly code: number
  readonly "~names"?: N
}

/** What a record of an operation holds behind its code. */
export type Values<N extends Names> = { readonly [I in keyof N]: Fields[N[I]] }

/** How many places of a frame a record of each operation takes, its code included. */
const sizes: Array<number> = []

const operation = <const N extends Names>(...names: N): Operation<N> => {
  const code = sizes.push(names.length + 1) - 1
  const places = names.map((name, index) => [name, index + 1])
  return { ...Object.fromEntries(places), code } as Operation<N>
}

/** The operations. This table alone says what a record holds, and where. */
export const Op = {
  // From the pool to a worker.
  Run: operation("seq", "index", "id", "payload", "meta"),
  Interrupt: operation("seq"),
  /** Another chunk may be sent. */
  Credit: operation("seq"),
  Close: operation(),
  /** What comes of a handler's call, or of a control. */
  CallOk: operation("call", "value"),
  CallFail: operation("call", "value"),
  CallChunk: operation("call", "values"),
  CallProgress: operation("call", "value"),
  CallAccepted: operation("call"),

  // From a worker to the pool.
  Ready: operation("names"),
  /** The tasks modules could not be loaded. */
  Fatal: operation("module", "reason"),
  Ok: operation("seq", "micros", "value"),
  Fail: operation("seq", "micros", "value"),
  Chunk: operation("seq", "values"),
  Progress: operation("seq", "value"),
  /** An entry in the log, of a task or of none (-1). */
  Log: operation("seq", "entry"),
  Call: operation("call", "caller", "task", "payload", "callMeta"),
  CallInterrupt: operation("call"),
  CallCredit: operation("call"),
  Control: operation("call", "control", "argument"),
  Memory: operation("bytes"),
  /** What a task has come to could not be sent. */
  Refused: operation("seq", "path", "reason"),

  // Messages to running tasks, which are sent as they are asked for, from the pool and from a worker.
  Messages: operation("seq", "messages"),
  Listen: operation("seq"),
  CallMessages: operation("call", "messages"),
  CallListen: operation("call"),

  // How callers define the tasks that they call, once for each definition, ahead of its first call.
  Define: operation("index", "fingerprint"),
  CallDefine: operation("name", "fingerprint")
}

/** Records, one behind the other. */
export type Records = ReadonlyArray<unknown>

/** A field of the record at `at`, which has to be one of the operation that the place is of. */
export const field = <A>(records: Records, at: number, place: Place<A>): A => records[at + place] as A

/** The place of the record behind the one at `at`. */
export const next = (records: Records, at: number): number => at + sizes[field<number>(records, at, 0)]!

/** The index of a task that brings its source along, in place of a handler's. */
export const portableIndex = -1

/** How many chunks of a stream are under way before the first has been read. */
export const initialCredit = 8

/** How many elements a chunk has at most. */
export const maxChunk = 512

/** What a task carries besides its payload; absent where nothing is out of the ordinary. */
export interface Meta {
  readonly attempt?: number
  readonly deadline?: number
  /** The time limit that the deadline comes from, in milliseconds. */
  readonly timeout?: number
  readonly tags?: ReadonlyArray<string>
  readonly parentId?: string
  readonly span?: readonly [traceId: string, spanId: string, sampled: boolean]
  readonly minimumLogLevel?: LogLevel.LogLevel
  readonly priority?: number
  readonly principal?: unknown
  /** True when the result is not wanted. */
  readonly discard?: boolean
}

/** What a handler's call carries besides its payload. */
export interface CallMeta extends Meta {
  readonly id: string
}

/** One log entry of a handler. */
export interface LogEntry {
  readonly level: LogLevel.Severity
  readonly message: ReadonlyArray<unknown>
  readonly annotations: Record<string, unknown>
  readonly spans: ReadonlyArray<string>
  readonly cause: string | undefined
}

/** What a worker is told when it starts. */
export interface WorkerInit {
  readonly modules: ReadonlyArray<string>
  readonly concurrency: number
  /** What ids begin with of which only the number is sent. */
  readonly idPrefix: string
  readonly label: string
  /** Milliseconds that the finalizers of the tasks modules may take. */
  readonly closeGrace: number
  /** Whether the pool wants to know how much memory the worker uses. */
  readonly reportMemory: boolean
}

/** A frame on its way. */
export type Frame = string | Records

const readOne = (frame: Frame): Records => (typeof frame === "string" ? JSON.parse(frame) : frame)

/** Reads frames: the records of all of them. */
export const read = (frames: ReadonlyArray<Frame>): Records =>
  frames.length === 1 ? readOne(frames[0]!) : frames.flatMap(readOne)

/** Sends a frame. Throws when a value in it cannot be cloned. */
export type Send = (frame: Frame, transfer: ReadonlyArray<object>) => void

/** What one side has to say in this turn. */
export class Outbox {
  records: Array<unknown> = []
  /** Set to false with the first value that JSON would not keep. */
  text = true
  private transfers: Array<readonly [at: number, list: ReadonlyArray<object>]> = []

  /** Adds a record. */
  add<N extends Names>(operation: Operation<N>, ...values: Values<N>): void {
    this.records.push(operation.code, ...values)
  }

  /** Moves these objects with the record that is added next. */
  transfer(list: ReadonlyArray<object>): void {
    this.transfers.push([this.records.length, list])
    this.text = false
  }

  /**
   * Sends everything. A record with a value that cannot be cloned, or that is nested too deeply, is left out and given to
   * `onRefused`, with where the value is; all others arrive.
   */
  flush(send: Send, onRefused: (record: Records, refusal: Uncloneable.Refusal) => void): void {
    const { records, text, transfers } = this
    if (records.length === 0) return
    this.records = []
    this.text = true
    if (transfers.length > 0) this.transfers = []
    const write = (part: Records): Frame => (text ? JSON.stringify(part) : part)
    try {
      send(
        write(records),
        transfers.flatMap(([, list]) => list)
      )
    } catch {
      for (let at = 0; at < records.length; at = next(records, at)) {
        const record = records.slice(at, next(records, at))
        const list = transfers.filter(([place]) => place === at).flatMap(([, list]) => list)
        try {
          send(write(record), list)
        } catch (error) {
          onRefused(record, Uncloneable.find(record, list, error))
        }
      }
    }
  }
}
