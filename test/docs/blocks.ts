// Finds the code that the documentation shows: the fenced blocks of a Markdown text, and those in the doc comments of a
// source file.

/** One fenced block. */
export interface Block {
  /** Where it stands, for example `README.md:42`. */
  readonly source: string
  /** What is written behind the fence, for example `ts`. */
  readonly language: string
  readonly code: string
}

const fence = /^\s*```(.*)$/

const collect = (lines: ReadonlyArray<{ readonly text: string; readonly number: number }>, file: string) => {
  const blocks: Array<Block> = []
  let open: { readonly language: string; readonly number: number; readonly code: Array<string> } | undefined
  for (const { number, text } of lines) {
    const found = fence.exec(text)
    if (found === null) open?.code.push(text)
    else if (open === undefined) open = { language: found[1]!.trim(), number, code: [] }
    else {
      blocks.push({ source: `${file}:${open.number}`, language: open.language, code: `${open.code.join("\n")}\n` })
      open = undefined
    }
  }
  if (open !== undefined) throw new Error(`${file}:${open.number}: this block does not end`)
  return blocks
}

const numbered = (text: string) => text.split(/\r?\n/).map((text, index) => ({ text, number: index + 1 }))

/** The blocks of a Markdown text. */
export const ofMarkdown = (text: string, file: string): ReadonlyArray<Block> => collect(numbered(text), file)

/** The blocks in the doc comments of a source file. */
export const ofSource = (text: string, file: string): ReadonlyArray<Block> => {
  const comment: Array<{ readonly text: string; readonly number: number }> = []
  let inside = false
  for (const { number, text: line } of numbered(text)) {
    if (/^\s*\/\*\*/.test(line)) inside = true
    else if (inside && !/^\s*\*\//.test(line)) comment.push({ number, text: line.replace(/^\s*\* ?/, "") })
    if (line.includes("*/")) inside = false
  }
  return collect(comment, file)
}
