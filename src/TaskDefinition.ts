/**
 * What a task is made of, as runners, middlewares and everybody sees it who does not know its types: its name, its schemas,
 * the options of its calls. And whether two definitions of a task agree: the one that a program calls, and the one that a
 * handler was written for.
 *
 * Both are the same file, as a rule, but a worker loads it by itself: it may have been changed meanwhile, or be another
 * file. Definitions are compared by a short text that says what their schemas are made of.
 *
 * @since 0.3.0
 */
import type * as Context from "effect/Context"
import type * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import type * as Result from "effect/Result"
import type * as Schedule from "effect/Schedule"
import type * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import type { Portable } from "./internal/values/Portable.ts"
import type { CodedTask } from "./internal/values/TaskCodec.ts"

/**
 * Marks tasks.
 *
 * @category models
 * @since 0.4.0
 */
export const TypeId = "~effect-strand/Task"

/**
 * Any task, of one result or of many, as runners see it. Those of the module `Task` know its types.
 *
 * @category models
 * @since 0.1.0
 */
export interface TaskDefinition extends CodedTask {
  readonly [TypeId]: typeof TypeId
  /** Whether the handler is an Effect or a Stream. */
  readonly kind: "effect" | "stream"
  /** The messages that can be sent to the task while it runs; undefined when there are none. */
  readonly inbox: Schema.Constraint | undefined
  /** The part of the payload that `partial` has fixed. */
  readonly fixed: unknown
  /** What is known of the task besides: see `annotate`. Has no effect on how it is run. */
  readonly annotations: Context.Context<never>
  /** The defaults for the options of a call. */
  readonly options: RunOptions
  /** The code of a task made by `Task.portable`, which needs no handler. */
  readonly portable: Portable | undefined
  /** How its payloads are made of what calls give, where that is not the same. */
  readonly "~maker": PayloadMaker | undefined
}

/** Makes a payload of what a call has given, where the caller is, or says why there is none. */
type PayloadMaker = (given: unknown, context: Context.Context<never>) => Result.Result<unknown, string>

/**
 * How a call is run. Each of these can also be given as a default with the task's definition.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunOptions<E = unknown> {
  /**
   * Lower runs first. Tasks of one priority start in the order of their calls.
   *
   * @default 10
   */
  readonly priority?: number | undefined
  /** The time limit for waiting and running. After it the work is stopped and the call fails with `TaskTimeout`. */
  readonly timeout?: Duration.Input | undefined
  /** When to try again after a failure. */
  readonly retry?: RetryPolicy<E> | undefined
  /** Waits this long before the task is queued. */
  readonly delay?: Duration.Input | undefined
  /** Waits until this time before the task is queued. Wins over `delay`. */
  readonly runAt?: DateTime.DateTime | Date | undefined
  /** Words to find the task by, in lists and in the handler's `TaskContext`. */
  readonly tags?: ReadonlyArray<string> | undefined
  /**
   * Of several calls of one task with the same key only the first makes a task; the others stand for it and get its
   * result, for as long as its record is kept. Runners without a store ignore it.
   */
  readonly idempotencyKey?: string | undefined
  /**
   * How long a store keeps the record of the task, with its result, once it is over. Runners without a store ignore it.
   *
   * @default the store's own time
   */
  readonly timeToLive?: Duration.Input | undefined
  /**
   * How often the task may be started in all, be it that it failed or that the program died that ran it. Given without
   * `retry`, a task that fails is tried again after 1 second, then 2, 4, ... up to a minute. Runners without a store
   * ignore it.
   *
   * @default one more than the retries of a `retry` that counts them, else 10
   */
  readonly maxAttempts?: number | undefined
  /**
   * The queue of a store that the task waits in. Readers may take from some queues only, and each queue can have limits
   * of its own. Runners without a store ignore it.
   *
   * @default "default"
   */
  readonly queue?: string | undefined
  /**
   * Tasks with the same key share the limit that their queue sets with `concurrencyPerKey`. Runners without a store
   * ignore it.
   */
  readonly concurrencyKey?: string | undefined
  /**
   * Buffers and ports in the payload that move to where the task runs instead of being copied. They are unusable here
   * afterwards. Runners that stay in this thread leave them alone; processes copy them. Schemas of `Transferable` from
   * `effect/workers` move what they describe by themselves, in payloads and in results.
   */
  readonly transfer?: ReadonlyArray<Transferable> | undefined
  /** The name of the runner that runs the task, of those in a `TaskRouter`. Other runners ignore it. */
  readonly runner?: string | undefined
}

/**
 * When to try a failed task again.
 *
 * **Details**
 *
 * A number is a count of retries. A failure that would come again, such as a payload that does not match its schema, is
 * not retried, nor are defects and interrupts. The time limit of a call covers all its attempts.
 *
 * @category models
 * @since 0.1.0
 */
export type RetryPolicy<E = unknown> = number | Schedule.Schedule<unknown, unknown> | RetryOptions<E>

/**
 * When to try a failed task again, and after which errors.
 *
 * @category models
 * @since 0.4.0
 */
export interface RetryOptions<E = unknown> {
  /**
   * How many times to try again.
   *
   * @default until the schedule ends, or without end
   */
  readonly times?: number | undefined
  /**
   * When to try again, and until when.
   *
   * @default at once
   */
  readonly schedule?: Schedule.Schedule<unknown, unknown> | undefined
  /**
   * Which errors are worth another attempt: of the task's own, and of those that runners add, which `TaskError.isTaskError`
   * tells apart. Not asked about final ones.
   *
   * @default all that are not final
   */
  readonly while?: Asked<[error: E], boolean> | undefined
}

/**
 * A function that is asked about certain calls only, so that one which knows the types of those will do where it is asked
 * about any.
 *
 * @category utility types
 * @since 0.4.0
 */
export type Asked<Args extends ReadonlyArray<unknown>, A> = { asked(...args: Args): A }["asked"]

/**
 * What can move to another thread instead of being copied.
 *
 * @category models
 * @since 0.1.0
 */
export type Transferable = ArrayBuffer | { readonly postMessage: (value: unknown) => void }

/**
 * What a call gives for a payload: what the constructor of its schema takes. Fields with a constructor default may be
 * missing, and for a class its fields will do.
 *
 * @category utility types
 * @since 0.4.0
 */
export type PayloadInput<Payload extends Schema.Constraint> = unknown extends Payload["~type.make.in"]
  ? Payload["Type"]
  : Payload["~type.make.in"]

/** What stands for something that nothing can be told of. It agrees with everything. */
const unknown = "?"

/** A schema that is deeper than this, or is made of more parts, is not described. */
const maxDepth = 500
const maxNodes = 5_000

/** A text as a short one, the same in all processes. No protection against anybody who wants two texts to be the same. */
const hash = (text: string): string => {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = Math.imul(a ^ code, 2654435761)
    b = Math.imul(b ^ code, 1597334677)
  }
  a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
  b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
  return (4294967296 * (2097151 & b) + (a >>> 0)).toString(36)
}

/** What the annotations say that schemas and checks are told apart by. */
interface Representation {
  readonly id: string
  readonly payload: unknown
  readonly schemas?: ReadonlyArray<SchemaAST.AST> | undefined
}

/**
 * Describes one schema. Throws when there is too much of it.
 *
 * Nodes are described by what is below them, so that it does not matter which of them are shared. One that comes back to
 * itself is described by how far above it is.
 */
class Description {
  /** What has been described, without reference to what was above it. */
  private readonly closed = new Map<SchemaAST.AST, string>()
  /** The nodes that are being described, by their depth. */
  private readonly open = new Map<SchemaAST.AST, number>()
  /** The least depth that what has just been described refers back to. */
  private lowest = Infinity
  private nodes = 0

  of(ast: SchemaAST.AST): string {
    const done = this.closed.get(ast)
    if (done !== undefined) return done
    const above = this.open.get(ast)
    const depth = this.open.size
    if (above !== undefined) {
      this.lowest = Math.min(this.lowest, above)
      return `^${depth - above}`
    }
    if (depth > maxDepth || ++this.nodes > maxNodes) throw new RangeError("too much of a schema")
    const outer = this.lowest
    this.lowest = Infinity
    this.open.set(ast, depth)
    const out = hash(this.node(ast))
    this.open.delete(ast)
    if (this.lowest >= depth) {
      this.closed.set(ast, out)
      this.lowest = outer
    } else this.lowest = Math.min(this.lowest, outer)
    return out
  }

  private node(ast: SchemaAST.AST): string {
    const optional = ast.context?.isOptional ? "optional " : ""
    const encodingChecks = "encodingChecks" in ast ? ast.encodingChecks : undefined
    const checks = `${this.checks(ast.checks)}/${this.checks(encodingChecks)}`
    // A class is written as what it is made of, which has been described already.
    const made: ReadonlyArray<SchemaAST.AST> = ast._tag === "Declaration" ? ast.typeParameters : []
    const encoding = (ast.encoding ?? []).map(({ to }) => (made.includes(to) ? "=" : this.of(to))).join()
    return `${optional}${ast._tag} ${this.body(ast)} ${checks} ${encoding}`
  }

  private all(asts: ReadonlyArray<SchemaAST.AST>): string {
    return asts.map((ast) => this.of(ast)).join()
  }

  private body(ast: SchemaAST.AST): string {
    switch (ast._tag) {
      case "Literal":
        return this.value(ast.literal)
      case "UniqueSymbol":
        return this.value(ast.symbol)
      case "Enum":
        return this.value(ast.enums)
      case "TemplateLiteral":
        return this.all(ast.parts)
      case "Arrays":
        return `${this.all(ast.elements)}...${this.all(ast.rest)}`
      case "Objects": {
        // The order of properties is of no meaning.
        const properties = ast.propertySignatures.map(({ name, type }) => `${this.value(name)}:${this.of(type)}`)
        const indexes = ast.indexSignatures.map(({ parameter, type }) => `[${this.of(parameter)}]:${this.of(type)}`)
        return [...properties.toSorted(), ...indexes].join()
      }
      case "Union":
        return `${this.all(ast.types)} ${this.value(ast.options)}`
      case "Suspend":
        return this.of(ast.thunk())
      case "Declaration":
        return `${this.declared(ast)}<${this.all(ast.typeParameters)}>`
      default:
        return ""
    }
  }

  private declared(ast: SchemaAST.Declaration): string {
    const representation = this.representation(ast.annotations)
    if (representation !== undefined) return representation
    const identifier = this.value(ast.annotations?.["identifier"])
    return ast.typeParameters.length > 0 ? identifier : `${identifier} ${this.jsonForm(ast)}`
  }

  /** What a declaration of one's own is written as. */
  private jsonForm(ast: SchemaAST.Declaration): string {
    const toCodec = ast.annotations?.["toCodecJson"] ?? ast.annotations?.["toCodec"]
    if (typeof toCodec !== "function") return unknown
    const link = (toCodec as (typeParameters: ReadonlyArray<never>) => { readonly to?: unknown } | undefined)([])
    return SchemaAST.isAST(link?.to) ? this.of(link.to) : unknown
  }

  private representation(annotations: object | undefined): string | undefined {
    const found = (annotations as { readonly representation?: Representation | undefined } | undefined)?.representation
    return found && `${found.id} ${this.value(found.payload)} ${this.all(found.schemas ?? [])}`
  }

  private checks(checks: ReadonlyArray<SchemaAST.Check<never>> | undefined): string {
    return (checks ?? []).map((check) => this.check(check)).join("&")
  }

  private check(check: SchemaAST.Check<never>): string {
    const representation = this.representation(check.annotations)
    if (representation !== undefined) return representation
    if (check._tag === "FilterGroup") return `(${this.checks(check.checks)})`
    return this.value(check.annotations?.["expected"])
  }

  private value(value: unknown): string {
    switch (typeof value) {
      case "string":
        return JSON.stringify(value)
      case "number":
      case "boolean":
      case "undefined":
        return String(value)
      case "bigint":
        return `${value}n`
      case "symbol":
        return `@${String(value)}`
      case "object":
        return value === null ? "null" : this.object(value)
      default:
        return unknown
    }
  }

  private object(value: object): string {
    if (SchemaAST.isAST(value)) return this.of(value)
    if (value instanceof Date) return `Date ${value.getTime()}`
    if (value instanceof RegExp) return String(value)
    if (Array.isArray(value)) return `[${value.map((item) => this.value(item)).join()}]`
    if (Object.getPrototypeOf(value) !== Object.prototype) return unknown
    const fields = Object.entries(value).map(([name, field]) => `${JSON.stringify(name)}:${this.value(field)}`)
    return `{${fields.toSorted().join()}}`
  }
}

const describe = (ast: SchemaAST.AST): string => {
  try {
    return new Description().of(ast)
  } catch {
    // Endless, or one of its functions throws: then nothing is known of it, and nobody is refused for it.
    return unknown
  }
}

/** A part of a definition. */
const parts = ["kind", "payload", "success", "error", "inbox"] as const

/**
 * A part of a task's definition.
 *
 * @category models
 * @since 0.3.0
 */
export type Part = (typeof parts)[number]

const fingerprints = new WeakMap<TaskDefinition, string>()

/** The definition that partial ones are made of. */
const wholeOf = (task: TaskDefinition): TaskDefinition =>
  task.fixed === undefined ? task : wholeOf(Object.getPrototypeOf(task))

/**
 * Describes a task's definition by a short text, which is the same in all programs that define it in the same way.
 *
 * **Details**
 *
 * What counts is whether the definition is of a stream, and what its schemas are made of: types, fields and which of them
 * are optional, literals, the checks of Effect with their arguments and other checks by what they say they expect, the
 * names of classes, and what is written in place of a value that is transformed. What the functions of transformations
 * and checks do does not, nor do descriptions and defaults. Computed once for each definition.
 *
 * @category combinators
 * @since 0.3.0
 */
export const fingerprint = (task: TaskDefinition): string => {
  const whole = wholeOf(task)
  let found = fingerprints.get(whole)
  if (found === undefined) {
    const { error, inbox, kind, payload, success } = whole
    const schemas = [payload, success, error, inbox].map((schema) =>
      schema === undefined ? "none" : describe(schema.ast)
    )
    found = [kind, ...schemas].join(" ")
    fingerprints.set(whole, found)
  }
  return found
}

/**
 * The parts in which two definitions differ, by their fingerprints. A schema that cannot be described, such as one that
 * goes on for ever, differs from none.
 *
 * @category combinators
 * @since 0.3.0
 */
export const difference = (one: string, other: string): ReadonlyArray<Part> => {
  if (one === other) return []
  const [ours, theirs] = [one.split(" "), other.split(" ")]
  return parts.filter((_, i) => ours[i] !== theirs[i] && ours[i] !== unknown && theirs[i] !== unknown)
}
