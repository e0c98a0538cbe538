/** The elements of a stream on their way to whoever reads them elsewhere: as many chunks as there is credit for. */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as Wire from "../wire/Wire.ts"

/** How many chunks may be sent. */
export class Credit {
  private left = Wire.initialCredit
  private readonly given = Latch.makeUnsafe(true)

  /** Another chunk may be sent. */
  give(): void {
    this.left++
    this.given.openUnsafe()
  }

  /** A chunk has been sent. Waits until another may be. */
  spend(): Effect.Effect<void> {
    if (--this.left > 0) return Effect.void
    this.given.closeUnsafe()
    return this.given.await
  }
}

/** Sends all elements, each chunk after the one before. */
export const sendChunks = <E>(
  stream: Stream.Stream<unknown, unknown>,
  encode: (value: unknown) => Result.Result<unknown, E>,
  send: (encoded: ReadonlyArray<unknown>) => Effect.Effect<void>
): Effect.Effect<void, unknown> => {
  const sendOne = (values: ReadonlyArray<unknown>): Effect.Effect<void, E> =>
    Effect.suspend(() => {
      const encoded: Array<unknown> = []
      for (const value of values) {
        const result = encode(value)
        if (Result.isFailure(result)) return Effect.fail(result.failure)
        encoded.push(result.success)
      }
      return send(encoded)
    })
  return Stream.runForEachArray(stream, (values) => {
    if (values.length <= Wire.maxChunk) return sendOne(values)
    const parts: Array<ReadonlyArray<unknown>> = []
    for (let at = 0; at < values.length; at += Wire.maxChunk) parts.push(values.slice(at, at + Wire.maxChunk))
    return Effect.forEach(parts, sendOne, { discard: true })
  })
}
