/**
 * Background processes as scoped resources: started, awaited until they are ready, watched, and gone with their scope.
 *
 * @since 0.3.0
 */
import { randomUUID } from "node:crypto"
import * as path from "node:path"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type * as Task from "../Task.ts"
import { millis } from "../internal/values/options.ts"
import * as Child from "./internal/Child.ts"
import * as Guardian from "./internal/Guardian.ts"
import type {
  BackgroundProcess,
  Line,
  ProcessStatus,
  Ready,
  RunEnd,
  StartError,
  TaskProcess
} from "./internal/Model.ts"
import { Output } from "./internal/Output.ts"
import type { RunProcessError } from "./ProcessError.ts"
import type { Ending } from "./internal/ProcessTree.ts"
import * as Readiness from "./internal/Readiness.ts"
import { type Plan, Supervisor } from "./internal/Supervisor.ts"
import * as TaskCommand from "./internal/TaskCommand.ts"
import * as RealTime from "./internal/RealTime.ts"

/**
 * A process in the background of a program: what {@link runProcess} gives.
 *
 * @category models
 * @since 0.3.0
 */
export type { BackgroundProcess } from "./internal/Model.ts"

/**
 * A task in a process of its own: what {@link runProcess} gives for a task.
 *
 * @category models
 * @since 0.3.0
 */
export type { TaskProcess } from "./internal/Model.ts"

/**
 * Where a background process is in its life.
 *
 * @category models
 * @since 0.3.0
 */
export type { ProcessStatus } from "./internal/Model.ts"

/**
 * How a background process ended for good.
 *
 * @category models
 * @since 0.3.0
 */
export type { ProcessExit } from "./internal/Model.ts"

/**
 * What is known of a run that is over.
 *
 * @category models
 * @since 0.3.0
 */
export type { RunEnd } from "./internal/Model.ts"

/**
 * A line that a process has printed.
 *
 * @category models
 * @since 0.3.0
 */
export type { Line } from "./internal/Model.ts"

/**
 * A sign that a process is ready.
 *
 * @category models
 * @since 0.3.0
 */
export type { Ready } from "./internal/Model.ts"

/**
 * Why the handler of a task could not even begin.
 *
 * @category errors
 * @since 0.3.0
 */
export type { StartError } from "./internal/Model.ts"

/**
 * Options of every background process.
 *
 * @category models
 * @since 0.3.0
 */
export interface Options<R1 = never, R2 = never> {
  /**
   * What it is called in logs and errors.
   *
   * @default the name of the command's file, or of the task
   */
  readonly name?: string | undefined
  /**
   * Variables of its environment; `undefined` takes one away.
   *
   * @default none
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * Whether `env` is added to the environment of this program, or is all there is.
   *
   * @default true
   */
  readonly extendEnv?: boolean | undefined
  /**
   * Its working directory.
   *
   * @default this program's
   */
  readonly cwd?: string | undefined
  /**
   * What it reads from its standard input: a text, bytes, or the parts of a Stream. Each run reads it from the beginning.
   *
   * @default nothing
   */
  readonly stdin?: string | Uint8Array | Stream.Stream<string | Uint8Array, never, R2> | undefined
  /**
   * The sign, or all the signs, that it is ready.
   *
   * @default ready as soon as it has been started; a task, when its handler begins
   */
  readonly ready?: Ready<R1> | ReadonlyArray<Ready<R1>> | undefined
  /**
   * How long it may take to become ready, each time that it is started.
   *
   * @default "30 seconds"
   */
  readonly readyTimeout?: Duration.Input | undefined
  /**
   * How long it may live in all, restarts included. After it the process is stopped.
   *
   * @default no limit
   */
  readonly timeout?: Duration.Input | undefined
  /**
   * The signal that asks it to end.
   *
   * @default "SIGTERM"
   */
  readonly killSignal?: NodeJS.Signals | undefined
  /**
   * Who gets the signal: the process and all that it has started, or the process alone, when it ends the others itself.
   * SIGKILL, after `forceKillAfter`, goes to all that is left in any case.
   *
   * @default "tree"
   */
  readonly kill?: "tree" | "process" | undefined
  /**
   * How long it may take to end after the signal, before it is killed.
   *
   * @default "5 seconds"
   */
  readonly forceKillAfter?: Duration.Input | undefined
  /**
   * What the end of the scope does with it. `"kill"`: ends it, as `stop` does. `"wait"`: waits for it to end by itself,
   * without starting it again; `{ wait }`: only for so long, then ends it. In any case it is ended when this program is
   * killed, and when it was not ready in time.
   *
   * @default "kill"
   */
  readonly onClose?: "kill" | "wait" | { readonly wait: Duration.Input } | undefined
  /**
   * When it is started again: never, when it has failed (an exit code other than 0, a signal, not ready in time), or
   * whenever it has ended. A process that fails to start for the first time is not started again.
   *
   * @default "never"
   */
  readonly restart?: "never" | "onFailure" | "always" | undefined
  /**
   * How long to wait before each restart, and how many there are. It is given how the run ended.
   *
   * @default 0.5 seconds, 1, 2, ... up to 30, without end
   */
  readonly schedule?: Schedule.Schedule<unknown, RunEnd> | undefined
  /**
   * After it was ready for so long, `schedule` begins anew.
   *
   * @default "1 minute"
   */
  readonly resetAfter?: Duration.Input | undefined
  /**
   * Whether its lines are logged, with its name as the annotation `process`: standard output as information, standard
   * error as warnings.
   *
   * @default "lines"
   */
  readonly log?: "lines" | "none" | undefined
  /**
   * How many of its last lines are kept, for errors and for readers that come later.
   *
   * @default 100
   */
  readonly keepLines?: number | undefined
}

/**
 * A process that is a command.
 *
 * @category models
 * @since 0.3.0
 */
export interface CommandOptions<R1 = never, R2 = never> extends Options<R1, R2> {
  /** The program: a path, or a name that is looked for on the PATH of its environment. No shell reads it. */
  readonly command: string
  /** @default none */
  readonly args?: ReadonlyArray<string> | undefined
}

/**
 * A process that runs the handler of a task, and ends with it.
 *
 * @category models
 * @since 0.3.0
 */
export type TaskOptions<T extends Task.Any, R1 = never, R2 = never> = Options<R1, R2> & {
  readonly task: T
  /** The tasks module, whose default export is a Layer of handlers. */
  readonly module: URL | string
  /**
   * Options for Node, such as `--max-old-space-size=512`. They follow the conditions of this program,
   * `--conditions=...`.
   */
  readonly execArgv?: ReadonlyArray<string> | undefined
} & ([void] extends [Task.Input<T>] ? { readonly payload?: Task.Input<T> } : { readonly payload: Task.Input<T> })

type EffectTask = Task.Any & { readonly kind: "effect" }

type ProcessOf<T extends Task.Any> = TaskProcess<Task.Success<T>, Task.Error<T>>

interface AlreadyRunning<E, R> {
  /** Asked first: when it says `true`, nothing is started, and there is no process: `Option.none()`. */
  readonly alreadyRunning: Effect.Effect<boolean, E, R>
}

interface Starts {
  readonly alreadyRunning?: undefined
}

/** All options as they are worked with here. */
type AnyOptions = Partial<CommandOptions & TaskOptions<Task.Any> & AlreadyRunning<unknown, never>>

/**
 * Starts a process in the background, waits until it is ready, and gives its handle. It is gone, with all that it has
 * started, when the scope has closed, and also when this program is killed.
 *
 * **Details**
 *
 * Give a `command` with its `args`, or a `task` with its `payload` and the `module` of its handler, whose typed result is
 * then the handle's `result`. With `alreadyRunning` there may be nothing to start, and the handle is an Option.
 *
 * Fails with `ProcessNotStarted` when there is no such command, with `ProcessExited` when the process ends before it is
 * ready, with `ProcessNotReady` when it takes longer than `readyTimeout`; for a task also with `PayloadInvalid`,
 * `NotTransferable`, `ModuleInvalid` or `TaskNotFound`. What was started is gone when it fails or is interrupted.
 *
 * **Gotchas**
 *
 * A port or URL that somebody else answers says nothing of this process: `alreadyRunning` can find that out before.
 *
 * **Example** (A server for as long as it is needed)
 *
 * ```ts
 * import { Effect } from "effect"
 * import { runProcess } from "effect-strand/BackgroundProcess"
 *
 * const server = `
 *   require("node:http").createServer((_, response) => response.end("hello"))
 *     .listen(0, function () { console.log("listening on " + this.address().port) })`
 *
 * const program = Effect.gen(function* () {
 *   const { status } = yield* runProcess({
 *     command: process.execPath,
 *     args: ["-e", server],
 *     ready: { line: /^listening on \d+$/ },
 *     log: "none"
 *   })
 *   console.log((yield* status)._tag)
 * })
 *
 * await Effect.runPromise(Effect.scoped(program))
 * // prints: Ready
 * ```
 *
 * @category constructors
 * @since 0.3.0
 */
export const runProcess: {
  <R1 = never, R2 = never>(
    options: CommandOptions<R1, R2> & Starts
  ): Effect.Effect<BackgroundProcess, RunProcessError, R1 | R2 | Scope.Scope>
  <E, R, R1 = never, R2 = never>(
    options: CommandOptions<R1, R2> & AlreadyRunning<E, R>
  ): Effect.Effect<Option.Option<BackgroundProcess>, RunProcessError | E, R | R1 | R2 | Scope.Scope>
  <T extends EffectTask, R1 = never, R2 = never>(
    options: TaskOptions<T, R1, R2> & Starts
  ): Effect.Effect<ProcessOf<T>, RunProcessError | StartError, R1 | R2 | Scope.Scope>
  <T extends EffectTask, E, R, R1 = never, R2 = never>(
    options: TaskOptions<T, R1, R2> & AlreadyRunning<E, R>
  ): Effect.Effect<Option.Option<ProcessOf<T>>, RunProcessError | StartError | E, R | R1 | R2 | Scope.Scope>
} = ((options: AnyOptions) => {
  const { alreadyRunning } = options
  if (alreadyRunning === undefined) return run(options)
  return Effect.flatMap(alreadyRunning, (running) => (running ? Effect.succeedNone : Effect.asSome(run(options))))
}) as typeof runProcess

/** 0.5 seconds, doubled with each restart, up to 30. */
const defaultSchedule = Schedule.min([Schedule.exponential("500 millis"), Schedule.spaced("30 seconds")])

const run = (options: AnyOptions): Effect.Effect<unknown, unknown, Scope.Scope> =>
  Effect.gen(function* () {
    const { killSignal = "SIGTERM", task } = options
    const command =
      task &&
      (yield* TaskCommand.make(task, options.payload, {
        module: options.module!,
        execArgv: options.execArgv ?? [],
        signal: killSignal
      }))
    const name = options.name ?? task?.name ?? path.basename(options.command!)
    const ending: Ending = {
      signal: killSignal,
      to: options.kill ?? "tree",
      forceKillAfter: millis(options.forceKillAfter ?? "5 seconds")
    }
    const mark = randomUUID().replaceAll("-", "").slice(0, 16)
    const guardian = yield* Guardian.make(mark, ending)
    const output = new Output(options.keepLines ?? 100)
    const onLines = publish(name, output, options.log ?? "lines")
    const input: Child.Command = {
      name,
      command: command?.command ?? options.command!,
      args: command?.args ?? options.args ?? [],
      cwd: options.cwd,
      env: options.extendEnv === false ? { ...options.env } : { ...process.env, ...options.env },
      stdin: Stream.isStream(options.stdin) || options.stdin === undefined ? options.stdin : Stream.make(options.stdin),
      channel: command !== undefined,
      mark,
      guardian,
      onLines
    }
    const signs = options.ready === undefined ? [] : [options.ready].flat()
    const plan: Plan = {
      name,
      output,
      start: (attempt) =>
        Effect.tap(Child.start(input), (child) => {
          command?.attach(child, attempt)
          return child.read
        }),
      ready: Effect.all([command?.begun ?? Effect.void, Readiness.awaitAll(signs, output)], {
        concurrency: "unbounded",
        discard: true
      }),
      readyWords: (command === undefined ? [] : ["its handler to begin"])
        .concat(Readiness.describe(signs))
        .join(" and "),
      readyTimeout: Duration.fromInputUnsafe(options.readyTimeout ?? "30 seconds"),
      timeout: options.timeout === undefined ? undefined : Duration.fromInputUnsafe(options.timeout),
      ending,
      restart: options.restart ?? "never",
      schedule: options.schedule ?? defaultSchedule,
      resetAfter: Duration.fromInputUnsafe(options.resetAfter ?? "1 minute")
    }
    const close = closing(options.onClose ?? "kill")
    const supervisor = yield* Effect.acquireRelease(supervise(plan), (supervisor) => Effect.exit(close(supervisor)))
    yield* RealTime.whileAwaiting(Deferred.await(supervisor.firstReady)).pipe(
      Effect.onError(() => supervisor.stop),
      Effect.mapError((error) => command?.startError ?? error)
    )
    if (command === undefined) return supervisor.handle
    const result = Effect.flatMap(supervisor.awaitExit, (exit) => command.result(exit, plan.timeout, name))
    return { ...supervisor.handle, result }
  })

/** Keeps the lines of a process for its readers, and logs them. */
const publish =
  (name: string, output: Output, log: "lines" | "none"): Child.Command["onLines"] =>
  (lines) => {
    output.publish(lines)
    if (log === "none") return undefined
    return Effect.forEach(lines, logLine, { discard: true }).pipe(Effect.annotateLogs({ process: name }))
  }

const logLine = ({ source, text }: Line): Effect.Effect<void> =>
  source === "stdout" ? Effect.logInfo(text) : Effect.logWarning(text)

/** What the end of the scope does with a process. */
const closing = (onClose: NonNullable<Options["onClose"]>): ((supervisor: Supervisor) => Effect.Effect<unknown>) => {
  if (onClose === "kill") return ({ stop }) => stop
  if (onClose === "wait") return ({ finish }) => finish
  const patience = RealTime.sleep(millis(onClose.wait), "foreground")
  return ({ finish, stop }) => Effect.raceFirst(finish, Effect.andThen(patience, stop))
}

/** Starts the life of a process. */
const supervise = (plan: Plan): Effect.Effect<Supervisor> =>
  Effect.gen(function* () {
    const status = yield* SubscriptionRef.make<ProcessStatus>({ _tag: "Starting", run: 1, pid: 0 })
    const supervisor = new Supervisor(plan, status)
    yield* Effect.forkDetach(supervisor.life, { startImmediately: true })
    return supervisor
  })
