/** One of the runners of a `TaskRouter`: its Layer, and the runner while it is open. */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { RunnerUnavailable } from "../../TaskError.ts"
import * as TaskHandlers from "../../TaskHandlers.ts"
import { TaskRunner } from "../../TaskRunner.ts"

type RunnerLayer = Layer.Layer<TaskRunner, unknown, unknown>

/** What a router is built with, and its runners then are. */
export interface Surroundings {
  readonly memoMap: Layer.MemoMap
  /** The end of all runners. */
  readonly scope: Scope.Scope
  readonly context: Context.Context<unknown>
}

/** What a runner is built with. */
export interface RunnerBuild extends Surroundings {
  /** What the handlers of a runner run tasks of their own on. */
  readonly ofHandlers: (name: string, own: TaskHandlers.HandlersRunner) => TaskRunner["Service"]
  /** Called with a runner that has been opened, before it gets a task. */
  readonly onOpen: (name: string, runner: TaskRunner["Service"]) => Effect.Effect<void>
}

/** A runner that is opened by the first who needs it, and can be closed and opened again. */
export class NamedRunner {
  readonly name: string
  /** The runner, while it is open. */
  runner: TaskRunner["Service"] | undefined = undefined
  private readonly layer: RunnerLayer
  private readonly building: RunnerBuild
  private scope: Scope.Closeable | undefined = undefined
  private opening: Fiber.Fiber<TaskRunner["Service"], unknown> | undefined = undefined
  private closing: Fiber.Fiber<void> | undefined = undefined

  constructor(name: string, layer: RunnerLayer, building: RunnerBuild) {
    this.name = name
    this.layer = layer
    this.building = building
  }

  /**
   * Opens the runner unless it is open. All who ask meanwhile wait for the same Layer, and those who leave do not stop it.
   * What has failed is tried again for the next who asks.
   */
  readonly open: Effect.Effect<TaskRunner["Service"], RunnerUnavailable> = Effect.suspend(() => {
    if (this.runner !== undefined) return Effect.succeed(this.runner)
    let opening = this.opening
    if (opening === undefined) {
      opening = this.fork(this.build)
      this.opening = opening
      opening.addObserver(() => (this.opening = undefined))
    }
    return Effect.flatMap(Fiber.await(opening), (exit) =>
      Exit.isSuccess(exit) ? Effect.succeed(exit.value) : this.failure(exit.cause)
    )
  })

  private fork<A, E>(effect: Effect.Effect<A, E, unknown>): Fiber.Fiber<A, E> {
    return Effect.runForkWith(this.building.context)(effect)
  }

  private failure(cause: Cause.Cause<unknown>): Effect.Effect<never, RunnerUnavailable> {
    if (Cause.hasDies(cause)) return Effect.failCause(cause as Cause.Cause<never>)
    const error = cause.reasons.find(Cause.isFailReason)?.error
    const unavailable =
      error === undefined
        ? { reason: "it was closed while it was opened" }
        : { reason: `its Layer failed: ${error instanceof Error ? error.message : String(error)}`, cause: error }
    return Effect.fail(new RunnerUnavailable({ runner: this.name, ...unavailable }))
  }

  private get build(): Effect.Effect<TaskRunner["Service"], unknown, unknown> {
    const { building, closing, layer, name } = this
    return Effect.gen({ self: this }, function* () {
      if (closing !== undefined) yield* Fiber.await(closing)
      const scope = yield* Scope.fork(building.scope)
      const runner = yield* Layer.buildWithMemoMap(layer, building.memoMap, scope).pipe(
        Effect.map((context) => Context.get(context, TaskRunner)),
        Effect.tap((runner) => building.onOpen(name, runner)),
        Effect.provideService(TaskHandlers.RunnerOfHandlers, (own) => building.ofHandlers(name, own)),
        Effect.onExit((exit) => (Exit.isFailure(exit) ? Scope.close(scope, exit) : Effect.void))
      )
      this.scope = scope
      return (this.runner = runner)
    })
  }

  /** Gives up opening the runner. */
  readonly stopOpening: Effect.Effect<void> = Effect.suspend(() =>
    this.opening === undefined ? Effect.void : Fiber.interrupt(this.opening)
  )

  /**
   * Closes the runner if it is open, with its tasks, as the end of its Layer does; gives up opening it. Whoever opens it
   * from now on is not affected.
   */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const { closing, opening, scope } = this
    if (opening !== undefined) {
      const stopped = Effect.andThen(Fiber.interrupt(opening), Fiber.await(opening))
      // The interruption may come too late.
      return Effect.flatMap(stopped, (exit) =>
        Exit.isSuccess(exit) && exit.value === this.runner ? this.close : Effect.void
      )
    }
    if (scope === undefined) return closing === undefined ? Effect.void : Effect.asVoid(Fiber.await(closing))
    this.runner = undefined
    this.scope = undefined
    const fiber = this.fork(Scope.close(scope, Exit.void))
    this.closing = fiber
    fiber.addObserver(() => {
      if (this.closing === fiber) this.closing = undefined
    })
    return Effect.asVoid(Fiber.await(fiber))
  })
}
