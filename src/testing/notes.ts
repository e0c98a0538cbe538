/**
 * Notes that handlers leave in files, for a test to read: the handler may be in another thread or process, and may be
 * killed at any moment.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { appendFileSync, existsSync, readFileSync } from "node:fs"

/** Adds a line. It is on disk when this is over, whatever happens next. */
export const addLine = (file: string, line: string): Effect.Effect<void> =>
  Effect.sync(() => appendFileSync(file, `${line}\n`))

/** The lines of a file, none when there is no file. */
export const readLines = (file: string): ReadonlyArray<string> =>
  existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : []

/** Waits until a file exists. */
export const awaitFile = (file: string): Effect.Effect<void> =>
  Effect.suspend(() =>
    existsSync(file) ? Effect.void : Effect.flatMap(Effect.sleep("3 millis"), () => awaitFile(file))
  )
