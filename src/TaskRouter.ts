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
import * as MergedStats from "./MergedStats.ts"
import { NamedRunner, RunnerUnavailable } from "./NamedRunner.ts"
import { forHandlers, type Route, routing } from "./Routing.ts"
import { isTaskError, RunnerClosed, type TaskError, TaskRejected } from "./TaskError.ts"
import type { HandlersRunner } from "./TaskHandlers.ts"
import type { Hold, TaskRequest } from "./TaskRequest.ts"
import { TaskRunner } from "./TaskRunner.ts"

type Runner = TaskRunner["Service"]
type RunnerLayer = Layer.Layer<TaskRunner, unknown, unknown>

/**
 * The names in what {@link TaskRouter.layer} is given.
 *
 * @category utility types
 * @since 0.3.0
 */
export type RunnerNames<Runners> = Exclude<keyof Runners, "default"> & string

/**
 * What {@link TaskRouter.layer} is given: Layers of runners by their names, and in `default` the name of the one for tasks
 * that name none.
 *
 * @category utility types
 * @since 0.3.0
 */
export type NamedRunners<Runners> = {
  readonly [Name in keyof Runners]: Name extends "default" ? RunnerNames<Runners> : RunnerLayer
} & { readonly default: unknown }

/**
 * Options of {@link TaskRouter.layer}.
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

const make = (
  layers: ReadonlyMap<string, RunnerLayer>,
  byDefault: string,
  memoMap: Layer.MemoMap,
  routerScope: Scope.Scope
) =>
  Effect.gen(function* () {
    const context = yield* Effect.context<unknown>()
    const scope = yield* Scope.make("parallel")
    const runners = new Map<string, NamedRunner>()
    /** No task comes in from outside any more. */
    let closed = false
    /** Nothing does. */
    let ended = false
    let paused = false
    let size: number | undefined

    const known = () => `there is none of this name (runners known here: ${[...runners.keys()].join(", ")})`
    const find = (name: string): Effect.Effect<NamedRunner, RunnerUnavailable> => {
      const found = runners.get(name)
      return found === undefined
        ? Effect.fail(new RunnerUnavailable({ runner: name, reason: known() }))
        : ended
          ? Effect.fail(new RunnerUnavailable({ runner: name, reason: "its router has ended" }))
          : Effect.succeed(found)
    }
    const open = (name: string): Effect.Effect<Runner, RunnerUnavailable> =>
      Effect.flatMap(
        Effect.suspend(() => find(name)),
        (found) => found.open
      )

    /** The runners that are open. Names whose Layer is the same have one runner. */
    const opened = (): ReadonlyArray<Runner> => [
      ...new Set(Array.from(runners.values(), ({ runner }) => runner).filter((runner) => runner !== undefined))
    ]

    const refusal = (request: TaskRequest, error: RunnerUnavailable): TaskError =>
      ended
        ? new RunnerClosed({ task: request.name })
        : isTaskError(error.cause)
          ? error.cause
          : new TaskRejected({ task: request.name, reason: error.message })

    const nameOf = ({ options }: TaskRequest) => options.runner ?? byDefault

    const route: Route = (request) => {
      const name = nameOf(request)
      const runner = ended ? undefined : runners.get(name)?.runner
      return runner !== undefined ? runner : Effect.mapError(open(name), (error) => refusal(request, error))
    }

    const stopped = Effect.suspend(() =>
      Effect.forEach(runners.values(), (runner) => runner.stopOpening, { concurrency: "unbounded", discard: true })
    )
    yield* Scope.addFinalizerExit(routerScope, (exit) =>
      Effect.suspend(() => {
        closed = true
        ended = true
        return Effect.andThen(stopped, Scope.close(scope, exit))
      })
    )

    const forRunners = (f: (runner: Runner) => Effect.Effect<void>) =>
      Effect.suspend(() => Effect.forEach(opened(), f, { concurrency: "unbounded", discard: true }))

    /** What one runner waits for may start tasks on another: they are idle only when all of them are at one time. */
    const awaitAll: Effect.Effect<void> = Effect.gen(function* () {
      const all = yield* Effect.forkChild(
        forRunners((runner) => runner.awaitIdle()),
        { startImmediately: true }
      )
      const atOnce = all.pollUnsafe() !== undefined
      yield* Fiber.join(all)
      if (!atOnce) yield* awaitAll
    })

    /** Requests that wait in front of the router wait in front of their runner, if it is open. */
    const hold: Hold = {
      accepts: false,
      begin: (request) => {
        if (closed) return new RunnerClosed({ task: request.name })
        const own = runners.get(nameOf(request))?.runner?.hold
        if (own !== undefined) return own.begin(request)
        request.held = hold
        return undefined
      },
      end: (request, exit) => {
        if (request.held !== hold) return request.held?.end(request, exit)
        request.held = undefined
        request.settle(exit)
      }
    }

    /** Whether the router has taken a request before it was closed: its runner waits for it. */
    const isHeld = ({ held }: TaskRequest) => held !== undefined && held !== hold

    const routed = routing(
      (request) =>
        closed && !isHeld(request) ? Effect.fail(new RunnerClosed({ task: request.name })) : route(request),
      opened
    )

    const router = TaskRunner.of({
      ...routed,
      hold,
      tasks: Effect.suspend(() =>
        Effect.map(
          Effect.forEach(opened(), (runner) => runner.tasks),
          (lists) => lists.flat().toSorted((a, b) => a.createdAt - b.createdAt)
        )
      ),
      awaitIdle: ({ close } = {}) =>
        Effect.suspend(() => {
          if (!close) return awaitAll
          closed = true
          return Effect.andThen(
            awaitAll,
            forRunners((runner) => runner.awaitIdle({ close }))
          )
        }),
      pause: Effect.suspend(() => {
        paused = true
        return forRunners((runner) => runner.pause)
      }),
      resume: Effect.suspend(() => {
        paused = false
        return forRunners((runner) => runner.resume)
      }),
      resize: (to) =>
        Effect.suspend(() => {
          const runner = runners.get(byDefault)!.runner
          if (runner !== undefined) return runner.resize(to)
          size = to
          return Effect.void
        }),
      stats: Effect.suspend(() =>
        Effect.map(
          Effect.forEach(opened(), (runner) => runner.stats),
          MergedStats.merge
        )
      )
    })

    const building = {
      memoMap,
      scope,
      context,
      ofHandlers: (name: string, own: HandlersRunner) => forHandlers(name, own, route, routed),
      onOpen: (name: string, runner: Runner) =>
        Effect.suspend(() => {
          const resize = name === byDefault && size !== undefined ? runner.resize(size) : Effect.void
          return paused ? Effect.andThen(runner.pause, resize) : resize
        })
    }
    for (const [name, layer] of layers) runners.set(name, new NamedRunner(name, layer, building))

    return {
      router,
      service: TaskRouter.of({
        names: [...layers.keys()],
        opened: Effect.sync(() =>
          [...runners.values()].filter(({ runner }) => runner !== undefined).map((r) => r.name)
        ),
        get: open,
        close: (name) =>
          Effect.flatMap(
            Effect.suspend(() => find(name)),
            (found) => found.close
          ),
        awaitIdle: router.awaitIdle
      })
    }
  })

/**
 * The runners of a router, by name.
 *
 * **Details**
 *
 * Tasks find their runner by the option `runner` of their definition or their call. This service is for the rest: a named
 * pool that is looked into, resized, or closed by itself.
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
     * after; handlers may still run tasks of their own, also on runners that have to be opened for it.
     */
    readonly awaitIdle: (options?: { readonly close?: boolean | undefined }) => Effect.Effect<void>
  }
>()("effect-strand/TaskRouter") {
  /**
   * A runner that hands tasks to named ones: `TaskRouter.layer({ thread: ..., process: ..., default: "thread" })`.
   *
   * **Details**
   *
   * - the option `runner` of a call, or of the task's definition, says which runner runs it, otherwise `default` does. A
   *   name that no runner has fails with `TaskRejected`, which lists those there are
   * - a runner is opened at the first call that needs it, once for all that come meanwhile. What its Layer fails with is
   *   the call's error, as it is when it is a `TaskError`, otherwise within a `TaskRejected`; the next call tries again
   * - Layers that the runners depend on are shared, among them and with the rest of the program. A Layer with two names is
   *   one runner
   * - all runners that are open end together with the router, at the same time
   * - `tasks`, `get`, `cancel`, `pause`, `resume` and `stats` are about all runners that are open, and a runner that is
   *   opened during a pause is paused. Percentiles in `stats` are about right. `resize` is about the default runner; the
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
   *   console.log(yield* (yield* TaskRouter).opened)
   *   console.log(yield* square.run(12))
   *   console.log(yield* (yield* TaskRouter).opened)
   * }).pipe(Effect.provide(Runners))
   *
   * await Effect.runPromise(program)
   * // prints: Hello, Ada
   * // prints: [ 'fibers' ]
   * // prints: 144
   * // prints: [ 'fibers', 'crunch' ]
   * ```
   */
  static readonly layer = <
    const Runners extends NamedRunners<Runners>,
    const Open extends RunnerNames<Runners> = never
  >(
    runners: Runners,
    options?: RouterOptions<Open>
  ): Layer.Layer<
    TaskRunner | TaskRouter,
    Layer.Error<Extract<Runners[Open], Layer.Any>>,
    Layer.Services<Extract<Runners[RunnerNames<Runners>], Layer.Any>>
  > => layer(runners as unknown as Readonly<Record<string, unknown>>, options?.open ?? []) as never
}

const layer = (
  runners: Readonly<Record<string, unknown>>,
  open: ReadonlyArray<string>
): Layer.Layer<TaskRunner | TaskRouter, unknown, unknown> =>
  Layer.fromBuildMemo((memoMap, scope) =>
    Effect.gen(function* () {
      const { default: byDefault, ...layers } = runners
      const named = new Map(Object.entries(layers as Record<string, RunnerLayer>))
      const { router, service } = yield* make(named, byDefault as string, memoMap, scope)
      yield* Effect.forEach(open, (name) => Effect.catch(service.get(name), ({ cause }) => Effect.fail(cause)), {
        concurrency: "unbounded",
        discard: true
      })
      return Context.add(Context.make(TaskRunner, router), TaskRouter, service)
    })
  )
