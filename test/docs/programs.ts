// Makes programs of the blocks that the documentation shows, and runs each as a user would: a file in a package of its
// own that has `effect` and `effect-strand` installed, run by Node.
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import type { Block } from "./blocks.ts"

export const root = join(import.meta.dirname, "..", "..")

// --- what the blocks say -------------------------------------------------------------------------------------------

/** A block that runs, with the modules that it imports. */
export interface Program {
  /** Where the block stands. It is the program's name. */
  readonly source: string
  readonly folder: string
  /** The file that is run. */
  readonly main: string
  readonly files: ReadonlyMap<string, string>
  /** What it is to print, when it says so; `…` stands for any text. */
  readonly prints: ReadonlyArray<string> | undefined
}

/** The name of the file in the first line: `// tasks.ts`. */
const fileOf = (block: Block): string | undefined => /^\/\/ ([\w.-]+\.ts)\n/.exec(block.code)?.[1]

/**
 * A block that exports something is a module, for programs below it, and so is one with a name that prints nothing, such as
 * a reader that other programs start. Any other block is a program.
 */
const isModule = (block: Block): boolean => {
  if (/^export /m.test(block.code)) return true
  const file = fileOf(block)
  return file !== undefined && !file.endsWith(".test.ts") && printsOf(block.code) === undefined
}

const importsOf = (code: string): ReadonlyArray<string> =>
  Array.from(code.matchAll(/["']\.\/([\w.-]+)["']/g), ([, file]) => file!)

/** What the lines `// prints: ...` at the end of a block say. */
const printsOf = (code: string): ReadonlyArray<string> | undefined => {
  const lines = code.trimEnd().split("\n")
  const first = lines.findLastIndex((line) => !line.startsWith("// prints: ")) + 1
  return first === lines.length ? undefined : lines.slice(first).map((line) => line.slice("// prints: ".length))
}

/** Makes programs of blocks. A block that nothing runs is an error. */
export const ofBlocks = (blocks: ReadonlyArray<Block>): ReadonlyArray<Program> => {
  const modules = new Map<string, Block>()
  const used = new Set<string>()
  const programs: Array<Program> = []
  for (const block of blocks) {
    const file = fileOf(block)
    if (isModule(block)) {
      if (file === undefined) throw new Error(`${block.source}: a module begins with the name of its file: // tasks.ts`)
      if (modules.has(file)) throw new Error(`${block.source}: there is another file ${file} above`)
      modules.set(file, block)
      continue
    }
    const main = file ?? "main.ts"
    const files = new Map([[main, block.code]])
    for (const code of files.values()) {
      for (const name of importsOf(code)) {
        const module = modules.get(name)
        if (module === undefined) throw new Error(`${block.source}: there is no file ${name} above`)
        used.add(name)
        files.set(name, module.code)
      }
    }
    const folder = block.source.replaceAll(/[^\w]+/g, "-")
    programs.push({ source: block.source, folder, main, files, prints: printsOf(block.code) })
  }
  for (const [name, { source }] of modules) {
    if (!used.has(name)) throw new Error(`${source}: no program below imports ${name}, so nothing shows that it works`)
  }
  return programs
}

// --- where they run ------------------------------------------------------------------------------------------------

/** `effect-strand` as the package will be, with its source in place of what is built of it. */
const packageOfSource = (): string => {
  const { exports, name, type } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  const sources = Object.entries<string | { readonly default: string }>(exports).map(([subpath, target]) => [
    subpath,
    typeof target === "string" ? target : target.default.replace("./dist/", "./src/").replace(/\.js$/, ".ts")
  ])
  return JSON.stringify({ name, type, exports: Object.fromEntries(sources) })
}

/** Makes a folder outside the repository in which the programs find what they import. */
export const makeWorkspace = (): string => {
  const workspace = mkdtempSync(join(tmpdir(), "effect-strand-docs-"))
  const packages = join(workspace, "node_modules")
  mkdirSync(join(packages, "effect-strand"), { recursive: true })
  for (const name of ["@effect", "@msgpack", "@types", "effect", "vitest"]) {
    symlinkSync(join(root, "node_modules", name), join(packages, name))
  }
  symlinkSync(join(root, "src"), join(packages, "effect-strand", "src"))
  writeFileSync(join(packages, "effect-strand", "package.json"), packageOfSource())
  writeFileSync(join(workspace, "package.json"), JSON.stringify({ name: "docs", private: true, type: "module" }))
  writeFileSync(
    join(workspace, "tsconfig.json"),
    JSON.stringify({ extends: join(root, "tsconfig.json"), include: ["*/*.ts"] })
  )
  return workspace
}

/** Writes the files of programs. */
export const write = (workspace: string, programs: ReadonlyArray<Program>): void => {
  for (const { files, folder } of programs) {
    mkdirSync(join(workspace, folder))
    for (const [name, code] of files) writeFileSync(join(workspace, folder, name), code)
  }
}

// --- running -------------------------------------------------------------------------------------------------------

interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const node = async (cwd: string, args: ReadonlyArray<string>): Promise<Ended> => {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(VITEST|FORCE_COLOR$|NODE_OPTIONS$)/.test(name))
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...Object.fromEntries(inherited), NO_COLOR: "1", NODE_COMPILE_CACHE: join(tmpdir(), "node-compile-cache") },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 30_000,
    killSignal: "SIGKILL"
  })
  const output = { stdout: "", stderr: "" }
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => (output[name] += text))
  }
  const [code] = (await once(child, "close")) as [number | null]
  return { code, ...output }
}

const bin = (name: string): string => {
  const folder = join(root, "node_modules", name)
  const { bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  return join(folder, typeof bin === "string" ? bin : bin[name === "typescript" ? "tsc" : name])
}

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")

const matches = (expected: string, line: string): boolean =>
  new RegExp(`^${expected.split("…").map(escape).join(".*")}$`).test(line)

/** What a program also prints where the machine is so busy that its handlers are slow. */
const ofBusyMachine = /WARN .* kept the event loop busy for /

/** Runs programs two at a time. */
const lanes: Array<Promise<unknown>> = [Promise.resolve(), Promise.resolve()]
let turn = 0
const inLane = <A>(body: () => Promise<A>): Promise<A> => {
  const lane = turn++ % lanes.length
  const result = lanes[lane]!.then(body)
  lanes[lane] = result.catch(() => {})
  return result
}

const fail = ({ source }: Program, problem: string, { stderr, stdout }: Ended): never => {
  throw new Error(
    `${source}: ${problem}\n--- printed\n${stdout}${stderr === "" ? "" : `--- standard error\n${stderr}`}`
  )
}

/** Runs a program. Fails unless it ends well, complains of nothing and prints what it says that it prints. */
export const run = (workspace: string, program: Program): Promise<void> =>
  inLane(async () => {
    const ended = await node(join(workspace, program.folder), [program.main])
    if (ended.code !== 0) fail(program, `it ended with code ${ended.code}`, ended)
    if (ended.stderr !== "") fail(program, "it wrote to its standard error", ended)
    const lines = ended.stdout
      .trimEnd()
      .split("\n")
      .filter((line) => !ofBusyMachine.test(line))
    const { prints } = program
    if (ended.stdout === "") fail(program, "it printed nothing", ended)
    if (prints === undefined) return
    const same = prints.length === lines.length && prints.every((line, index) => matches(line, lines[index]!))
    if (!same) fail(program, `it printed something else than:\n${prints.join("\n")}`, ended)
  })

/** Runs a file of tests with vitest: those whose names contain `group`. Gives how many have passed. */
export const runTests = (workspace: string, program: Program, group: string): Promise<number> =>
  inLane(async () => {
    const folder = join(workspace, program.folder)
    const report = join(folder, "report.json")
    const output = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`]
    const ended = await node(folder, [bin("vitest"), "run", "--root", folder, "-t", group, ...output])
    if (ended.code !== 0) fail(program, `vitest ended with code ${ended.code}`, ended)
    return JSON.parse(readFileSync(report, "utf8")).numPassedTests
  })

/** Type-checks all files of a workspace, and gives what there is to say about each folder. */
export const typeCheck = (workspace: string): Promise<ReadonlyMap<string, string>> =>
  inLane(async () => {
    const { stderr, stdout } = await node(workspace, [bin("typescript"), "--pretty", "false"])
    const problems = new Map<string, string>()
    let folder = ""
    for (const line of `${stdout}${stderr}`.split("\n").filter((line) => line !== "")) {
      if (!line.startsWith(" ")) folder = dirname(/^([^(]*)\(/.exec(line)?.[1] ?? "./")
      problems.set(folder, `${problems.get(folder) ?? ""}${line}\n`)
    }
    return problems
  })

/** The source files of the library whose examples are run. */
export const sources = (): ReadonlyArray<string> =>
  readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !/^testing\b/.test(file))
    .map((file) => `src/${file.replaceAll("\\", "/")}`)
    .toSorted()
