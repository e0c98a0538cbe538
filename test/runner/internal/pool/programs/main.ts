// A program with a pool, as people write them: the pool's Layer lives as long as the program. What it does is named by its
// arguments: the kind of the pool, the way it goes on, and a file for notes.
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as tasks from "../definitions.ts"
import { type Kind, layer } from "../pools.ts"

const [kind, how, file] = process.argv.slice(2) as [Kind, string, string]

const pool = layer(kind, { size: 2, shutdownGrace: 0, forceKillAfter: 200 })

const say = (line: string) => Effect.sync(() => process.stdout.write(`${line}\n`))

const busy = Effect.all(
  [tasks.end.run({ file, name: "busy", how: "loop" }), tasks.hold.run({ file, name: "held", gate: `${file}.gate` })],
  { concurrency: "unbounded" }
)

switch (how) {
  // The pool is left open, and the program has nothing left to do.
  case "open": {
    const context = await Effect.runPromise(Layer.buildWithScope(pool, Scope.makeUnsafe()))
    const fork = Effect.runSync(
      Effect.provideContext(tasks.compute.fork({ file, name: "forked", millis: 100 }), context)
    )
    fork.addObserver((exit) => process.stdout.write(`forked: ${Exit.isSuccess(exit)}\n`))
    // Nobody has started to wait for the other yet, and the workers are being started.
    const run = Effect.andThen(tasks.compute.run({ file, name: "run", millis: 300 }), say("run: true"))
    await Effect.runPromise(Effect.provideContext(run, context))
    break
  }
  // Children are being started, and nothing has run.
  case "starting":
    await Effect.runPromise(Layer.buildWithScope(pool, Scope.makeUnsafe()))
    await Effect.runPromise(Effect.andThen(say("ready"), Effect.never))
    break
  case "idle":
    NodeRuntime.runMain(
      tasks.tiny.run(1).pipe(Effect.andThen(say("ready")), Effect.andThen(Effect.never), Effect.provide(pool))
    )
    break
  case "busy":
    NodeRuntime.runMain(busy.pipe(Effect.provide(pool)))
}
