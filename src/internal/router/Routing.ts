/**
 * How requests find their runner, when there are several: what a `TaskRouter`, and what handlers behind one do with them.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { constFalse } from "effect/Function"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { TaskError } from "../../TaskError.ts"
import type { HandlersRunner } from "../../TaskHandlers.ts"
import type { TaskInfo, TaskRequest } from "../../TaskRequest.ts"
import { TaskRunner } from "../../TaskRunner.ts"

type Runner = TaskRunner["Service"]

/** Finds the runner of a request: at once, when it is open. */
export type Route = (request: TaskRequest) => Runner | Effect.Effect<Runner, TaskError>

const find = (route: Route, request: TaskRequest): Effect.Effect<Runner, TaskError> =>
  Effect.suspend(() => {
    const found = route(request)
    return Effect.isEffect(found) ? found : Effect.succeed(found)
  })

export type Routing = Pick<Runner, "execute" | "stream" | "fork" | "attach" | "get" | "cancel"> & {
  readonly enqueue: NonNullable<Runner["enqueue"]>
}

/** What a runner does with requests and ids, when others do the work. */
export const routing = (route: Route, opened: () => ReadonlyArray<Runner>): Routing => ({
  execute: (request) =>
    Effect.suspend(() => {
      const found = route(request)
      return Effect.isEffect(found)
        ? Effect.flatMap(found, (runner) => runner.execute(request))
        : found.execute(request)
    }),
  stream: (request) => Stream.unwrap(Effect.map(find(route, request), (runner) => runner.stream(request))),
  fork: (request) => Effect.flatMap(find(route, request), (runner) => runner.fork(request)),
  enqueue: (requests) => enqueue(route, requests),
  attach: (request, id) => Effect.suspend(() => attach(route, opened(), request, id)),
  get: (id) =>
    Effect.suspend(() =>
      Effect.reduce(opened(), Option.none<TaskInfo>, (found, runner) =>
        Option.isSome(found) ? Effect.succeed(found) : runner.get(id)
      )
    ),
  cancel: (id) =>
    Effect.suspend(() =>
      Effect.reduce(opened(), constFalse, (cancelled, runner) => (cancelled ? Effect.succeed(true) : runner.cancel(id)))
    )
})

/** Hands each runner all of its requests at once, and gives the ids in the order of the requests. */
const enqueue = (route: Route, requests: ReadonlyArray<TaskRequest>): Effect.Effect<ReadonlyArray<string>, TaskError> =>
  Effect.gen(function* () {
    const byRunner = new Map<Runner, Array<TaskRequest>>()
    for (const request of requests) {
      const runner = yield* find(route, request)
      const before = byRunner.get(runner)
      if (before === undefined) byRunner.set(runner, [request])
      else before.push(request)
    }
    const ids = new Map<TaskRequest, string>()
    for (const [runner, own] of byRunner) {
      const made =
        runner.enqueue === undefined
          ? yield* Effect.forEach(own, (request) => Effect.map(runner.fork(request), ({ taskId }) => taskId))
          : yield* runner.enqueue(own)
      own.forEach((request, index) => ids.set(request, made[index]!))
    }
    return requests.map((request) => ids.get(request)!)
  })

/** Asks the runners that are open, then the one that the task names, which may be a store that knows of it. */
const attach = (
  route: Route,
  opened: ReadonlyArray<Runner>,
  request: TaskRequest,
  id: string
): ReturnType<Runner["attach"]> =>
  Effect.gen(function* () {
    for (const runner of opened) {
      const exit = yield* Effect.exit(runner.attach(request, id))
      if (Exit.isSuccess(exit)) return exit.value
      const error = Cause.findErrorOption(exit.cause)
      if (Option.isNone(error) || error.value._tag !== "TaskNotFound") return yield* exit
    }
    const runner = yield* find(route, request)
    return yield* runner.attach(request, id)
  })

/**
 * The runner that the handlers of a named runner see: their own, as ever, but for tasks that name another one. While these
 * run, the task that has called them lends its place.
 */
export const forHandlers = (
  name: string,
  { lend, runner: own }: HandlersRunner,
  route: Route,
  routed: Routing
): Runner => {
  const isOwn = ({ options: { runner } }: TaskRequest) => runner === undefined || runner === name
  /** Lends the place until a handle ends. */
  const lending = (request: TaskRequest, handle: ReturnType<Runner["fork"]>) =>
    Effect.suspend(() => {
      const takeBack = lend(request)
      return Effect.onExitPrimitive(handle, (exit) => {
        if (Exit.isSuccess(exit)) exit.value.addObserver(takeBack)
        else takeBack()
        return undefined
      })
    })
  const elsewhere = routing(route, () => [])
  return TaskRunner.of({
    ...own,
    execute: (request) =>
      isOwn(request)
        ? own.execute(request)
        : Effect.suspend(() => {
            const takeBack = lend(request)
            return Effect.onExitPrimitive(elsewhere.execute(request), () => void takeBack())
          }),
    stream: (request) =>
      isOwn(request)
        ? own.stream(request)
        : Stream.suspend(() => Stream.ensuring(elsewhere.stream(request), Effect.sync(lend(request)))),
    fork: (request) => (isOwn(request) ? own.fork(request) : lending(request, elsewhere.fork(request))),
    enqueue: (requests) => enqueue((request) => (isOwn(request) ? own : route(request)), requests),
    attach: (request, id) =>
      Effect.catchTag(own.attach(request, id), "TaskNotFound", () => lending(request, routed.attach(request, id))),
    get: (id) =>
      Effect.flatMap(own.get(id), (found) => (Option.isSome(found) ? Effect.succeed(found) : routed.get(id))),
    cancel: (id) => Effect.flatMap(own.cancel(id), (done) => (done ? Effect.succeed(true) : routed.cancel(id)))
  })
}
