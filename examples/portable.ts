/**
 * Small functions without a tasks module: the function travels to its thread as source code.
 *
 * It has to stand alone. One that takes a variable from outside would give a wrong result or none over there, so its
 * first call fails, with the name of the variable.
 */
import { Console, Effect } from "effect"
import { Task, ThreadRunner } from "effect-strand"

const hypotenuse = Task.portable("hypotenuse", (a: number, b: number) => Math.sqrt(a * a + b * b))

const factor = 3
const scale = Task.portable("scale", (x: number) => x * factor)

const program = Effect.gen(function* () {
  yield* Console.log(`The hypotenuse over 3 and 4 is ${yield* hypotenuse.run([3, 4])}`)

  const error = yield* Effect.flip(scale.run(14))
  yield* Console.log(`${error._tag}: ${error.message}`)
})

await Effect.runPromise(Effect.provide(program, ThreadRunner.layer({ size: 1 })))
