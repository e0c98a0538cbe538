/**
 * The messages to a running task, on the worker's side.
 *
 * They are kept where they were sent until the handler wants to read one. Then it asks, once, and is sent what there is:
 * a handler that does not read is sent nothing, and a task that has not been started yet has nothing to take along when it
 * is given to another worker.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

export class RemoteMessages {
  private readonly queue: Queue.Queue<unknown, Cause.Done> = Effect.runSync(Queue.unbounded())
  private readonly ask: () => void
  /** Messages have been asked for and have not come. */
  private asked = false
  /** How many readers wait. */
  private readers = 0

  constructor(ask: () => void) {
    this.ask = ask
  }

  /** The messages, each taken when it is read: what one reader leaves is there for the next. */
  get messages(): Stream.Stream<unknown> {
    const next = Effect.suspend(() => {
      this.readers++
      if (Queue.sizeUnsafe(this.queue) === 0) this.askOnce()
      return Effect.map(Queue.take(this.queue), (message) => [message] as const)
    }).pipe(Effect.ensuring(Effect.sync(() => this.readers--)))
    return Stream.fromPull(Effect.succeed(next))
  }

  receive(messages: ReadonlyArray<unknown>): void {
    this.asked = false
    if (this.readers > messages.length) this.askOnce()
    Queue.offerAllUnsafe(this.queue, messages)
  }

  private askOnce(): void {
    if (this.asked) return
    this.asked = true
    this.ask()
  }

  end(): void {
    Queue.endUnsafe(this.queue)
  }
}
