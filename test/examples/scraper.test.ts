// The scraper as a person runs it: the site never has to refuse it, and what it fails with is asked for again.
import { assert, describe, it } from "@effect/vitest"
import { run } from "./run.ts"

describe("examples/scraper", () => {
  it("keeps to what the site allows, and gets every page all the same", async () => {
    const { code, leftBehind, stderr, stdout } = await run(["scraper/main.ts", "160"])
    assert.deepStrictEqual({ code, leftBehind, stderr }, { code: 0, leftBehind: false, stderr: "" })
    const number = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1]?.replaceAll(",", ""))
    const [pages, missing] = [number(/^(\d+) pages with /m), number(/^(\d+) links lead nowhere/m)]
    const [requests, failed] = [number(/^(\d+) requests in /m), number(/out of order for (\d+)/)]
    assert.strictEqual(pages + missing, 160, stdout)
    assert.isAtLeast(failed, 3)
    assert.strictEqual(requests, pages + missing + failed, stdout)
    assert.strictEqual(number(/the site refused (\d+)/), 0, stdout)
    assert.isAtMost(number(/(\d+) in the busiest second/), 100)
    assert.strictEqual(number(/^fetchPage: (\d+) done/m), pages)
    assert.strictEqual(number(/^readPage: (\d+) done/m), pages)
    assert.match(stdout, /^most linked: \S+ \(\d+\)/m)
  })
})
