// Reads sources as trees of syntax, without types: what a module imports, and where its comments are.
import { readdirSync, readFileSync } from "node:fs"
import { join, posix, relative, sep } from "node:path"
import { parseAst } from "vitest/node"

/** The sources of a folder by their paths, which are given from the root. */
export type Sources = Readonly<Record<string, string>>

export const readSources = (root: string, folder = "src"): Sources =>
  Object.fromEntries(
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts"))
      .map((file) => join(root, folder, file))
      .map((file) => [relative(root, file).replaceAll(sep, "/"), readFileSync(file, "utf8")])
  )

/** A node of the syntax tree. */
export interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

export const isNode = (u: unknown): u is Node =>
  typeof u === "object" && u !== null && "type" in u && typeof u.type === "string"

/** The nodes of a tree, each before those in it. */
export const nodesBelow = (u: unknown): Array<Node> =>
  Array.isArray(u)
    ? u.flatMap(nodesBelow)
    : isNode(u)
      ? [u, ...Object.values(u).flatMap((child) => (typeof child === "object" ? nodesBelow(child) : []))]
      : []

/** The statements of a module. */
export const parse = (source: string): ReadonlyArray<Node> =>
  parseAst(source, { lang: "ts" }).body as unknown as ReadonlyArray<Node>

export interface Import {
  /** What the statement names, and for a relative import the path from the root of the repository. */
  readonly target: string
  /** Erased when the module runs: `import type`, `export type` and `import("…").T` in a type. */
  readonly typeOnly: boolean
}

/** What a module imports and re-exports. */
export const importsOf = (path: string, body: ReadonlyArray<Node>): ReadonlyArray<Import> =>
  nodesBelow(body).flatMap((node): Array<Import> => {
    // `import … from`, `export … from`, `import(…)` and `import("…").T` all keep what they name in `source`.
    if (!/^(Import|Export|TSImport)/.test(node.type) || !isNode(node["source"])) return []
    const specifier = node["source"]["value"]
    if (typeof specifier !== "string") return []
    return [
      {
        target: specifier.startsWith(".") ? posix.join(posix.dirname(path), specifier) : specifier,
        typeOnly: node.type === "TSImportType" || node["importKind"] === "type" || node["exportKind"] === "type"
      }
    ]
  })

const literals = new Set(["Literal", "TemplateElement"])

/** The source without its comments. What looks like one in a text stays. */
export const withoutComments = (source: string): string => {
  let masked = source
  for (const { end, start, type } of nodesBelow(parse(source))) {
    if (!literals.has(type)) continue
    masked = masked.slice(0, start) + masked.slice(start, end).replaceAll(/[^\n]/g, "x") + masked.slice(end)
  }
  let result = ""
  let from = 0
  for (const { 0: comment, index } of masked.matchAll(/\/\/.*|\/\*[^]*?\*\//g)) {
    result += source.slice(from, index)
    from = index + comment.length
  }
  return result + source.slice(from)
}
