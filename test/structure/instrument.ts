// Loaded with `node --import`: makes every function of the library's sources say so when it is entered. `walk.ts` counts
// with it the files that a task passes.
//
// A hook of Node adds one call to the beginning of each function below the folder `src` of STRAND_ROOT, when its module
// is loaded. Nothing is noted until `steps` is an array.
import { registerHooks } from "node:module"
import { pathToFileURL } from "node:url"
import { isNode, nodesBelow, parse } from "./syntax.ts"

/** Which file was entered, and when, by the clock that all threads share. */
export type Step = readonly [nanoseconds: bigint, file: string]

declare global {
  var strandSteps: Array<Step> | undefined
  var strandEnter: (file: string) => void
}

globalThis.strandEnter = (file) => globalThis.strandSteps?.push([process.hrtime.bigint(), file])

const root = pathToFileURL(`${process.env["STRAND_ROOT"]}/`).href
const sources = `${root}src/`

const functions = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"])

/** The source with a call at the beginning of each function. */
const instrument = (source: string, file: string): string => {
  const enter = `globalThis.strandEnter(${JSON.stringify(file)})`
  const inserted = nodesBelow(parse(source)).flatMap((node): Array<[at: number, text: string]> => {
    const body = node["body"]
    if (!functions.has(node.type) || !isNode(body)) return []
    return body.type === "BlockStatement" || body.type === "FunctionBody"
      ? [[body.start + 1, `${enter};`]]
      : [
          [body.start, `(${enter},`],
          [body.end, ")"]
        ]
  })
  let result = ""
  let from = 0
  for (const [at, text] of inserted.toSorted(([a], [b]) => a - b)) {
    result += source.slice(from, at) + text
    from = at
  }
  return result + source.slice(from)
}

registerHooks({
  // The same Effect for the walk as for the library, which may lie in another folder.
  resolve: (specifier, context, next) =>
    next(specifier, /^effect(\/|$)/.test(specifier) ? { ...context, parentURL: `${root}package.json` } : context),
  load: (url, context, next) => {
    const loaded = next(url, context)
    return url.startsWith(sources) && url.endsWith(".ts")
      ? { ...loaded, source: instrument(String(loaded.source), url.slice(sources.length)) }
      : loaded
  }
})
