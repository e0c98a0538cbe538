// A program that runs functions elsewhere and ends: started by a test that waits for its end.
import * as Effect from "effect/Effect"
import { Strand } from "effect-strand"

const add = (a: number, b: number) => a + b

console.log(await Effect.runPromise(Strand.asTask(add, { runner: "thread" })(2, 3)))
console.log(await Effect.runPromise(Strand.asTask(add, { runner: "process" })(3, 3)))
