// What `npm pack` and `npm publish` do to package.json: the packed one has no condition that leads to the sources, since
// Node runs no TypeScript below node_modules.
//
// The script `prepack` takes the condition out, `postpack` puts package.json back as it was. When npm ends in between,
// however it does, a process that waits for its end puts it back.
import { execFileSync, spawn } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

const root = join(import.meta.dirname, "..")
const manifest = join(root, "package.json")
const folder = join(root, "node_modules", ".cache", "packing")
const original = join(folder, "package.json")

/** The condition that leads to the sources. */
const condition = "strand-source"

const write = (content: string): void => {
  // At once, so that nobody ever reads half of it.
  const written = join(folder, "written.json")
  writeFileSync(written, content)
  renameSync(written, manifest)
}

const restore = (): void => {
  if (!existsSync(original)) return
  write(readFileSync(original, "utf8"))
  rmSync(original)
}

/** npm, which has started this process by a shell. */
const findNpm = (): number | undefined => {
  try {
    return Number(execFileSync("ps", ["-o", "ppid=", "-p", String(process.ppid)], { encoding: "utf8" }))
  } catch {
    return undefined
  }
}

const strip = (): void => {
  restore()
  mkdirSync(folder, { recursive: true })
  const source = readFileSync(manifest, "utf8")
  writeFileSync(original, source)
  const npm = findNpm()
  if (npm !== undefined) {
    spawn(process.execPath, [import.meta.filename, "guard", String(npm)], { detached: true, stdio: "ignore" }).unref()
  }
  const without = JSON.parse(source, (key, value) => (key === condition ? undefined : value))
  write(`${JSON.stringify(without, null, 2)}\n`)
}

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const guard = async (npm: number): Promise<void> => {
  while (isRunning(npm) && existsSync(original)) await sleep(100)
  restore()
}

switch (process.argv[2]) {
  case "strip":
    strip()
    break
  case "restore":
    restore()
    break
  case "guard":
    await guard(Number(process.argv[3]))
    break
  default:
    throw new Error("Usage: node test/packing.ts strip | restore")
}
