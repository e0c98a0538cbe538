// Two handlers for one name are refused when a runner or its workers start, whichever runner it is.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { appendFileSync, writeFileSync } from "node:fs"
import { pathToFileURL } from "node:url"
import {
  FiberRunner,
  ProcessRunner,
  StoreReader,
  StoreRunner,
  Task,
  type TaskError,
  TaskRunner,
  ThreadRunner
} from "effect-strand"
import * as MemoryStore from "effect-strand/MemoryStore"
import { assertFails, errorOf, makeNotes, settled } from "../src/testing/Subject.ts"
import * as Leaks from "./helpers/leaks.ts"

Leaks.check()

const one = Task.make("twin")
const other = Task.make("twin")
const both = Layer.merge(
  one.toLayer(() => Effect.void),
  other.toLayer(() => Effect.void)
)

const problem = /Two different tasks are named "twin".*rename one of them/is

describe("runners in this program", () => {
  const layers = {
    "FiberRunner.layer": FiberRunner.layer(both),
    "FiberRunner.layerInline": FiberRunner.layerInline(both),
    "StoreRunner with a reader": StoreRunner.layerReading({
      runner: FiberRunner.layer(one.toLayer(() => Effect.void)),
      tasks: [one, other]
    }).pipe(Layer.provide(MemoryStore.layer())),
    "StoreReader on a runner with both": StoreReader.layer({ tasks: [one] }).pipe(
      Layer.provide(FiberRunner.layer(both)),
      Layer.provideMerge(StoreRunner.layer),
      Layer.provide(MemoryStore.layer())
    )
  }
  for (const [name, layer] of Object.entries(layers)) {
    it.live(`${name} is not made`, () =>
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Effect.provide(TaskRunner.TaskRunner, layer))
        assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        assert.match(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", problem)
      })
    )
  }
})

/** Sources of tasks modules, each of which notes that it is loaded. */
const source = (count: string, code: string): string => `
  import { appendFileSync } from "node:fs"
  import * as Effect from "${import.meta.resolve("effect/Effect")}"
  import * as Layer from "${import.meta.resolve("effect/Layer")}"
  import * as Task from "${import.meta.resolve("effect-strand/Task")}"
  appendFileSync(${JSON.stringify(count)}, "loaded\\n")
  ${code}`

const runners = { ThreadRunner, ProcessRunner }

for (const [name, runner] of Object.entries(runners)) {
  describe(name, () => {
    const withModules = Effect.fnUntraced(function* (codes: Readonly<Record<string, string>>) {
      const notes = yield* makeNotes
      appendFileSync(notes.file, "")
      const modules = Object.entries(codes).map(([file, code]) => {
        writeFileSync(notes.path(file), source(notes.file, code))
        return pathToFileURL(notes.path(file))
      })
      return { notes, module: modules }
    })

    it.live("one module with both is ModuleInvalid, for the Layer when it waits for its workers", () =>
      Effect.gen(function* () {
        const { module, notes } = yield* withModules({
          "both.mjs": `export default Layer.merge(...[1, 2].map(() => Task.make("twin").toLayer(() => Effect.void)))`
        })
        const layer = runner.layer({ module, size: 1, warmUp: true })
        const exit = yield* Effect.exit(Effect.provide(TaskRunner.TaskRunner, layer))
        assertFails(exit, "ModuleInvalid")
        assert.match(errorOf(exit).message, problem)
        assert.include(errorOf(exit).message, "both.mjs")
        assert.lengthOf(notes.lines(), 1)
      })
    )

    it.live("a name in two modules is ModuleInvalid for each call, at once, and no worker is started again", () =>
      Effect.gen(function* () {
        const twin = `export default Task.make("twin").toLayer(() => Effect.void)`
        const { module, notes } = yield* withModules({ "one.mjs": twin, "other.mjs": twin })
        yield* Effect.gen(function* () {
          const exits = yield* Effect.all(
            Array.from({ length: 20 }, () => Effect.exit(one.run())),
            { concurrency: "unbounded" }
          )
          for (const exit of exits) assertFails(exit, "ModuleInvalid")
          const error = errorOf(exits[0]!) as TaskError.ModuleInvalid
          assert.match(
            error.reason,
            /Two handlers for tasks named "twin": one is in this module, the other in .*one\.mjs/
          )
          assert.include(error.module, "other.mjs")
          yield* settled(() => notes.lines().length)
          assert.isAtMost(notes.lines().length, 2)
        }).pipe(Effect.provide(runner.layer({ module, size: 1 })))
      })
    )

    it.live("two modules with a handler each for one definition are ModuleInvalid, too", () =>
      Effect.gen(function* () {
        const { module } = yield* withModules({
          "definition.mjs": `export const twin = Task.make("twin")\nexport default Layer.empty`,
          "one.mjs": `import { twin } from "./definition.mjs"\nexport default twin.toLayer(() => Effect.void)`,
          "other.mjs": `import { twin } from "./definition.mjs"\nexport default twin.toLayer(() => Effect.die("other"))`
        })
        const exit = yield* Effect.exit(Effect.provide(one.run(), runner.layer({ module, size: 1 })))
        assertFails(exit, "ModuleInvalid")
        assert.match(errorOf(exit).message, /Two handlers for tasks named "twin"/)
      })
    )

    it.live("two modules may share a Layer of handlers, which is built once, and a module may be named twice", () =>
      Effect.gen(function* () {
        const { module, notes } = yield* withModules({
          "shared.mjs": `
            let built = 0
            export const layer = Task.make("twin").toLayer(Effect.sync(() => {
              built++
              return () => built === 1 ? Effect.void : Effect.die("built " + built + " times")
            }))
            export default Layer.empty`,
          "one.mjs": `import { layer } from "./shared.mjs"
            export default Layer.merge(layer, Task.make("a").toLayer(() => Effect.void))`,
          "other.mjs": `import { layer } from "./shared.mjs"
            export default Layer.merge(layer, Task.make("b").toLayer(() => Effect.void))`
        })
        const all = [...module, ...module]
        const calls = Effect.all([one.run(), Task.make("a").run(), Task.make("b").run()])
        yield* Effect.provide(calls, runner.layer({ module: all, size: 1 }))
        assert.lengthOf(notes.lines(), 3)
      })
    )
  })
}
