/** What all tasks can do, whatever their types: the methods behind the interfaces of `Task.ts`. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Args, RunOptions } from "./CallOptions.ts"
import * as Hooks from "./Hooks.ts"
import * as Partial from "./Partial.ts"
import type * as Task from "../../Task.ts"
import { TaskContext } from "../../TaskContext.ts"
import * as TaskFiber from "../../TaskFiber.ts"
import type * as TaskHandlers from "../../TaskHandlers.ts"
import { makeKey } from "../../TaskHandlers.ts"
import * as TaskRequest from "../../TaskRequest.ts"
import { TaskRunner } from "../../TaskRunner.ts"

/** Marks tasks. */
export const TypeId = "~effect-strand/Task"

const withRunner = <A, E, R>(
  f: (runner: TaskRunner["Service"], context: Context.Context<never>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | TaskRunner> =>
  Effect.withFiber((fiber) => f(Context.getUnsafe(fiber.context, TaskRunner), fiber.context))

type AnyOptions = RunOptions & Hooks.Any & { readonly discardResult?: boolean | undefined }

/** Runs a request to its end; the elements of a stream go to their hook. */
const runOf = (
  runner: TaskRunner["Service"],
  request: TaskRequest.TaskRequest,
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

const Proto = {
  [TypeId]: TypeId,
  run(this: Task.Any, payload: unknown, options?: AnyOptions) {
    const run = withRunner((runner, context) =>
      runOf(runner, TaskRequest.make(context, this, payload, options), options)
    )
    return Hooks.any(options) ? Hooks.add(run, options) : run
  },
  fork(this: Task.Any, payload: unknown, options?: AnyOptions) {
    const fork = withRunner((runner, context) => {
      const request = TaskRequest.make(context, this, payload, options)
      return this.kind === "effect"
        ? runner.fork(request)
        : TaskRunner.forkWith((request) => runOf(runner, request, options))(request)
    })
    return Hooks.any(options) ? Effect.map(fork, (fiber) => hooked(fiber, options)) : fork
  },
  forkScoped(this: Task.Task<string>, ...args: Args<typeof Schema.Void>) {
    return Effect.acquireRelease(this.fork(...args), Fiber.interrupt)
  },
  forkDiscard(this: Task.Any, payload: unknown, options?: AnyOptions) {
    return withRunner((runner, context) => {
      const request = TaskRequest.make(context, this, payload, options)
      return runner.enqueue === undefined
        ? Effect.map(runner.fork(request), (fiber) => fiber.taskId)
        : Effect.map(runner.enqueue([request]), (ids) => ids[0])
    })
  },
  attach(this: Task.Any, id: string) {
    return withRunner((runner, context) => runner.attach(TaskRequest.make(context, this, undefined, undefined), id))
  },
  stream(this: Task.Any, payload: unknown, options?: RunOptions) {
    return Stream.unwrap(
      withRunner((runner, context) => Effect.succeed(runner.stream(TaskRequest.make(context, this, payload, options))))
    )
  },
  partial(this: Task.Any, given: unknown) {
    const fixed = this.fixed === undefined ? given : Partial.merge(this.fixed, given)
    return Object.assign(Object.create(this) as Task.Any, { fixed })
  },
  get messages() {
    return Stream.unwrap(Effect.map(TaskContext, (context) => context.messages))
  },
  toLayer(this: Task.Task<string>, handler: unknown) {
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

// Tasks of all types are made here, which is where their types are lost; the constructors below give them back.
// oxlint-disable-next-line typescript/no-explicit-any
export const define = (kind: Task.Any["kind"], name: string, options: Record<string, any> | undefined): any => {
  const { error, inbox, payload, portable, success, ...runOptions } = options ?? {}
  return Object.assign(Object.create(Proto), {
    kind,
    name,
    payload: payload === undefined ? Schema.Void : Schema.isSchema(payload) ? payload : Schema.Struct(payload),
    success: success ?? Schema.Void,
    error: error ?? Schema.Never,
    inbox,
    fixed: undefined,
    options: runOptions,
    handlerKey: makeKey(name),
    portable,
    "~codec": undefined
  })
}
