// However a tasks module is named, a worker gets a URL that it can import.
import { assert, describe, it } from "@effect/vitest"
import * as path from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import * as Modules from "../../../../src/runner/internal/pool/Modules.ts"

describe("Modules.resolve", () => {
  it("keeps URLs", () => {
    const url = new URL("./tasks.ts?version=1#top", import.meta.url)
    assert.deepStrictEqual(Modules.resolve(url), [url.href])
    for (const href of [url.href, "data:text/javascript,export%20default%201", "node:fs"]) {
      assert.deepStrictEqual(Modules.resolve(href), [href])
    }
  })

  it("takes paths from the working directory, whatever is in them", () => {
    for (const name of ["tasks.ts", "./some folder/tasks #1.ts", "../100%/täsks?.js", "a\\b.ts"]) {
      const [href] = Modules.resolve(name)
      assert.isTrue(href!.startsWith("file:///"))
      assert.strictEqual(fileURLToPath(href!), path.resolve(name))
    }
    assert.deepStrictEqual(Modules.resolve(import.meta.filename), [import.meta.url])
  })

  it("takes several, in their order, or none", () => {
    const url = pathToFileURL("/b.ts")
    assert.deepStrictEqual(Modules.resolve(["/a.ts", url, "/a.ts"]), ["file:///a.ts", "file:///b.ts", "file:///a.ts"])
    assert.deepStrictEqual(Modules.resolve([]), [])
    assert.deepStrictEqual(Modules.resolve(undefined), [])
  })
})
