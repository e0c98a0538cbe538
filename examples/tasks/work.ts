/**
 * The tasks module of the smaller examples: one task for each thing that they show.
 */
import { Effect, Fiber, Layer, Schema, Stream } from "effect"
import { Task, TaskContext } from "effect-strand"

/** Keeps its thread busy for good. No `await` and no timer in it gives anyone a chance to interrupt it. */
export const spin = Task.make("spin")

/** Adds two numbers. */
export const add = Task.make("add", { payload: { a: Schema.Number, b: Schema.Number }, success: Schema.Number })

/** All natural numbers. The shared memory tells how many have been made. */
export const naturals = Task.stream("naturals", {
  payload: { produced: Schema.instanceOf(SharedArrayBuffer) },
  success: Schema.Int
})

/** Goes up some steps, and tells how far it is. */
export const climb = Task.make("climb", { payload: { steps: Schema.Int }, success: Schema.String })

/** A number of the Fibonacci series, by way of the two before it, each of which is a task again. */
export const fibonacci = Task.make("fibonacci", { payload: { n: Schema.Int }, success: Schema.Int })

export default Layer.mergeAll(
  spin.toLayer(() =>
    Effect.sync(() => {
      for (;;);
    })
  ),

  add.toLayer(({ a, b }) => Effect.succeed(a + b)),

  naturals.toLayer(({ produced }) => {
    const counter = new Int32Array(produced)
    return Stream.iterate(0, (n) => n + 1).pipe(Stream.tap((n) => Effect.sync(() => Atomics.store(counter, 0, n + 1))))
  }),

  climb.toLayer(({ steps }) =>
    Effect.gen(function* () {
      const context = yield* TaskContext.TaskContext
      for (let step = 1; step <= steps; step++) {
        yield* Effect.sleep("100 millis")
        yield* context.progress({ step, of: steps })
      }
      return "at the top"
    })
  ),

  fibonacci.toLayer(({ n }) =>
    Effect.gen(function* () {
      if (n < 2) return n
      const left = yield* fibonacci.fork({ n: n - 1 })
      const right = yield* fibonacci.fork({ n: n - 2 })
      return (yield* Fiber.join(left)) + (yield* Fiber.join(right))
    })
  )
)
