/**
 * Reading a source file, and what is said when that, or the work on it, is not possible.
 */
import { readFile } from "node:fs/promises"
import { extname } from "node:path"
import * as Effect from "effect/Effect"

const javaScript = new Set([".js", ".mjs", ".cjs"])

const reason = (error: unknown): string => (error instanceof Error ? error.message.split("\n")[0]! : String(error))

export type Language = "javascript" | "typescript"

/** Works on a source file. What is thrown becomes an error, made of its reason in one line. */
export const withSource = <A, E>(
  path: string,
  work: (source: string, language: Language) => A,
  unreadable: (reason: string) => E
): Effect.Effect<A, E> =>
  Effect.tryPromise({
    try: (signal) => readFile(path, { encoding: "utf8", signal }),
    catch: (error) => unreadable(reason(error))
  }).pipe(
    Effect.flatMap((source) =>
      Effect.try({
        try: () => work(source, javaScript.has(extname(path)) ? "javascript" : "typescript"),
        catch: (error) => unreadable(reason(error))
      })
    )
  )
