// The import arrows of the library: which module of src may know which other, read from the real import statements.
// The checker is tested first, on made-up sources: every rule has to be able to fail.
import { assert, describe, it } from "@effect/vitest"
import { builtinModules } from "node:module"
import { join } from "node:path"
import { type Import, importsOf, isNode, parse, readSources, type Sources } from "./structure/syntax.ts"

const root = join(import.meta.dirname, "..")

// --- reading -------------------------------------------------------------------------------------------------------

interface Module {
  readonly path: string
  readonly imports: ReadonlyArray<Import>
  readonly onlyReExports: boolean
  readonly beginsWithComment: boolean
}

const readModule = (path: string, source: string): Module => {
  const body = parse(source)
  return {
    path,
    imports: importsOf(path, body),
    onlyReExports: body.every((node) => node.type.startsWith("Export") && isNode(node["source"])),
    beginsWithComment: /[a-z]/i.test(/^(?:#!.*\n)?\s*(\/\/.*|\/\*[^]*?\*\/)/.exec(source)?.[1] ?? "")
  }
}

// --- rules ---------------------------------------------------------------------------------------------------------

const isIn =
  (...folders: ReadonlyArray<string>) =>
  (path: string) =>
    folders.some((folder) => path.startsWith(`src/${folder}/`))
const isOneOf =
  (...files: ReadonlyArray<string>) =>
  (path: string) =>
    files.some((file) => path === `src/${file}`)

const isIndex = isOneOf("index.ts", "browser.ts")
const isCore = (path: string) => (/^src\/[^/]+\.ts$/.test(path) && !isIndex(path)) || isIn("internal")(path)
const isFolder = (path: string) => /^src\/[^/]+\//.test(path) && !isIn("internal")(path)
const isBuiltin = (target: string) => target.startsWith("node:") || builtinModules.includes(target)
const isStoreService = isOneOf("store/TaskStore.ts", "store/TaskQueue.ts")

interface Arrow {
  readonly from: (path: string) => boolean
  readonly mustNotImport: (target: string) => boolean
  readonly because: string
}

const folders = ["runner", "store", "middleware", "process", "broker", "server", "cli", "workflow"]

const arrows: ReadonlyArray<Arrow> = [
  {
    from: isCore,
    mustNotImport: isBuiltin,
    because: "a core file (src/*.ts, src/internal) imports nothing from Node, so that it runs wherever Effect does"
  },
  {
    from: isCore,
    mustNotImport: (target) => isFolder(target) || isIndex(target),
    because:
      "a core file (src/*.ts, src/internal) knows no folder: runners, stores and middleware know the core, never the reverse"
  },
  {
    from: isIn("store", "broker"),
    mustNotImport: isIn("runner"),
    because: "a store or queue keeps tasks and must not know what runs them"
  },
  {
    from: isIn("runner"),
    mustNotImport: (target) => isIn("store", "broker")(target) && !isStoreService(target),
    because: "a runner knows only the services TaskStore and TaskQueue, never one of their implementations"
  },
  {
    from: isIn("middleware"),
    mustNotImport: (target) =>
      isIndex(target) || (isFolder(target) && !isIn("middleware")(target) && !isStoreService(target)),
    because: "a middleware knows only the core and the services of stores: it must work round every runner"
  },
  {
    from: (path) => !isIn("runner/internal/wire", "runner/internal/pool", "runner/internal/worker")(path),
    mustNotImport: isIn("runner/internal/wire"),
    because: "the wire format belongs to the pool and the worker alone, who may change it at will"
  },
  ...folders.map((folder): Arrow => ({
    from: (path) => !isIn(folder)(path),
    mustNotImport: isIn(`${folder}/internal`),
    because: `what stands in src/${folder}/internal is known to src/${folder} alone`
  }))
]

/** Packages that a user installs only when wanted; all packages of one dependency have to stay in one file. */
const optionalDependencies: Readonly<Record<string, RegExp>> = {
  redis: /^(redis|ioredis|@redis\/.+)$/,
  pg: /^(pg|pg-.+|@effect\/sql-pg)(\/|$)/,
  amqplib: /^amqplib(\/|$)/,
  mqtt: /^mqtt(\/|$)/,
  nats: /^(nats|@nats-io\/.+)$/,
  esbuild: /^esbuild(\/|$)/
}

/** One sentence for each place where a module does what it must not. */
const violations = (sources: Sources): ReadonlyArray<string> => {
  const modules = Object.entries(sources).map(([path, source]) => readModule(path, source))
  return [
    ...modules.flatMap((module) =>
      module.imports.flatMap(({ target }) => {
        const arrow = arrows.find((arrow) => arrow.from(module.path) && arrow.mustNotImport(target))
        return arrow === undefined ? [] : [`${module.path} imports ${target}: ${arrow.because}`]
      })
    ),
    ...modules
      .filter((module) => isIndex(module.path) && !module.onlyReExports)
      .map((module) => `${module.path} does more than re-export: it is the public face and nothing else`),
    ...modules
      .filter((module) => !module.beginsWithComment)
      .map((module) => `${module.path} does not begin with a comment: every module says first what it is for`),
    ...Object.entries(optionalDependencies).flatMap(([name, pattern]) => {
      const importers = modules.filter((module) => module.imports.some(({ target }) => pattern.test(target)))
      return importers.length < 2
        ? []
        : [
            `${importers.map((module) => module.path).join(" and ")} import ${name}: ` +
              "an optional dependency is imported by one file, reached by one subpath"
          ]
    }),
    ...cycles(modules).map((cycle) => `${cycle.join(" → ")}: modules must not import each other in a circle`)
  ]
}

/** The circles that are closed on a depth-first walk along imports that exist at run time. */
const cycles = (modules: ReadonlyArray<Module>): ReadonlyArray<ReadonlyArray<string>> => {
  const byPath = new Map(modules.map((module) => [module.path, module]))
  const found: Array<ReadonlyArray<string>> = []
  const done = new Set<string>()
  const visit = (path: string, trail: ReadonlyArray<string>): void => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      found.push([...trail.slice(start), path])
    } else if (!done.has(path)) {
      for (const imported of byPath.get(path)?.imports ?? []) {
        if (!imported.typeOnly) visit(imported.target, [...trail, path])
      }
      done.add(path)
    }
  }
  for (const module of modules) visit(module.path, [])
  return found
}

// --- tests ---------------------------------------------------------------------------------------------------------

describe("the checker", () => {
  const check = (sources: Sources) =>
    violations(
      Object.fromEntries(Object.entries(sources).map(([path, source]) => [path, `// For the test.\n${source}`]))
    )

  const forbidden: ReadonlyArray<readonly [from: string, source: string, target: string]> = [
    ["src/Task.ts", `import { join } from "node:path"`, "node:path"],
    ["src/internal/call/Call.ts", `import fs from "fs"`, "fs"],
    ["src/Task.ts", `import * as FiberRunner from "./runner/FiberRunner.ts"`, "src/runner/FiberRunner.ts"],
    ["src/Task.ts", `import type { Store } from "./store/TaskStore.ts"`, "src/store/TaskStore.ts"],
    ["src/Task.ts", `export * from "./middleware/retry.ts"`, "src/middleware/retry.ts"],
    ["src/internal/call/Call.ts", `const load = () => import("../../runner/Strand.ts")`, "src/runner/Strand.ts"],
    ["src/Task.ts", `export type T = import("./cli/main.ts").T`, "src/cli/main.ts"],
    ["src/Task.ts", `import * as Strand from "./index.ts"`, "src/index.ts"],
    ["src/store/FileStore.ts", `import "../runner/StoreRunner.ts"`, "src/runner/StoreRunner.ts"],
    ["src/broker/MqttBroker.ts", `import "../runner/StoreRunner.ts"`, "src/runner/StoreRunner.ts"],
    ["src/runner/StoreRunner.ts", `import "../store/SqliteStore.ts"`, "src/store/SqliteStore.ts"],
    ["src/runner/StoreReader.ts", `import "../broker/NatsBroker.ts"`, "src/broker/NatsBroker.ts"],
    ["src/middleware/recorded.ts", `import "../store/FileStore.ts"`, "src/store/FileStore.ts"],
    ["src/middleware/retry.ts", `import "../runner/FiberRunner.ts"`, "src/runner/FiberRunner.ts"],
    [
      "src/runner/ThreadRunner.ts",
      `import type * as W from "./internal/wire/Wire.ts"`,
      "src/runner/internal/wire/Wire.ts"
    ],
    ["src/server/Server.ts", `import "../runner/internal/pool/Pool.ts"`, "src/runner/internal/pool/Pool.ts"],
    ["src/testing/StoreSuite.ts", `import "../store/internal/failures.ts"`, "src/store/internal/failures.ts"]
  ]

  for (const [from, source, target] of forbidden) {
    it(`refuses in ${from}: ${source}`, () => {
      const found = check({ [from]: source })
      assert.strictEqual(found.length, 1, found.join("\n"))
      assert.isTrue(found[0]?.startsWith(`${from} imports ${target}: `), found[0])
    })
  }

  it("allows what the arrows allow", () => {
    assert.deepStrictEqual(
      check({
        "src/index.ts": `export * as Task from "./Task.ts"\nexport { TaskError } from "./TaskError.ts"`,
        "src/Task.ts": `import * as Effect from "effect/Effect"\nimport "./TaskError.ts"\nconst s = 'from "node:fs"'`,
        "src/TaskError.ts": `// import "./runner/FiberRunner.ts"`,
        "src/internal/call/Call.ts": `import "../../Task.ts"`,
        "src/runner/internal/pool/Pool.ts": `import "../wire/Wire.ts"\nimport "node:os"\nimport "../../../Task.ts"`,
        "src/runner/internal/wire/Wire.ts": ``,
        "src/runner/ThreadRunner.ts": `import "node:os"\nimport "./internal/pool/Pool.ts"\nimport "../Task.ts"`,
        "src/runner/StoreRunner.ts": `import "../store/TaskStore.ts"\nimport "../store/TaskQueue.ts"`,
        "src/store/PostgresStore.ts": `import "./TaskStore.ts"\nconst pg = () => import("pg")`,
        "src/middleware/index.ts": `export * from "./retry.ts"`,
        "src/middleware/retry.ts": `import "../Task.ts"`
      }),
      []
    )
  })

  it("refuses anything but re-exports in src/index.ts", () => {
    for (const source of [`import "./Task.ts"`, `export const version = "1"`, `const a = 1\nexport { a }`]) {
      const found = check({ "src/index.ts": source })
      assert.strictEqual(found.length, 1)
      assert.match(found[0] ?? "", /^src\/index\.ts does more than re-export/)
    }
  })

  it("refuses an optional dependency in two files", () => {
    const found = check({ "src/store/A.ts": `import "pg"`, "src/store/B.ts": `const b = import("pg")` })
    assert.strictEqual(found.length, 1)
    assert.match(found[0] ?? "", /^src\/store\/A\.ts and src\/store\/B\.ts import pg: /)
  })

  it("refuses a module without a comment at its top", () => {
    for (const source of [``, `export const a = 1 // a`, `/** */\nexport const a = 1`, `//\nexport const a = 1`]) {
      const found = violations({ "src/Task.ts": source })
      assert.strictEqual(found.length, 1, source)
      assert.match(found[0] ?? "", /^src\/Task\.ts does not begin with a comment/)
    }
    assert.deepStrictEqual(violations({ "src/Task.ts": `/**\n * Defines tasks.\n */\nexport const a = 1` }), [])
    assert.deepStrictEqual(violations({ "src/cli/main.ts": `#!/usr/bin/env node\n// The command line.` }), [])
  })

  it("refuses a circle of imports, except of types", () => {
    const found = check({
      "src/A.ts": `import "./B.ts"`,
      "src/B.ts": `export * from "./C.ts"`,
      "src/C.ts": `const a = () => import("./A.ts")`
    })
    assert.deepStrictEqual(found, [
      "src/A.ts → src/B.ts → src/C.ts → src/A.ts: modules must not import each other in a circle"
    ])
    assert.deepStrictEqual(
      check({ "src/A.ts": `import "./B.ts"`, "src/B.ts": `import type * as A from "./A.ts"\nimport "./C.ts"` }),
      []
    )
  })
})

describe("src", () => {
  const sources = readSources(root)

  it("has modules", () => {
    assert.isNotEmpty(Object.keys(sources))
  })

  it("keeps to the import arrows", () => {
    const found = violations(sources)
    assert.isEmpty(found, `\n${found.join("\n")}`)
  })
})
