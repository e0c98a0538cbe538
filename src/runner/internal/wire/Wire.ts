/**
 * What a pool and its workers say to each other.
 *
 * All that one side has to say in one turn of its event loop goes into one frame: a flat array of records, each an
 * operation code followed by a fixed number of fields. Gathering is what makes small tasks cheap, since a message costs
 * far more than what is in it. A frame whose values all survive JSON is sent as JSON text, which is cheaper to write and
 * to read than a structured clone; one that holds bytes or values without a schema is cloned.
 */
import * as Uncloneable from "../../../internal/values/Uncloneable.ts"

/** The operation codes. The fields of each are listed behind it. */
export const Op = {
  // From the pool to a worker.
  /** sequence number, index of the task, id or the number in it, payload, meta */
  Run: 0,
  /** sequence number */
  Interrupt: 1,
  /** sequence number, chunks that may be sent in addition */
  Credit: 2,
  /** - */
  Close: 3,
  /** call number, value */
  CallOk: 4,
  /** call number, failure */
  CallFail: 5,
  /** call number, values */
  CallChunk: 6,
  /** call number, value */
  CallProgress: 7,
  /** call number */
  CallAccepted: 8,

  // From a worker to the pool.
  /** names of the tasks that it has handlers for */
  Ready: 9,
  /** module, reason */
  Fatal: 10,
  /** sequence number, microseconds, value */
  Ok: 11,
  /** sequence number, microseconds, failure */
  Fail: 12,
  /** sequence number, values */
  Chunk: 13,
  /** sequence number, value */
  Progress: 14,
  /** sequence number or -1, entry */
  Log: 15,
  /** call number, sequence number of the caller, name, payload, meta */
  Call: 16,
  /** call number */
  CallInterrupt: 17,
  /** call number, chunks that may be sent in addition */
  CallCredit: 18,
  /** call number, name of the control, argument */
  Control: 19,
  /** bytes of heap in use */
  Memory: 20,
  /** sequence number, where in what could not be sent the reason is, the reason */
  Refused: 21,

  // Messages to running tasks, which are sent as they are asked for.
  /** from the pool: sequence number, messages, or null when none will come any more */
  Messages: 22,
  /** from a worker: sequence number of the task that wants messages, when there are any */
  Listen: 23,
  /** from a worker: call number, messages or null */
  CallMessages: 24,
  /** from the pool: call number of the task that wants messages */
  CallListen: 25,

  // How callers define the tasks that they call, once for each definition, ahead of its first call.
  /** from the pool: index of the task, fingerprint */
  Define: 26,
  /** from a worker: name of the task, fingerprint */
  CallDefine: 27
} as const

/** How many places of a frame a record of each operation takes, its code included. */
const strides = [6, 2, 3, 1, 3, 3, 3, 3, 2, 2, 3, 4, 4, 3, 3, 3, 6, 2, 3, 4, 2, 4, 3, 2, 3, 2, 3, 3]

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
  readonly minimumLogLevel?: string
  readonly stream?: boolean
  readonly priority?: number
  readonly principal?: unknown
  /** True when the result is not wanted. */
  readonly discard?: boolean
}

/** One log entry of a handler. */
export interface LogEntry {
  readonly level: string
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
export type Frame = string | ReadonlyArray<unknown>

const readOne = (frame: Frame): ReadonlyArray<unknown> =>
  typeof frame === "string" ? (JSON.parse(frame) as ReadonlyArray<unknown>) : frame

/** Reads frames: the records of all of them, one behind the other. */
export const read = (frames: ReadonlyArray<Frame>): ReadonlyArray<unknown> =>
  frames.length === 1 ? readOne(frames[0]!) : frames.flatMap(readOne)

/** The place of the record behind the one at `at`. */
export const next = (records: ReadonlyArray<unknown>, at: number): number => at + strides[records[at] as number]!

/** Sends a frame. Throws when a value in it cannot be cloned. */
export type Send = (frame: Frame, transfer: ReadonlyArray<object>) => void

/** What one side has to say in this turn. */
export class Outbox {
  /** Callers push whole records. */
  records: Array<unknown> = []
  /** Set to false with the first value that JSON would not keep. */
  text = true
  private transfers: Array<readonly [at: number, list: ReadonlyArray<object>]> = []

  /** Moves these objects with the record that is pushed next. */
  transfer(list: ReadonlyArray<object>): void {
    this.transfers.push([this.records.length, list])
    this.text = false
  }

  /**
   * Sends everything. A record with a value that cannot be cloned, or that is nested too deeply, is left out and given to
   * `onRefused`, with where the value is; all others arrive.
   */
  flush(send: Send, onRefused: (record: ReadonlyArray<unknown>, refusal: Uncloneable.Refusal) => void): void {
    const { records, text, transfers } = this
    if (records.length === 0) return
    this.records = []
    this.text = true
    if (transfers.length > 0) this.transfers = []
    const write = (part: ReadonlyArray<unknown>): Frame => (text ? JSON.stringify(part) : part)
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
