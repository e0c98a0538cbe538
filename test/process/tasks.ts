// The code of the tasks that run in processes of their own.
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { existsSync, writeFileSync } from "node:fs"
import { Task, TaskContext } from "effect-strand"
import { half, inner, liar, misbehave, Odd, outer, serve, twice } from "./definitions.ts"

const misbehaviour = {
  die: Effect.die(new TypeError("a bug in the handler")),
  exit: Effect.sync(() => {
    console.error("leaving")
    process.exit(9)
  }),
  kill: Effect.sync(() => {
    process.kill(process.pid, "SIGKILL")
    for (;;);
  }),
  clone: Effect.succeed({ callback: () => {} }),
  undeclared: Effect.fail(new Error("nobody knows me")) as Effect.Effect<never>,
  hang: Effect.sync(() => {
    for (;;);
  }),
  hangTidily: Effect.ensuring(
    Effect.never,
    Effect.sync(() => console.log("tidied"))
  )
}

export default Layer.mergeAll(
  half.toLayer(({ at, n }) =>
    n % 2 === 0
      ? Effect.succeed({ half: BigInt(n / 2), at, pid: process.pid, bytes: Uint8Array.of(n) })
      : Effect.fail(new Odd({ n, at }))
  ),
  misbehave.toLayer((how) => misbehaviour[how]),
  twice.toLayer(({ file }) =>
    Effect.gen(function* () {
      const { attempt, id } = yield* TaskContext.TaskContext
      if (!existsSync(file)) {
        writeFileSync(file, id)
        return process.exit(1)
      }
      return `attempt ${attempt} of ${id}`
    })
  ),
  inner.toLayer((n) => Effect.succeed(n * n)),
  outer.toLayer(() => Task.forEach(inner, [1, 2, 3])),
  liar.toLayer(() => Effect.succeed("no number" as never)),
  serve.toLayer(() =>
    Effect.gen(function* () {
      yield* Effect.logInfo("serving", { on: 80 })
      yield* Effect.logWarning("slow").pipe(Effect.annotateLogs("user", "ada"))
      return yield* Effect.never
    })
  )
)
