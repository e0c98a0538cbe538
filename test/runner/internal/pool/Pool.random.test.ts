// A thousand random operations on a real pool: each handle ends, ends as it may, and each handler has been started as often
// as its end says.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { TaskFiber } from "effect-strand/TaskFiber"
import { TaskRunner } from "effect-strand/TaskRunner"
import { makeNotes } from "../../../../src/testing/Subject.ts"
import * as Leaks from "../../../helpers/leaks.ts"
import * as tasks from "./definitions.ts"
import { range, using } from "./pools.ts"

Leaks.check()

/** Random numbers below a bound, the same for the same seed. */
const makeRandom = (seed: number) => {
  let state = (seed ^ 0x9e3779b9) >>> 0
  return (bound: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

type How = Parameters<typeof tasks.end.fork>[0]["how"]

interface Call {
  readonly name: string
  readonly how: How
  readonly fiber: TaskFiber<unknown, unknown>
  stopped: boolean
}

/** How a call has ended, in a word. */
const wordOf = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "success"
  const [reason] = exit.cause.reasons
  if (reason === undefined) return "nothing"
  if (Cause.isFailReason(reason)) return (reason.error as { readonly _tag: string })._tag
  return Cause.isDieReason(reason) ? "defect" : "interrupt"
}

const natural: Record<How, string> = {
  succeed: "success",
  sleep: "success",
  compute: "success",
  fail: "Odd",
  die: "defect",
  exit: "WorkerCrashed",
  loop: "never"
}

const hows: ReadonlyArray<How> = [
  ...Array.from({ length: 12 }, (): How => "succeed"),
  "sleep",
  "sleep",
  "compute",
  "compute",
  "fail",
  "die"
]

describe("a thousand random operations", () => {
  for (const [seed, concurrency] of [
    [1, 1],
    [2, 3]
  ] as const) {
    it.live(`seed ${seed}, ${concurrency} at once in each worker`, () =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        const random = makeRandom(seed)
        const calls: Array<Call> = []
        const pending: Array<Fiber.Fiber<unknown, unknown>> = []
        yield* Effect.gen(function* () {
          const runner = yield* TaskRunner
          let violent = 0
          const fork = Effect.fnUntraced(function* (how: How) {
            const name = `t${calls.length}`
            const fiber = yield* tasks.end.fork({ file: notes.file, name, how }, { priority: random(4) })
            const call: Call = { name, how, fiber, stopped: false }
            calls.push(call)
            return call
          })
          const stop = Effect.fnUntraced(function* (call: Call) {
            call.stopped = true
            const stopping = random(2) === 0 ? Fiber.interrupt(call.fiber) : runner.cancel(call.fiber.taskId)
            pending.push(yield* Effect.forkChild(stopping, { startImmediately: true }))
          })
          for (const n of range(1000)) {
            const dice = random(100)
            if (dice < 70) yield* fork(hows[random(hows.length)]!)
            else if (dice < 85 && calls.length > 0) yield* stop(calls[Math.max(0, calls.length - 1 - random(30))]!)
            else if (dice < 88) yield* runner.resize(1 + random(3))
            else if (dice < 90) yield* runner.pause
            else if (dice < 94) yield* runner.resume
            // Workers are killed a few times only: each takes its time to be replaced.
            else if (n % 100 < 8 && violent < 6) {
              violent++
              const call = yield* fork(random(2) === 0 ? "exit" : "loop")
              if (call.how === "loop") pending.push(yield* Effect.forkChild(Effect.delay(stop(call), random(20))))
            } else yield* Effect.sleep(random(3))
          }
          yield* runner.resume
          for (const fiber of pending) yield* Fiber.await(fiber)
          for (const call of calls) {
            const ended = yield* Effect.timeoutOption(Fiber.await(call.fiber), "10 seconds")
            if (ended._tag === "None") assert.fail(`${call.name} (${call.how}) has not ended`)
          }
          for (const fiber of pending) yield* Fiber.await(fiber)
          yield* runner.awaitIdle()
          assert.deepStrictEqual(yield* runner.tasks, [])
          assert.deepInclude(yield* runner.stats, { queued: 0, running: 0 })
          assert.strictEqual(yield* tasks.tiny.run(1), 1)
        }).pipe(using("threads", { size: 2, concurrency, forceKillAfter: 50 }))

        const starts = new Map<string, number>()
        for (const line of notes.lines()) {
          const name = line.split(" ")[0]!
          starts.set(name, (starts.get(name) ?? 0) + 1)
        }
        for (const { fiber, how, name, stopped } of calls) {
          const word = wordOf(fiber.pollUnsafe()!)
          const what = `${name} (${how}${stopped ? ", stopped" : ""}): ${word}`
          const started = starts.get(name) ?? 0
          const allowed = [natural[how], "WorkerCrashed", ...(stopped ? ["interrupt", "TaskCancelled"] : [])]
          assert.include(allowed, word, what)
          // Never twice. Once, where the end is one that only the handler can have brought about.
          assert.isAtMost(started, 1, what)
          if (["success", "Odd", "defect", "WorkerCrashed"].includes(word)) assert.strictEqual(started, 1, what)
        }
        assert.isAbove(calls.length, 500)
      })
    )
  }
})
