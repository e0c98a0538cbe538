/** The chunks of a stream that have arrived from elsewhere and have not been read. */
import { isReadonlyArrayNonEmpty, type NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"

type Pulled = Exit.Exit<NonEmptyReadonlyArray<unknown>, unknown>

export class ChunkBuffer {
  /** Called for each chunk that is read: the producer may then send another. */
  onTaken: () => void = () => {}
  private chunks: Array<NonEmptyReadonlyArray<unknown>> = []
  private ended: Exit.Exit<unknown, unknown> | undefined = undefined
  private waiting: ((pulled: Pulled) => void) | undefined = undefined

  get isEnded(): boolean {
    return this.ended !== undefined
  }

  push(chunk: ReadonlyArray<unknown>): void {
    if (this.ended !== undefined || !isReadonlyArrayNonEmpty(chunk)) return
    this.chunks.push(chunk)
    this.answer()
  }

  /** The stream ends once what has arrived before has been read. */
  end(exit: Exit.Exit<unknown, unknown>): void {
    if (this.ended !== undefined) return
    this.ended = exit
    this.answer()
  }

  private answer(): void {
    const { waiting } = this
    if (waiting === undefined) return
    const pulled = this.take()
    if (pulled === undefined) return
    this.waiting = undefined
    waiting(pulled)
  }

  private take(): Pulled | undefined {
    const chunk = this.chunks.shift()
    if (chunk !== undefined) {
      this.onTaken()
      return Exit.succeed(chunk)
    }
    if (this.ended === undefined) return undefined
    return Exit.isSuccess(this.ended) ? Exit.fail(Cause.Done()) : Exit.failCause(this.ended.cause)
  }

  private readonly pull: Pull.Pull<NonEmptyReadonlyArray<unknown>, unknown> = Effect.callback((resume) => {
    const pulled = this.take()
    if (pulled !== undefined) return resume(pulled)
    this.waiting = resume
    return Effect.sync(() => {
      this.waiting = undefined
    })
  })

  /**
   * A stream of what `start` causes to be put into the buffer. The Effect that `start` gives is run when the stream is left
   * before its end.
   */
  static stream(start: (buffer: ChunkBuffer) => Effect.Effect<void>): Stream.Stream<unknown, unknown> {
    return Stream.unwrap(
      Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => {
            const buffer = new ChunkBuffer()
            return { buffer, stop: start(buffer) }
          }),
          ({ buffer, stop }) => (buffer.isEnded ? Effect.void : stop)
        ),
        ({ buffer }) => Stream.fromPull(Effect.succeed(buffer.pull))
      )
    )
  }
}
