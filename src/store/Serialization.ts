/**
 * How a store writes payloads, exits and progress down.
 *
 * A task's codec has turned them into plain data before: JSON, with bytes and values of open schemas (`Schema.Any`) left
 * as they are. A serialization turns that into text or bytes. {@link json} is the default and the one that a person can
 * read; {@link structuredClone} is V8's own format; `effect-strand/MessagePack` is a compact one; `make` is for one's own.
 *
 * @since 0.2.0
 */
import * as devalue from "devalue"
import * as v8 from "node:v8"
import { asBytes, asText } from "./internal/Form.ts"

/**
 * Writes values as text or bytes, and reads them back.
 *
 * @category models
 * @since 0.2.0
 */
export interface Serialization {
  /** Kept with a store that can tell, so that it is not read with another one. */
  readonly name: string
  /** Writes a value. `text` is true when the value is known to be all JSON. Throws when it cannot be written. */
  readonly encode: (value: unknown, text: boolean) => string | Uint8Array
  readonly decode: (data: string | Uint8Array) => unknown
}

/**
 * Makes a serialization.
 *
 * **Example** (Records that are compressed)
 *
 * ```ts
 * import { Console, Effect, Layer, Schema } from "effect"
 * import { FiberRunner, StoreRunner, Task } from "effect-strand"
 * import * as Serialization from "effect-strand/Serialization"
 * import * as SqliteStore from "effect-strand/SqliteStore"
 * import { deflateSync, inflateSync } from "node:zlib"
 *
 * const { decode, encode } = Serialization.structuredClone
 *
 * const compressed = Serialization.make({
 *   name: "compressed",
 *   encode: (value, text) => deflateSync(encode(value, text)),
 *   decode: (data) => decode(inflateSync(data))
 * })
 *
 * const count = Task.make("count", { payload: Schema.String, success: Schema.Int })
 *
 * const Runner = StoreRunner.layerReading({
 *   tasks: [count],
 *   runner: FiberRunner.layer(count.toLayer((text) => Effect.succeed(text.length)))
 * }).pipe(Layer.provide(SqliteStore.layerTemporary({ serialization: compressed })))
 *
 * await Effect.runPromise(Effect.provide(Effect.flatMap(count.run("a".repeat(1_000_000)), Console.log), Runner))
 *
 * // prints: 1000000
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = (serialization: Serialization): Serialization => serialization

// What is not all JSON is written by devalue, which keeps bytes, dates, maps, sets, bigints and circles. Its text begins
// with a character that no JSON begins with.
const rich = "="

// An object with a key "__proto__" of its own is refused by devalue, and is written by V8.
const opaque = "~"

const encodeRich = (value: unknown): string => {
  try {
    return rich + devalue.stringify(value)
  } catch (error) {
    if (!(error instanceof Error && error.message.includes("__proto__"))) throw error
    return opaque + v8.serialize(value).toString("base64")
  }
}

/**
 * JSON, in which what JSON has no form for is kept too.
 *
 * **Example** (What JSON has no form for is kept)
 *
 * ```ts
 * import * as Serialization from "effect-strand/Serialization"
 *
 * const { decode, encode } = Serialization.json
 *
 * console.log(encode({ n: 1 }, true), decode(encode({ seen: new Set([1, 2]) }, false)))
 *
 * // prints: {"n":1} { seen: Set(2) { 1, 2 } }
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const json: Serialization = {
  name: "json",
  encode: (value, text) => (text ? JSON.stringify(value) : encodeRich(value)),
  decode: (data) => {
    const text = asText(data)
    if (text.startsWith(rich)) return devalue.parse(text.slice(1))
    return text.startsWith(opaque) ? v8.deserialize(Buffer.from(text.slice(1), "base64")) : JSON.parse(text)
  }
}

/**
 * V8's structured clone format: fast for bytes and large values, readable by the same or a newer version of Node.
 *
 * **Example** (Bytes stay bytes)
 *
 * ```ts
 * import * as Serialization from "effect-strand/Serialization"
 *
 * const { decode, encode } = Serialization.structuredClone
 *
 * console.log(decode(encode(new Uint8Array([1, 2, 3]), false)))
 *
 * // prints: Uint8Array(3) [ 1, 2, 3 ]
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const structuredClone: Serialization = {
  name: "v8",
  encode: (value) => v8.serialize(value),
  decode: (data) => v8.deserialize(asBytes(data))
}
