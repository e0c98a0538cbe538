// Every door has an example: what makes a runner, a store, a middleware, a task or another part of a program shows in its
// doc comment how it is used. That the examples run is seen by programs.test.ts.
import { assert, describe, it } from "@effect/vitest"
import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { root } from "./programs.ts"

interface Module {
  readonly subpath: string
  /** The source file, from the root of the repository. */
  readonly file: string
}

const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))

const modules: ReadonlyArray<Module> = Object.entries<unknown>(exports).flatMap(([subpath, target]) => {
  const built = JSON.stringify(target).match(/\.\/dist\/([\w/]+)\.js/)?.[1]
  return built === undefined ? [] : [{ subpath, file: `src/${built}.ts` }]
})

/** Doors that have other names. Of `Middleware` all but what middlewares and handlers are written with. */
const others: Readonly<Record<string, RegExp>> = {
  "./BackgroundProcess": /^runProcess$/,
  "./MessagePack": /^messagePack$/,
  "./Middleware": /^(?!principal$|withCredentials$|wait$|set|statusOf$)[a-z]/,
  "./Serialization": /^(json|structuredClone)$/,
  "./Strand": /^(start|asTask)$/,
  "./Task": /^(stream|fn|portable)$/
}

const isDoor = ({ subpath }: Module, name: string): boolean =>
  /^(layer\w*|make)$/.test(name) || (others[subpath]?.test(name) ?? false)

/** The doc comment above what a module exports under a name, wherever it is written. */
const commentOf = (file: string, name: string): string | undefined => {
  const text = readFileSync(join(root, file), "utf8")
  const declared = new RegExp(`(/\\*\\*(?:(?!\\*/)[^])*\\*/)\\nexport (?:const|function|class) ${name}\\b`).exec(text)
  if (declared !== null) return declared[1]
  for (const [, names, from] of text.matchAll(/^export (?:\{([^}]*)\}|\*) from "(\.[^"]*)"/gm)) {
    const origin = join(dirname(file), from!)
    if (!existsSync(join(root, origin))) continue
    if (names === undefined || new RegExp(`\\b${name}\\b`).test(names)) {
      const found = commentOf(origin, new RegExp(`(\\w+) as ${name}\\b`).exec(names ?? "")?.[1] ?? name)
      if (found !== undefined) return found
    }
  }
  return undefined
}

describe("every door has an example", () => {
  for (const module of modules.filter(({ subpath }) => subpath !== ".")) {
    it(module.subpath, async () => {
      const exported: object = await import(join(root, module.file))
      const bare = Object.keys(exported).filter(
        (name) => isDoor(module, name) && !(commentOf(module.file, name) ?? "").includes("**Example**")
      )
      assert.deepStrictEqual(bare, [])
    })
  }

  it("and there are doors", async () => {
    const names = await Promise.all(
      modules.map(async (module) => {
        const exported: object = await import(join(root, module.file))
        return Object.keys(exported).filter((name) => isDoor(module, name))
      })
    )
    assert.isAbove(names.flat().length, 40)
  })
})
