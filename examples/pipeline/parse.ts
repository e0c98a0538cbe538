/**
 * The tasks module of the pool "parse", whose workers are processes. A parser that a strange file brings down takes its
 * process along, and nothing else.
 */
import { stripTypeScriptTypes } from "node:module"
import { type Comment, parse } from "acorn"
import { withSource } from "../analyze/source.ts"
import { splitFile, Unreadable } from "./definition.ts"

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

export default splitFile.toLayer(({ path }) =>
  withSource(
    path,
    (source, language) => split(language === "javascript" ? source : stripTypeScriptTypes(source)),
    (reason) => new Unreadable({ path, reason })
  )
)
