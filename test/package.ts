// Checks the package as a user gets it: packs it as `npm publish` does, lets publint and arethetypeswrong judge the
// tarball, installs it into an empty project outside the repository, and there imports every subpath, runs tasks on threads,
// in processes and from a store, and type-checks a program. Run it with `npm run test:package`.
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const installed = (name: string, file: string): string => join(root, "node_modules", name, file)

interface Manifest {
  readonly version: string
  readonly exports: Readonly<Record<string, unknown>>
}
const manifest = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))

const withVersion = (name: string): string => `${name}@${manifest(installed(name, ".")).version}`

const run = (cwd: string, file: string, args: ReadonlyArray<string>): void => {
  const { status, signal, stdout, stderr } = spawnSync(file, args, { cwd, encoding: "utf8", timeout: 180_000 })
  if (status !== 0) {
    throw new Error(`${[file, ...args].join(" ")} ended with ${signal ?? `code ${status}`}\n${stdout}${stderr}`)
  }
}
const node = (cwd: string, ...args: ReadonlyArray<string>): void => run(cwd, process.execPath, args)
// The npm that runs this script, on the Node that runs this script.
const npmCli = process.env["npm_execpath"]
const npm = (cwd: string, ...args: ReadonlyArray<string>): void =>
  npmCli?.endsWith("npm-cli.js") ? node(cwd, npmCli, ...args) : run(cwd, "npm", args)

const specifiers = Object.keys(manifest(root).exports)
  .filter((subpath) => subpath !== "./package.json")
  .map((subpath) => subpath.replace(".", "effect-strand"))

/** Subpaths that need packages which only their users install. */
const withPeers = ["effect-strand/testing", "effect-strand/MessagePack"]
const peers = ["vitest", "@effect/vitest", "@msgpack/msgpack"]
const subpaths = specifiers.filter((specifier) => !withPeers.includes(specifier))

const consumer: Readonly<Record<string, string>> = {
  "package.json": `{ "name": "consumer", "private": true, "type": "module" }`,

  "tsconfig.json": JSON.stringify({
    compilerOptions: {
      target: "ES2024",
      // Effect's own declarations use DOM types; those of this package have been checked without.
      lib: ["ES2024", "DOM"],
      module: "NodeNext",
      types: ["node"],
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true,
      skipLibCheck: false
    },
    files: ["consumer.ts"]
  }),

  "tasks.mjs": `
    import { Effect, Schema } from "effect"
    import { Task } from "effect-strand"
    import { threadId } from "node:worker_threads"

    export const where = Task.make("where", {
      payload: { n: Schema.Int },
      success: Schema.Struct({ n: Schema.Int, pid: Schema.Int, threadId: Schema.Int })
    })

    export default where.toLayer(({ n }) => Effect.sync(() => ({ n: n * 2, pid: process.pid, threadId })))
  `,

  "main.mjs": `
    import assert from "node:assert/strict"
    import { Effect } from "effect"
    import { Task } from "effect-strand"
    import * as ProcessRunner from "effect-strand/ProcessRunner"
    import * as ThreadRunner from "effect-strand/ThreadRunner"
    import { where } from "./tasks.mjs"

    const module = new URL("./tasks.mjs", import.meta.url)
    const on = (runner) => Effect.runPromise(where.run({ n: 21 }).pipe(Effect.provide(runner)))

    const thread = await on(ThreadRunner.layer({ module, size: 1 }))
    assert.equal(thread.n, 42)
    assert.equal(thread.pid, process.pid)
    assert.notEqual(thread.threadId, 0)

    const child = await on(ProcessRunner.layer({ module, size: 1 }))
    assert.equal(child.n, 42)
    assert.notEqual(child.pid, process.pid)
    assert.equal(child.threadId, 0)

    const add = Task.portable("add", (a, b) => a + b)
    assert.equal(await Effect.runPromise(add.run([40, 2]).pipe(Effect.provide(ThreadRunner.layer({ size: 1 })))), 42)

    const bundled = ThreadRunner.layer({ module, size: 1, bundle: true })
    const error = await Effect.runPromise(Effect.flip(where.run({ n: 1 }).pipe(Effect.provide(bundled))))
    assert.equal(error._tag, "ModuleInvalid")
    assert.match(error.message, /npm install esbuild/)
  `,

  "durable.mjs": `
    import assert from "node:assert/strict"
    import { Effect, Fiber, Layer } from "effect"
    import * as SqliteStore from "effect-strand/SqliteStore"
    import * as StoreRunner from "effect-strand/StoreRunner"
    import * as ThreadRunner from "effect-strand/ThreadRunner"
    import { where } from "./tasks.mjs"

    const store = SqliteStore.layer({ filename: "tasks.db" })
    const on = (runner, effect) => Effect.runPromise(effect.pipe(Effect.provide(runner.pipe(Layer.provide(store)))))

    const id = await on(StoreRunner.layer, where.forkDiscard({ n: 21 }))
    const reading = StoreRunner.layerReading({
      tasks: [where],
      runner: ThreadRunner.layer({ module: new URL("./tasks.mjs", import.meta.url), size: 1 })
    })
    const result = await on(
      reading,
      Effect.gen(function* () {
        const fiber = yield* where.attach(id)
        return yield* Fiber.join(fiber)
      })
    )
    assert.equal(result.n, 42)
    assert.notEqual(result.threadId, 0)
  `,

  "composed.mjs": `
    import assert from "node:assert/strict"
    import { Effect } from "effect"
    import { Middleware, Strand, TaskRouter, ThreadRunner } from "effect-strand"
    import { runProcess } from "effect-strand/BackgroundProcess"
    import { where } from "./tasks.mjs"

    const module = new URL("./tasks.mjs", import.meta.url)

    const own = Effect.gen(function* () {
      const mill = yield* runProcess({ task: where, payload: { n: 21 }, module })
      return yield* mill.result
    })
    const child = await Effect.runPromise(Effect.scoped(own))
    assert.equal(child.n, 42)
    assert.notEqual(child.pid, process.pid)

    const router = TaskRouter.layer({ threads: ThreadRunner.layer({ module, size: 1 }), default: "threads" })
    const counted = Effect.gen(function* () {
      yield* where.run({ n: 1 })
      return yield* Middleware.TaskMetrics.use(({ snapshot }) => snapshot)
    })
    const stack = Middleware.stack(router, Middleware.metrics(), Middleware.rateLimit({ limit: 10, window: "1 second" }))
    assert.equal((await Effect.runPromise(counted.pipe(Effect.provide(stack)))).completed, 1)

    assert.equal(await Effect.runPromise(Strand.asTask((a, b) => a + b, { runner: "process" })(40, 2)), 42)

    const strand = Strand.start({ runner: "thread", module, size: 1 })
    assert.equal((await strand.run(where, { n: 21 })).n, 42)
    await strand.close()
  `,

  "subpaths.mjs": `
    import assert from "node:assert/strict"
    const load = async (specifiers) => {
      for (const specifier of specifiers) {
        const module = await import(specifier)
        assert.notEqual(Object.keys(module).length, 0, specifier)
      }
    }
    await load(${JSON.stringify(subpaths)})
    for (const specifier of ${JSON.stringify(withPeers)}) {
      if (process.argv[2] === "--with-peers") await load([specifier])
      else await assert.rejects(load([specifier]), { code: "ERR_MODULE_NOT_FOUND" }, specifier)
    }
    for (const specifier of ["internal/values/TaskCodec", "dist/Task.js", "src/Task.ts"]) {
      await assert.rejects(import("effect-strand/" + specifier), { code: "ERR_PACKAGE_PATH_NOT_EXPORTED" })
    }
  `,

  "browser.mjs": `
    import assert from "node:assert/strict"
    import { Effect } from "effect"
    import * as Strand from "effect-strand"
    import { where } from "./tasks.mjs"

    assert.equal(Strand.ThreadRunner, undefined)
    const handlers = where.toLayer(({ n }) => Effect.succeed({ n, pid: 0, threadId: 0 }))
    const result = await Effect.runPromise(where.run({ n: 1 }).pipe(Effect.provide(Strand.FiberRunner.layer(handlers))))
    assert.equal(result.n, 1)
  `,

  "consumer.ts": `
    ${subpaths.map((subpath, i) => `import * as Subpath${i} from "${subpath}"`).join("\n")}
    export const all = [${subpaths.map((_, i) => `Subpath${i}`).join(", ")}]

    import { Effect, Schema } from "effect"
    import { Task } from "effect-strand"
    import * as ThreadRunner from "effect-strand/ThreadRunner"

    const double = Task.make("double", { payload: { n: Schema.Int }, success: Schema.Int })
    const runner = ThreadRunner.layer({ module: new URL("./tasks.js", import.meta.url) })

    export const handlers = double.toLayer(({ n }) => Effect.succeed(n * 2))
    export const result: Promise<number> = Effect.runPromise(double.run({ n: 1 }).pipe(Effect.provide(runner)))

    // @ts-expect-error the payload has a number
    double.run({ n: "1" })
    // @ts-expect-error the handler answers with a number
    double.toLayer(() => Effect.succeed("2"))
    // @ts-expect-error a task needs a runner
    Effect.runPromise(double.run({ n: 1 }))
  `
}

const step = (name: string, body: () => void): void => {
  const start = performance.now()
  body()
  console.log(`ok  ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`)
}

const workspace = mkdtempSync(join(tmpdir(), "effect-strand-package-"))
try {
  const before = readFileSync(join(root, "package.json"), "utf8")
  step("npm pack", () => npm(root, "pack", "--pack-destination", workspace))
  if (readFileSync(join(root, "package.json"), "utf8") !== before) throw new Error("Packing has changed package.json")
  const file = readdirSync(workspace).find((name) => name.endsWith(".tgz"))
  if (file === undefined) throw new Error("npm pack made no tarball")
  const tarball = join(workspace, file)

  step("publint", () => node(root, installed("publint", "src/cli.js"), "run", tarball, "--strict"))
  step("arethetypeswrong", () =>
    node(
      root,
      installed("@arethetypeswrong/cli", "dist/index.js"),
      tarball,
      "--profile",
      "esm-only",
      "--no-definitely-typed",
      "--no-color",
      "--no-emoji"
    )
  )

  const project = join(workspace, "consumer")
  mkdirSync(project)
  for (const [file, content] of Object.entries(consumer)) writeFileSync(join(project, file), content)

  step("npm install", () =>
    npm(
      project,
      "install",
      "--prefer-offline",
      "--no-audit",
      "--no-fund",
      tarball,
      ...["effect", "@types/node"].map(withVersion)
    )
  )
  step("nothing leads to the sources", () => {
    const { exports } = manifest(join(project, "node_modules", "effect-strand"))
    if (JSON.stringify(exports).includes("/src/")) throw new Error("The packed package.json leads to the sources")
  })
  step("a task on a thread and in a process", () => node(project, "main.mjs"))
  step("a task of a store, on a thread", () => node(project, "durable.mjs"))
  step("processes of their own, a router, middleware, functions, Promises", () => node(project, "composed.mjs"))
  step("the part for browsers", () => node(project, "--conditions=browser", "browser.mjs"))
  step("every subpath loads", () => node(project, "subpaths.mjs"))
  step("every subpath loads, with what it needs", () => {
    npm(project, "install", "--prefer-offline", "--no-audit", "--no-fund", ...peers.map(withVersion))
    node(project, "subpaths.mjs", "--with-peers")
  })
  step("types", () => node(project, installed("typescript", "bin/tsc")))
} finally {
  rmSync(workspace, { recursive: true, force: true })
}
