/** What a process prints, as lines, for any number of readers. */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { Line } from "./Model.ts"
import * as RealTime from "./RealTime.ts"

/** A line that is longer comes in pieces of this many characters. */
export const maxLength = 65_536

/** So many lines wait for a slow reader; then it misses the oldest of them. */
const maxWaiting = 16_384

/** Cuts bytes into lines. */
export const splitter = (onLines: (lines: ReadonlyArray<string>) => void) => {
  const decoder = new TextDecoder()
  let rest = ""
  return {
    write: (bytes: Uint8Array): void => {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n")
      rest = lines.pop()!
      const all = lines.flatMap((line) => pieces(line.endsWith("\r") ? line.slice(0, -1) : line))
      while (rest.length > maxLength) {
        all.push(rest.slice(0, maxLength))
        rest = rest.slice(maxLength)
      }
      if (all.length > 0) onLines(all)
    },
    end: (): void => {
      rest += decoder.decode()
      if (rest !== "") onLines([rest])
      rest = ""
    }
  }
}

const pieces = (line: string): string | ReadonlyArray<string> => {
  if (line.length <= maxLength) return line
  const all: Array<string> = []
  for (let at = 0; at < line.length; at += maxLength) all.push(line.slice(at, at + maxLength))
  return all
}

/** The lines of a process, and of those that are started in its place. */
export class Output {
  private readonly keep: number
  private kept: Array<Line> = []
  /** How many of those kept are of the process that runs now. */
  private fresh = 0
  private ended = false
  private readonly readers = new Set<{
    readonly line: (line: Line) => void
    readonly end: () => void
  }>()

  constructor(keep: number) {
    this.keep = keep
  }

  /** What is printed from now on is another process's. */
  begin(): void {
    this.fresh = 0
  }

  publish(lines: ReadonlyArray<Line>): void {
    for (const line of lines) for (const reader of this.readers) reader.line(line)
    const kept = lines.length < this.keep ? this.kept.concat(lines) : lines
    this.kept = kept.slice(Math.max(0, kept.length - this.keep))
    this.fresh = Math.min(this.fresh + lines.length, this.kept.length)
  }

  /** No more lines follow. */
  end(): void {
    this.ended = true
    for (const reader of this.readers) reader.end()
    this.readers.clear()
  }

  /** What the process that runs now, or ran last, has printed last. */
  get lastLines(): ReadonlyArray<string> {
    return this.fresh === 0 ? [] : this.kept.slice(-this.fresh).map(({ text }) => text)
  }

  /** Completes with the first line of the process that runs now which is one that is looked for. */
  find(matches: (line: Line) => boolean): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (this.fresh > 0 && this.kept.slice(-this.fresh).some(matches)) return resume(Effect.void)
      const reader = {
        line: (line: Line) => {
          if (matches(line)) resume(Effect.void)
        },
        end: () => {}
      }
      this.readers.add(reader)
      return Effect.sync(() => void this.readers.delete(reader))
    })
  }

  /** The lines that are kept, then all that follow. */
  stream(source?: Line["source"]): Stream.Stream<Line> {
    return Stream.callback<Line>(
      (queue) =>
        Effect.acquireRelease(
          Effect.sync(() => {
            const line = (line: Line) => {
              if (source === undefined || line.source === source) Queue.offerUnsafe(queue, line)
            }
            this.kept.forEach(line)
            const reader = { line, end: () => Queue.endUnsafe(queue) }
            if (this.ended) reader.end()
            else this.readers.add(reader)
            return reader
          }),
          (reader) => Effect.sync(() => this.readers.delete(reader))
        ).pipe(Effect.andThen(RealTime.keepAlive)),
      { bufferSize: maxWaiting, strategy: "sliding" }
    )
  }
}
