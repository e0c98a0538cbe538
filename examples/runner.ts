/**
 * A runner of one's own: it starts tasks one after the other, with a pause between two of them.
 *
 * How a request is run, and how a stream is, is all that it brings along. Handles, delays, time limits, retries,
 * cancelling, `pause`, `stats` and the orderly end come from `TaskRunner.make`.
 */
import { Console, type Duration, Effect, Latch, Layer, Queue, Schema, Stream } from "effect"
import { Task, TaskHandlers, TaskRunner } from "effect-strand"

export const layer = (options: {
  readonly pause: Duration.Input
  readonly shutdownGrace?: Duration.Input | undefined
}) =>
  Layer.effect(
    TaskRunner.TaskRunner,
    Effect.gen(function* () {
      const handlers = yield* TaskHandlers.local
      const queue = yield* Queue.unbounded<Latch.Latch>()
      const next = Effect.flatMap(Queue.take(queue), (turn) => turn.open)
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(next, Effect.sleep(options.pause))))

      const turn = Effect.suspend(() => {
        const turn = Latch.makeUnsafe(false)
        return Effect.andThen(Queue.offer(queue, turn), turn.await)
      })
      return yield* TaskRunner.make({
        handlers,
        execute: (request) => Effect.andThen(turn, handlers.execute(request)),
        stream: (request) => Stream.unwrap(Effect.as(turn, handlers.stream(request))),
        shutdownGrace: options.shutdownGrace
      })
    })
  )

const greet = Task.make("greet", { payload: Schema.String })
const handlers = greet.toLayer((name) => Console.log(`Hello, ${name}`))

const program = Task.forEach(greet, ["Ada", "Grace", "Mary"], { discard: true })

if (import.meta.main) {
  await Effect.runPromise(Effect.provide(program, layer({ pause: "10 millis" }).pipe(Layer.provide(handlers))))
}
