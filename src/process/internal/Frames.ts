/** What a task's process and its parent say to each other, over a channel of its own besides the outputs. */
import { deserialize, serialize } from "node:v8"
import type { EncodedFailure, EncodedSuccess } from "../../internal/values/TaskExit.ts"

/** What is to be done; the first and only frame to the process. Values are written by the task's codecs. */
export interface Order {
  /** The URL of the tasks module. */
  readonly module: string
  readonly task: string
  readonly taskId: string
  /** How often the process was started, with this time. */
  readonly attempt: number
  readonly payload: unknown
  /** The signal that asks the process to end. */
  readonly signal: NodeJS.Signals
}

/** How it has ended. */
export type Ended = EncodedSuccess | EncodedFailure

/** What comes of it: the handler begins, or it has ended. */
export type Reply = { readonly _tag: "Started" } | Ended

/** The descriptor of the channel in the process. */
export const channelFd = 3

/** Writes a frame: its length, and the value by structured clone. */
export const encode = (value: Order | Reply): Uint8Array => {
  const body = serialize(value)
  const head = Buffer.allocUnsafe(4)
  head.writeUInt32LE(body.length)
  return Buffer.concat([head, body])
}

/** Reads frames from bytes that come in any pieces. */
export const reader = <Frame extends Order | Reply>(onFrame: (frame: Frame) => void) => {
  let parts: Array<Uint8Array> = []
  let length = 0
  /** So many bytes are needed to go on: joining the pieces sooner would copy a long frame again and again. */
  let needed = 4
  return (bytes: Uint8Array): void => {
    parts.push(bytes)
    length += bytes.length
    while (length >= needed) {
      const all = Buffer.concat(parts)
      const end = 4 + all.readUInt32LE(0)
      const isWhole = length >= end
      if (isWhole) onFrame(deserialize(all.subarray(4, end)))
      parts = [isWhole ? all.subarray(end) : all]
      length = parts[0]!.length
      needed = isWhole ? 4 : end
    }
  }
}
