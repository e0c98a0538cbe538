/**
 * Streaming from a thread, with back-pressure.
 *
 * The handler is a stream without an end. It runs a few chunks ahead of who reads it and waits there; when the reader
 * leaves, it is stopped. The number of elements that it has made is kept in shared memory, to look at it from outside.
 */
import { Console, Effect, Stream } from "effect"
import { ThreadRunner } from "effect-strand"
import { naturals } from "./tasks/work.ts"

const program = Effect.gen(function* () {
  const produced = new SharedArrayBuffer(4)
  const counter = new Int32Array(produced)

  const sum = yield* naturals.stream({ produced }).pipe(
    Stream.take(1000),
    Stream.tap((n) => (n === 500 ? Effect.sleep("200 millis") : Effect.void)),
    Stream.runFold(
      () => 0,
      (sum, n) => sum + n
    )
  )
  yield* Console.log(`The first 1000 natural numbers add up to ${sum}`)

  const made = Atomics.load(counter, 0)
  yield* Console.log(`While the reader rested the producer waited: ${made < 20_000}`)

  yield* Effect.sleep("100 millis")
  yield* Console.log(`It stopped when the reader left: ${Atomics.load(counter, 0) === made}`)
})

const runner = ThreadRunner.layer({ module: new URL("./tasks/work.ts", import.meta.url), size: 1 })

await Effect.runPromise(Effect.provide(program, runner))
