/**
 * Finds the files to analyze.
 */
import { existsSync } from "node:fs"
import { readdir, stat } from "node:fs/promises"
import { dirname, extname, join, relative, resolve, sep } from "node:path"
import { fileURLToPath } from "node:url"
import * as Effect from "effect/Effect"
import { extensions } from "./analysis.ts"
import { Refusal } from "./options.ts"

export interface Sources {
  /** The folder that the names of files are relative to. */
  readonly root: string
  /** The files, by their full paths, in order. */
  readonly files: ReadonlyArray<string>
}

const isSource = (path: string): boolean => extensions.includes(extname(path)) && !/\.d\.[cm]?ts$/.test(path)

const isSkipped = (folder: string): boolean => folder === "node_modules" || folder.startsWith(".")

const list = async (folder: string): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(folder, { withFileTypes: true })
  const found = await Promise.all(
    entries.map(async (entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return isSkipped(entry.name) ? [] : list(path)
      return entry.isFile() && isSource(path) ? [path] : []
    })
  )
  return found.flat()
}

/** Where the TypeScript sources of the installed `effect` package are. */
const effectSources = (): string => join(dirname(fileURLToPath(import.meta.resolve("effect"))), "..", "src")

/** The source files in a folder and all below it, or the one file. */
export const find = (path: string | undefined): Effect.Effect<Sources, Refusal> => {
  const root = path === undefined ? effectSources() : resolve(path)
  if (!existsSync(root)) return Effect.fail(new Refusal({ message: `There is no folder or file ${root}.` }))
  return Effect.tryPromise({
    try: async () =>
      (await stat(root)).isFile()
        ? { root: dirname(root), files: [root] }
        : { root, files: (await list(root)).toSorted() },
    catch: (error) => new Refusal({ message: `${root} cannot be listed: ${(error as Error).message}.` })
  }).pipe(
    Effect.filterOrFail(
      ({ files }) => files.length > 0,
      () => new Refusal({ message: `${root} holds no source files (${extensions.join(" ")}).` })
    )
  )
}

/** The short name of a file. */
export const nameOf = (sources: Sources, path: string): string => relative(sources.root, path).split(sep).join("/")
