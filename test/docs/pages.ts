// The pages of the documentation: README.md and the guides.
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as Blocks from "./blocks.ts"

const root = join(import.meta.dirname, "..", "..")

export interface Page {
  /** The path of the file from the root of the repository. */
  readonly file: string
  readonly text: string
  readonly blocks: ReadonlyArray<Blocks.Block>
}

const page = (file: string): Page => {
  const text = readFileSync(join(root, file), "utf8")
  return { file, text, blocks: Blocks.ofMarkdown(text, file) }
}

export const readme: Page = page("README.md")

const guides = "examples/guides"

/** The guide of this name, without its ending. */
export const guide = (name: string): Page => page(`${guides}/${name}.md`)

/** All pages, README.md first. */
export const pages: ReadonlyArray<Page> = [
  readme,
  ...readdirSync(join(root, guides))
    .filter((file) => file.endsWith(".md"))
    .toSorted()
    .map((file) => page(`${guides}/${file}`))
]

interface Heading {
  readonly line: number
  readonly level: number
  readonly title: string
}

/** The lines of a text without those of its fenced blocks, which become empty. */
export const proseOf = (text: string): ReadonlyArray<string> => {
  let inside = false
  return text.split("\n").map((line) => {
    const isFence = /^\s*```/.test(line)
    if (isFence) inside = !inside
    return inside || isFence ? "" : line
  })
}

export const headings = (text: string): ReadonlyArray<Heading> =>
  proseOf(text).flatMap((line, index) => {
    const found = /^(#+) (.*)$/.exec(line)
    return found === null ? [] : [{ line: index, level: found[1]!.length, title: found[2]! }]
  })

/** The names by which links reach the headings of a page, as GitHub makes them. */
export const anchors = ({ text }: Page): ReadonlyArray<string> =>
  headings(text).map(({ title }) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, "")
      .replaceAll(" ", "-")
  )

/** The lines below a heading, up to the next one of its level or above. */
export const chapter = ({ file, text }: Page, title: string): ReadonlyArray<string> => {
  const all = headings(text)
  const start = all.find((heading) => heading.title === title)
  if (start === undefined) throw new Error(`${file} has no heading "${title}"`)
  const end = all.find(({ level, line }) => line > start.line && level <= start.level)
  return proseOf(text).slice(start.line + 1, end?.line)
}

/** The cells of a line of a table; a bar within a cell is written `\|`. */
const cells = (line: string): ReadonlyArray<string> =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((cell) => cell.trim().replaceAll("\\|", "|"))

const isRule = (line: string | undefined): boolean => /^\|[ -]+[-:]*\|/.test(line ?? "")

/** The rows of all tables in these lines, those of the head left out. */
export const rows = (lines: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> =>
  lines.flatMap((line, index) =>
    line.startsWith("|") && !isRule(line) && !isRule(lines[index + 1]) ? [cells(line)] : []
  )

/** The first cells of all tables in these lines. */
export const firstCells = (lines: ReadonlyArray<string>): ReadonlyArray<string> => rows(lines).map(([first]) => first!)

/** What is marked as code in the cells that begin with it. */
export const namesIn = (cells: ReadonlyArray<string>): ReadonlyArray<string> =>
  cells
    .filter((cell) => cell.startsWith("`"))
    .flatMap((cell) => Array.from(cell.matchAll(/`([^`]*)`/g), ([, name]) => name!))
