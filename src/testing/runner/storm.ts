/**
 * Everything at once, at random: each call ends once, as it may end, and the runner is as good as new afterwards.
 *
 * @since 0.1.0
 */
import { assert } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TaskRunner } from "../../TaskRunner.ts"
import * as tasks from "../definitions.ts"
import { type Capabilities, type Notes, type Subject, testWith } from "../Subject.ts"

/** Random numbers that are the same in each run. */
const makeRandom = (seed: number) => (below: number) => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
  return Math.floor((seed / 2 ** 32) * below)
}

interface Call {
  readonly what: string
  readonly fiber: Fiber.Fiber<unknown, unknown>
  readonly mayEnd: ReadonlyArray<string>
}

const endOf = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "success"
  const reason = exit.cause.reasons[0]
  if (reason === undefined) return "nothing"
  if (Cause.isFailReason(reason)) return (reason.error as { readonly _tag: string })._tag
  return Cause.isDieReason(reason) ? "defect" : "interrupt"
}

const makeCalls = (notes: Notes, random: (below: number) => number, { durable, isolated }: Capabilities) => {
  const fork = Effect.forkChild
  const kinds: ReadonlyArray<() => Effect.Effect<Omit<Call, "what">, unknown, TaskRunner>> = [
    () =>
      Effect.map(tasks.add.fork({ a: 1, b: random(100) }, { priority: random(20) }), (fiber) => ({
        fiber,
        mayEnd: ["success"]
      })),
    () =>
      Effect.map(fork(tasks.fail.run({ how: "denied" }, { retry: random(3) })), (fiber) => ({
        fiber,
        mayEnd: ["Denied"]
      })),
    () => Effect.map(fork(tasks.die.run({ how: "string" })), (fiber) => ({ fiber, mayEnd: ["defect"] })),
    () =>
      Effect.map(fork(tasks.hold.run({ ...notes, name: "timed" }, { timeout: 1 + random(40) })), (fiber) => ({
        fiber,
        mayEnd: ["TaskTimeout"]
      })),
    () =>
      Effect.gen(function* () {
        const fiber = yield* tasks.hold.fork({ ...notes, name: "interrupted" }, { delay: random(10) })
        yield* fork(Effect.delay(Fiber.interrupt(fiber), random(60)))
        return { fiber, mayEnd: ["interrupt"] }
      }),
    () =>
      Effect.gen(function* () {
        const runner = yield* TaskRunner
        const fiber = yield* tasks.hold.fork({ ...notes, name: "cancelled" }, { priority: random(20) })
        yield* fork(Effect.delay(runner.cancel(fiber.taskId), random(60)))
        return { fiber, mayEnd: ["TaskCancelled"] }
      }),
    () => Effect.map(tasks.nest.fork({ depth: 2, width: 2 }), (fiber) => ({ fiber, mayEnd: ["success"] })),
    () =>
      Effect.map(fork(tasks.add.run({ a: "a" as unknown as number, b: 1 })), (fiber) => ({
        fiber,
        mayEnd: ["PayloadInvalid"]
      }))
  ]
  const undurable: typeof kinds = [
    () =>
      Effect.map(
        fork(Stream.runCollect(Stream.take(tasks.numbers.stream({ count: 5000, chunk: 10 }), random(3000)))),
        (fiber) => ({ fiber, mayEnd: ["success"] })
      ),
    () =>
      Effect.map(fork(Stream.runDrain(tasks.numbers.stream({ count: 10, chunk: 1, failAfter: 5 }))), (fiber) => ({
        fiber,
        mayEnd: ["Unreadable"]
      })),
    () => Effect.map(fork(tasks.unknown.run({ a: 1 })), (fiber) => ({ fiber, mayEnd: ["TaskNotFound"] }))
  ]
  const violent: typeof kinds = [
    () =>
      Effect.map(tasks.crash.fork({ ...notes, name: "crash", how: "exit" }), (fiber) => ({
        fiber,
        mayEnd: ["WorkerCrashed"]
      })),
    () =>
      Effect.map(
        fork(tasks.spin.run({ ...notes, name: "spin", millis: 60_000 }, { timeout: 1 + random(40) })),
        (fiber) => ({
          fiber,
          mayEnd: ["TaskTimeout"]
        })
      )
  ]
  const calm = durable ? kinds : [...kinds, ...undurable]
  return Effect.forEach(
    Array.from({ length: 300 }, (_, index) => index),
    (index) =>
      Effect.gen(function* () {
        const violence = isolated && random(50) === 0
        const from = violence ? violent : calm
        const kind = random(from.length)
        if (random(20) === 0) yield* Effect.sleep(random(10))
        const call = yield* from[kind]!()
        return {
          what: `call ${index} of ${violence ? "violent" : ""} kind ${kind}`,
          fiber: call.fiber,
          mayEnd: isolated ? [...call.mayEnd, "WorkerCrashed"] : call.mayEnd
        } satisfies Call
      })
  )
}

/** Tests of random calls. */
export const storm = (subject: Subject): void => {
  const test = testWith(subject)
  const { isolated } = subject.capabilities

  for (const [seed, concurrency] of [
    [1, 1],
    [2, 1],
    [3, 4]
  ] as const) {
    test(
      `300 calls of all kinds, ${concurrency} at once for each place, seed ${seed}`,
      { concurrency, forceKillAfter: 100 },
      (notes) =>
        Effect.gen(function* () {
          const runner = yield* TaskRunner
          const calls = yield* makeCalls(notes, makeRandom(seed), subject.capabilities)
          for (const { fiber, mayEnd, what } of calls) {
            const exit = yield* Effect.timeoutOption(Fiber.await(fiber), "20 seconds")
            if (exit._tag === "None") assert.fail(`${what} has not ended (${mayEnd.join(" or ")})`)
            assert.include(mayEnd, endOf(exit.value), what)
          }
          yield* runner.awaitIdle()
          assert.deepStrictEqual(yield* runner.tasks, [])
          assert.deepInclude(yield* runner.stats, { queued: 0, running: 0 })
          const count = (what: string) => notes.lines().filter((line) => line.endsWith(what)).length
          if (!isolated) assert.strictEqual(count(" stopped"), count(" started"))
          const sums = yield* Effect.forEach(
            Array.from({ length: 50 }, (_, n) => n),
            (n) => tasks.add.run({ a: n, b: 1 }),
            { concurrency: "unbounded" }
          )
          assert.strictEqual(sums[49], 50)
        })
    )
  }
}
