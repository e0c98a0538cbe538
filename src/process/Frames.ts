/**
 * What a task's process and its parent say to each other, over a channel of its own besides the outputs.
 *
 * @since 0.3.0
 */
import { deserialize, serialize } from "node:v8"

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

/** What comes of it. */
export type Reply =
  /** The handler begins. */
  | { readonly _tag: "Started" }
  | { readonly _tag: "Success"; readonly value: unknown }
  | { readonly _tag: "Failure"; readonly cause: unknown }

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
  let rest = Buffer.alloc(0)
  return (bytes: Uint8Array): void => {
    rest = Buffer.concat([rest, bytes])
    while (rest.length >= 4) {
      const end = 4 + rest.readUInt32LE(0)
      if (rest.length < end) return
      const body = rest.subarray(4, end)
      rest = rest.subarray(end)
      onFrame(deserialize(body) as Frame)
    }
  }
}
