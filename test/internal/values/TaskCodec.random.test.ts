// Values of schemas made at random arrive as what they were, on the way that the codec says they can take.
import { assert, describe, it } from "@effect/vitest"
import { isDeepStrictEqual } from "node:util"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Task from "effect-strand/Task"
import * as TaskCodec from "../../../src/internal/values/TaskCodec.ts"

type Any = Schema.Codec<any, any>

class Labelled extends Schema.Class<Labelled>("Labelled")({ label: Schema.String, at: Schema.Date }) {}

class Refused extends Schema.TaggedError<Refused>()("Refused", { size: Schema.BigInt }) {}

interface Tree {
  readonly value: bigint
  readonly children: ReadonlyArray<Tree>
}

const Tree = Schema.Struct({
  value: Schema.BigInt,
  children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
})

/** An expression knows an operation, which knows two expressions. */
interface Expression {
  readonly _tag: "Expression"
  readonly value: number | Operation
}
interface Operation {
  readonly _tag: "Operation"
  readonly left: Expression
  readonly right: Expression | undefined
}
const Expression = Schema.Struct({
  _tag: Schema.tag("Expression"),
  value: Schema.Union([Schema.Finite, Schema.suspend((): Schema.Codec<Operation> => Operation)])
})
const Operation = Schema.Struct({
  _tag: Schema.tag("Operation"),
  left: Expression,
  right: Schema.UndefinedOr(Expression)
})

/** What JSON has a form for, in the hands of a codec. */
const textual: ReadonlyArray<Any> = [
  Schema.String,
  Schema.NonEmptyString,
  Schema.Number,
  Schema.Finite,
  Schema.Int,
  Schema.Boolean,
  Schema.BigInt,
  Schema.Null,
  Schema.Undefined,
  Schema.Literals(["a", 1, true, 2n]),
  Schema.TemplateLiteral(["x", Schema.Int]),
  Schema.Date,
  Schema.DateTimeUtc,
  Schema.Duration,
  Schema.BigDecimal,
  Schema.URL,
  Schema.FiniteFromString,
  Schema.DateFromString,
  Schema.Uint8ArrayFromBase64,
  Labelled,
  Refused,
  Tree,
  Expression
]

/** What JSON has no form for, or only a costly one. */
const opaque: ReadonlyArray<Any> = [Schema.Uint8Array, Schema.Any, Schema.Unknown]

/** Random numbers below a bound, the same for the same seed. */
const makeRandom = (seed: number) => {
  let state = (seed ^ 0x9e3779b9) >>> 0
  return (bound: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

const makeSchema = (random: (bound: number) => number, leaves: ReadonlyArray<Any>): Any => {
  const leaf = () => leaves[random(leaves.length)]!
  const go = (depth: number): Any => {
    if (depth === 0) return leaf()
    const inner = () => go(depth - 1)
    // Effect's JSON codecs write null for undefined, so a schema that allows both cannot tell them apart.
    const present = (): Any => {
      const schema = inner()
      return schema === Schema.Null ? Schema.Int : schema
    }
    const field = () =>
      [inner, () => Schema.optionalKey(inner()), () => Schema.optional(present())][random(3)]!() as Any
    const makers: ReadonlyArray<() => Any> = [
      leaf,
      () => Schema.Struct(Object.fromEntries(Array.from({ length: random(4) }, (_, n) => [`f${n}`, field()]))),
      () => Schema.Array(inner()),
      () => Schema.NonEmptyArray(inner()),
      () => Schema.Tuple([inner(), inner()]),
      () => Schema.TupleWithRest(Schema.Tuple([inner()]), [inner()]),
      () => Schema.Record(Schema.String, inner()),
      () =>
        Schema.StructWithRest(Schema.Struct({ a: Schema.Int }), [
          Schema.Record(Schema.TemplateLiteral(["k", Schema.Int]), inner())
        ]),
      () =>
        Schema.Union([
          Schema.Struct({ _tag: Schema.tag("A"), a: inner() }),
          Schema.Struct({ _tag: Schema.tag("B"), b: field() })
        ]),
      () => Schema.Option(inner()),
      () => Schema.Result(inner(), leaf()),
      () => Schema.ReadonlyMap(inner(), inner()),
      () => Schema.ReadonlySet(inner()),
      () => Schema.Chunk(inner()),
      () => Schema.HashMap(Schema.String, inner()),
      () => Schema.Exit(inner(), Refused, Schema.Defect())
    ]
    return makers[random(makers.length)]!()
  }
  return go(3)
}

const codecOf = (schema: Any) => TaskCodec.of(Task.make("task", { payload: schema as Any })).payload

/** Sends values the way that the codec allows, and compares what arrives. */
const assertArrives = (schema: Any, values: ReadonlyArray<unknown>) => {
  const codec = codecOf(schema)
  const equivalent = Schema.toEquivalence(schema)
  for (const value of values) {
    const encoded = Result.getOrThrow(codec.encode(value))
    const carried: ReadonlyArray<unknown> = codec.text
      ? [structuredClone(encoded), JSON.parse(JSON.stringify([encoded]))[0]]
      : [structuredClone(encoded)]
    for (const arrived of carried) {
      const decoded = Result.getOrThrow(codec.decode(arrived))
      // The one asks the schemas, the other compares what the values hold.
      if (!equivalent(decoded, value) && !isDeepStrictEqual(codec.encode(decoded), Result.succeed(arrived))) {
        assert.deepStrictEqual(decoded, value)
      }
    }
  }
  return codec.text
}

const Seed = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 }))

describe("codecs of random schemas", () => {
  it.effect.prop(
    "text carries all that is said to survive it",
    [Seed],
    ([seed]) => {
      const schema = makeSchema(makeRandom(seed), textual)
      return Effect.map(Arbitrary.sampleEffect(Arbitrary.schema(schema), { count: 5, size: 5, seed }), (values) =>
        assert.isTrue(assertArrives(schema, values))
      )
    },
    { arbitrary: { runs: 150 } }
  )

  it.effect.prop(
    "the clone carries the rest",
    [Seed],
    ([seed]) => {
      const random = makeRandom(seed)
      const leaf = opaque[random(opaque.length)]!
      // At least one of what needs the clone, wherever else there is some.
      const schema = Schema.Struct({ made: makeSchema(random, [...textual, ...opaque]), leaf: Schema.Array(leaf) })
      return Effect.map(Arbitrary.sampleEffect(Arbitrary.schema(schema), { count: 5, size: 5, seed }), (values) =>
        assert.isFalse(assertArrives(schema, values))
      )
    },
    { arbitrary: { runs: 100 } }
  )

  it.effect("each kind of leaf by itself", () =>
    Effect.forEach([...textual, ...opaque], (schema, index) =>
      Effect.map(Arbitrary.sampleEffect(Arbitrary.schema(schema), { count: 50, size: 20, seed: 1 }), (values) =>
        assert.strictEqual(assertArrives(schema, values), index < textual.length, `leaf ${index}`)
      )
    )
  )

  it.effect.prop(
    "what does not match is refused and never thrown",
    [Seed, Schema.Unknown],
    ([seed, value]) =>
      Effect.sync(() => {
        const schema = makeSchema(makeRandom(seed), textual)
        const codec = codecOf(schema)
        const encoded = codec.encode(value)
        if (Result.isSuccess(encoded)) assert.isTrue(Schema.is(schema)(value))
        else assert.isNotEmpty(encoded.failure.message)
        assert.isDefined(codec.decode(value))
      }),
    { arbitrary: { runs: 150 } }
  )

  it("a schema without a value says nothing of what is there", () => {
    const circle: { self?: unknown } = {}
    circle.self = circle
    for (const value of [circle, () => 1, 1n, Symbol("s")]) {
      const codec = codecOf(Schema.Void as unknown as Any)
      const encoded = codec.encode(value)
      if (Result.isFailure(encoded)) continue
      assert.doesNotThrow(() => (codec.text ? JSON.stringify([encoded.success]) : structuredClone(encoded.success)))
    }
  })

  it("a check that throws refuses", () => {
    const Odd = Schema.Int.check(
      Schema.makeFilter((n) => {
        if (n > 10) throw new RangeError("out of hand")
        return n % 2 === 1
      })
    )
    const codec = codecOf(Odd)
    assert.isTrue(Result.isSuccess(codec.encode(1)))
    for (const result of [codec.encode(11), codec.decode(11), TaskCodec.validate(Odd, 11)]) {
      assert.isTrue(Result.isFailure(result))
      if (Result.isFailure(result)) assert.match(result.failure.message, /out of hand/)
    }
  })

  it("values nested deeply are refused or arrive", () => {
    const codec = codecOf(Tree as unknown as Any)
    let tree: Tree = { value: 1n, children: [] }
    for (let depth = 0; depth < 100_000; depth++) tree = { value: 1n, children: [tree] }
    const encoded = codec.encode(tree)
    if (Result.isSuccess(encoded)) assertArrives(Tree as unknown as Any, [tree])
    else assert.isNotEmpty(encoded.failure.message)
  })
})
