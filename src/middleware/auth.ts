/**
 * Finds out for whom a task is called, and refuses calls that may not be made. The handler reads the answer.
 *
 * @since 0.3.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import type * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { TaskContext } from "../TaskContext.ts"
import { Unauthorized } from "../TaskError.ts"
import type { TaskRequest } from "../TaskRequest.ts"
import type { TaskRunner } from "../TaskRunner.ts"
import { both } from "./internal/both.ts"
import * as Middleware from "./Middleware.ts"

/**
 * What a caller shows: a token, as a rule. Set by {@link withCredentials}, read by {@link auth}.
 *
 * @category references
 * @since 0.3.0
 */
export const Credentials = Context.Reference<Redacted.Redacted | undefined>("effect-strand/Middleware/Credentials", {
  defaultValue: () => undefined
})

/**
 * Gives the task calls of an Effect their credentials. They stay here: they are neither sent to where a task runs nor kept
 * in a store, and appear in no log.
 *
 * @category combinators
 * @since 0.3.0
 */
export const withCredentials: {
  (credentials: string | Redacted.Redacted): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  <A, E, R>(effect: Effect.Effect<A, E, R>, credentials: string | Redacted.Redacted): Effect.Effect<A, E, R>
} = dual(2, <A, E, R>(effect: Effect.Effect<A, E, R>, given: string | Redacted.Redacted) =>
  Effect.provideService(effect, Credentials, typeof given === "string" ? Redacted.make(given) : given)
)

/**
 * Options of {@link auth} but for its credentials.
 *
 * @category models
 * @since 0.3.0
 */
export interface AuthOptions<C, P, E, R> {
  /**
   * Finds out from the credentials who calls, and whether this task may be called. Its services are those of the Layer.
   *
   * A failure refuses the call, and so does a defect. Callers are told nothing of either, since it may hold what is secret,
   * unless it is an `Unauthorized`, which they get as it is.
   */
  readonly verify: (credentials: C, request: TaskRequest) => Effect.Effect<NoInfer<P>, E, R>
  /**
   * How a principal is written for the way to the handler, which may be in another process. Without a schema it has to be
   * plain JSON.
   */
  readonly principal?: Schema.ConstraintCodec<P, unknown> | undefined
  /**
   * Whether a call without credentials is refused. Otherwise it is run, for nobody.
   *
   * @default true
   */
  readonly required?: boolean | undefined
}

/** What an error or a defect of a `verify` may tell in a log: what kind it is and where it was made. Not its message. */
const originOf = (thrown: unknown): string => {
  if (!(thrown instanceof Error)) return `a ${typeof thrown}`
  const { constructor, message, stack = "" } = thrown
  const frames = stack.slice(stack.indexOf(message) + message.length).split("\n")
  return [constructor.name, ...frames.filter((line) => /^\s+at /.test(line))].join("\n")
}

const refuse = (request: TaskRequest, reason: string) => Effect.fail(new Unauthorized({ task: request.name, reason }))

/** What becomes of a failed verification. */
const refused = (request: TaskRequest, cause: Cause.Cause<unknown>): Effect.Effect<never, Unauthorized> => {
  const said = Cause.findErrorOption(cause)
  if (said._tag === "Some") {
    return said.value instanceof Unauthorized
      ? Effect.fail(said.value)
      : refuse(request, "its credentials were not accepted")
  }
  if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
  return Effect.andThen(
    Effect.logError(`The credentials of task "${request.name}" (${request.id}) could not be verified`).pipe(
      Effect.annotateLogs("defect", originOf(Cause.squash(cause)))
    ),
    refuse(request, "its credentials could not be verified")
  )
}

/** Writes a principal as it travels. What cannot be written is a mistake in the program. */
const writer = <P>(
  schema: Schema.ConstraintCodec<P, unknown> | undefined
): ((principal: P) => Effect.Effect<unknown>) => {
  const encode =
    schema === undefined ? Schema.decodeUnknownResult(Schema.Json) : Schema.encodeResult(Schema.toCodecJson(schema))
  const problem =
    schema === undefined
      ? "is not plain JSON. Give Middleware.auth the option principal, a schema that writes it"
      : "does not match the schema that Middleware.auth was given as its option principal"
  return (principal) => {
    const encoded = encode(principal)
    return Result.isSuccess(encoded)
      ? Effect.succeed(encoded.success)
      : Effect.die(new TypeError(`The principal that verify gave ${problem}`))
  }
}

const shown = ({ caller }: TaskRequest) => Context.get(caller.context, Credentials)

/**
 * Verifies each call of a task before it gets to the runner.
 *
 * **Details**
 *
 * - credentials are those of {@link withCredentials}, which is put round the calls, or what the option `credentials` finds
 *   in a request: in its payload, its tags or the caller's Context. They are verified here, where the task is called,
 *   before anything is sent; for each call, and not again for each attempt of its `retry`
 * - a call that is refused fails with `Unauthorized`, by `fork` already
 * - what `verify` gives is the principal; when it gives nothing, the call is run for nobody. The handler reads it with {@link principal}, or as it travelled from
 *   `TaskContext.principal`, wherever it runs. Stores keep it with the task's record
 * - tasks that a handler calls have the principal of its own task, and are not verified again
 *
 * **Example** (Tokens)
 *
 * ```ts
 * import { Effect, Layer, Redacted, Schema } from "effect"
 * import { FiberRunner, Middleware, Task } from "effect-strand"
 *
 * const User = Schema.Struct({ name: Schema.String, since: Schema.Date })
 *
 * const greet = Task.make("greet", { success: Schema.String })
 *
 * const handlers = greet.toLayer(() =>
 *   Effect.map(Middleware.principal(User), ({ name, since }) => `${name}, with us since ${since.getFullYear()}`)
 * )
 *
 * const users = new Map([["s3cret", { name: "Ada", since: new Date("1990-12-10") }]])
 *
 * const runner = Middleware.auth({
 *   principal: User,
 *   verify: (token) => Effect.fromNullishOr(users.get(Redacted.value(token)))
 * }).pipe(Layer.provide(FiberRunner.layer(handlers)))
 *
 * const program = Effect.gen(function* () {
 *   console.log(yield* greet.run().pipe(Middleware.withCredentials("s3cret")))
 *   const error = yield* greet.run().pipe(Middleware.withCredentials("guess"), Effect.flip)
 *   console.log(error.message)
 * })
 *
 * await Effect.runPromise(Effect.provide(program, runner))
 * // prints: Ada, with us since 1990
 * // prints: Task "greet" was refused: its credentials were not accepted
 * ```
 *
 * @category middleware
 * @since 0.3.0
 */
export const auth: {
  <P, E = never, R = never>(
    options: AuthOptions<Redacted.Redacted, P, E, R> & { readonly credentials?: undefined }
  ): Layer.Layer<TaskRunner, never, TaskRunner | Exclude<R, Scope.Scope>>
  <C, P, E = never, R = never>(
    options: AuthOptions<C, P, E, R> & {
      /** Finds the credentials of a call; undefined when it has none. */
      readonly credentials: (request: TaskRequest) => C | undefined
    }
  ): Layer.Layer<TaskRunner, never, TaskRunner | Exclude<R, Scope.Scope>>
} = <C, P, E, R>({
  credentials = shown as (request: TaskRequest) => C | undefined,
  principal,
  required = true,
  verify
}: AuthOptions<C, P, E, R> & {
  readonly credentials?: ((request: TaskRequest) => C | undefined) | undefined
}) =>
  Middleware.make(
    Effect.map(Effect.context<R>(), (context): Middleware.Around => {
      const write = writer(principal)
      const check = (request: TaskRequest): Effect.Effect<void, Unauthorized> =>
        Effect.suspend((): Effect.Effect<P | undefined, E | Unauthorized> => {
          const given = credentials(request)
          if (given !== undefined) return Effect.provide(verify(given, request), context)
          return required ? refuse(request, "it was called without credentials") : Effect.undefined
        }).pipe(
          Effect.catchCause((cause) => refused(request, cause)),
          Effect.flatMap((found) => (found === undefined ? Effect.undefined : write(found))),
          Effect.map((written) => {
            if (written !== undefined) Middleware.setPrincipal(request, written)
          })
        )
      return both((kind, request, next) => kind.after(check(request), () => next))
    })
  )

/** Readers of principals: a handler asks for the same one with each task. */
const readers = new WeakMap<object, (principal: unknown) => Result.Result<unknown, unknown>>()

/**
 * The principal of the task that the current handler is working on, read by a schema: the one that {@link auth} was given.
 *
 * Fails with `Unauthorized` when the task has none, or another kind. In a handler that is an error which every task may
 * have.
 *
 * @category accessors
 * @since 0.3.0
 */
export const principal = <P>(schema: Schema.ConstraintCodec<P, unknown>): Effect.Effect<P, Unauthorized, TaskContext> =>
  Effect.flatMap(TaskContext, ({ name, principal }) => {
    const fail = (reason: string) => Effect.fail(new Unauthorized({ task: name, reason }))
    if (principal === undefined) return fail("nobody has found out who calls it. Put Middleware.auth before its runner")
    let read = readers.get(schema)
    if (read === undefined) {
      read = Schema.decodeUnknownResult(Schema.toCodecJson(schema))
      readers.set(schema, read)
    }
    const found = read(principal)
    return Result.isSuccess(found)
      ? Effect.succeed(found.success as P)
      : fail("its principal does not match the schema that the handler reads it by")
  })
