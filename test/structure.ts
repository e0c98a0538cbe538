// Counts what the structure of the library is judged by: circles of imports, casts, lines of code, and the files that a
// task passes from its call to its handler and back. `structure.test.ts` holds the numbers; to see them, and what they
// are made of:
//
//   npm run structure [-- <folder of another version>]
//   npm run structure -- --write    writes the files that a task passes into src/README.md
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import {
  importsOf,
  type Node,
  nodesBelow,
  parse,
  readSources,
  type Sources,
  withoutComments
} from "./structure/syntax.ts"
import type { Walk } from "./structure/walk.ts"

/** The groups of files of which each imports each other, by whatever detour, imports of types included. */
export const circles = (sources: Sources): ReadonlyArray<ReadonlyArray<string>> => {
  const imports = new Map(
    Object.entries(sources).map(([path, source]) => [path, importsOf(path, parse(source)).map(({ target }) => target)])
  )
  const reachable = (from: string): ReadonlySet<string> => {
    const seen = new Set<string>()
    const visit = (path: string): void => {
      for (const target of imports.get(path) ?? []) {
        if (seen.has(target) || !imports.has(target)) continue
        seen.add(target)
        visit(target)
      }
    }
    visit(from)
    return seen
  }
  const reach = new Map([...imports.keys()].map((path) => [path, reachable(path)]))
  const left = new Set(imports.keys())
  const found: Array<ReadonlyArray<string>> = []
  for (const path of left) {
    const circle = [...left].filter((other) => reach.get(path)!.has(other) && reach.get(other)!.has(path))
    for (const member of circle) left.delete(member)
    if (circle.length > 1) found.push(circle)
  }
  return found.toSorted((a, b) => b.length - a.length)
}

export interface Casts {
  /** `x as T` and `<T>x`, without `x as const`. */
  readonly single: number
  /** `x as unknown as T`. */
  readonly double: number
  /** `x!`. */
  readonly nonNull: number
}

const isCast = ({ type }: Node) => type === "TSAsExpression" || type === "TSTypeAssertion"

const isConst = (node: Node): boolean => {
  const type = node["typeAnnotation"] as Node
  return type.type === "TSTypeReference" && (type["typeName"] as Node)["name"] === "const"
}

export const castsOf = (source: string): Casts => {
  const nodes = nodesBelow(parse(source))
  const casts = nodes.filter((node) => isCast(node) && !isConst(node))
  const inner = new Set(casts.map((node) => node["expression"] as Node))
  const outer = casts.filter((node) => !inner.has(node))
  const double = outer.filter((node) => isCast(node["expression"] as Node)).length
  return {
    single: outer.length - double,
    double,
    nonNull: nodes.filter(({ type }) => type === "TSNonNullExpression").length
  }
}

/** Lines with something on them beside comments. */
export const linesOf = (source: string): number =>
  withoutComments(source)
    .split("\n")
    .filter((line) => /\S/.test(line)).length

/** The files of a folder that belong to the library itself: without the suites and tools for tests. */
export const library = (sources: Sources): Sources =>
  Object.fromEntries(Object.entries(sources).filter(([path]) => !path.startsWith("src/testing/")))

/** How many of something a file has. */
export interface InFile {
  readonly path: string
  readonly count: number
}

/** The numbers of a folder's library that can be read from its sources. */
export const count = (sources: Sources) => {
  const casts = Object.entries(sources).map(([path, source]) => ({ path, casts: castsOf(source) }))
  const byFile = (kind: keyof Casts): ReadonlyArray<InFile> =>
    casts
      .map(({ casts, path }) => ({ path, count: casts[kind] }))
      .filter(({ count }) => count > 0)
      .toSorted((a, b) => b.count - a.count)
  return {
    circles: circles(sources),
    casts: byFile("single"),
    doubleCasts: byFile("double"),
    nonNull: byFile("nonNull"),
    lines: Object.values(sources).reduce((total, source) => total + linesOf(source), 0)
  }
}

/** How many there are of all files. */
export const total = (files: ReadonlyArray<InFile>): number => files.reduce((sum, { count }) => sum + count, 0)

export const journeys = ["thread", "store"] as const
export type Journey = (typeof journeys)[number]

/** The files that a warm task passes. Files that only some of the calls enter are left out: they tidy up after others. */
export const passedFiles = (root: string, journey: Journey) => {
  const here = (file: string) => join(import.meta.dirname, "structure", file)
  const { status, stderr, stdout } = spawnSync(
    process.execPath,
    ["--import", here("instrument.ts"), here("walk.ts"), journey],
    { encoding: "utf8", env: { ...process.env, STRAND_ROOT: resolve(root) }, timeout: 60_000 }
  )
  if (status !== 0) throw new Error(`The walk has failed: ${stderr}`)
  const walks: ReadonlyArray<Walk> = JSON.parse(stdout)
  const passed = walks.map(({ back, there }) => new Set([...there, ...back]))
  const always = new Set([...passed[0]!].filter((file) => passed.every((files) => files.has(file))))
  const last = walks.at(-1)!
  const only = (files: ReadonlyArray<string>) =>
    files.filter((file) => always.has(file)).filter((file, index, all) => file !== all[index - 1])
  return { files: [...always], there: only(last.there), back: only(last.back) }
}

/** The files of a walk in the order in which they are entered first, as lines of at most 120 columns. */
const walkText = ({ back, there }: ReturnType<typeof passedFiles>): string => {
  const passed = ["task.run", ...new Set(there), "the handler", ...new Set(back), "the result"]
  const lines = [""]
  for (const [index, file] of passed.entries()) {
    const text = index === 0 ? file : ` → ${file}`
    if (lines.at(-1)!.length + text.length > 118) lines.push(" ")
    lines.push(lines.pop()! + text)
  }
  return lines.join("\n")
}

const blocks = /(?<=```text\n)[^`]*(?=\n```)/g

/** The files of the walks that src/README.md tells of. */
export const writtenWalks = (root: string): Readonly<Record<Journey, ReadonlySet<string>>> => {
  const texts = readFileSync(join(root, "src", "README.md"), "utf8").match(blocks) ?? []
  const [thread, store] = texts.map((text) => new Set(text.match(/[\w/]+\.ts/g)))
  return { thread: thread ?? new Set(), store: store ?? new Set() }
}

const writeWalks = (root: string): void => {
  const readme = join(root, "src", "README.md")
  const walks = journeys.map((journey) => walkText(passedFiles(root, journey)))
  writeFileSync(
    readme,
    readFileSync(readme, "utf8").replaceAll(blocks, () => walks.shift() ?? "")
  )
}

const tell = (root: string): void => {
  const numbers = count(library(readSources(root)))
  const list = (files: ReadonlyArray<InFile>) =>
    files.map(({ count, path }) => `    ${String(count).padStart(3)}  ${path}`).join("\n")
  console.log(`Lines of code, without comments and src/testing: ${numbers.lines}\n`)
  console.log(`Circles of imports, those of types included: ${numbers.circles.length}`)
  for (const circle of numbers.circles) console.log(`    ${circle.length} files: ${circle.join(", ")}`)
  console.log(`\nCasts: ${total(numbers.casts)}, and ${total(numbers.nonNull)} times x!\n${list(numbers.casts)}`)
  console.log(`\nDouble casts (x as unknown as T)\n${list(numbers.doubleCasts)}`)
  for (const journey of journeys) {
    const { back, files, there } = passedFiles(root, journey)
    console.log(`\nA task on its way through a ${journey}: ${files.length} files`)
    for (const [way, entered] of [["to the handler", there] as const, ["and back", back] as const]) {
      console.log(`  ${way}, entered ${entered.length} times: ${new Set(entered).size} files`)
      console.log(`    ${entered.join("\n    ")}`)
    }
  }
}

if (process.argv[1] === import.meta.filename) {
  const here = join(import.meta.dirname, "..")
  if (process.argv[2] === "--write") writeWalks(here)
  else tell(process.argv[2] ?? here)
}
