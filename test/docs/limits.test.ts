// What the guide "Limits" says is so: neither more nor less is promised than is kept.
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, type Layer } from "effect"
import { join } from "node:path"
import { FiberRunner, ProcessRunner, Task, TaskRunner, ThreadRunner } from "effect-strand"
import * as Folders from "../helpers/folders.ts"
import handlers, * as tasks from "./limitsTasks.ts"

const module = new URL("./limitsTasks.ts", import.meta.url)
const fibers = FiberRunner.layer(handlers)
const threads = ThreadRunner.layer({ module, size: 1 })
const processes = ProcessRunner.layer({ module, size: 1 })

const on = <A, E, E2>(
  runner: Layer.Layer<TaskRunner.TaskRunner, E2>,
  effect: Effect.Effect<A, E, TaskRunner.TaskRunner>
) => Effect.provide(effect, runner)

const defectOf = (exit: Exit.Exit<unknown, unknown>): Error => {
  assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
  return Cause.squash((exit as Exit.Failure<unknown, unknown>).cause) as Error
}

describe("limits of values", () => {
  const program = Effect.gen(function* () {
    return {
      negativeZero: yield* tasks.isNegativeZero.run(-0),
      classWithoutSchema: yield* tasks.classOf.run(new tasks.Coin()),
      classWithSchema: yield* tasks.doubled.run(new tasks.Money({ amount: 4 })),
      sameObject: yield* tasks.same.run(tasks.known)
    }
  })

  it.live("in fibers values are passed as they are", () =>
    Effect.gen(function* () {
      const seen = yield* on(fibers, program)
      assert.deepStrictEqual(seen, {
        negativeZero: true,
        classWithoutSchema: "Coin",
        classWithSchema: 8,
        sameObject: true
      })
    })
  )

  for (const [name, runner] of Object.entries({ threads, processes })) {
    it.live(`to ${name} schemas keep classes but not -0, and what has no schema loses its class`, () =>
      Effect.gen(function* () {
        const seen = yield* on(runner, program)
        assert.deepStrictEqual(seen, {
          negativeZero: false,
          classWithoutSchema: "Object",
          classWithSchema: 8,
          sameObject: false
        })
      })
    )

    it.live(`from ${name} a defect arrives with name, message and cause, without its class`, () =>
      Effect.gen(function* () {
        const defect = defectOf(yield* on(runner, Effect.exit(tasks.broken.run())))
        assert.isTrue(defect instanceof Error && !(defect instanceof TypeError))
        assert.deepInclude(defect, { name: "TypeError", message: "broken" })
        assert.include(defect.stack, "limitsTasks.ts")
        assert.strictEqual((defect.cause as Error).message, "deep below")
      })
    )
  }

  it.live("a schema that is not synchronous is refused", () =>
    Effect.gen(function* () {
      const error = yield* on(threads, Effect.flip(tasks.slow.run("text")))
      assert.strictEqual(error._tag, "PayloadInvalid")
    })
  )

  it.live("shared memory goes to threads only", () =>
    Effect.gen(function* () {
      yield* on(threads, tasks.shared.run(new SharedArrayBuffer(1)))
      const error = yield* on(processes, Effect.flip(tasks.shared.run(new SharedArrayBuffer(1))))
      assert.strictEqual(error._tag, "NotTransferable")
    })
  )

  it.live("a portable function has no helpers beside it", () =>
    Effect.gen(function* () {
      const helper = (n: number) => n + 1
      const task = Task.portable("task", (n: number) => helper(n))
      const error = yield* on(threads, Effect.flip(task.run(1)))
      assert.strictEqual(error._tag, "NotTransferable")
      assert.include(error.message, '"helper"')
    })
  )
})

describe("limits of running", () => {
  it.live("each worker has the variables of the tasks module for itself", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* on(threads, tasks.count.run()), 1)
      assert.strictEqual(yield* on(threads, tasks.count.run()), 1)
      assert.strictEqual(yield* on(threads, Effect.andThen(tasks.count.run(), tasks.count.run())), 2)
    })
  )

  it.live("inline, cancelling a run by its id interrupts the caller; a handle it does not", () =>
    on(
      FiberRunner.layerInline(handlers),
      Effect.gen(function* () {
        const runner = yield* TaskRunner.TaskRunner
        const cancelAll = Effect.gen(function* () {
          for (const { id } of yield* runner.tasks) yield* runner.cancel(id)
        })

        const caller = yield* Effect.forkChild(tasks.never.run(), { startImmediately: true })
        yield* cancelAll
        const exit = yield* Fiber.await(caller)
        assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))

        const handle = yield* tasks.never.fork()
        yield* cancelAll
        assert.strictEqual((yield* Effect.flip(Fiber.join(handle)))._tag, "TaskCancelled")
      })
    )
  )
})

describe("limits of tasks modules", () => {
  /** What a worker says about a file, made of this text. */
  const refusalOf = (path: string, text: string) =>
    Effect.gen(function* () {
      const file = join(Folders.write(yield* Folders.scoped, { [path]: text }), path)
      const error = yield* on(ThreadRunner.layer({ module: file, size: 1 }), Effect.flip(tasks.count.run()))
      assert.strictEqual(error._tag, "ModuleInvalid")
      return error.message
    }).pipe(Effect.scoped)

  it.live("no syntax that is more than types", () =>
    Effect.gen(function* () {
      assert.include(yield* refusalOf("tasks.ts", "enum Color { Red }\nexport default Color.Red\n"), "enum")
    })
  )

  it.live("no TypeScript below node_modules", () =>
    Effect.gen(function* () {
      const message = yield* refusalOf("node_modules/tasks/tasks.ts", "export default 1 as number\n")
      assert.include(message, "node_modules")
    })
  )

  it.live("no path aliases", () =>
    Effect.gen(function* () {
      assert.include(yield* refusalOf("tasks.ts", 'import "@/handlers"\nexport default 1\n'), "@/handlers")
    })
  )
})
