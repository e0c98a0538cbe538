/**
 * What there is to know about source code: pure functions, from the text of one file to its statistics, and from the
 * statistics of many files to the picture of a code base. Nothing here knows of tasks, fibers or threads.
 */
import { hash } from "node:crypto"
import { SourceMap, stripTypeScriptTypes } from "node:module"
import { gzipSync } from "node:zlib"
import { type Node, parse, type Program } from "acorn"
import type { FileStatistics, FunctionInfo } from "./definition.ts"

/** Functions of fewer lines are counted, but not looked at one by one. */
const longFunctionLines = 8

/** Identifiers of fewer letters say little about a code base. */
const identifierLetters = 3

/** The endings of the files that can be analyzed. */
export const extensions = [".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"]

// --- one file ------------------------------------------------------------------------------------------------------

/** JavaScript, and the line of the original that an offset in it comes from. Lines count from 1. */
interface JavaScript {
  readonly code: string
  readonly lineAt: (offset: number) => number
}

/** The index of the first number that is greater than the one given, in an ascending list. */
const firstAbove = (numbers: ReadonlyArray<number>, number: number): number => {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (numbers[middle]! > number) high = middle
    else low = middle + 1
  }
  return low
}

/** The offsets at which lines begin. */
const lineStarts = (code: string): ReadonlyArray<number> => {
  const starts = [0]
  for (let end = code.indexOf("\n"); end >= 0; end = code.indexOf("\n", end + 1)) starts.push(end + 1)
  return starts
}

const asItIs = (code: string): JavaScript => {
  const starts = lineStarts(code)
  return { code, lineAt: (offset) => firstAbove(starts, offset) }
}

/** Node warns once that its type stripper is experimental, which is of no interest to who runs this. */
const withoutWarning = <A>(f: () => A): A => {
  const { emitWarning } = process
  process.emitWarning = () => {}
  try {
    return f()
  } finally {
    process.emitWarning = emitWarning
  }
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code

/** Takes the types out of TypeScript. What is left keeps its place, except where there are enums and the like. */
const stripTypes = (source: string): JavaScript => {
  try {
    return asItIs(stripTypeScriptTypes(source))
  } catch (error) {
    if (!hasCode(error, "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX")) throw error
    const [code = "", map = ""] = stripTypeScriptTypes(source, { mode: "transform", sourceMap: true }).split(
      "//# sourceMappingURL=data:application/json;base64,"
    )
    const sourceMap = new SourceMap(JSON.parse(Buffer.from(map, "base64").toString()))
    const starts = lineStarts(code)
    return {
      code,
      lineAt: (offset) => {
        const line = firstAbove(starts, offset)
        const entry = sourceMap.findEntry(line - 1, offset - starts[line - 1]!)
        return "originalLine" in entry ? entry.originalLine + 1 : line
      }
    }
  }
}

const beginsLikeWord = /^[\w$]/
const endsLikeWord = /[\w$]$/

/** Code without comments and layout, made of its tokens. */
class Compact {
  private readonly parts: Array<string> = []
  private readonly codeStarts: Array<number> = []
  private readonly codeEnds: Array<number> = []
  private readonly textStarts: Array<number> = []
  private length = 0
  private inWord = false
  private joined: string | undefined

  add(token: string, start: number, end: number): void {
    const part = this.inWord && beginsLikeWord.test(token) ? ` ${token}` : token
    this.codeStarts.push(start)
    this.codeEnds.push(end)
    this.textStarts.push(this.length)
    this.parts.push(part)
    this.length += part.length
    this.inWord = endsLikeWord.test(token)
  }

  get text(): string {
    return (this.joined ??= this.parts.join(""))
  }

  /** What has become of the part between two offsets in the code. */
  between(start: number, end: number): string {
    const first = firstAbove(this.codeStarts, start - 1)
    const behind = firstAbove(this.codeEnds, end)
    return this.text.slice(this.textStarts[first], this.textStarts[behind])
  }
}

const parseJavaScript = (code: string): { readonly program: Program; readonly compact: Compact } => {
  const parseAs = (sourceType: "module" | "script") => {
    const compact = new Compact()
    const program = parse(code, {
      ecmaVersion: "latest",
      sourceType,
      allowReturnOutsideFunction: sourceType === "script",
      onToken: ({ end, start }) => compact.add(code.slice(start, end), start, end)
    })
    return { program, compact }
  }
  try {
    return parseAs("module")
  } catch (error) {
    try {
      return parseAs("script")
    } catch {
      throw error
    }
  }
}

const countLines = (source: string) => {
  const lines = source.split("\n")
  if (lines.at(-1) === "") lines.pop()
  let blankLines = 0
  let commentLines = 0
  let inComment = false
  for (const line of lines) {
    const text = line.trim()
    if (text === "") blankLines++
    else if (inComment || text.startsWith("//") || text.startsWith("/*")) {
      commentLines++
      if (inComment || text.startsWith("/*")) inComment = !text.includes("*/", inComment ? 0 : 2)
    }
  }
  return { lines: lines.length, blankLines, commentLines }
}

const branchingTypes = new Set([
  "IfStatement",
  "ForStatement",
  "ForInStatement",
  "ForOfStatement",
  "WhileStatement",
  "DoWhileStatement",
  "SwitchCase",
  "CatchClause",
  "ConditionalExpression",
  "LogicalExpression"
])

const functionTypes = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"])

interface AnyNode extends Node {
  readonly [key: string]: unknown
}

const isNode = (u: unknown): u is AnyNode => typeof u === "object" && u !== null && "type" in u && "start" in u

const nameOf = (node: unknown): string | undefined => {
  if (!isNode(node)) return undefined
  if (node.type === "Identifier" || node.type === "PrivateIdentifier") return node["name"] as string
  if (node.type === "Literal") return String(node["value"])
  return node.type === "MemberExpression" ? nameOf(node["property"]) : undefined
}

/** The name that a node gives to the function, object or class in it. */
const nameGivenBy = (node: AnyNode, outer: string | undefined): string | undefined => {
  switch (node.type) {
    case "VariableDeclarator":
    case "ClassDeclaration":
      return nameOf(node["id"]) ?? outer
    case "AssignmentExpression":
      return nameOf(node["left"]) ?? outer
    case "ExportDefaultDeclaration":
      return "default"
    case "Property":
    case "PropertyDefinition":
    case "MethodDefinition": {
      const name = nameOf(node["key"])
      return name === undefined || outer === undefined || outer.startsWith("(") ? (name ?? outer) : `${outer}.${name}`
    }
    default:
      return outer
  }
}

/** A hash of the parameters and the body of a function: equal for functions that differ in types, comments and layout. */
const fingerprint = (compact: Compact, node: AnyNode): string => {
  const parameters = node["params"] as ReadonlyArray<AnyNode>
  const start = parameters[0]?.start ?? (node["body"] as AnyNode).start
  return hash("md5", `${node["async"]} ${node["generator"]} ${compact.between(start, node.end).trim()}`)
}

/** The statistics of one file. Throws a `SyntaxError` when it is not valid source code. */
export const analyze = (source: string, language: "typescript" | "javascript"): FileStatistics => {
  const { code, lineAt } = language === "typescript" ? stripTypes(source) : asItIs(source)
  const { compact, program } = parseJavaScript(code)
  const compactBytes = Buffer.from(compact.text)

  const longFunctions: Array<FunctionInfo> = []
  const identifiers = new Map<string, number>()
  let functions = 0
  let branches = 0
  let lastIdentifier = -1

  const visitFunction = (node: AnyNode, name: string): void => {
    functions++
    const line = lineAt(node.start)
    const lines = lineAt(node.end - 1) - line + 1
    if (lines >= longFunctionLines) {
      longFunctions.push({ name, line, lines, fingerprint: fingerprint(compact, node) })
    }
  }

  const visit = (node: AnyNode, outer: string | undefined): void => {
    if (node.type === "Identifier") {
      const name = node["name"] as string
      // What is written once and stands for two things, as in `{ a }`, is two nodes in one place.
      if (node.start !== lastIdentifier && name.length >= identifierLetters) {
        identifiers.set(name, (identifiers.get(name) ?? 0) + 1)
      }
      lastIdentifier = node.start
      return
    }
    if (branchingTypes.has(node.type)) branches++
    let name = nameGivenBy(node, outer)
    if (functionTypes.has(node.type)) {
      const own = nameOf(node["id"]) ?? name ?? "(anonymous)"
      visitFunction(node, own)
      name = own.startsWith("(") ? own : `(in ${own})`
    }
    for (const key in node) {
      const child = node[key]
      if (Array.isArray(child)) {
        for (const element of child) if (isNode(element)) visit(element, name)
      } else if (isNode(child)) visit(child, name)
    }
  }
  visit(program as Node as AnyNode, undefined)

  return {
    bytes: Buffer.byteLength(source),
    compactBytes: compactBytes.length,
    compressedBytes: gzipSync(compactBytes, { level: 9 }).length,
    ...countLines(source),
    functions,
    branches,
    longFunctions,
    identifiers,
    hash: hash("sha256", source)
  }
}

// Loads the type stripper now, so that the first file does not wait for it.
withoutWarning(() => stripTypeScriptTypes(""))

// --- many files ----------------------------------------------------------------------------------------------------

/** A file and its statistics. */
export interface AnalyzedFile {
  readonly path: string
  readonly statistics: FileStatistics
}

/** A function and where it is. */
export interface Place {
  readonly name: string
  readonly path: string
  readonly line: number
  readonly lines: number
}

/** What many files together look like. */
export interface Summary {
  readonly files: number
  readonly bytes: number
  /** Without types, comments and layout. */
  readonly compactBytes: number
  /** The same, compressed file by file. */
  readonly compressedBytes: number
  readonly lines: number
  readonly codeLines: number
  readonly commentLines: number
  readonly blankLines: number
  readonly functions: number
  readonly branches: number
  readonly longestFunctions: ReadonlyArray<Place>
  readonly identifiers: ReadonlyArray<{ readonly name: string; readonly count: number }>
  /** Functions with the same code, those with most lines to save first. */
  readonly copiedFunctions: ReadonlyArray<ReadonlyArray<Place>>
  /** How many groups of copied functions there are. */
  readonly copies: number
  /** Paths of files with the same content. */
  readonly duplicateFiles: ReadonlyArray<ReadonlyArray<string>>
}

interface PlacedFunction extends Place {
  readonly fingerprint: string
}

const contains = (outer: Place, inner: Place): boolean =>
  outer !== inner &&
  outer.path === inner.path &&
  outer.line <= inner.line &&
  outer.line + outer.lines >= inner.line + inner.lines

const place = ({ line, lines, name, path }: PlacedFunction): Place => ({ name, path, line, lines })

const byPlace = (a: Place, b: Place): number => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.line - b.line)

/** The longest functions. One inside another that is in the list already would say the same again. */
const longest = (functions: ReadonlyArray<PlacedFunction>, count: number): ReadonlyArray<Place> => {
  const found: Array<PlacedFunction> = []
  for (const candidate of functions.toSorted((a, b) => b.lines - a.lines || byPlace(a, b))) {
    if (found.length === count) break
    if (!found.some((other) => contains(other, candidate))) found.push(candidate)
  }
  return found.map(place)
}

const groupBy = <A>(items: ReadonlyArray<A>, key: (item: A) => string): ReadonlyArray<ReadonlyArray<A>> =>
  [...Map.groupBy(items, key).values()].filter((group) => group.length > 1)

const linesToSave = (group: ReadonlyArray<Place>): number => (group.length - 1) * group[0]!.lines

/** Groups of functions with the same code. A copy inside a copy is no news, and is left out. */
const copied = (functions: ReadonlyArray<PlacedFunction>): ReadonlyArray<ReadonlyArray<PlacedFunction>> => {
  const groups = groupBy(functions, (one) => one.fingerprint)
  const copiesIn = Map.groupBy(groups.flat(), (one) => one.path)
  return groups
    .filter((group) => !group.every((one) => copiesIn.get(one.path)!.some((other) => contains(other, one))))
    .map((group) => group.toSorted(byPlace))
    .toSorted((a, b) => linesToSave(b) - linesToSave(a) || byPlace(a[0]!, b[0]!))
}

const sum = (files: ReadonlyArray<AnalyzedFile>, value: (statistics: FileStatistics) => number): number =>
  files.reduce((total, { statistics }) => total + value(statistics), 0)

const countIdentifiers = (files: ReadonlyArray<AnalyzedFile>) => {
  const counts = new Map<string, number>()
  for (const { statistics } of files) {
    for (const [name, count] of statistics.identifiers) counts.set(name, (counts.get(name) ?? 0) + count)
  }
  return Array.from(counts, ([name, count]) => ({ name, count }))
}

/** The picture that the statistics of many files give. Does not depend on the order of the files. */
export const summarize = (
  files: ReadonlyArray<AnalyzedFile>,
  limits: { readonly longest: number; readonly identifiers: number; readonly copied: number }
): Summary => {
  const functions = files.flatMap(({ path, statistics }) =>
    statistics.longFunctions.map((one): PlacedFunction => ({ ...one, path }))
  )
  const lines = sum(files, (one) => one.lines)
  const commentLines = sum(files, (one) => one.commentLines)
  const blankLines = sum(files, (one) => one.blankLines)
  const copies = copied(functions)
  return {
    files: files.length,
    bytes: sum(files, (one) => one.bytes),
    compactBytes: sum(files, (one) => one.compactBytes),
    compressedBytes: sum(files, (one) => one.compressedBytes),
    lines,
    codeLines: lines - commentLines - blankLines,
    commentLines,
    blankLines,
    functions: sum(files, (one) => one.functions),
    branches: sum(files, (one) => one.branches),
    longestFunctions: longest(functions, limits.longest),
    identifiers: countIdentifiers(files)
      .toSorted((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1))
      .slice(0, limits.identifiers),
    copiedFunctions: copies.slice(0, limits.copied).map((group) => group.map(place)),
    copies: copies.length,
    duplicateFiles: groupBy(files, (file) => file.statistics.hash)
      .map((group) => group.map((file) => file.path).toSorted())
      .toSorted((a, b) => (a[0]! < b[0]! ? -1 : 1))
  }
}
