/**
 * The tasks module of the pool "crunch", whose workers are threads: work that computes.
 */
import { brotliCompressSync, constants } from "node:zlib"
import * as Effect from "effect/Effect"
import { weigh } from "./definition.ts"

export default weigh.toLayer(({ bytes }) =>
  Effect.sync(() => ({
    bytes: bytes.byteLength,
    compressed: brotliCompressSync(bytes, {
      params: {
        [constants.BROTLI_PARAM_QUALITY]: 9,
        [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.byteLength
      }
    }).byteLength
  }))
)
