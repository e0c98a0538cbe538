/**
 * Progress: what a handler reports in its thread is a stream of its handle here.
 */
import { Console, Effect, Fiber, Schema, Stream } from "effect"
import { ThreadRunner } from "effect-strand"
import { climb } from "./tasks/work.ts"

const Progress = Schema.Struct({ step: Schema.Int, of: Schema.Int })

const program = Effect.gen(function* () {
  const fiber = yield* climb.fork({ steps: 4 })
  yield* fiber.progress.pipe(
    Stream.mapEffect((value) => Schema.decodeUnknownEffect(Progress)(value)),
    Stream.runForEach(({ of, step }) => Console.log(`step ${step} of ${of}`))
  )
  yield* Console.log(yield* Fiber.join(fiber))
})

const runner = ThreadRunner.layer({ module: new URL("./tasks/work.ts", import.meta.url), size: 1 })

await Effect.runPromise(Effect.provide(program, runner))
