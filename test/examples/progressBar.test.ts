// The progress bar of the analyze example, in a terminal that is made up.
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { stripVTControlCharacters } from "node:util"
import * as ProgressBar from "../../examples/analyze/progressBar.ts"

const hideCursor = "\u001B[?25l"
const showCursor = "\u001B[?25h"

const terminal = (live: boolean) => {
  const written: Array<string> = []
  const output: ProgressBar.Output = { write: (text) => void written.push(text), columns: () => 80, live }
  return { output, written }
}

const line = (label: string, done: number, total: number, rate: number | undefined, columns: number) =>
  stripVTControlCharacters(ProgressBar.render(label, { done, total, rate }, columns))

describe("progress bar", () => {
  it("shows a bar, per cent, files, rate and the time that is left", () => {
    assert.strictEqual(
      line("fiber", 50, 100, 25, 80),
      `fiber  ${"█".repeat(12)}${"░".repeat(12)}   50 %  50 of 100 files  25 files/s  2.0 s left`
    )
  })

  it("says nothing of a rate that it does not know", () => {
    assert.strictEqual(line("fiber", 0, 3, undefined, 80), `fiber  ${"░".repeat(30)}    0 %  0 of 3 files`)
  })

  it("fits any terminal", () => {
    for (let columns = 1; columns < 200; columns++) {
      assert.isBelow(line("process", 1234, 5678, 90, columns).length, columns)
    }
  })

  it.effect("redraws, at the current rate, and gives the cursor back", () =>
    Effect.gen(function* () {
      const { output, written } = terminal(true)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const report = yield* ProgressBar.make("fiber", 100, output)
          assert.strictEqual(written[0], hideCursor)
          // Ten files a second, and then twenty.
          for (let second = 1; second <= 2; second++) {
            yield* TestClock.adjust("1 second")
            yield* report(10 * second)
          }
          yield* TestClock.adjust("1 second")
          yield* report(40)
          yield* TestClock.adjust("90 millis")
          assert.include(stripVTControlCharacters(written.at(-1)!), " 40 %  40 of 100 files  19 files/s")
        })
      )
      assert.strictEqual(written.at(-1), `\r\u001B[2K${showCursor}`)
      const end = written.length
      yield* TestClock.adjust("1 second")
      assert.strictEqual(written.length, end)
    })
  )

  it.effect("gives the cursor back when it is interrupted", () =>
    Effect.gen(function* () {
      const { output, written } = terminal(true)
      const fiber = yield* Effect.scoped(Effect.andThen(ProgressBar.make("fiber", 100, output), Effect.never)).pipe(
        Effect.forkChild({ startImmediately: true })
      )
      yield* TestClock.adjust("1 second")
      yield* Fiber.interrupt(fiber)
      assert.include(written.at(-1)!, showCursor)
    })
  )

  it.effect("prints three plain lines where nobody watches", () =>
    Effect.gen(function* () {
      const { output, written } = terminal(false)
      yield* Effect.scoped(
        Effect.gen(function* () {
          const report = yield* ProgressBar.make("fiber", 8, output)
          for (let done = 1; done <= 8; done++) {
            yield* TestClock.adjust("1 second")
            yield* report(done)
          }
        })
      )
      assert.deepStrictEqual(written, [
        "fiber  25 %  2 of 8 files  1 files/s  6.0 s left\n",
        "fiber  50 %  4 of 8 files  1 files/s  4.0 s left\n",
        "fiber  75 %  6 of 8 files  1 files/s  2.0 s left\n"
      ])
    })
  )
})
