/**
 * Makes one file of the tasks modules and everything that they and a worker import.
 *
 * Loading hundreds of files is most of what a worker does when it starts, and takes most of the memory that it has when
 * idle. A bundle is kept, and used again for as long as none of the files in it has changed. The bundler is esbuild, an
 * optional dependency that is loaded only here.
 */
import { createHash } from "node:crypto"
import { existsSync, statSync } from "node:fs"
import * as fs from "node:fs/promises"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { isDeepStrictEqual } from "node:util"
import * as Effect from "effect/Effect"
import type * as Esbuild from "esbuild"
import * as Conditions from "../../../internal/values/Conditions.ts"
import { ModuleInvalid } from "../../../TaskError.ts"
import { workerFile } from "./Transport.ts"

/** What is kept beside a bundle: by it, one sees whether the bundle is still good. */
interface Manifest {
  readonly entry: string
  readonly inputs: ReadonlyArray<readonly [file: string, size: number, modified: number]>
}

// Hundreds of files are looked at one after the other, in less time than it takes to hand them to other threads.
const stamp = (file: string): readonly [string, number, number] => {
  const { mtimeMs, size } = statSync(file)
  return [file, size, mtimeMs]
}

/** Where bundles are kept: beside the packages of the first module, so that what is not bundled is found from there. */
const cacheFolder = (module: string): string => {
  for (let folder = path.dirname(fileURLToPath(module)); ; folder = path.dirname(folder)) {
    const packages = path.join(folder, "node_modules")
    if (existsSync(packages)) return path.join(packages, ".cache", "effect-strand")
    if (folder === path.dirname(folder)) return path.join(os.tmpdir(), "effect-strand")
  }
}

const hash = (...texts: ReadonlyArray<string>): string => {
  const hash = createHash("sha256")
  for (const text of texts) hash.update(text).update("\0")
  return hash.digest("hex").slice(0, 16)
}

/** Writes a file so that whoever reads it at the same time sees all of it or nothing. */
const writeWhole = async (file: string, text: string): Promise<void> => {
  const aside = `${file}.${globalThis.crypto.randomUUID()}`
  await fs.writeFile(aside, text)
  await fs.rename(aside, file)
}

const readManifest = async (file: string): Promise<Manifest | undefined> => {
  try {
    const manifest: Manifest = JSON.parse(await fs.readFile(file, "utf8"))
    const same = manifest.inputs.every((input) => isDeepStrictEqual(stamp(input[0]), input))
    await fs.access(manifest.entry)
    return same ? manifest : undefined
  } catch {
    // There is none yet, or one of its files is gone: a new one is made.
    return undefined
  }
}

/** In a bundle a module is in another place. It goes on finding its files where they are. */
const ownUrls: Esbuild.Plugin = {
  name: "own-urls",
  setup: (build) => {
    build.onLoad({ filter: /\.[cm]?[jt]sx?$/ }, async ({ path: file }) => {
      const contents = await fs.readFile(file, "utf8")
      if (!contents.includes("import.meta")) return undefined
      const url = JSON.stringify(pathToFileURL(file).href)
      return {
        contents: contents
          .replace(/\bimport\.meta\.url\b/g, url)
          .replace(/\bimport\.meta\.filename\b/g, JSON.stringify(file))
          .replace(/\bimport\.meta\.dirname\b/g, JSON.stringify(path.dirname(file))),
        loader: /\.[cm]?tsx?$/.test(file) ? "ts" : "js"
      }
    })
  }
}

const bundle = async (
  esbuild: typeof Esbuild,
  main: string,
  modules: ReadonlyArray<string>,
  folder: string
): Promise<Manifest> => {
  const loaders = modules.map(
    (module) => `${JSON.stringify(module)}: () => import(${JSON.stringify(fileURLToPath(module))})`
  )
  const result = await esbuild.build({
    stdin: {
      contents: `import { run } from ${JSON.stringify(main)}
const modules = { ${loaders.join(", ")} }
await run((module) => modules[module]())`,
      resolveDir: folder,
      loader: "js"
    },
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "node",
    target: "node22",
    conditions: ["module", ...Conditions.names()],
    keepNames: true,
    minifySyntax: true,
    minifyWhitespace: true,
    plugins: [ownUrls],
    logLevel: "silent",
    // Packages written for CommonJS find the function that they are called with.
    banner: {
      js: `import { createRequire as createRequire_ } from "node:module"; const require = createRequire_(import.meta.url);`
    }
  })
  const code = result.outputFiles![0]!.text
  const name = hash(code)
  const file = path.join(folder, `${name}.mjs`)
  await writeWhole(file, code)
  const entry = path.join(folder, `${name}.entry.mjs`)
  await writeWhole(
    entry,
    `import { enableCompileCache } from "node:module"
enableCompileCache?.()
await import("./${name}.mjs")
`
  )
  const files = Object.keys(result.metafile!.inputs).filter((file) => file !== "<stdin>")
  return { entry, inputs: files.map((file) => stamp(path.resolve(file))) }
}

const build = async (main: "threadMain" | "processMain", modules: ReadonlyArray<string>): Promise<URL> => {
  const mainFile = fileURLToPath(workerFile(main))
  const folder = cacheFolder(modules[0] ?? import.meta.url)
  const key = hash(mainFile, process.version, ...Conditions.names(), ...modules)
  const manifestFile = path.join(folder, `${key}.json`)
  const kept = await readManifest(manifestFile)
  if (kept !== undefined) return pathToFileURL(kept.entry)
  await fs.mkdir(folder, { recursive: true })
  const esbuild = await import("esbuild").catch(() => {
    throw new Error('the option "bundle" needs the package esbuild: npm install esbuild')
  })
  try {
    const manifest = await bundle(esbuild, mainFile, modules, folder)
    await writeWhole(manifestFile, JSON.stringify(manifest))
    return pathToFileURL(manifest.entry)
  } finally {
    // It runs in a process of its own, which nobody needs any more.
    await esbuild.stop()
  }
}

/** The entry file of a worker that has these tasks modules built in. */
export const make = (
  main: "threadMain" | "processMain",
  modules: ReadonlyArray<string>
): Effect.Effect<URL, ModuleInvalid> =>
  Effect.tryPromise({
    try: () => build(main, modules),
    catch: (error) =>
      new ModuleInvalid({
        module: modules.join(", "),
        reason: error instanceof Error ? error.message : String(error)
      })
  })
