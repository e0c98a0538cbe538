/**
 * A tasks module that cannot be loaded is an error for each task that waits, at once, and no loop of new workers.
 *
 * @since 0.1.0
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { writeFileSync } from "node:fs"
import { pathToFileURL } from "node:url"
import * as tasks from "../definitions.ts"
import { assertFails, errorOf, makeNotes, settled, type Subject, using } from "../Subject.ts"

const taskModule = new URL(import.meta.url.endsWith(".ts") ? "../../Task.ts" : "../../Task.js", import.meta.url).href

const effectModule = (name: string): string => import.meta.resolve(`effect/${name}`)

/** The source of modules with a fault, which note each time that they are loaded. */
const faulty: Readonly<Record<string, { readonly source: string; readonly reason: RegExp }>> = {
  "that throws": { source: `throw new Error("thrown at import")`, reason: /thrown at import/ },
  "that exits": { source: `process.exit(7)`, reason: /7/ },
  "that imports what does not exist": { source: `await import("no-such-package")`, reason: /no-such-package/ },
  "without a default export": { source: `export const tasks = 1`, reason: /default export/ },
  "whose default export is no Layer": { source: `export default { tasks: 1 }`, reason: /Layer/ },
  "whose Layer fails": {
    source: `
      import * as Layer from "${effectModule("Layer")}"
      import * as Effect from "${effectModule("Effect")}"
      export default Layer.effectDiscard(Effect.fail(new Error("failed to build")))`,
    reason: /failed to build/
  },
  "whose Layer dies": {
    source: `
      import * as Layer from "${effectModule("Layer")}"
      import * as Effect from "${effectModule("Effect")}"
      export default Layer.effectDiscard(Effect.die(new TypeError("died to build")))`,
    reason: /died to build/
  },
  "with two tasks of one name": {
    source: `
      import * as Layer from "${effectModule("Layer")}"
      import * as Effect from "${effectModule("Effect")}"
      import * as Task from "${taskModule}"
      const [one, other] = [Task.make("twin"), Task.make("twin")]
      export default Layer.merge(one.toLayer(() => Effect.void), other.toLayer(() => Effect.void))`,
    reason: /two different tasks are named "twin".*rename/i
  }
}

/** Tests of tasks modules. */
export const modules = (subject: Subject): void => {
  const test = (name: string, write: (path: string, count: string) => void, reason: RegExp) =>
    it.live(`a module ${name} is ModuleInvalid for every task, and is not tried for ever`, () =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        const path = notes.path("module.mjs")
        write(path, notes.file)
        const size = 2
        yield* Effect.gen(function* () {
          const exits = yield* Effect.forEach(
            Array.from({ length: 100 }, (_, n) => n),
            (n) => Effect.exit(tasks.add.run({ a: n, b: 1 })),
            { concurrency: "unbounded" }
          )
          for (const exit of exits) assertFails(exit, "ModuleInvalid")
          const error = errorOf(exits[0]!) as unknown as { readonly module: string; readonly reason: string }
          assert.include(error.module, "module.mjs")
          assert.match(error.reason, reason)
          yield* settled(() => notes.lines().length)
          assert.isAtMost(notes.lines().length, size)
          assertFails(yield* Effect.exit(Effect.flatMap(tasks.add.fork({ a: 1, b: 1 }), Fiber.join)), "ModuleInvalid")
          assertFails(
            yield* Effect.exit(Stream.runDrain(tasks.numbers.stream({ count: 1, chunk: 1 }))),
            "ModuleInvalid"
          )
        }).pipe(using(subject, { size, module: pathToFileURL(path) }))
      })
    )

  test("that is missing", () => {}, /module\.mjs|not found|exist/i)
  test("with a syntax error", (path) => writeFileSync(path, "export default {{"), /SyntaxError|Unexpected/)
  for (const [name, { reason, source }] of Object.entries(faulty)) {
    test(
      name,
      (path, count) =>
        writeFileSync(
          path,
          `import { appendFileSync } from "node:fs"\nappendFileSync(${JSON.stringify(count)}, "loaded\\n")\n${source}\n`
        ),
      reason
    )
  }
}
