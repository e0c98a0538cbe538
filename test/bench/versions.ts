// Versions of Strand that are measured against each other (`--against`). Each is unpacked from its tarball into a folder of
// its own, with the same Effect as the other, and with a copy of this folder as JavaScript beside it, whose imports of
// `effect-strand` lead to that version. So both run in the same form: as users get them.
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"
import { transformSync } from "esbuild"
import type { Contestant } from "./results.ts"

/** A version that is measured. */
export interface Version {
  readonly name: string
  /** Where the copy of a module of this folder lies, given by its path from here without the ending. */
  readonly script: (module: string) => URL
}

/** Where the module is that runs a subject: here, or in the copy for its version. */
export const scriptOf = ({ version }: Contestant, module: string): URL =>
  version?.script(module) ?? new URL(`./${module}.ts`, import.meta.url)

/** A subject as two: of this version and of the other. */
export const inVersions = <S extends Contestant>(subject: S, { current, other }: Versions): ReadonlyArray<S> => {
  const original = subject.name
  const before: S = { ...subject, original, version: other, name: `${original} ${other.name}` }
  return [before, { ...subject, original, version: current, other: before }]
}

const root = join(import.meta.dirname, "..", "..")
const packages = join(root, "node_modules")

const run = (command: string, args: ReadonlyArray<string>, cwd: string): void => {
  const { error, status, stderr, stdout } = spawnSync(command, args, { cwd, encoding: "utf8" })
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} failed: ${error?.message ?? ""}${stdout}${stderr}`)
}

export interface Versions {
  readonly current: Version
  readonly other: Version
}

/** All packages of this repository, as links; Strand itself is not among them. */
const linkPackages = (target: string): void => {
  mkdirSync(target, { recursive: true })
  for (const name of readdirSync(packages)) {
    if (!name.startsWith(".") && name !== "effect-strand")
      symlinkSync(join(packages, name), join(target, name), "junction")
  }
}

/** The modules of this folder as JavaScript, and their names for each other changed with them. */
const copyBenchmarks = (target: string): void => {
  for (const file of readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts")) continue
    const { code } = transformSync(readFileSync(join(import.meta.dirname, file), "utf8"), { loader: "ts" })
    const copy = join(target, file.replace(/ts$/, "js"))
    mkdirSync(dirname(copy), { recursive: true })
    writeFileSync(copy, code.replaceAll(/"(\.[^"\n]*)\.ts"/g, '"$1.js"'))
  }
}

const unpack = (tarball: string, folder: string): Version => {
  const installed = join(folder, "node_modules", "effect-strand")
  linkPackages(join(folder, "node_modules"))
  run("tar", ["-xzf", tarball, "-C", folder], root)
  cpSync(join(folder, "package"), installed, { recursive: true })
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n')
  copyBenchmarks(join(folder, "bench"))
  const { version }: { readonly version: string } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8"))
  return { name: version, script: (module) => pathToFileURL(join(folder, "bench", `${module}.js`)) }
}

/** This version, packed and unpacked, and the one in the tarball. They are removed when this process ends. */
export const prepareVersions = (tarball: string): Versions => {
  const folder = mkdtempSync(join(tmpdir(), "strand-versions-"))
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
  run("npm", ["pack", "--pack-destination", folder], root)
  const packed = readdirSync(folder).find((file) => file.endsWith(".tgz"))!
  const [here, there] = ["current", "other"].map((name) => join(folder, name)) as [string, string]
  const current = unpack(join(folder, packed), here)
  const other = unpack(tarball, there)
  // A version against itself, to see the noise, needs two names.
  return { current, other: other.name === current.name ? { ...other, name: `${other.name} (tarball)` } : other }
}
