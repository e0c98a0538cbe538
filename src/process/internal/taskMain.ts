/** The process of a task: loads the tasks module, runs the handler of one task, and says what came of it. */
import { Socket } from "node:net"
import { format } from "node:util"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import * as TasksModule from "../../internal/task/TasksModule.ts"
import * as FiberRunner from "../../runner/FiberRunner.ts"
import * as TaskCodec from "../../internal/values/TaskCodec.ts"
import * as TaskExit from "../../internal/values/TaskExit.ts"
import { TaskNotFound } from "../../TaskError.ts"
import * as TaskHandlers from "../../TaskHandlers.ts"
import * as Call from "../../internal/call/Call.ts"
import { TaskRunner } from "../../TaskRunner.ts"
import * as Frames from "./Frames.ts"

/** Does what the first frame says, and ends. */
export const run = (load: TasksModule.LoadModule): void => {
  const channel = new Socket({ fd: Frames.channelFd })
  channel.on(
    "data",
    Frames.reader<Frames.Order>((order) => obey(order, load, channel))
  )
  // The parent is gone.
  channel.on("close", () => process.exit(1))
}

const obey = (order: Frames.Order, load: TasksModule.LoadModule, channel: Socket): void => {
  const begun = () => void channel.write(Frames.encode({ _tag: "Started" }))
  const fiber = Effect.runFork(work(order, load, begun))
  // Asked to end, it lets the handler run its finalizers.
  for (const signal of new Set<NodeJS.Signals>([order.signal, "SIGTERM", "SIGINT"])) {
    if (signal !== "SIGKILL" && signal !== "SIGSTOP") process.on(signal, () => fiber.interruptUnsafe())
  }
  fiber.addObserver((exit) => {
    const reply = Exit.isSuccess(exit)
      ? exit.value
      : ({ _tag: "Failure", cause: TaskExit.encodeCommon(exit.cause) } as const)
    channel.removeAllListeners("close")
    channel.end(encode(order, reply), () => process.exit(reply._tag === "Success" ? 0 : 1))
  })
}

/** Logs become lines, to which the parent's logger adds the time and the name: of standard error from warnings on. */
const logger = Logger.make<unknown, void>(({ cause, fiber, logLevel, message }) => {
  const annotations = Object.entries(fiber.getRef(References.CurrentLogAnnotations))
  const words = Array.isArray(message) ? message : [message]
  const all = [...words, ...annotations.map(([key, value]) => `${key}=${format(value)}`)]
  if (cause.reasons.length > 0) all.push(`\n${Cause.pretty(cause)}`)
  const output = LogLevel.isGreaterThanOrEqualTo(logLevel, "Warn") ? process.stderr : process.stdout
  output.write(`${format(...all)}\n`)
})

/** What came of a task. It fails only when it is interrupted, or by a bug. */
const work = (order: Frames.Order, load: TasksModule.LoadModule, begun: () => void): Effect.Effect<Frames.Ended> =>
  Effect.gen(function* () {
    const handlers = yield* TasksModule.build(order.module, load, Layer.makeMemoMapUnsafe())
    const known = TaskHandlers.fromContext(handlers)
    const handler = known.get(order.task)
    if (handler === undefined) {
      return yield* new TaskNotFound({ task: order.task, available: [...known.keys()] })
    }
    const { task } = handler
    const payload = yield* Effect.fromResult(TaskCodec.decodePayload(task, order.payload))
    const runner = Context.get(
      yield* Layer.build(FiberRunner.layer(Layer.succeedContext(handlers), { shutdownGrace: "1 second" })),
      TaskRunner
    )
    const request = Call.make(yield* Effect.context<never>(), task, payload, undefined)
    request.resume({ id: order.taskId, createdAt: request.createdAt, attempt: order.attempt })
    begun()
    const exit = yield* Effect.exit(runner.execute(request))
    return TaskExit.encode(task, exit).exit
  }).pipe(
    Effect.scoped,
    Effect.provide(Logger.layer([logger])),
    Effect.catch((error) => Effect.succeed(TaskExit.ofError(error).exit))
  )

/** Writes a frame. A value of the handler that cannot leave the process is a failure of its own. */
const encode = ({ task }: Frames.Order, reply: Frames.Ended): Uint8Array => {
  try {
    return Frames.encode(reply)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return Frames.encode(TaskExit.ofError(TaskExit.refusalOf(task, reply._tag, { path: "", reason })).exit)
  }
}
