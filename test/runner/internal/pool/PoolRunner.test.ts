// What pools of threads and processes do with their options, and what becomes of workers when their program ends.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import * as ProcessRunner from "effect-strand/ProcessRunner"
import * as ThreadRunner from "effect-strand/ThreadRunner"
import * as Task from "effect-strand/Task"
import type { ModuleInvalid } from "effect-strand/TaskError"
import { TaskRunner } from "effect-strand/TaskRunner"
import * as tasks from "../../../../src/testing/definitions.ts"
import { RunnerSuite } from "effect-strand/testing"
import { assertFails, makeNotes, until, untilEffect } from "../../../../src/testing/Subject.ts"
import * as Folders from "../../../helpers/folders.ts"
import * as Leaks from "../../../helpers/leaks.ts"

Leaks.check()

const module = RunnerSuite.tasksModule

type Options = Parameters<typeof ThreadRunner.layer>[0] & Parameters<typeof ProcessRunner.layer>[0]

const runners: Record<string, (options: Options) => Layer.Layer<TaskRunner, ModuleInvalid>> = {
  ThreadRunner: ThreadRunner.layer,
  ProcessRunner: ProcessRunner.layer
}

const range = (length: number) => Array.from({ length }, (_, index) => index)

const whereabouts = Effect.map(tasks.where.run(), ({ pid, thread }) => `${pid}/${thread}`)

const workers = Effect.flatMap(TaskRunner, (runner) => Effect.map(runner.stats, (stats) => stats.workers.length))

const environment = Task.portable("environment", (name: string) => process.env[name])
const folder = Task.portable("folder", () => process.cwd())
const flags = Task.portable("flags", () => process.execArgv)

const extra = Task.make("extra", { success: Schema.String })

/** Another tasks module, written to a folder of its own. */
const makeModule = Effect.map(Folders.scoped, (path) => {
  const file = join(path, "extra.mjs")
  writeFileSync(
    file,
    `import * as Effect from "${import.meta.resolve("effect/Effect")}"
       import * as Schema from "${import.meta.resolve("effect/Schema")}"
       import * as Task from "${import.meta.resolve("effect-strand/Task")}"
       export default Task.make("extra", { success: Schema.String }).toLayer(() => Effect.succeed("from elsewhere"))`
  )
  return file
})

for (const [name, layer] of Object.entries(runners)) {
  const test = <A, E>(what: string, options: Options, body: Effect.Effect<A, E, TaskRunner>) =>
    it.live(what, () => Effect.scoped(Effect.provide(body, layer(options))))

  describe(name, () => {
    it.live("takes its modules as URLs or as paths, one or several", () =>
      Effect.gen(function* () {
        const file = yield* makeModule
        const both = Effect.all([extra.run(), tasks.add.run({ a: 1, b: 2 })])
        for (const modules of [
          [file, module],
          [pathToFileURL(file), fileURLToPath(module)]
        ]) {
          const results = yield* Effect.provide(both, layer({ module: modules, size: 1 }))
          assert.deepStrictEqual(results, ["from elsewhere", 3])
        }
        const exit = yield* Effect.exit(Effect.provide(both, layer({ module: file, size: 1 })))
        assertFails(exit, "TaskNotFound", { task: "add", available: ["extra"] })
      })
    )

    it.live("with warmUp is ready when its workers are, or fails", () =>
      Effect.gen(function* () {
        yield* Effect.provide(
          Effect.map(workers, (count) => assert.strictEqual(count, 2)),
          layer({ module, size: 2, warmUp: true })
        )
        const missing = layer({ module: new URL("./missing.ts", import.meta.url), size: 2, warmUp: true })
        assertFails(yield* Effect.exit(Effect.provide(Effect.void, missing)), "ModuleInvalid")
      })
    )

    it.live("refuses sizes that make no sense", () =>
      Effect.gen(function* () {
        for (const options of [{ size: 0 }, { size: 1.5 }, { size: -1 }, { size: 1, concurrency: 0 }]) {
          const exit = yield* Effect.exit(Effect.provide(Effect.void, layer({ module, ...options })))
          assert.isTrue(Exit.isFailure(exit) && /whole number/.test(String(exit.cause)), JSON.stringify(options))
        }
      })
    )

    it.live("grows from minSize to maxSize with its work, and shrinks again", () =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        yield* Effect.gen(function* () {
          assert.isAtMost(yield* workers, 1)
          const fibers = yield* Effect.forEach(range(5), (n) => tasks.hold.fork({ ...notes, name: `${n}` }))
          yield* until("three at once", () => notes.lines().length === 3)
          assert.strictEqual(yield* workers, 3)
          yield* notes.open()
          yield* Fiber.joinAll(fibers)
          yield* untilEffect(
            "one worker to be left",
            Effect.map(workers, (count) => count === 1)
          )
          assert.strictEqual(yield* tasks.add.run({ a: 1, b: 2 }), 3)
        }).pipe(Effect.provide(layer({ module, minSize: 1, maxSize: 3, idleTimeout: 50 })))
      })
    )

    test(
      "replaces a worker after so many tasks",
      { module, size: 1, recycle: { tasks: 5 } },
      Effect.gen(function* () {
        const seen = yield* Effect.forEach(range(12), () => whereabouts)
        assert.strictEqual(new Set(seen).size, 3)
        // Some may have been sent ahead to a worker that is about to be replaced.
        const counts = new Map<string, number>()
        for (const place of yield* Effect.forEach(range(40), () => whereabouts, { concurrency: "unbounded" })) {
          counts.set(place, (counts.get(place) ?? 0) + 1)
        }
        assert.isAtMost(Math.max(...counts.values()), 10)
      })
    )

    test(
      "runs portable functions without a module",
      { size: 1 },
      Effect.gen(function* () {
        assert.isUndefined(yield* environment.run("EFFECT_STRAND_TEST"))
        assertFails(yield* Effect.exit(tasks.add.run({ a: 1, b: 2 })), "TaskNotFound", { available: [] })
      })
    )

    test(
      "gives its workers an environment and options for Node",
      {
        size: 1,
        env: { ...(process.env as Record<string, string>), EFFECT_STRAND_TEST: "yes" },
        execArgv: ["--no-warnings"]
      },
      Effect.gen(function* () {
        assert.strictEqual(yield* environment.run("EFFECT_STRAND_TEST"), "yes")
        assert.include(yield* flags.run(), "--no-warnings")
      })
    )

    it.live("drops what handlers print where that is asked for", () =>
      Effect.gen(function* () {
        const messages: Array<unknown> = []
        const logger = Logger.layer([Logger.make<unknown, void>(({ message }) => void messages.push(message))])
        yield* tasks.print
          .run({ text: "printed" })
          .pipe(
            Effect.andThen(tasks.add.run({ a: 1, b: 2 })),
            Effect.provide(layer({ module, size: 1, output: "ignore" })),
            Effect.provide(logger)
          )
        assert.deepStrictEqual(messages, [])
      })
    )

    test(
      "has a spare worker take over from one that is killed",
      { module, size: 1, spares: 1, forceKillAfter: 0 },
      Effect.gen(function* () {
        const notes = yield* makeNotes
        yield* whereabouts
        for (const task of ["a", "b", "c"]) {
          const busy = yield* tasks.spin.fork({ ...notes, name: task, millis: 60_000 })
          yield* notes.awaitLine(`${task} started`)
          yield* Fiber.interrupt(busy)
          yield* whereabouts
        }
      }).pipe(Effect.scoped)
    )

    describe("at the end of its program", () => {
      const source = (body: string) => `
        import * as Effect from "effect/Effect"
        import * as Exit from "effect/Exit"
        import * as Fiber from "effect/Fiber"
        import * as Layer from "effect/Layer"
        import * as Scope from "effect/Scope"
        import { layer } from "effect-strand/${name}"
        import * as tasks from "${new URL("../../../../src/testing/definitions.ts", import.meta.url).href}"
        const scope = Scope.makeUnsafe()
        const module = new URL("${module.href}")
        const context = await Effect.runPromise(Layer.buildWithScope(layer({ module, size: 2 }), scope))
        const run = (effect) => Effect.runPromise(Effect.provideContext(effect, context))
        ${body}`

      const start = (body: string) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            const child = spawn(process.execPath, ["--input-type=module", "-e", source(body)], {
              cwd: import.meta.dirname,
              stdio: ["ignore", "pipe", "inherit"]
            })
            return { child, exit: once(child, "exit") }
          }),
          ({ child, exit }) =>
            Effect.promise(async () => {
              child.kill("SIGKILL")
              await exit
            })
        )

      it.live("keeps no program alive that has nothing left to do", () =>
        Effect.gen(function* () {
          const { child } = yield* start(`await run(tasks.add.run({ a: 1, b: 2 }))`)
          yield* until("the program to end", () => child.exitCode !== null)
          assert.strictEqual(child.exitCode, 0)
        })
      )

      it.live("leaves no worker behind when it is killed", () =>
        Effect.gen(function* () {
          const notes = yield* makeNotes
          const { child } = yield* start(`
            const wait = (name, how) =>
              tasks.crash.run({ file: ${JSON.stringify(notes.file)}, name, how })
            await run(Effect.all([wait("a", "wait"), wait("b", "wait")], { concurrency: "unbounded" }))`)
          yield* until("two to have started", () => notes.lines().length === 2)
          const pids = notes.lines().map((line) => Number(line.split(" ").at(-1)))
          child.kill("SIGKILL")
          yield* until("them to be gone", () => pids.every((pid) => !isAlive(pid)))
        })
      )

      it.live("leaves no busy worker behind when it is killed", () =>
        Effect.gen(function* () {
          const notes = yield* makeNotes
          const { child } = yield* start(`
            const payload = (name) => ({ file: ${JSON.stringify(notes.file)}, name })
            const spinning = Effect.all(
              [tasks.crash.run({ ...payload("idle"), how: "wait" }), tasks.spin.run({ ...payload("busy"), millis: 60_000 })],
              { concurrency: "unbounded" }
            )
            await run(spinning)`)
          yield* notes.awaitLine("busy started")
          yield* until("both to have started", () => notes.lines().length === 2)
          const pids = child.pid === undefined ? [] : descendants(child.pid)
          if (name === "ProcessRunner") assert.isAtLeast(pids.length, 2)
          child.kill("SIGKILL")
          yield* until("them to be gone", () => pids.every((pid) => !isAlive(pid)))
        })
      )
    })
  })
}

describe("ProcessRunner", () => {
  it.live("runs its children in a folder of choice", () =>
    Effect.gen(function* () {
      const path = tmpdir()
      const seen = yield* Effect.provide(folder.run(), ProcessRunner.layer({ size: 1, cwd: path }))
      assert.strictEqual(seen, path)
    })
  )
})

const readOr = (file: string, otherwise: string): string => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return otherwise
  }
}

/** Whether a process runs. One that has ended and waits for its parent to notice does not. */
const isAlive = (pid: number): boolean => !/^State:\s+[ZX]/m.test(readOr(`/proc/${pid}/status`, "State: X"))

/** The children of a process. */
const descendants = (pid: number): ReadonlyArray<number> =>
  readOr(`/proc/${pid}/task/${pid}/children`, "")
    .split(" ")
    .filter((text) => text.trim() !== "")
    .map(Number)
