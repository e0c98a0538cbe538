/**
 * MessagePack as the serialization of a store: compact, and readable by programs in any language.
 *
 * Reached as `effect-strand/MessagePack`, because it needs the optional package `@msgpack/msgpack`.
 *
 * @since 0.2.0
 */
import { decode, encode, ExtData, ExtensionCodec } from "@msgpack/msgpack"
import * as v8 from "node:v8"
import { asBytes } from "./internal/Form.ts"
import * as Serialization from "./Serialization.ts"

// Values that MessagePack has no form for travel inside of it, in V8's format.
const richType = 1
const extensionCodec = new ExtensionCodec()
extensionCodec.register({ type: richType, encode: () => null, decode: (data) => v8.deserialize(data) })

/** Whether there is a key in a value that the package refuses to read. */
const hasProto = (value: unknown): boolean => {
  if (typeof value !== "object" || value === null) return false
  if (Array.isArray(value)) return value.some(hasProto)
  return Object.hasOwn(value, "__proto__") || Object.values(value).some(hasProto)
}

/**
 * Writes values as MessagePack.
 *
 * **Example** (A store that writes MessagePack)
 *
 * ```ts
 * import { Console, Effect, Layer, Schema } from "effect"
 * import { FiberRunner, StoreRunner, Task } from "effect-strand"
 * import { messagePack } from "effect-strand/MessagePack"
 * import * as SqliteStore from "effect-strand/SqliteStore"
 *
 * const size = Task.make("size", { payload: { bytes: Schema.Uint8Array }, success: Schema.Int })
 *
 * const Runner = StoreRunner.layerReading({
 *   tasks: [size],
 *   runner: FiberRunner.layer(size.toLayer(({ bytes }) => Effect.succeed(bytes.length)))
 * }).pipe(Layer.provide(SqliteStore.layerTemporary({ serialization: messagePack })))
 *
 * await Effect.runPromise(Effect.provide(Effect.flatMap(size.run({ bytes: new Uint8Array(5) }), Console.log), Runner))
 *
 * // prints: 5
 * ```
 *
 * @category constructors
 * @since 0.2.0
 */
export const messagePack: Serialization.Serialization = Serialization.make({
  name: "msgpack",
  encode: (value, text) =>
    encode(text && !hasProto(value) ? value : new ExtData(richType, v8.serialize(value)), { extensionCodec }),
  decode: (data) => decode(asBytes(data), { extensionCodec })
})
