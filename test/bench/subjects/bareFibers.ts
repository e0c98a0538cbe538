// What a fork and a join of a fiber cost without any runner.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { effectPool } from "../effectPool.ts"
import type { Call, MakePool } from "../subject.ts"
import * as tasks from "../tasks.ts"

const fork = (call: Call) =>
  call.task === "tiny"
    ? Effect.forkChild(Effect.succeed(tasks.tiny(call.payload)))
    : Effect.die(new Error(`The benchmark never forks ${call.task}`))

export const makeBareFibers: MakePool = async () =>
  effectPool({ context: Context.empty(), run: (call) => Effect.flatMap(fork(call), Fiber.join), fork })
