// The pure part of the analyze example: what it says about source code, line by line.
import { assert, describe, it } from "@effect/vitest"
import { analyze, summarize } from "../../examples/analyze/analysis.ts"

const limits = { longest: 5, identifiers: 10, copied: 5 }

const summaryOf = (files: Readonly<Record<string, string>>) =>
  summarize(
    Object.entries(files).map(([path, source]) => ({ path, statistics: analyze(source, "typescript") })),
    limits
  )

/** A function of the given number of lines. */
const long = (head: string, lines: number, line = "  work()") =>
  [`${head} {`, ...Array.from({ length: lines - 2 }, () => line), "}"].join("\n")

describe("analyze", () => {
  it("counts lines of code, of comments and blank ones", () => {
    const { blankLines, commentLines, lines } = analyze(
      `// one\n\nconst a = 1 // not a comment line\n/* two */\n/*\n * three\n */\n  \nconst b = "/*"\n`,
      "javascript"
    )
    assert.deepStrictEqual({ blankLines, commentLines, lines }, { blankLines: 2, commentLines: 5, lines: 9 })
  })

  it("counts a file without an end of line, and an empty one", () => {
    assert.strictEqual(analyze("a", "javascript").lines, 1)
    assert.strictEqual(analyze("", "javascript").lines, 0)
  })

  it("counts functions of every kind", () => {
    const source = `
      function a() {}
      const b = () => 1
      const c = function* () {}
      class D { constructor() {} method() {} get e() { return 1 } #f = () => 2 }
      const g = { h() {}, i: async () => {} }`
    assert.strictEqual(analyze(source, "javascript").functions, 9)
  })

  it("counts branches", () => {
    const source = `
      if (a) b(); else c()
      for (const d of e) while (f) do {} while (g)
      switch (h) { case 1: case 2: default: }
      try { i() } catch {}
      j = k ? l : m && n || o ?? p`.replace("|| o ?? p", "|| (o ?? p)")
    assert.strictEqual(analyze(source, "javascript").branches, 12)
  })

  it("counts identifiers of three letters or more, each place once, and no types", () => {
    const source = `
      import { alpha } from "x"
      interface Hidden { readonly hidden: string }
      const beta: Hidden = { alpha, ab: alpha.gamma }
      export { beta }`
    assert.deepStrictEqual(
      [...analyze(source, "typescript").identifiers],
      [
        ["alpha", 3],
        ["beta", 2],
        ["gamma", 1]
      ]
    )
  })

  it("knows names that objects have by birth", () => {
    const { identifiers } = analyze("const a = { __proto__: b, constructor: toString }", "javascript")
    assert.deepStrictEqual([...identifiers.keys()], ["__proto__", "constructor", "toString"])
  })

  it("names functions after what they are given to", () => {
    const lines = 8
    const source = [
      long("function declared()", lines),
      `const arrow = ${long("() =>", lines)}`,
      `export const wrapped = Effect.fn("x")(${long("function* ()", lines)})`,
      `class Person { ${long("speak()", lines)} }`,
      `const record = { ${long("method()", lines)} }`,
      `exports.assigned = ${long("() =>", lines)}`,
      `const outer = () => run(${long("() =>", lines)})`,
      `run(${long("() =>", lines)})`,
      `export default ${long("() =>", lines)}`
    ].join("\n")
    assert.deepStrictEqual(
      analyze(source, "typescript").longFunctions.map((one) => [one.name, one.line, one.lines]),
      [
        ["declared", 1, 8],
        ["arrow", 9, 8],
        ["wrapped", 17, 8],
        ["Person.speak", 25, 8],
        ["record.method", 33, 8],
        ["assigned", 41, 8],
        ["outer", 49, 8],
        ["(in outer)", 49, 8],
        ["(anonymous)", 57, 8],
        ["default", 65, 8]
      ]
    )
  })

  it("keeps line numbers where types, enums and parameter properties were", () => {
    const source = [
      "interface A {\n  readonly a: string\n}",
      "enum Color {\n  Red,\n  Green\n}",
      "class Box {\n  constructor(\n    private readonly width: number,\n    private readonly height: number\n  ) {}\n}",
      long("export function after(a: A): void", 9)
    ].join("\n\n")
    const after = analyze(source, "typescript").longFunctions.at(-1)
    assert.deepStrictEqual([after?.name, after?.line, after?.lines], ["after", 17, 9])
  })

  it("measures the code without types, comments and layout, and compressed", () => {
    const { bytes, compactBytes, compressedBytes } = analyze(
      "// Nothing.\nexport const add = (a: number, b: number): number =>\n  a + b\n",
      "typescript"
    )
    assert.strictEqual(bytes, 73)
    assert.strictEqual(compactBytes, "export const add=(a,b)=>a+b".length)
    assert.isAbove(compressedBytes, 0)
    const long = analyze("work()\n".repeat(1000), "javascript")
    assert.isBelow(long.compressedBytes, long.compactBytes / 100)
  })

  it("reads scripts that are no modules", () => {
    assert.strictEqual(analyze("with (a) { b() }\nreturn", "javascript").lines, 2)
    assert.strictEqual(analyze("#!/usr/bin/env node\nlet await = 1", "javascript").lines, 2)
  })

  it("throws a SyntaxError at what is no source code", () => {
    assert.throws(() => analyze("const = 1", "javascript"), SyntaxError)
    assert.throws(() => analyze("let a: = 1", "typescript"), SyntaxError)
  })
})

describe("summarize", () => {
  it("adds up", () => {
    const { bytes, codeLines, commentLines, files, functions, lines } = summaryOf({
      "a.ts": "// a\nconst a = () => 1\n",
      "b.ts": "const b = () => 1\n"
    })
    assert.deepStrictEqual(
      { bytes, codeLines, commentLines, files, functions, lines },
      { bytes: 41, codeLines: 2, commentLines: 1, files: 2, functions: 2, lines: 3 }
    )
  })

  it("lists the longest functions, without those inside them", () => {
    const { longestFunctions } = summaryOf({
      "a.ts": long("function short()", 9),
      "b.ts": `function outer() {\n${long("const inner = () =>", 20)}\n}`
    })
    assert.deepStrictEqual(longestFunctions, [
      { name: "outer", path: "b.ts", line: 1, lines: 22 },
      { name: "short", path: "a.ts", line: 1, lines: 9 }
    ])
  })

  it("lists identifiers by their number, then by name", () => {
    const { identifiers } = summaryOf({ "a.ts": "foo(bar, baz)", "b.ts": "foo(bar)" })
    assert.deepStrictEqual(identifiers, [
      { name: "bar", count: 2 },
      { name: "foo", count: 2 },
      { name: "baz", count: 1 }
    ])
  })

  it("finds copied functions, whatever their types, comments and layout", () => {
    const { copiedFunctions, copies } = summaryOf({
      "a.ts": long("function first(x: number)", 10),
      "b.ts": `\n${long("const second = function (x: string)", 10, "  work( ) // hard")}`,
      "c.ts": long("function third(x: number)", 10, "  play()"),
      "d.ts": long("function fourth(y: number)", 10)
    })
    assert.strictEqual(copies, 1)
    assert.deepStrictEqual(copiedFunctions, [
      [
        { name: "first", path: "a.ts", line: 1, lines: 10 },
        { name: "second", path: "b.ts", line: 2, lines: 10 }
      ]
    ])
  })

  it("leaves out copies inside copies", () => {
    const source = `function outer() {\n${long("const inner = () =>", 20)}\n}`
    const { copiedFunctions } = summaryOf({ "a.ts": source, "b.ts": `// A copy.\n${source}` })
    assert.deepStrictEqual(
      copiedFunctions.map((group) => group.map((one) => one.name)),
      [["outer", "outer"]]
    )
  })

  it("finds files with the same content", () => {
    const { duplicateFiles } = summaryOf({ "b.ts": "same()", "c.ts": "other()", "a.ts": "same()" })
    assert.deepStrictEqual(duplicateFiles, [["a.ts", "b.ts"]])
  })

  it("says nothing of nothing", () => {
    const summary = summarize([], limits)
    assert.strictEqual(summary.lines, 0)
    assert.deepStrictEqual(summary.longestFunctions, [])
  })
})
