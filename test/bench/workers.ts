// Plain JavaScript copies of what runs in the workers of peers. A worker that imports a `.ts` file loads Node's type
// stripper, which costs it milliseconds and megabytes that are no fault of a library; so the sources stay TypeScript, and
// the workers of peers get them stripped beforehand. They lie below node_modules, where their imports resolve as usual.
// Strand's own tasks module is given to it as it is.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { transformSync } from "esbuild"

const names = [
  "tasks",
  "schemas",
  "subjects/workerpoolWorker",
  "subjects/poolifierThreadWorker",
  "subjects/poolifierClusterWorker",
  "subjects/effectRpcGroup",
  "subjects/effectRpcWorker",
  "subjects/rawWorker"
] as const

const folder = new URL("../../node_modules/.cache/bench-pools/", import.meta.url)

/** Where the JavaScript copy of a module of this folder lies. */
export const workerScript = (name: (typeof names)[number]): URL => new URL(`${name}.js`, folder)

/** Writes all copies; the relative imports in them lead from copy to copy. */
export const writeWorkerScripts = (): void => {
  for (const name of names) {
    const target = fileURLToPath(workerScript(name))
    const source = readFileSync(new URL(`./${name}.ts`, import.meta.url), "utf8")
    mkdirSync(dirname(target), { recursive: true })
    const { code } = transformSync(source, { loader: "ts" })
    writeFileSync(target, code.replaceAll(/(from "\.[^"]*)\.ts"/g, '$1.js"'))
  }
  writeFileSync(new URL("package.json", folder), '{ "type": "module" }\n')
}
