/** What all tasks can do, whatever their types: the methods behind the interfaces of `Task.ts`. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { pipeArguments } from "effect/Pipeable"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Call from "../call/Call.ts"
import * as Hooks from "./Hooks.ts"
import * as Partial from "./Partial.ts"
import * as PayloadInput from "./PayloadInput.ts"
import { type RunOptions, type TaskDefinition, TypeId } from "../../TaskDefinition.ts"
import { TaskContext } from "../../TaskContext.ts"
import * as TaskFiber from "../../TaskFiber.ts"
import type { TaskError } from "../../TaskError.ts"
import type * as TaskHandlers from "../../TaskHandlers.ts"
import { makeKey } from "../../TaskHandlers.ts"
import type { TaskRequest } from "../../TaskRequest.ts"
import { TaskRunner } from "../../TaskRunner.ts"

type AnyOptions = RunOptions & Hooks.Any & { readonly discardResult?: boolean | undefined }

/** Runs a request to its end; the elements of a stream go to their hook. */
const runOf = (
  runner: TaskRunner["Service"],
  request: TaskRequest,
  options: AnyOptions | undefined
): Effect.Effect<unknown, unknown> => {
  if (request.task.kind === "effect") return runner.execute(request)
  const onIter = options?.onIter
  const elements = runner.stream(request)
  return onIter === undefined
    ? Stream.runDrain(elements)
    : Stream.runForEach(elements, (element) => Hooks.call(onIter, element))
}

/** The handle of a call that is over when its hooks are. */
const hooked = (
  inner: TaskFiber.TaskFiber<unknown, unknown>,
  hooks: Hooks.Any
): TaskFiber.TaskFiber<unknown, unknown> => {
  const request = TaskFiber.requestOf(inner)
  const end = Effect.onInterrupt(Fiber.join(inner), () => Fiber.interrupt(inner))
  return TaskFiber.makeUnsafe(request, request.caller.context, Hooks.add(end, hooks))
}

/** The request of a call. What it gives is the payload, unless a part of that is fixed or can be left out. */
export const requestOf = (
  context: Context.Context<never>,
  task: TaskDefinition,
  given: unknown,
  options: AnyOptions | undefined
): TaskRequest =>
  task.fixed === undefined && task["~maker"] === undefined
    ? Call.make(context, task, given, options)
    : PayloadInput.request(context, task, given, options)

/** Gives the request of a call to the runner there is. */
const call = <A, E>(
  task: TaskDefinition,
  payload: unknown,
  options: AnyOptions | undefined,
  f: (runner: TaskRunner["Service"], request: TaskRequest) => Effect.Effect<A, E>
): Effect.Effect<A, E, TaskRunner> =>
  Effect.withFiber(({ context }) =>
    f(Context.getUnsafe(context, TaskRunner), requestOf(context, task, payload, options))
  )

/** A task as its own methods see it. */
interface Self extends TaskDefinition {
  readonly handlerKey: Context.Key<never, TaskHandlers.TaskHandler>
}

/** The results of calls, whose types are known only to the signatures of `Task.ts` and of those who call methods here. */
type Erased = Effect.Effect<never, never, TaskRunner>
type ErasedFork = Effect.Effect<TaskFiber.TaskFiber<never, never, unknown>, TaskError, TaskRunner>

/** What tasks of all types inherit. */
export const Methods = {
  [TypeId]: TypeId,
  run(this: TaskDefinition, payload: unknown, options?: AnyOptions): Erased {
    const run = call(this, payload, options, (runner, request) => runOf(runner, request, options))
    return (options !== undefined && Hooks.any(options) ? Hooks.add(run, options) : run) as Erased
  },
  fork(this: TaskDefinition, payload: unknown, options?: AnyOptions): ErasedFork {
    const fork = call(this, payload, options, (runner, request) =>
      this.kind === "effect"
        ? runner.fork(request)
        : TaskRunner.forkWith((request) => runOf(runner, request, options))(request)
    )
    const hooks = options !== undefined && Hooks.any(options) ? options : undefined
    return (hooks === undefined ? fork : Effect.map(fork, (fiber) => hooked(fiber, hooks))) as never
  },
  forkScoped(this: TaskDefinition, payload: unknown, options?: AnyOptions) {
    return Effect.acquireRelease(Methods.fork.call(this, payload, options), Fiber.interrupt)
  },
  forkDiscard(
    this: TaskDefinition,
    payload: unknown,
    options?: AnyOptions
  ): Effect.Effect<string | undefined, TaskError, TaskRunner> {
    return call(this, payload, options, (runner, request) =>
      runner.enqueue === undefined
        ? Effect.map(runner.fork(request), (fiber) => fiber.taskId)
        : Effect.map(runner.enqueue([request]), (ids) => ids[0])
    )
  },
  attach(this: TaskDefinition, id: string): ErasedFork {
    return Effect.withFiber(({ context }) =>
      Context.getUnsafe(context, TaskRunner).attach(Call.make(context, this, undefined, undefined), id)
    ) as never
  },
  stream(this: TaskDefinition, payload: unknown, options?: RunOptions): Stream.Stream<never, never, TaskRunner> {
    const elements = call(this, payload, options, (runner, request) => Effect.succeed(runner.stream(request)))
    return Stream.unwrap(elements) as Stream.Stream<never, never, TaskRunner>
  },
  partial(this: TaskDefinition, given: unknown) {
    const fixed = this.fixed === undefined ? given : Partial.merge(this.fixed, given)
    return Object.assign(Object.create(this), { fixed })
  },
  annotate(this: TaskDefinition, key: Context.Key<unknown, unknown>, value: unknown) {
    return annotated(this, Context.add(this.annotations, key, value))
  },
  annotateMerge(this: TaskDefinition, annotations: Context.Context<never>) {
    return annotated(this, Context.merge(this.annotations, annotations))
  },
  pipe() {
    return pipeArguments(this, arguments)
  },
  get messages() {
    return Stream.unwrap(Effect.map(TaskContext, (context) => context.messages))
  },
  toLayer(this: Self, handler: unknown) {
    return Layer.effect(
      this.handlerKey,
      Effect.gen({ self: this }, function* () {
        const handle = Effect.isEffect(handler) ? yield* handler : handler
        const context = yield* Effect.context<never>()
        return { task: this, handle, context } as TaskHandlers.TaskHandler
      })
    )
  }
}

const annotated = (task: TaskDefinition, annotations: Context.Context<never>): TaskDefinition =>
  Object.assign(Object.create(Object.getPrototypeOf(task)), task, { annotations })

// Tasks of all types are made here, which is where their types are lost; the constructors below give them back.
// oxlint-disable-next-line typescript/no-explicit-any
export const define = (kind: TaskDefinition["kind"], name: string, options: Record<string, any> | undefined): any => {
  const { error, inbox, payload: given, portable, success, ...runOptions } = options ?? {}
  const payload = given === undefined ? Schema.Void : Schema.isSchema(given) ? given : Schema.Struct(given)
  return Object.assign(Object.create(Methods), {
    kind,
    name,
    payload,
    success: success ?? Schema.Void,
    error: error ?? Schema.Never,
    inbox,
    fixed: undefined,
    annotations: Context.empty(),
    options: runOptions,
    handlerKey: makeKey(name),
    portable,
    "~maker": PayloadInput.makerOf(name, payload),
    "~codec": undefined
  })
}
