// Which functions can travel by their source: those that can do work where they arrive, and of the others exactly the
// variables are named that they take from outside.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as vm from "node:vm"
import * as FreeVariables from "../../../../src/runner/internal/portable/FreeVariables.ts"
import * as PortableTask from "../../../../src/runner/internal/portable/PortableTask.ts"

/** Sources of functions that stand alone, with what they give for 3. */
const alone: Record<string, readonly [source: string, result: unknown]> = {
  "an arrow": ["(x) => x + 1", 4],
  "an arrow without parentheses": ["x=>x*2", 6],
  "an arrow that gives an object": ["x => ({ x, y: x })", { x: 3, y: 3 }],
  "a function expression": ["function (x) { return -x }", -3],
  "a named function that calls itself": ["function fac(n) { return n <= 1 ? 1 : n * fac(n - 1) }", 6],
  "an inner function that calls itself": ["(n) => { const f = (m) => (m <= 0 ? 0 : m + f(m - 1)); return f(n) }", 6],
  arguments: ["function () { return arguments.length + arguments[0] }", 4],
  "arguments in an arrow in a function": ["function () { return (() => arguments[0])() }", 3],
  "defaults that use other parameters": ["(x, y = x * 2, z = (() => x + y)()) => z", 9],
  "destructured parameters": [
    "({ a, b: { c = 1 } = {}, ...rest } = {}, [d, , e = 2] = [4], ...more) => [a, c, d, e, rest, more.length]",
    [undefined, 1, 4, 2, {}, 0]
  ],
  "a computed key in a pattern": [
    "(x) => { const k = 'a'; const { [k]: v, [`${k}b`]: w = k } = { a: x }; return v + w }",
    "3a"
  ],
  "destructuring assignments": ["(x) => { let a, b; [a, b = x] = [1]; ({ a, c: b } = { a, c: b }); return a + b }", 4],
  closures: ["(x) => { let n = x; const up = () => ++n; up(); return (function () { return up() })() }", 5],
  "var from a block": ["(x) => { if (x) { var y = x } return y }", 3],
  "var before its line": ["(x) => { y = x; for (var i = 0; i < 2; i++) { var y; y++ } return y + i }", 7],
  "var in a nested loop": [
    "(x) => { for (const a of [1]) for (var b in { k: a }) { try { var c = b } finally {} } return b + c }",
    "kk"
  ],
  "functions before their line": [
    "(x) => { return f(x); function f(n) { return g(n) } function g(n) { return n + 1 } }",
    4
  ],
  "a function in a block": ["(x) => { { function f() { return x } return f() } }", 3],
  "let in loops": ["(x) => { let s = 0; for (let i = 0, j = x; i < j; i++) { const k = i; s += k } return s }", 3],
  "for of with a pattern": [
    "(x) => { const out = []; for (const [k, { v }] of [['a', { v: x }]]) out.push(k, v); return out }",
    ["a", 3]
  ],
  "for in": ["(x) => { const out = []; for (const k in { a: x }) out.push(k); return out }", ["a"]],
  "a switch": [
    "(x) => { switch (x) { case 1: let y = 1; return y; case 3: const z = x; return z; default: return f(); function f() { return 0 } } }",
    3
  ],
  labels: ["(x) => { outer: for (;;) { for (;;) { if (x++ < 5) continue outer; break outer } } return x }", 6],
  "a catch parameter": ["(x) => { try { throw { message: x } } catch ({ message }) { return message } }", 3],
  "a catch without one": ["(x) => { try { null.x } catch { return x } }", 3],
  "a class": [
    "(x) => { class A { static n = A.name; #p = x; get p() { return this.#p } static { this.q = A.n } } return new A().p + A.q }",
    "3A"
  ],
  "a class expression that knows itself": ["(x) => new (class B { make() { return new B().x } x = x })().make()", 3],
  "classes that extend": [
    "(x) => { class A { f() { return x } } return new (class extends A { f() { return super.f() + 1 } })().f() }",
    4
  ],
  "methods, getters and computed keys": [
    "(x) => { const k = 'm'; const o = { [k](y) { return y }, get g() { return x }, set g(v) {}, async *a() {} }; return o.m(o.g) }",
    3
  ],
  "shorthands and keys": [
    "(x) => { const o = { x, y: 1, 'z': 2, if: 3 }; return o.x + o.y + o.z + o.if + o?.nothing?.else === 9 }",
    false
  ],
  "template literals": ["(x) => { const tag = (s, ...v) => s.join('-') + v; return tag`a${x}b${`${x}`}` }", "a-b-3,3"],
  "new.target": [
    "function (x) { function A() { return { called: new.target === A } } return new A().called ? x : 0 }",
    3
  ],
  globals: [
    "(x) => [Math.max(x, 1), JSON.stringify({ x }), typeof URL, typeof structuredClone, typeof Buffer, globalThis.Number(x)]",
    [3, '{"x":3}', "function", "function", "function", 3]
  ],
  "undefined, NaN and Infinity": ["(x) => [undefined, NaN, Infinity].includes(x)", false],
  "a comment and a string with names": [
    "(x) => { // elsewhere(y)\n /* z */ return 'other' + /name/.source + x }",
    "othername3"
  ],
  "an async arrow": ["async (x) => { await null; return x }", 3],
  "an async function": ["async function (x) { for await (const y of [x]) return y }", 3],
  "a generator inside": ["(x) => { function* g() { yield x; yield* [1] } return [...g()] }", [3, 1]],
  imports: ["async (x) => { const { basename } = await import('node:path'); return basename(`/a/${x}`) }", "3"],
  "a sequence, spread and optional calls": [
    "(x) => { const f = (...a) => a.length; return (0, f)?.(...[x, ...[1]]) }",
    2
  ],
  "a parameter that hides a global": ["(Math) => Math", 3],
  "no parameter": ["() => 1", 1]
}

/** Sources of functions that take variables from outside, with the names of these. */
const captured: Record<string, readonly [source: string, ...names: ReadonlyArray<string>]> = {
  "a variable": ["(x) => x + outside", "outside"],
  "several, each once": ["() => a + b + a", "a", "b"],
  "an object": ["(x) => config.factor * x", "config"],
  "a called function": ["(x) => helper(x).then(x)", "helper"],
  "a default": ["(x = fallback) => x", "fallback"],
  "a default in a pattern": ["({ a = other } = {}) => a", "other"],
  "a computed key": ["(x) => x[key]", "key"],
  "a computed key of an object": ["(x) => ({ [key]: x })", "key"],
  "a computed key of a pattern": ["({ [key]: x }) => x", "key"],
  "a shorthand": ["() => ({ inner })", "inner"],
  "a superclass": ["() => class extends Base {}", "Base"],
  "a class field": ["() => { class A { x = seed; static y = seed2 } return new A() }", "seed", "seed2"],
  "a template": ["() => `${name}`", "name"],
  "a tag": ["() => sql`select`", "sql"],
  "an assignment": ["(x) => { total = x }", "total"],
  "a destructuring assignment": ["(x) => { [first, { a: second }] = x }", "first", "second"],
  "an increment": ["() => count++", "count"],
  typeof: ["() => typeof maybe", "maybe"],
  "a nested function": ["() => () => function () { return deep }", "deep"],
  "a catch block": ["() => { try {} catch (error) { report(error) } }", "report"],
  "a catch parameter after its block": ["() => { try {} catch (error) {} return error }", "error"],
  "let after its block": ["() => { { let inner = 1 } return inner }", "inner"],
  "a loop's variable after the loop": ["() => { for (let i = 0; i < 1; i++); return i }", "i"],
  "an inner function's variable": [
    "() => { const f = () => { var local = 1; return local }; return f() + local }",
    "local"
  ],
  "a case": ["(x) => { switch (x) { case one: return found } }", "one", "found"],
  "a label's name as a variable": ["() => { a: for (;;) break a; return a }", "a"],
  "a property's name as a variable": ["(o) => o.size + size", "size"],
  "a key's name as a variable": ["() => ({ key: 1, other: key })", "key"],
  "arguments in an arrow": ["() => arguments[0]", "arguments"],
  "a spread": ["() => [...rest]", "rest"],
  "an awaited one": ["async () => await promise", "promise"],
  "a yielded one": ["function* () { yield* source }", "source"],
  CommonJS: ["() => require('node:fs')", "require"],
  "what a transpiler has put there": ["(x) => __import_0__.helper(x)", "__import_0__"]
}

const isOne = function (this: unknown) {
  return this === 1
}

const refusalOf = (f: (...args: ReadonlyArray<any>) => unknown) =>
  FreeVariables.check(Function.prototype.toString.call(f))

describe("FreeVariables", () => {
  for (const [name, [source, result]] of Object.entries(alone)) {
    it(`lets travel: ${name}`, async () => {
      assert.isUndefined(FreeVariables.check(source))
      const work = PortableTask.handler("f", source).handle(3)
      assert.isTrue(Effect.isEffect(work))
      // The realm of the function is another one's, so values are compared by what they hold.
      assert.deepEqual(await Effect.runPromise(work as Effect.Effect<unknown>), result)
    })
  }

  for (const [name, [source, ...names]] of Object.entries(captured)) {
    it(`finds what is taken from outside: ${name}`, () => {
      const { path, reason } = FreeVariables.check(source)!
      assert.match(path, /^the variable /)
      assert.sameMembers(
        path.match(/"\w+"/g)!,
        names.map((name) => `"${name}"`)
      )
      assert.match(reason, /from outside/)
    })
  }

  it("agrees with the engine on what is missing", () => {
    for (const [source, ...names] of Object.values(captured)) {
      const missing = names.filter((name) => name !== "arguments")
      // With the names declared, the functions are fine.
      const declared = `(() => { let ${["_", ...missing].join(", ")}; return (${source}) })()`
      assert.doesNotThrow(() => vm.runInNewContext(declared))
      assert.isUndefined(
        FreeVariables.check(
          `() => { let ${["_", ...missing].join(", ")}, args; return ${source.replace("arguments", "args")} }`
        ),
        source
      )
    }
  })

  it("refuses what is built in or bound", () => {
    for (const f of [Math.max, parseInt, isOne.bind(1), Array.prototype.map, new Proxy(() => 1, {})]) {
      const refusal = refusalOf(f)
      assert.strictEqual(refusal?.path, "the function")
      assert.match(refusal!.reason, /built in or bound/)
    }
  })

  it("refuses what is not a function by itself", () => {
    const methods = {
      plain(x: number) {
        return x
      },
      async later() {},
      *many() {},
      ["computed"]() {}
    }
    const accessor = Object.getOwnPropertyDescriptor(
      {
        get value() {
          return 1
        }
      },
      "value"
    )!.get!
    class A {
      static make() {}
      value = 1
    }
    for (const f of [...Object.values(methods), accessor, A.make, A as never]) {
      const refusal = refusalOf(f as () => unknown)
      assert.strictEqual(refusal?.path, "the function", String(f))
      assert.match(refusal!.reason, /arrow function or as a function expression/, String(f))
    }
  })

  it("refuses source that is none", () => {
    for (const source of ["", "x", "1", "() =>", "(x) => x; evil()", "x => x, 1", "(() => 1)()"]) {
      assert.isDefined(FreeVariables.check(source), source)
    }
  })
})
