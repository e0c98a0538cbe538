/**
 * The tasks module of the pool "parse", whose workers are processes. A parser that a strange file brings down takes its
 * process along, and nothing else.
 */
import { readFile } from "node:fs/promises"
import { stripTypeScriptTypes } from "node:module"
import { extname } from "node:path"
import { type Comment, parse } from "acorn"
import * as Effect from "effect/Effect"
import { splitFile, Unreadable } from "./definition.ts"

const javaScript = new Set([".js", ".mjs", ".cjs"])

const encoder = new TextEncoder()

/** The stars and slashes that make a text a comment are not its text. */
const textOf = ({ value }: Comment): string => value.replace(/^[ \t]*\*?[ \t]?/gm, "").trim()

const withoutBlankLines = (code: string): string => code.replace(/[ \t]+$/gm, "").replace(/\n{2,}/g, "\n")

/** What runs of a source text, and what is said about it. */
const split = (source: string) => {
  const comments: Array<Comment> = []
  parse(source, {
    ecmaVersion: "latest",
    sourceType: "module",
    allowHashBang: true,
    allowReturnOutsideFunction: true,
    onComment: comments
  })
  let code = ""
  let from = 0
  for (const { end, start } of comments) {
    code += source.slice(from, start)
    from = end
  }
  return {
    code: encoder.encode(withoutBlankLines(code + source.slice(from)).trim()),
    comments: encoder.encode(comments.map(textOf).join("\n"))
  }
}

const reason = (error: unknown): string => (error instanceof Error ? error.message.split("\n")[0]! : String(error))

export default splitFile.toLayer(({ path }) =>
  Effect.gen(function* () {
    const unreadable = (error: unknown) => new Unreadable({ path, reason: reason(error) })
    const source = yield* Effect.tryPromise({
      try: (signal) => readFile(path, { encoding: "utf8", signal }),
      catch: unreadable
    })
    return yield* Effect.try({
      try: () => split(javaScript.has(extname(path)) ? source : stripTypeScriptTypes(source)),
      catch: unreadable
    })
  })
)
