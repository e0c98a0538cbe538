// What users can import: the exports of package.json, src/index.ts, src/browser.ts and the folders of src say the same.
import { assert, describe, it } from "@effect/vitest"
import { build } from "esbuild"
import { readFileSync } from "node:fs"
import { builtinModules } from "node:module"
import { join, posix } from "node:path"
import { createContext, runInContext } from "node:vm"
import { importsOf, isNode, parse, readSources } from "./structure/syntax.ts"

const root = join(import.meta.dirname, "..")
const sources = readSources(root)

/** Folders whose modules are the parts of one, their `index.ts`, and the subpath of that one. */
const barrels: Readonly<Record<string, string>> = {
  middleware: "./Middleware",
  testing: "./testing"
}

/** The source of each subpath beside ".", as the folders have it: a module named like a concept is public. */
const publicModules = new Map(
  Object.keys(sources).flatMap((path): Array<[subpath: string, path: string]> => {
    const [, folder, name] = /^src\/(?:([a-z]+)\/)?(\w+)\.ts$/.exec(path) ?? []
    if (name === undefined) return []
    const barrel = folder === undefined ? undefined : barrels[folder]
    if (barrel !== undefined) return name === "index" ? [[barrel, path]] : []
    return /^[A-Z]/.test(name) ? [[`./${name}`, path]] : []
  })
)

const built = (path: string, extension: string) => path.replace("src/", "./dist/").replace(/ts$/, extension)

const leadingTo = (path: string) => ({ types: built(path, "d.ts"), default: built(path, "js") })

const manifest: { readonly exports: Readonly<Record<string, unknown>> } = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8")
)

/** What an index exports: the name of each namespace, and the module that it is. */
const namespacesOf = (index: string): ReadonlyMap<string, string> => {
  const namespaces = new Map<string, string>()
  for (const node of parse(sources[index]!)) {
    assert.strictEqual(node.type, "ExportAllDeclaration", `${index} exports namespaces only`)
    const [{ target } = { target: "" }] = importsOf(index, [node])
    const exported = node["exported"]
    if (isNode(exported)) namespaces.set(String(exported["name"]), target)
    else for (const [name, module] of namespacesOf(target)) namespaces.set(name, module)
  }
  return namespaces
}

/** Come by their subpath alone: what needs a database, a broker, a server or a terminal, and what is for special needs. */
const bySubpathAlone = (subpath: string, path: string): boolean =>
  subpath === "./testing" ||
  /^src\/(process|broker|server|cli|workflow)\//.test(path) ||
  (path.startsWith("src/store/") && !["./TaskStore", "./TaskQueue"].includes(subpath))

describe("the exports of package.json", () => {
  it("are the public modules, each by its name", () => {
    const { ".": main, "./package.json": itself, ...rest } = manifest.exports
    assert.deepStrictEqual(
      rest,
      Object.fromEntries(
        [...publicModules].map(([subpath, path]) => [subpath, { "strand-source": `./${path}`, ...leadingTo(path) }])
      )
    )
    assert.deepStrictEqual(main, {
      "strand-source": "./src/index.ts",
      browser: leadingTo("src/browser.ts"),
      ...leadingTo("src/index.ts")
    })
    assert.strictEqual(itself, "./package.json")
  })

  it("say first what leads to the sources, and last what is for all others", () => {
    for (const [subpath, target] of Object.entries(manifest.exports)) {
      if (typeof target !== "object" || target === null) continue
      const conditions = Object.keys(target)
      assert.strictEqual(conditions.at(0), "strand-source", subpath)
      assert.strictEqual(conditions.at(-1), "default", subpath)
      assert.isBelow(conditions.indexOf("types"), conditions.indexOf("default"), subpath)
    }
  })

  it("lead to no internal module", () => {
    for (const path of Object.keys(sources).filter((path) => path.includes("/internal/"))) {
      const subpath = path.replace(/^src\//, "").replace(/\.ts$/, "")
      for (const specifier of [
        `effect-strand/${subpath}`,
        `effect-strand/${path}`,
        `effect-strand/dist/${subpath}.js`
      ]) {
        assert.throws(() => import.meta.resolve(specifier), /not defined by "exports"|Missing|not exported/, specifier)
      }
    }
  })
})

describe("src/index.ts", () => {
  it("exports what most programs need, each as the namespace of its name", () => {
    const expected = [...publicModules]
      .filter(([subpath, path]) => !bySubpathAlone(subpath, path))
      .map(([subpath, path]) => [subpath.slice(2), path] as const)
    assert.deepStrictEqual(new Map([...namespacesOf("src/index.ts")].toSorted()), new Map(expected.toSorted()))
  })
})

describe("src/browser.ts", () => {
  const isBuiltin = (specifier: string) => specifier.startsWith("node:") || builtinModules.includes(specifier)

  const imports = new Map(Object.entries(sources).map(([path, source]) => [path, importsOf(path, parse(source))]))

  /** Whether a module or one that it imports, now or later, needs Node. */
  const needsNode = (path: string, seen = new Set<string>()): boolean => {
    if (isBuiltin(path)) return true
    if (seen.has(path)) return false
    seen.add(path)
    return (imports.get(path) ?? []).some(({ target, typeOnly }) => !typeOnly && needsNode(target, seen))
  }

  it("exports of src/index.ts what needs nothing of Node", () => {
    const expected = [...namespacesOf("src/index.ts")].filter(([, path]) => !needsNode(path))
    assert.deepStrictEqual(namespacesOf("src/browser.ts"), new Map(expected))
    assert.isTrue(needsNode("src/runner/ThreadRunner.ts"))
  })

  const program = `
    import * as Effect from "effect/Effect"
    import * as Schema from "effect/Schema"
    import * as Strand from "effect-strand"
    const { FiberRunner, Middleware, Task } = Strand
    const double = Task.make("double", { payload: Schema.Int, success: Schema.Int })
    const runner = Middleware.stack(
      FiberRunner.layer(double.toLayer((n) => Effect.delay(Effect.succeed(n * 2), 1))),
      Middleware.timeout("1 minute")
    )
    globalThis.answer = Effect.runPromise(double.run(21).pipe(Effect.provide(runner)))
    globalThis.names = Object.keys(Strand)
  `

  const bundle = async () => {
    const { metafile, outputFiles } = await build({
      stdin: { contents: program, resolveDir: root },
      bundle: true,
      write: false,
      minify: true,
      metafile: true,
      platform: "browser",
      format: "iife",
      logLevel: "silent",
      plugins: [
        {
          // As the conditions of package.json have it, but without a build: from dist to src.
          name: "sources",
          setup: ({ onResolve }) =>
            onResolve({ filter: /^effect-strand$/ }, () => ({ path: join(root, "src/browser.ts") }))
        }
      ]
    })
    return { metafile, text: outputFiles[0]!.text }
  }

  it("is bundled without Node, and runs without it", async () => {
    const { metafile, text } = await bundle()
    const [output] = Object.values(metafile.outputs)
    assert.deepStrictEqual(
      Object.values(metafile.inputs).flatMap(({ imports }) =>
        imports.filter(({ external, path }) => external === true || isBuiltin(path))
      ),
      []
    )
    const own = Object.entries(output!.inputs)
      .filter(([path]) => posix.normalize(path).startsWith("src/"))
      .reduce((sum, [, { bytesInOutput }]) => sum + bytesInOutput, 0)
    assert.isAbove(own, 10_000)
    assert.isBelow(own, 120_000, "bytes of Strand itself, minified")

    const window: Record<string, unknown> = {
      AbortController,
      clearTimeout,
      console,
      crypto,
      performance,
      queueMicrotask,
      // Gives a number, as in a browser.
      setTimeout: (f: () => void, millis: number) => Number(setTimeout(f, millis)),
      TextDecoder,
      TextEncoder,
      URL
    }
    runInContext(text, createContext(window))
    assert.strictEqual(await window["answer"], 42)
    assert.deepStrictEqual(window["names"], [...namespacesOf("src/browser.ts").keys()])
  })
})

describe("doc comments", () => {
  const isInternal = (path: string) => path.includes("/internal/")
  const isPublic = (path: string) => !isInternal(path) && !path.startsWith("src/testing/")

  it("of internal modules say nothing about versions and categories", () => {
    const found = Object.entries(sources).filter(
      ([path, source]) => isInternal(path) && /^\s*(\/\*)?\*+ @(since|category)\b/m.test(source)
    )
    assert.deepStrictEqual(
      found.map(([path]) => path),
      []
    )
  })

  /** What a public module exports, and the doc comment right above it. */
  const exportsOf = (path: string) => {
    const source = sources[path]!
    return parse(source).flatMap((node, index, all) => {
      if (!/^Export(Named|All|Default)/.test(node.type)) return []
      const above = source.slice(all[index - 1]?.end ?? 0, node.start)
      const comment = /\/\*\*(?:(?!\*\/)[^])*\*\/(?=\s*(?:\/\/.*\s*)*$)/.exec(above)?.[0] ?? ""
      const text = source.slice(node.start, node.end)
      const from = isNode(node["source"]) ? importsOf(path, [node])[0]?.target : undefined
      return [{ path, comment, from, text: text.slice(0, 60).split("\n")[0] }]
    })
  }

  const exported = [...publicModules.values()].filter(isPublic).flatMap(exportsOf)

  it("of what a public module declares name the version and the category", () => {
    const bare = exported.filter(
      ({ comment, from, text }) =>
        from === undefined &&
        !text?.startsWith("export declare") &&
        !(/@since \d/.test(comment) && /@category \w/.test(comment))
    )
    assert.deepStrictEqual(
      bare.map(({ path, text }) => `${path}: ${text}`),
      []
    )
  })

  it("stand above what a public module takes from an internal one", () => {
    const found = exported.filter(({ comment, from }) => from !== undefined && isInternal(from) && comment === "")
    assert.deepStrictEqual(
      found.map(({ path, text }) => `${path}: ${text}`),
      []
    )
  })
})
