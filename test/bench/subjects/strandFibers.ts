// Strand in fibers of the same program.
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { FiberRunner } from "effect-strand"
import { fork, fromLayer } from "../strandPool.ts"
import handlers from "../strandTasks.ts"
import type { MakePool } from "../subject.ts"

/** Each task is forked and then joined. */
export const makeStrandFibers: MakePool = () =>
  fromLayer(FiberRunner.layer(handlers), (call) => Effect.flatMap(fork(call), Fiber.join))
