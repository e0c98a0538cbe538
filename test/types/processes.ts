// Types of background processes: what a handle is, when it is an Option, what it fails with and needs.
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type BackgroundProcess, type RunEnd, runProcess, type TaskProcess } from "effect-strand/BackgroundProcess"
import type { ProcessExited, ProcessNotReady, ProcessNotStarted } from "effect-strand/ProcessError"
import * as Task from "effect-strand/Task"
import type { ModuleInvalid, NotTransferable, PayloadInvalid, TaskError, TaskNotFound } from "effect-strand/TaskError"
import { check, type Equal } from "./check.ts"

type CommandError = ProcessExited | ProcessNotReady | ProcessNotStarted
type StartError = CommandError | ModuleInvalid | NotTransferable | PayloadInvalid | TaskNotFound

class Ports extends Context.Service<Ports, { readonly isOpen: Effect.Effect<boolean> }>()("test/Ports") {}
class Lines extends Context.Service<Lines, { readonly all: Stream.Stream<string> }>()("test/Lines") {}
class Denied extends Schema.TaggedError<Denied>()("Denied", {}) {}

const plain = runProcess({ command: "redis-server" })
check<Equal<typeof plain, Effect.Effect<BackgroundProcess, CommandError, Scope.Scope>>>()

const optional = runProcess({ command: "redis-server", alreadyRunning: Effect.succeed(true) })
check<Equal<typeof optional, Effect.Effect<Option.Option<BackgroundProcess>, CommandError, Scope.Scope>>>()

const services = runProcess({
  command: "redis-server",
  ready: [{ port: 6379 }, { check: Effect.flatMap(Ports, ({ isOpen }) => isOpen) }],
  stdin: Stream.unwrap(Effect.map(Lines, ({ all }) => all)),
  alreadyRunning: Effect.andThen(Effect.fail(new Denied()), Effect.succeed(false)),
  schedule: Schedule.spaced("1 second").pipe(
    Schedule.setInputType<RunEnd>(),
    Schedule.while(({ input }) => Effect.succeed(input.exitCode !== 3))
  )
})
check<Equal<Effect.Success<typeof services>, Option.Option<BackgroundProcess>>>()
check<Equal<Effect.Error<typeof services>, CommandError | Denied>>()
check<Equal<Effect.Services<typeof services>, Ports | Lines | Scope.Scope>>()

const module = new URL("./tasks.ts", import.meta.url)
const half = Task.make("half", { payload: { n: Schema.Int }, success: Schema.Date, error: Denied })
const nothing = Task.make("nothing")
const many = Task.stream("many", { success: Schema.Int })

const task = runProcess({ task: half, payload: { n: 1 }, module })
check<Equal<typeof task, Effect.Effect<TaskProcess<Date, Denied>, StartError, Scope.Scope>>>()
const optionalTask = runProcess({ task: nothing, module, alreadyRunning: Effect.succeed(true) })
check<Equal<Effect.Success<typeof optionalTask>, Option.Option<TaskProcess<void, never>>>>()

const result = Effect.flatMap(task, (it) => it.result)
check<Equal<typeof result, Effect.Effect<Date, Denied | TaskError | StartError, Scope.Scope>>>()

// @ts-expect-error: neither a command nor a task
runProcess({})
// @ts-expect-error: the payload has another type
runProcess({ task: half, payload: { n: "1" }, module })
// @ts-expect-error: the payload is missing
runProcess({ task: half, module })
// @ts-expect-error: the module is missing
runProcess({ task: half, payload: { n: 1 } })
// @ts-expect-error: a stream has many results
runProcess({ task: many, module })
// @ts-expect-error: there is no such policy
runProcess({ command: "a", restart: "sometimes" })
// @ts-expect-error: a sign is one thing
runProcess({ command: "a", ready: { ports: 1 } })
