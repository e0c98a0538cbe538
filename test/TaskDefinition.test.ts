// Two definitions agree when they are made of the same, wherever and however often they are made.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { build, stop } from "esbuild"
import { execFileSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Task from "effect-strand/Task"
import { difference, fingerprint } from "effect-strand/TaskDefinition"
import * as definitions from "../src/testing/definitions.ts"
import * as Folders from "./helpers/folders.ts"
import * as Leaks from "./helpers/leaks.ts"

Leaks.check()

const of = (payload: Schema.Constraint): string =>
  fingerprint(Task.make("task", { payload: payload as Schema.Codec<unknown, unknown> }))

const assertSame = (make: () => Schema.Constraint, what?: string) => assert.strictEqual(of(make()), of(make()), what)

const assertDiffer = (one: Schema.Constraint, other: Schema.Constraint, what?: string) =>
  assert.deepStrictEqual(difference(of(one), of(other)), ["payload"], what)

// --- random schemas ------------------------------------------------------------------------------------------------

/** How a schema is made. */
type Recipe =
  | { readonly kind: "leaf"; readonly leaf: (typeof leaves)[number] }
  | { readonly kind: "literal"; readonly value: string | number | boolean | bigint }
  | { readonly kind: "checked"; readonly check: (typeof checks)[number]; readonly n: number }
  | { readonly kind: "array" | "option" | "map" | "class" | "lazy" | "transformed"; readonly of: Recipe }
  | { readonly kind: "union" | "tuple"; readonly of: ReadonlyArray<Recipe> }
  | { readonly kind: "struct"; readonly fields: { readonly [name: string]: Recipe }; readonly optional: boolean }

const leaves = [
  "String",
  "Number",
  "Boolean",
  "BigInt",
  "Date",
  "Uint8Array",
  "Null",
  "Unknown",
  "Json",
  "opaque"
] as const
const checks = ["length", "pattern", "own", "described", "between"] as const

const Leaf = Schema.Struct({ kind: Schema.Literal("leaf"), leaf: Schema.Literals(leaves) })
const Recipe = Schema.Union([
  Leaf,
  Schema.Struct({
    kind: Schema.Literal("literal"),
    value: Schema.Union([Schema.String, Schema.Finite, Schema.Boolean, Schema.BigInt])
  }),
  Schema.Struct({ kind: Schema.Literal("checked"), check: Schema.Literals(checks), n: Schema.Int }),
  Schema.Struct({
    kind: Schema.Literals(["array", "option", "map", "class", "lazy", "transformed"]),
    of: Schema.suspend((): Schema.Codec<Recipe> => Recipe)
  }),
  Schema.Struct({
    kind: Schema.Literals(["union", "tuple"]),
    of: Schema.Array(Schema.suspend((): Schema.Codec<Recipe> => Recipe))
  }),
  Schema.Struct({
    kind: Schema.Literal("struct"),
    fields: Schema.Record(
      Schema.String,
      Schema.suspend((): Schema.Codec<Recipe> => Recipe)
    ),
    optional: Schema.Boolean
  })
]) as unknown as Schema.Codec<Recipe>

type Built = Schema.Codec<unknown, unknown>

class Opaque {
  readonly #secret = 1
  get secret(): number {
    return this.#secret
  }
}

const leafSchemas = {
  BigInt: Schema.BigInt,
  Boolean: Schema.Boolean,
  Date: Schema.Date,
  Json: Schema.Json,
  Null: Schema.Null,
  Number: Schema.Number,
  String: Schema.String,
  Uint8Array: Schema.Uint8Array,
  Unknown: Schema.Unknown
}

const leaf = (name: (typeof leaves)[number]): Built =>
  (name === "opaque" ? Schema.instanceOf(Opaque) : leafSchemas[name]) as unknown as Built

const checked = (check: (typeof checks)[number], n: number): Built => {
  switch (check) {
    case "length":
      return Schema.String.check(Schema.isMinLength(Math.abs(n)))
    case "pattern":
      return Schema.String.check(Schema.isPattern(new RegExp(`^a{${Math.abs(n)}}`, n % 2 === 0 ? "i" : "")))
    case "own":
      return Schema.Number.check(Schema.makeFilter((x: number) => x !== n))
    case "described":
      return Schema.Number.check(Schema.makeFilter((x: number) => x !== n, { expected: `anything but ${n}` }))
    case "between":
      return Schema.Number.check(Schema.isInt(), Schema.isBetween({ minimum: n, maximum: n + 1 }))
  }
}

const make = (recipe: Recipe): Built => {
  switch (recipe.kind) {
    case "leaf":
      return leaf(recipe.leaf)
    case "literal":
      return Schema.Literal(recipe.value)
    case "checked":
      return checked(recipe.check, recipe.n)
    case "array":
      return Schema.Array(make(recipe.of))
    case "option":
      return Schema.Option(make(recipe.of))
    case "map":
      return Schema.ReadonlyMap(Schema.String, make(recipe.of))
    case "class": {
      class Made extends Schema.Class<Made>("Made")({ value: make(recipe.of) }) {}
      return Made as unknown as Built
    }
    case "lazy":
      return Schema.suspend(() => make(recipe.of))
    case "transformed":
      return make(recipe.of).pipe(
        Schema.decodeTo(
          Schema.Unknown,
          SchemaTransformation.transform({ decode: (value: unknown) => value, encode: (value: unknown) => value })
        )
      ) as Built
    case "union":
      return Schema.Union(recipe.of.map(make)) as unknown as Built
    case "tuple":
      return Schema.Tuple(recipe.of.map(make)) as unknown as Built
    case "struct":
      return Schema.Struct(
        Object.fromEntries(
          Object.entries(recipe.fields).map(([name, field]) => [
            name,
            recipe.optional ? Schema.optionalKey(make(field)) : make(field)
          ])
        )
      ) as unknown as Built
  }
}

/** The recipe with its first ingredient exchanged; undefined when it has none. */
const exchanged = (recipe: Recipe): Recipe | undefined => {
  switch (recipe.kind) {
    case "leaf":
      return { kind: "leaf", leaf: recipe.leaf === "Date" ? "BigInt" : "Date" }
    case "literal":
      return { kind: "literal", value: `${recipe.value}!` }
    case "checked":
      // What a check of one's own does is not known.
      return recipe.check === "own" ? { kind: "leaf", leaf: "Number" } : { ...recipe, n: Math.abs(recipe.n) + 1 }
    case "union":
    case "tuple": {
      const [first, ...rest] = recipe.of
      const other = first && exchanged(first)
      return other && { ...recipe, of: [other, ...rest] }
    }
    case "struct": {
      const [first] = Object.entries(recipe.fields)
      const other = first && exchanged(first[1])
      return other && { ...recipe, fields: { ...recipe.fields, [first[0]]: other } }
    }
    default: {
      const other = exchanged(recipe.of)
      return other && { ...recipe, of: other }
    }
  }
}

describe("fingerprint", () => {
  it.prop(
    "what is made twice in the same way is the same, and what is made in another way is not",
    [Recipe],
    ([recipe]) => {
      assertSame(
        () => make(recipe),
        JSON.stringify(recipe, (_, value) => (typeof value === "bigint" ? `${value}` : value))
      )
      const other = exchanged(recipe)
      if (other !== undefined && !of(make(recipe)).includes("?")) assertDiffer(make(recipe), make(other))
    },
    { arbitrary: { runs: 2000 } }
  )

  const Tree = () => {
    interface Tree {
      readonly value: number
      readonly children: ReadonlyArray<Tree>
    }
    const Tree = Schema.Struct({
      value: Schema.Number,
      children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
    })
    return Tree
  }

  it("schemas that come back to themselves", () => {
    assertSame(Tree)
    assertSame(() => Tree().fields.children)
    interface Expression {
      readonly type: "expression"
      readonly value: number | Operation
    }
    interface Operation {
      readonly type: "operation"
      readonly left: Expression
      readonly right: Expression
    }
    const mutual = (type: "operation" | "op") => () => {
      const Expression = Schema.Struct({
        type: Schema.Literal("expression"),
        value: Schema.Union([Schema.Number, Schema.suspend((): Schema.Codec<Operation> => Operation)])
      })
      const Operation: Schema.Codec<Operation> = Schema.Struct({
        type: Schema.Literal(type as "operation"),
        left: Expression,
        right: Expression
      })
      return Schema.Tuple([Operation, Expression])
    }
    assertSame(mutual("operation"))
    assertDiffer(mutual("operation")(), mutual("op")())
    const list = (of: Schema.Codec<unknown, unknown>) => () => {
      class List extends Schema.Class<List>("List")({
        value: of,
        next: Schema.NullOr(
          Schema.suspend((): Schema.Codec<List, unknown> => List as unknown as Schema.Codec<List, unknown>)
        )
      }) {}
      return List as unknown as Schema.Constraint
    }
    assertSame(list(Schema.Date))
    assertDiffer(list(Schema.Date)(), list(Schema.BigInt)())
  })

  it("it does not depend on which definitions were described before", () => {
    const [one, other] = [Tree(), Tree()]
    const [whole, part] = [of(one), of(one.fields.children)]
    const [otherPart, otherWhole] = [of(other.fields.children), of(other)]
    assert.deepStrictEqual([otherWhole, otherPart], [whole, part])
  })

  it("many classes that refer to each other are not too much", () => {
    const ring = () => {
      const classes: Array<Schema.Codec<unknown, unknown>> = []
      for (let i = 0; i < 40; i++) {
        classes.push(
          class extends Schema.Class<object>(`Class ${i}`)({
            next: Schema.suspend(() => classes[(i + 1) % 40]!),
            last: Schema.suspend(() => classes[(i + 39) % 40]!)
          }) {} as unknown as Schema.Codec<unknown, unknown>
        )
      }
      return Schema.Union(classes)
    }
    assertSame(ring)
    assert.notInclude(of(ring()), "?")
    let pair: Schema.Codec<unknown, unknown> = Schema.String
    for (let i = 0; i < 60; i++) pair = Schema.Tuple([pair, pair]) as unknown as Schema.Codec<unknown, unknown>
    assert.notInclude(of(pair), "?")
  })

  it("what cannot be described differs from nothing", () => {
    const endless = (n: number): Schema.Codec<unknown, unknown> =>
      Schema.Struct({ n: Schema.Literal(n), more: Schema.suspend(() => endless(n + 1)) }) as unknown as Schema.Codec<
        unknown,
        unknown
      >
    const broken = Schema.suspend((): Schema.Codec<string> => {
      throw new Error("not yet")
    })
    let deep: Schema.Codec<unknown, unknown> = Schema.String
    for (let i = 0; i < 5000; i++) deep = Schema.Array(deep) as unknown as Schema.Codec<unknown, unknown>
    for (const schema of [endless(0), broken, deep]) {
      assert.deepStrictEqual(difference(of(schema), of(Schema.String)), [])
      assert.deepStrictEqual(difference(of(Schema.String), of(schema)), [])
    }
  })

  it("what counts, and what does not", () => {
    const same: ReadonlyArray<readonly [Schema.Constraint, Schema.Constraint]> = [
      [Schema.Struct({ a: Schema.String, b: Schema.Int }), Schema.Struct({ b: Schema.Int, a: Schema.String })],
      [Schema.String, Schema.String.annotate({ title: "a", description: "b", identifier: "c" })],
      [Schema.Struct({ a: Schema.mutableKey(Schema.String) }), Schema.Struct({ a: Schema.String })],
      [Schema.instanceOf(Opaque), Schema.instanceOf(Map)]
    ]
    for (const [one, other] of same) assert.strictEqual(of(one), of(other))
    const user = (name: string) => {
      class User extends Schema.Class<User>(name)({ name: Schema.String }) {}
      return User as unknown as Schema.Constraint
    }
    const written = (to: Schema.Codec<unknown, unknown>) =>
      Schema.declare((u: unknown): u is Opaque => u instanceof Opaque, {
        toCodecJson: () =>
          Schema.link<Opaque>()(to, {
            decode: SchemaGetter.transform(() => new Opaque()),
            encode: SchemaGetter.transform(() => 1)
          })
      })
    const differing: ReadonlyArray<readonly [Schema.Constraint, Schema.Constraint]> = [
      [Schema.String, Schema.Number],
      [Schema.Literal("1"), Schema.Literal(1)],
      [Schema.Literal(1n), Schema.Literal(1)],
      [Schema.Struct({ a: Schema.String }), Schema.Struct({ a: Schema.optionalKey(Schema.String) })],
      [Schema.Struct({ a: Schema.String }), Schema.Struct({ b: Schema.String })],
      [Schema.optional(Schema.String), Schema.UndefinedOr(Schema.String)],
      [Schema.Array(Schema.String), Schema.Tuple([Schema.String])],
      [Schema.Array(Schema.String), Schema.NonEmptyArray(Schema.String)],
      [Schema.Date, Schema.DateFromString],
      [Schema.Option(Schema.String), Schema.Option(Schema.Int)],
      [Schema.Option(Schema.String), Schema.OptionFromNullOr(Schema.String)],
      [Schema.Struct({ a: Schema.String }), user("User")],
      [user("User"), user("Person")],
      [Schema.String.check(Schema.isMinLength(1)), Schema.String.check(Schema.isMinLength(2))],
      [Schema.Union([Schema.String, Schema.Int]), Schema.Union([Schema.Int, Schema.String])],
      [Schema.Record(Schema.String, Schema.Int), Schema.Record(Schema.Symbol, Schema.Int)],
      [Schema.TemplateLiteral(["a", Schema.String]), Schema.TemplateLiteral(["b", Schema.String])],
      [written(Schema.String as never), written(Schema.Int as never)],
      [
        Schema.Struct({ n: Schema.Int.pipe(Schema.withDecodingDefaultKey(Effect.succeed(1))) }),
        Schema.Struct({ n: Schema.Int })
      ]
    ]
    for (const [index, [one, other]] of differing.entries()) assertDiffer(one, other, `pair ${index}`)
  })

  it("names the parts that differ", () => {
    const whole = { payload: Schema.String, success: Schema.String, error: Schema.String, inbox: Schema.String }
    const one = fingerprint(Task.make("task", whole))
    assert.deepStrictEqual(difference(one, fingerprint(Task.make("other", { ...whole, timeout: 5 }))), [])
    for (const part of ["payload", "success", "error", "inbox"] as const) {
      const other = fingerprint(Task.make("task", { ...whole, [part]: Schema.Int }))
      assert.deepStrictEqual(difference(one, other), [part])
    }
    assert.deepStrictEqual(difference(one, fingerprint(Task.stream("task", whole))), ["kind"])
    assert.deepStrictEqual(difference(one, fingerprint(Task.make("task"))), ["payload", "success", "error", "inbox"])
  })

  it("a partial task is the whole one", () => {
    const whole = Task.make("task", { payload: { a: Schema.Int, b: Schema.Option(Schema.Int), c: Schema.Int } })
    const partial = whole.partial({ a: 1 })
    assert.strictEqual(fingerprint(partial as unknown as Task.Any), fingerprint(whole))
    assert.strictEqual(fingerprint(whole.partial({ b: Option.some(1) }) as unknown as Task.Any), fingerprint(whole))
  })
})

describe("other programs", () => {
  const expected = Object.fromEntries(
    Object.values<unknown>(definitions)
      .filter(Task.isTask)
      .map((task) => [task.name, fingerprint(task)])
  )

  const folder = Folders.ofFile()

  it("get the same, from TypeScript as it is and from a minified bundle of JavaScript", async () => {
    const path = (file: string) => fileURLToPath(new URL(file, import.meta.url))
    try {
      const source = join(folder, "main.ts")
      writeFileSync(
        source,
        `import * as definitions from ${JSON.stringify(path("../src/testing/definitions.ts"))}
        import * as Task from ${JSON.stringify(path("../src/Task.ts"))}
        import { fingerprint } from ${JSON.stringify(path("../src/TaskDefinition.ts"))}
        const tasks = Object.values<unknown>(definitions).filter(Task.isTask).toReversed()
        console.log(JSON.stringify(Object.fromEntries(tasks.map((task) => [task.name, fingerprint(task)]))))`
      )
      const bundle = join(folder, "main.js")
      await build({
        entryPoints: [source],
        outfile: bundle,
        bundle: true,
        minify: true,
        platform: "node",
        format: "esm"
      })
      assert.isAbove(Object.keys(expected).length, 30)
      for (const file of [source, bundle]) {
        assert.deepStrictEqual(JSON.parse(execFileSync(process.execPath, [file], { encoding: "utf8" })), expected)
      }
    } finally {
      await stop()
    }
  })
})
