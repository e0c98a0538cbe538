/**
 * What a call gives, made the payload of its task: the part that is fixed is added to it, and what its schema has
 * constructor defaults for. Of most tasks nothing is fixed and nothing has a default; their calls know nothing of this.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import type { TaskDefinition } from "../../TaskDefinition.ts"
import * as Call from "../call/Call.ts"
import type { TaskRequest } from "../../TaskRequest.ts"
import * as Partial from "./Partial.ts"

interface Default {
  /** Where it is in the payload. */
  readonly path: string
  readonly value: Effect.Effect<unknown, unknown>
}

/** A schema that is made of more parts is not looked through: some of them may have defaults. */
const maxParts = 5_000

/** The parts of a schema, with their places. Classes are given as instances, which have their defaults already. */
const partsOf = (ast: SchemaAST.AST, path: string): ReadonlyArray<readonly [SchemaAST.AST, string]> => {
  switch (ast._tag) {
    case "Objects":
      return [
        ...ast.propertySignatures.map(({ name, type }) => [type, `${path}.${String(name)}`] as const),
        ...ast.indexSignatures.map(({ type }) => [type, `${path}[*]`] as const)
      ]
    case "Arrays":
      return [
        ...ast.elements.map((element, i) => [element, `${path}[${i}]`] as const),
        ...ast.rest.map((rest) => [rest, `${path}[*]`] as const)
      ]
    case "Union":
      return ast.types.map((type) => [type, path] as const)
    case "Suspend":
      return [[ast.thunk(), path]]
    default:
      return []
  }
}

/** The constructor defaults of a schema; undefined when it has none for sure. */
const defaultsOf = (root: SchemaAST.AST): ReadonlyArray<Default> | undefined => {
  const found: Array<Default> = []
  const seen = new Set<SchemaAST.AST>()
  const parts: Array<readonly [SchemaAST.AST, string]> = [[root, "payload"]]
  if (isClass(root)) for (const fields of root.typeParameters) parts.push([fields, "payload"])
  let certain = !isClass(root)
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const [ast, path] = part
    const value = ast.context?.constructorDefault
    if (value !== undefined) found.push({ path, value })
    if (seen.has(ast)) continue
    seen.add(ast)
    if (seen.size > maxParts) return found
    try {
      parts.push(...partsOf(ast, path))
    } catch {
      // What it is made of is defined later than the task.
      certain = false
    }
  }
  return certain && found.length === 0 ? undefined : found
}

/** Effect marks the schemas of classes, which make instances of plain fields, in this way. */
const isClass = (ast: SchemaAST.AST): ast is SchemaAST.Declaration =>
  ast._tag === "Declaration" && ast.annotations?.["~constructor"] !== undefined

/** Does what is done at once, and stops it if it is not. */
const attempt = <A, E>(effect: Effect.Effect<A, E>, context: Context.Context<never>): Result.Result<A, unknown> => {
  const exit = Effect.runSyncExitWith(context)(effect)
  if (Exit.isSuccess(exit)) return Result.succeed(exit.value)
  const error = Cause.squash(exit.cause)
  if (Cause.isAsyncFiberError(error)) error.fiber.interruptUnsafe()
  return Result.fail(error)
}

/** Refuses a default that is not there at once, by itself. One that fails in another way does so when it is needed. */
const check = (task: string, { path, value }: Default): void => {
  const tried = attempt(value, Context.empty())
  if (Result.isSuccess(tried)) return
  const reason = Cause.isAsyncFiberError(tried.failure)
    ? "has to be waited for"
    : tried.failure instanceof Error && tried.failure.message.startsWith("Service not found")
      ? `needs a service (${tried.failure.message})`
      : undefined
  if (reason !== undefined) {
    throw new TypeError(
      `Task "${task}": the constructor default of ${path} ${reason}. Calls put their payloads together at once: give ` +
        `what is known without waiting, and have the handler find out the rest`
    )
  }
}

const format = SchemaIssue.makeFormatterDefault()

/**
 * How payloads of a task are made of what calls give; undefined when calls give payloads. Tries all constructor defaults of
 * the schema once.
 */
export const makerOf = (task: string, schema: Schema.Constraint): TaskDefinition["~maker"] => {
  const { ast } = schema
  const defaults = defaultsOf(ast)
  if (defaults === undefined) return undefined
  for (const each of defaults) check(task, each)
  const make = SchemaParser.makeEffect(schema)
  return (input, context) =>
    Result.mapError(
      attempt(
        Effect.suspend(() => make(isClass(ast) ? (input ?? {}) : input)),
        context
      ),
      (error) => (SchemaIssue.isIssue(error) ? format(error) : String(error))
    )
}

/** The same task for a call that has no payload: its schema refuses whatever comes, and says why. */
const refusing = (task: TaskDefinition, issue: string): TaskDefinition =>
  Object.assign(Object.create(task), {
    payload: Schema.Unknown.check(Schema.makeFilter(() => issue)),
    "~codec": undefined
  })

/** The payload of what a call has given. */
export const payloadOf = (
  context: Context.Context<never>,
  task: TaskDefinition,
  given: unknown
): Result.Result<unknown, string> => {
  const input = task.fixed === undefined ? given : Partial.merge(task.fixed, given)
  return task["~maker"] === undefined ? Result.succeed(input) : task["~maker"](input, context)
}

/** The request of a call, made of what it has given. */
export const request = (
  context: Context.Context<never>,
  task: TaskDefinition,
  given: unknown,
  options: TaskRequest["options"] | undefined
): TaskRequest => {
  const payload = payloadOf(context, task, given)
  return Result.isSuccess(payload)
    ? Call.make(context, task, payload.success, options)
    : Call.make(context, refusing(task, payload.failure), given, options)
}
