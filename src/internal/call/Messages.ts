/** What has been sent to a running task and has not been read. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

/** How many messages to a task wait to be read before their senders do. */
const capacity = 256

/** The messages to one task. */
export class Messages {
  readonly queue: Queue.Queue<unknown, Cause.Done> = Effect.runSync(Queue.make({ capacity }))
  /** Takes messages out of the queue on behalf of a handler that runs elsewhere. */
  private carrier: Fiber.Fiber<unknown, unknown> | undefined = undefined

  /** Each message is taken when it is read: what one reader leaves is there for the next. */
  readonly all: Stream.Stream<unknown> = Stream.fromPull(
    Effect.succeed(Effect.map(Queue.take(this.queue), (message) => [message] as const))
  )

  /** The handler runs elsewhere, and this fiber waits for messages to carry there. The one before it is at its end. */
  carryBy(fiber: Fiber.Fiber<unknown, unknown> | undefined): void {
    this.carrier?.interruptUnsafe()
    this.carrier = fiber
  }

  /** The task is over. */
  close(): void {
    Queue.shutdownUnsafe(this.queue)
  }
}
