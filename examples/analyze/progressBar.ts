/**
 * Shows how far some work is: a bar that moves in a terminal, a few plain lines everywhere else.
 *
 * It writes to standard error, so that standard output holds the result alone. While the bar is shown the cursor is
 * hidden; the end of the scope brings it back, however the scope ends.
 */
import { styleText } from "node:util"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"

const redrawMillis = 80

/** The current rate is that of this last stretch of time. */
const rateMillis = 1000

const hideCursor = "\u001B[?25l"
const showCursor = "\u001B[?25h"
const clearLine = "\r\u001B[2K"

/** How far the work is, and how fast it goes on. */
export interface Progress {
  readonly done: number
  readonly total: number
  /** Files per second of late; undefined as long as there is nothing to tell it by. */
  readonly rate: number | undefined
}

/** Where progress is shown. */
export interface Output {
  readonly write: (text: string) => void
  readonly columns: () => number
  /** Whether somebody is watching a terminal that can redraw a line. */
  readonly live: boolean
}

/** Standard error. */
export const standardError: Output = {
  write: (text) => void process.stderr.write(text),
  columns: () => process.stderr.columns ?? 80,
  live: process.stderr.isTTY && process.env["CI"] === undefined && process.env["TERM"] !== "dumb"
}

/** Shows nothing. */
export const silent: Output = { write: () => {}, columns: () => 80, live: false }

const percentOf = ({ done, total }: Progress): number => Math.floor((100 * done) / total)

const textOf = (progress: Progress): string => {
  const rate = progress.rate === undefined ? "" : `  ${Math.round(progress.rate)} files/s`
  const left = progress.rate ? `  ${((progress.total - progress.done) / progress.rate).toFixed(1)} s left` : ""
  return `${progress.done} of ${progress.total} files${rate}${left}`
}

/** The bar as one line that fits the terminal. */
export const render = (label: string, progress: Progress, columns: number): string => {
  const percent = `${String(percentOf(progress)).padStart(3)} %`
  const text = textOf(progress)
  const room = columns - 1 - `${label}  ${percent}  ${text}`.length - 2
  if (room < 8) return `${label}  ${percent}  ${text}`.slice(0, Math.max(0, columns - 1))
  const width = Math.min(room, 30)
  const full = Math.round((width * progress.done) / progress.total)
  const bar = styleText("cyan", "█".repeat(full), { stream: process.stderr }) + "░".repeat(width - full)
  return `${label}  ${bar}  ${percent}  ${text}`
}

/** The progress that a series of reports amounts to. */
class Meter {
  private readonly samples: Array<{ readonly time: number; readonly done: number }>
  readonly total: number
  done = 0

  constructor(total: number, time: number) {
    this.total = total
    this.samples = [{ time, done: 0 }]
  }

  report(done: number, time: number): void {
    this.done = done
    if (time - this.samples.at(-1)!.time >= redrawMillis / 2) this.samples.push({ time, done })
    while (this.samples.length > 2 && time - this.samples[1]!.time >= rateMillis) this.samples.shift()
  }

  at(time: number): Progress {
    const first = this.samples[0]!
    const elapsed = time - first.time
    const rate = this.done === first.done || elapsed <= 0 ? undefined : (1000 * (this.done - first.done)) / elapsed
    return { done: this.done, total: this.total, rate }
  }
}

/** Shows progress until the scope ends. The result takes the number of files that are done. */
export const make = (
  label: string,
  total: number,
  output: Output
): Effect.Effect<(done: number) => Effect.Effect<void>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const meter = new Meter(total, yield* Clock.currentTimeMillis)
    if (!output.live) {
      let quarter = 0
      return (done) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          meter.report(done, now)
          const reached = Math.floor((4 * done) / total)
          if (reached > quarter && reached < 4) output.write(`${label}  ${25 * reached} %  ${textOf(meter.at(now))}\n`)
          quarter = reached
        })
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => output.write(hideCursor)),
      () => Effect.sync(() => output.write(clearLine + showCursor))
    )
    const draw = Effect.map(Clock.currentTimeMillis, (now) =>
      output.write(clearLine + render(label, meter.at(now), output.columns()))
    )
    yield* Effect.forkScoped(Effect.repeat(draw, Schedule.spaced(redrawMillis)))
    return (done) => Effect.map(Clock.currentTimeMillis, (now) => meter.report(done, now))
  })
