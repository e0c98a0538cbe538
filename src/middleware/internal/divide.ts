/** Takes the calls of some tasks one way and all others another: how middlewares keep to the tasks that they are for. */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { TypeId } from "../../TaskDefinition.ts"
import type { TaskRequest } from "../../TaskRequest.ts"
import { TaskRunner } from "../../TaskRunner.ts"

type Runner = TaskRunner["Service"]

/** The names of the tasks that a middleware is for. Throws when one of them is no task. */
export const namesOf = (tasks: { readonly name: string } | ReadonlyArray<{ readonly name: string }>) => {
  const all = [tasks].flat()
  if (all.every((task) => Predicate.hasProperty(task, TypeId))) {
    return new Set(all.map(({ name }) => name))
  }
  throw new TypeError("for has to be a task, or a list of tasks")
}

/** The runner `ours` for the tasks of these names, and `theirs` for all others, untouched. */
export const divide = (names: ReadonlySet<string>, ours: Runner, theirs: Runner): Runner => {
  const of = (request: TaskRequest): Runner => (names.has(request.name) ? ours : theirs)
  const { enqueue } = theirs
  return TaskRunner.of({
    ...ours,
    execute: (request) => of(request).execute(request),
    stream: (request) => of(request).stream(request),
    fork: (request) => of(request).fork(request),
    enqueue:
      enqueue &&
      ((requests) =>
        requests.some(({ name }) => names.has(name))
          ? Effect.forEach(requests, (request) => Effect.map(of(request).fork(request), ({ taskId }) => taskId))
          : enqueue(requests))
  })
}
