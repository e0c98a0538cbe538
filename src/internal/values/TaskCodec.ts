/**
 * How a task's payload, results and failures are written for the way to where the task runs, and back.
 *
 * The codecs are Effect's JSON codecs with one difference: bytes, and values whose schema says nothing about them
 * (`Schema.Any`, `Schema.Unknown`, `Schema.instanceOf(...)`), pass as they are, for carriers that can clone them. A
 * codec says by `text` that it never does so: everything it writes survives `JSON.stringify`. Codecs are compiled once
 * for each task, at its first use.
 */
import * as Cause from "effect/Cause"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaTransformation from "effect/SchemaTransformation"
import { NotTransferable, PayloadInvalid, TaskError } from "../../TaskError.ts"
import * as Moving from "./Moving.ts"
import * as Uncloneable from "./Uncloneable.ts"

/** What a schema says of a value that does not match it. */
export interface Issue {
  readonly message: string
}

/** Writes and reads values of one schema. */
export interface Codec<A = unknown> {
  /** True when everything that `encode` gives survives JSON. */
  readonly text: boolean
  readonly encode: (value: unknown) => Result.Result<unknown, Issue>
  /** Like `encode`, and tells which objects the schema wants moved instead of copied. */
  readonly encodeMoving: (value: unknown) => Result.Result<Moving.Moved<unknown>, Issue>
  readonly decode: (encoded: unknown) => Result.Result<A, Issue>
}

/** The codecs of one task. */
export interface TaskCodec {
  readonly payload: Codec
  readonly success: Codec
  /** Everything but success: typed errors, defects, interrupts, and the errors that runners add. */
  readonly failure: Codec<Cause.Cause<unknown>>
  /** Messages to a running task. */
  readonly inbox: Codec
  /** The error of a payload that does not match its schema. */
  readonly invalid: (issue: Issue) => PayloadInvalid
}

/** What codecs are made of: the schemas of a task. */
export interface CodedTask {
  readonly name: string
  readonly payload: Schema.Constraint
  readonly success: Schema.Constraint
  readonly error: Schema.Constraint
  readonly inbox: Schema.Constraint | undefined
  /** Its compiled codecs, once they have been needed. */
  "~codec": TaskCodec | undefined
}

const passthrough = () =>
  Schema.link()(Schema.Any, { decode: SchemaGetter.passthrough(), encode: SchemaGetter.passthrough() })

/**
 * Bytes that came with other values may share a buffer with them. They get one of their own, unless they make up most of
 * it, since they would keep all of it in memory, and could not be moved on without the others.
 */
const ownBytes = (bytes: unknown): unknown =>
  bytes instanceof Uint8Array && bytes.byteLength * 2 <= bytes.buffer.byteLength ? bytes.slice() : bytes

const passBytes = () =>
  Schema.link()(Schema.Any, { decode: SchemaGetter.transform(ownBytes), encode: SchemaGetter.passthrough() })

const isBytes = (ast: SchemaAST.AST): boolean => {
  const representation = ast.annotations?.["representation"] as { readonly id?: string } | undefined
  return representation?.id === "effect/schema/Uint8Array"
}

/** True for a declaration that JSON has no form for, or only a costly one. */
const isOpaque = (ast: SchemaAST.Declaration): boolean =>
  isBytes(ast) || (ast.annotations?.["toCodecJson"] === undefined && ast.annotations?.["toCodec"] === undefined)

/** The same node with other parts, made as Effect makes copies of nodes. */
const copy = <A extends SchemaAST.AST>(ast: A, parts: Partial<A>): A =>
  Object.assign(Object.create(Object.getPrototypeOf(ast)), ast, parts)

/** The same schema, in which opaque values pass as they are. Tells whether there are any. */
const withPassthrough = (ast: SchemaAST.AST): { readonly ast: SchemaAST.AST; readonly text: boolean } => {
  let text = true
  const seen = new Map<SchemaAST.AST, SchemaAST.AST>()
  const go = (ast: SchemaAST.AST): SchemaAST.AST => {
    let out = seen.get(ast)
    if (out === undefined) {
      out = step(ast)
      seen.set(ast, out)
    }
    return out
  }
  const encoding = (ast: SchemaAST.AST): SchemaAST.Encoding | undefined =>
    ast.encoding?.map((link) => new SchemaAST.Link(go(link.to), link.transformation)) as SchemaAST.Encoding | undefined
  const opaque = (ast: SchemaAST.Declaration | SchemaAST.Unknown | SchemaAST.ObjectKeyword): SchemaAST.AST => {
    text = false
    const annotations = { ...ast.annotations, toCodecJson: isBytes(ast) ? passBytes : passthrough }
    return ast._tag === "Declaration"
      ? copy(ast, { annotations, encoding: encoding(ast) })
      : new SchemaAST.Any(ast.annotations, ast.checks, encoding(ast), ast.context)
  }
  const step = (ast: SchemaAST.AST): SchemaAST.AST => {
    switch (ast._tag) {
      case "Any":
        text = false
        return ast
      case "Unknown":
      case "ObjectKeyword":
        return ast.encoding === undefined ? opaque(ast) : ast
      case "Declaration":
        if (ast.encoding === undefined && isOpaque(ast)) return opaque(ast)
        return copy(ast, { typeParameters: ast.typeParameters.map(go), encoding: encoding(ast) })
      case "Arrays":
        return copy(ast, { elements: ast.elements.map(go), rest: ast.rest.map(go), encoding: encoding(ast) })
      case "Objects":
        return copy(ast, {
          propertySignatures: ast.propertySignatures.map((ps) => new SchemaAST.PropertySignature(ps.name, go(ps.type))),
          indexSignatures: ast.indexSignatures.map((is) => new SchemaAST.IndexSignature(is.parameter, go(is.type))),
          encoding: encoding(ast)
        })
      case "Union":
        return copy(ast, { types: ast.types.map(go), encoding: encoding(ast) })
      case "Suspend": {
        const out = copy(ast, { thunk: () => go(ast.thunk()), encoding: encoding(ast) })
        seen.set(ast, out)
        go(ast.thunk())
        return out
      }
      default:
        return ast
    }
  }
  return { ast: go(ast), text }
}

type Step<A> = (value: unknown) => Result.Result<A, Issue>

/** What a check or a transformation of a schema throws, or a value nested too deeply for any, is a failure like others. */
const total =
  <A>(step: Step<A>): Step<A> =>
  (value) => {
    try {
      return step(value)
    } catch (error) {
      const thrown = error instanceof Error && Cause.isCause(error.cause) ? Cause.squash(error.cause) : error
      const asynchronous = thrown instanceof Error && thrown.name.startsWith("AsyncFiber")
      return Result.fail({
        message: asynchronous
          ? "the schema is asynchronous, and the schemas of tasks have to encode and decode without waiting"
          : String(thrown)
      })
    }
  }

const make = <A>(schema: Schema.Constraint & { readonly Type: A }): Codec<A> => {
  const { ast, text } = withPassthrough(schema.ast)
  const codec = Schema.toCodecJson(Schema.make<Schema.ConstraintCodec<A>>(ast))
  const encode = total(Schema.encodeUnknownResult(codec))
  const encodeEffect = Schema.encodeUnknownEffect(codec)
  return {
    text,
    encode,
    encodeMoving: text
      ? (value) => Result.map(encode(value), (value) => ({ value, objects: [] }))
      : total((value) => Result.succeed(Moving.collect(encodeEffect(value)))),
    decode: total(Schema.decodeUnknownResult(codec))
  }
}

// `throw undefined` has no form in JSON, and would come back as null.
const undefinedDefect = Schema.Struct({ "~effect-strand/undefined": Schema.Literal(true) }).pipe(
  Schema.decodeTo(
    Schema.Undefined,
    SchemaTransformation.transform({
      decode: () => undefined,
      encode: () => ({ "~effect-strand/undefined": true as const })
    })
  )
)

const defect = Schema.Union([undefinedDefect, Schema.Defect({ includeStack: true })])

const compile = (task: CodedTask): TaskCodec => {
  const parts: { -readonly [K in keyof TaskCodec]?: TaskCodec[K] } = {}
  return {
    get payload() {
      return (parts.payload ??= make(task.payload))
    },
    get success() {
      return (parts.success ??= make(task.success))
    },
    get failure() {
      return (parts.failure ??= make(Schema.Cause(Schema.Union([TaskError, task.error]), defect)))
    },
    get inbox() {
      return (parts.inbox ??= make(task.inbox ?? Schema.Never))
    },
    invalid: ({ message }) => new PayloadInvalid({ task: task.name, issue: message })
  }
}

/** The codecs of a task. */
export const of = (task: CodedTask): TaskCodec => (task["~codec"] ??= compile(task))

const guards = new WeakMap<Schema.Constraint, Step<unknown>>()

/** Checks a value against the type side of a schema, for runners that need no encoding. */
export const validate = (schema: Schema.Constraint, value: unknown): Result.Result<unknown, Issue> => {
  let guard = guards.get(schema)
  if (guard === undefined) {
    guard = total(Schema.decodeUnknownResult(Schema.toType(schema as Schema.ConstraintCodec<unknown>)))
    guards.set(schema, guard)
  }
  return guard(value)
}

// ---------------------------------------------------------------------------------------------------------------------
// Payloads
// ---------------------------------------------------------------------------------------------------------------------

/** Checks a payload that is not to be written. */
export const validatePayload = (task: CodedTask, payload: unknown): PayloadInvalid | undefined => {
  const result = validate(task.payload, payload)
  return Result.isSuccess(result) ? undefined : of(task).invalid(result.failure)
}

const refusalOf = (task: CodedTask, value: unknown, moved: ReadonlyArray<object>): NotTransferable | undefined => {
  const refusal = Uncloneable.check(value, moved)
  if (refusal === undefined) return undefined
  return new NotTransferable({ task: task.name, path: `payload${refusal.path}`, reason: refusal.reason })
}

/** Writes a payload for a carrier that copies it. */
export const encodePayload = (
  task: CodedTask,
  payload: unknown
): Result.Result<unknown, PayloadInvalid | NotTransferable> => {
  const { invalid, payload: codec } = of(task)
  const encoded = codec.encode(payload)
  const refusal = codec.text || Result.isFailure(encoded) ? undefined : refusalOf(task, encoded.success, [])
  return refusal === undefined ? Result.mapError(encoded, invalid) : Result.fail(refusal)
}

/** Writes a payload for a carrier that moves what the schema or `transfer` says, and copies the rest. */
export const encodePayloadMoving = (
  task: CodedTask,
  payload: unknown,
  transfer: ReadonlyArray<object> = []
): Result.Result<Moving.Moved<unknown>, PayloadInvalid | NotTransferable> => {
  const { invalid, payload: codec } = of(task)
  const encoded = codec.encodeMoving(payload)
  if (Result.isFailure(encoded)) return Result.fail(invalid(encoded.failure))
  const { objects, value } = encoded.success
  const moved = objects.length === 0 ? transfer : Array.from(new Set([...transfer, ...objects]))
  const refusal = refusalOf(task, value, moved)
  return refusal === undefined ? Result.succeed({ value, objects: moved }) : Result.fail(refusal)
}

/** Reads what has been written of a payload. */
export const decodePayload = (task: CodedTask, encoded: unknown): Result.Result<unknown, PayloadInvalid> =>
  Result.mapError(of(task).payload.decode(encoded), of(task).invalid)
