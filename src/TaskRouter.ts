/**
 * Several runners in one program, each with a name: a thread pool for this, processes for that, a store for the rest.
 *
 * A router is a runner itself: it hands each task to the runner that the task, or the call, names. Programs and
 * middleware see one `TaskRunner`, as ever.
 *
 * @since 0.3.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Front } from "./internal/call/Front.ts"
import { type RunnerBuild, NamedRunner, type Surroundings } from "./internal/router/NamedRunner.ts"
import { forHandlers, type Route, type Routing, routing } from "./internal/router/Routing.ts"
import * as RunnerStats from "./RunnerStats.ts"
import { isTaskError, RunnerClosed, RunnerUnavailable, type TaskError } from "./TaskError.ts"
import * as Call from "./internal/call/Call.ts"
import type { TaskRequest } from "./TaskRequest.ts"
import { TaskRunner } from "./TaskRunner.ts"

type Runner = TaskRunner["Service"]
type RunnerLayer = Layer.Layer<TaskRunner, unknown, unknown>

/**
 * A Layer with a runner. Of its errors and requirements nothing is said: what is expected of an argument is what the
 * compiler infers the types of a Layer from that is made in its place.
 */
type WithRunner = {
  readonly [K in keyof Layer.Any]: { readonly _ROut: Layer.Variance<TaskRunner, never, never>[K]["_ROut"] }
}

/**
 * The names in what {@link layer} is given.
 *
 * @category utility types
 * @since 0.3.0
 */
export type RunnerNames<Runners> = Exclude<keyof Runners, "default"> & string

/**
 * What {@link layer} is given: Layers of runners by their names, and in `default` the name of the one for tasks
 * that name none.
 *
 * @category utility types
 * @since 0.3.0
 */
export type NamedRunners<Runners> = {
  readonly [Name in keyof Runners]: Name extends "default" ? RunnerNames<Runners> : WithRunner
} & { readonly default: unknown }

/**
 * Options of {@link layer}.
 *
 * @category models
 * @since 0.3.0
 */
export interface RouterOptions<Open extends string> {
  /**
   * The names of runners that are opened together with the router, whose Layer then fails as theirs do. The others are
   * opened at the first call that needs them.
   *
   * @default none
   */
  readonly open?: ReadonlyArray<Open> | undefined
}

/** The state of a router. */
class Router {
  private readonly runners: ReadonlyMap<string, NamedRunner>
  private readonly byDefault: string
  /** No runner is opened any more. */
  private ended = false
  private paused = false
  /** What the default runner is to be resized to when it is opened. */
  private size: number | undefined = undefined

  constructor(layers: Readonly<Record<string, RunnerLayer>>, byDefault: string, surroundings: Surroundings) {
    const build: RunnerBuild = {
      ...surroundings,
      ofHandlers: (name, own) => forHandlers(name, own, this.route, this.routing),
      onOpen: (name, runner) => this.onOpen(name, runner)
    }
    this.byDefault = byDefault
    this.runners = new Map(
      Object.entries(layers).map(([name, layer]) => [name, new NamedRunner(name, layer, build)] as const)
    )
  }

  // --- runners -----------------------------------------------------------------------------------------------------

  private readonly find = (name: string): Effect.Effect<NamedRunner, RunnerUnavailable> =>
    Effect.suspend(() => {
      const found = this.runners.get(name)
      if (found !== undefined && !this.ended) return Effect.succeed(found)
      const reason =
        found === undefined
          ? `there is none of this name (runners known here: ${[...this.runners.keys()].join(", ")})`
          : "its router has ended"
      return Effect.fail(new RunnerUnavailable({ runner: name, reason }))
    })

  /** The runners that are open. Names whose Layer is the same have one runner. */
  private readonly opened = (): ReadonlyArray<Runner> => [
    ...new Set(Array.from(this.runners.values(), ({ runner }) => runner).filter((runner) => runner !== undefined))
  ]

  private onOpen(name: string, runner: Runner): Effect.Effect<void> {
    const { paused, size } = this
    const resize = name === this.byDefault && size !== undefined ? runner.resize(size) : Effect.void
    return paused ? Effect.andThen(runner.pause, resize) : resize
  }

  private forOpened(f: (runner: Runner) => Effect.Effect<void>): Effect.Effect<void> {
    return Effect.suspend(() => Effect.forEach(this.opened(), f, { concurrency: "unbounded", discard: true }))
  }

  /** What one runner waits for may start tasks on another: they are idle only when all of them are at one time. */
  private readonly awaitAll: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    const all = yield* Effect.forkChild(
      this.forOpened((runner) => runner.awaitIdle()),
      { startImmediately: true }
    )
    const atOnce = all.pollUnsafe() !== undefined
    yield* Fiber.join(all)
    if (!atOnce) yield* this.awaitAll
  })

  /** Requests that middleware has in front of the router are those of their runner, if it is open. */
  private readonly front = new Front({
    accepts: false,
    lists: false,
    awaitEmpty: this.awaitAll,
    behind: (call) => this.runners.get(this.nameOf(call))?.runner?.["~front"]
  })

  private readonly awaitIdle: Runner["awaitIdle"] = (options) =>
    options?.close
      ? Effect.andThen(
          this.front.awaitIdle(options),
          this.forOpened((runner) => runner.awaitIdle({ close: true }))
        )
      : this.front.awaitIdle(options)

  /** Takes no task any more, and opens no runner. */
  readonly end: Effect.Effect<void> = Effect.suspend(() => {
    this.front.end()
    this.ended = true
    return Effect.forEach(this.runners.values(), (runner) => runner.stopOpening, {
      concurrency: "unbounded",
      discard: true
    })
  })

  // --- requests ----------------------------------------------------------------------------------------------------

  private nameOf({ options }: TaskRequest): string {
    return options.runner ?? this.byDefault
  }

  private readonly route: Route = (request) => {
    const name = this.nameOf(request)
    return (
      this.runners.get(name)?.runner ??
      Effect.mapError(
        Effect.flatMap(this.find(name), (found) => found.open),
        (error) => this.refusal(request, error)
      )
    )
  }

  private refusal({ name: task }: TaskRequest, { cause, reason, runner }: RunnerUnavailable): TaskError {
    if (this.ended) return new RunnerClosed({ task })
    if (isTaskError(cause)) return cause
    return new RunnerUnavailable({ task, runner, reason, ...(cause !== undefined && { cause }) })
  }

  /** Finds the runner of a request that comes from outside. Those that a runner waits for are let through. */
  private readonly admit: Route = (request) => {
    const call = Call.of(request)
    if (call.front !== undefined && call.front !== this.front) return this.route(request)
    const refusal = this.front.refusal(call)
    if (refusal !== undefined) return Effect.fail(refusal)
    const waiting = this.front.waiting(call)
    return waiting === undefined
      ? this.route(request)
      : Effect.flatMap(waiting, () => {
          const found = this.admit(request)
          return Effect.isEffect(found) ? found : Effect.succeed(found)
        })
  }

  private readonly routing: Routing = routing(this.admit, this.opened)

  // --- services ----------------------------------------------------------------------------------------------------

  get runner(): Runner {
    return TaskRunner.of({
      ...this.routing,
      "~front": this.front,
      tasks: Effect.suspend(() =>
        Effect.map(
          Effect.forEach(this.opened(), (runner) => runner.tasks),
          // Two runners on one store know the same tasks.
          (lists) =>
            [...new Map(lists.flat().map((info) => [info.id, info])).values()].toSorted(
              (a, b) => a.createdAt - b.createdAt
            )
        )
      ),
      awaitIdle: this.awaitIdle,
      pause: Effect.suspend(() => {
        this.paused = true
        return this.forOpened((runner) => runner.pause)
      }),
      resume: Effect.suspend(() => {
        this.paused = false
        return this.forOpened((runner) => runner.resume)
      }),
      resize: (size) =>
        Effect.suspend(() => {
          const { runner } = this.runners.get(this.byDefault)!
          if (runner === undefined) this.size = size
          return runner === undefined ? Effect.void : runner.resize(size)
        }),
      stats: Effect.suspend(() =>
        Effect.map(
          Effect.forEach(this.opened(), (runner) => runner.stats),
          RunnerStats.merge
        )
      )
    })
  }

  get service(): TaskRouter["Service"] {
    const named = [...this.runners.values()]
    return TaskRouter.of({
      names: named.map(({ name }) => name),
      opened: Effect.sync(() => named.filter(({ runner }) => runner !== undefined).map(({ name }) => name)),
      get: (name) => Effect.flatMap(this.find(name), (found) => found.open),
      close: (name) => Effect.flatMap(this.find(name), (found) => found.close),
      awaitIdle: this.awaitIdle
    })
  }
}

/**
 * The runners of a router, by name.
 *
 * **Details**
 *
 * Tasks find their runner by the option `runner` of their definition or their call. This service is for the rest: a named
 * pool that is looked into, resized, or closed by itself.
 *
 * **Example** (Two runners by name)
 *
 * ```ts
 * import { Effect, Schema } from "effect"
 * import { FiberRunner, Task, TaskRouter, ThreadRunner } from "effect-strand"
 *
 * const greet = Task.make("greet", { payload: Schema.String, success: Schema.String })
 * const square = Task.portable("square", (n: number) => n * n, { runner: "crunch" })
 *
 * const Runners = TaskRouter.layer({
 *   fibers: FiberRunner.layer(greet.toLayer((name) => Effect.succeed(`Hello, ${name}`))),
 *   crunch: ThreadRunner.layer({ size: 2 }),
 *   default: "fibers"
 * })
 *
 * const program = Effect.gen(function* () {
 *   console.log(yield* greet.run("Ada"))
 *   console.log(yield* (yield* TaskRouter.TaskRouter).opened)
 *   console.log(yield* square.run(12))
 *   console.log(yield* (yield* TaskRouter.TaskRouter).opened)
 * }).pipe(Effect.provide(Runners))
 *
 * await Effect.runPromise(program)
 * // prints: Hello, Ada
 * // prints: [ 'fibers' ]
 * // prints: 144
 * // prints: [ 'fibers', 'crunch' ]
 * ```
 *
 * @category services
 * @since 0.3.0
 */
export class TaskRouter extends Context.Service<
  TaskRouter,
  {
    /** The names of all runners. */
    readonly names: ReadonlyArray<string>
    /** The names of those that are open. */
    readonly opened: Effect.Effect<ReadonlyArray<string>>
    /** A runner by its name, opened if it is not. */
    readonly get: (name: string) => Effect.Effect<Runner, RunnerUnavailable>
    /**
     * Closes a runner, as the end of its Layer does: what it runs is waited for as long as its `shutdownGrace` says. The
     * next call opens it anew. Does nothing when it is not open.
     */
    readonly close: (name: string) => Effect.Effect<void, RunnerUnavailable>
    /**
     * Waits until all runners are idle at one time. With `close: true` the router takes no task from outside meanwhile and
     * after, with `block: true` such tasks wait meanwhile; handlers may still run tasks of their own, also on runners that
     * have to be opened for it.
     */
    readonly awaitIdle: Runner["awaitIdle"]
  }
>()("effect-strand/TaskRouter") {}

/**
 * A runner that hands tasks to named ones: `TaskRouter.layer({ thread: ..., process: ..., default: "thread" })`.
 *
 * **Details**
 *
 * - the option `runner` of a call, or of the task's definition, says which runner runs it, otherwise `default` does. A
 *   name that no runner has fails with `RunnerUnavailable`, which lists those there are
 * - a runner is opened at the first call that needs it, once for all that come meanwhile. What its Layer fails with is
 *   the call's error, as it is when it is a `TaskError`, otherwise within a `RunnerUnavailable`; the next call tries again
 * - Layers that the runners depend on are shared, among them and with the rest of the program. A Layer with two names is
 *   one runner
 * - all runners that are open end together with the router, at the same time
 * - `tasks`, `get`, `cancel`, `pause`, `resume` and `stats` are about all runners that are open, and a runner that is
 *   opened during a pause is paused. `resize` is about the default runner; the
 *   others are resized by themselves: `TaskRouter.get(name)`
 * - `attach` asks the runners that are open, then the one that the definition names or the default one
 *
 * **Gotchas**
 *
 * Handlers that run in this program run tasks that name no runner on their own one, and all others where they say. While
 * the other one runs a task, the handler's lends its place, so that runners with limits cannot wait for each other.
 * Handlers in threads and processes know their own pool only: all their tasks run there, whatever they name.
 *
 * At the end of a router each runner refuses tasks that come from handlers of another. Wait for them with
 * `awaitIdle({ close: true })` before.
 *
 * **Example** (A runner for each kind of work)
 *
 * ```ts
 * import { Console, Effect, Schema } from "effect"
 * import { FiberRunner, Task, TaskRouter, ThreadRunner } from "effect-strand"
 *
 * const greet = Task.make("greet", { payload: Schema.String, success: Schema.String })
 * const square = Task.portable("square", (n: number) => n * n, { runner: "crunch" })
 *
 * const Runners = TaskRouter.layer(
 *   {
 *     fibers: FiberRunner.layer(greet.toLayer((name) => Effect.succeed(`Hello ${name}`))),
 *     crunch: ThreadRunner.layer({ size: 1 }),
 *     default: "fibers"
 *   },
 *   { open: ["crunch"] }
 * )
 *
 * const program = Effect.gen(function* () {
 *   yield* Console.log(yield* greet.run("Ada"))
 *   yield* Console.log(yield* square.run(12))
 * })
 *
 * await Effect.runPromise(Effect.provide(program, Runners))
 *
 * // prints: Hello Ada
 * // prints: 144
 * ```
 *
 * @category layers
 * @since 0.3.0
 */
export function layer<const Runners extends NamedRunners<Runners>, const Open extends RunnerNames<Runners> = never>(
  runners: Runners,
  options?: RouterOptions<Open>
): Layer.Layer<
  TaskRunner | TaskRouter,
  Layer.Error<Extract<Runners[Open], Layer.Any>>,
  Layer.Services<Extract<Runners[RunnerNames<Runners>], Layer.Any>>
>
/**
 * @category layers
 * @since 0.3.0
 */
export function layer(
  { default: byDefault, ...layers }: Readonly<Record<string, unknown>>,
  { open = [] }: RouterOptions<string> = {}
): Layer.Layer<TaskRunner | TaskRouter, unknown, unknown> {
  return Layer.fromBuildMemo((memoMap, routerScope) =>
    Effect.gen(function* () {
      const context = yield* Effect.context<unknown>()
      const scope = yield* Scope.make("parallel")
      const surroundings = { memoMap, scope, context }
      const router = new Router(layers as Record<string, RunnerLayer>, byDefault as string, surroundings)
      yield* Scope.addFinalizerExit(routerScope, (exit) => Effect.andThen(router.end, Scope.close(scope, exit)))
      const { runner, service } = router
      const opened = (name: string) => Effect.catch(service.get(name), ({ cause }) => Effect.fail(cause))
      yield* Effect.forEach(open, opened, { concurrency: "unbounded", discard: true })
      return Context.add(Context.make(TaskRunner, runner), TaskRouter, service)
    })
  )
}
