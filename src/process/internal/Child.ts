/** One run of a process: starts it, feeds and reads it, and ends it with all that it has started. */
import * as ChildProcess from "node:child_process"
import { statSync } from "node:fs"
import { Socket } from "node:net"
import type { Duplex } from "node:stream"
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Guardian } from "./Guardian.ts"
import type { Line } from "./Model.ts"
import * as Output from "./Output.ts"
import { ProcessNotStarted } from "../ProcessError.ts"
import { type Ending, markBelow, markVariable, ProcessTree } from "./ProcessTree.ts"

/** What is started. */
export interface Command {
  readonly name: string
  readonly command: string
  readonly args: ReadonlyArray<string>
  readonly cwd: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdin: Stream.Stream<string | Uint8Array> | undefined
  /** Whether there is a channel to the process besides its outputs, as its descriptor 3. */
  readonly channel: boolean
  readonly mark: string
  readonly guardian: Guardian
  /** Lines that it has printed. When it gives an Effect, no more is read until that is done. */
  readonly onLines: (lines: ReadonlyArray<Line>) => Effect.Effect<void> | undefined
}

/** How a run ended. */
export interface End {
  readonly exitCode: number | undefined
  readonly signal: NodeJS.Signals | undefined
}

/** How long, in milliseconds, outputs are read that are open when the process has ended, before it counts as silent. */
const silencePatience = 200

/** How long, in milliseconds, outputs are read that a process which could not be ended holds open. */
const outputPatience = 1000

/** A process that has been started. */
export class Child {
  readonly pid: number
  /** How it ended, as soon as it has. Not all that it has said need have been read then. */
  readonly ended = Deferred.makeUnsafe<End>()
  /** Completes when it has ended and all that it said before has been read. */
  readonly silent = Deferred.makeUnsafe<void>()
  /** The parent's end of the channel. */
  readonly channel: Duplex | undefined
  /** What is to be done with lines. There is more than one only at the end, when Node reads on in spite of a pause. */
  private readonly unpublished: Array<Effect.Effect<void>> = []
  private publishing: Fiber.Fiber<void> | undefined
  private readonly closed = Deferred.makeUnsafe<void>()
  private readonly child: ChildProcess.ChildProcess
  private readonly command: Command
  private readonly tree: ProcessTree

  constructor(child: ChildProcess.ChildProcess, command: Command) {
    this.child = child
    this.command = command
    this.pid = child.pid!
    this.channel = child.stdio[3] instanceof Socket ? child.stdio[3] : undefined
    this.tree = new ProcessTree(this.pid, command.mark)
    command.guardian.started(this.pid)
    child.on("exit", (code, signal) => {
      Deferred.doneUnsafe(this.ended, Effect.succeed({ exitCode: code ?? undefined, signal: signal ?? undefined }))
      const silence = () => void Deferred.doneUnsafe(this.silent, Effect.void)
      // Others may hold its outputs open. What it has written itself is read before a turn of the event loop is over.
      const timer = setTimeout(() => setImmediate(silence), silencePatience).unref()
      child.on("close", () => {
        clearTimeout(timer)
        silence()
      })
    })
    child.on("close", () => Deferred.doneUnsafe(this.closed, Effect.void))
    // A finished program does not wait for its background processes.
    child.unref()
    for (const stream of child.stdio) if (stream instanceof Socket) stream.unref()
  }

  /** Passes on what it prints, in the context of the fiber. */
  get read(): Effect.Effect<void> {
    return Effect.map(Effect.context<never>(), (context) => {
      for (const source of ["stdout", "stderr"] as const) {
        const { end, write } = Output.splitter((lines) => {
          const work = this.command.onLines(lines.map((text) => ({ source, text })))
          if (work === undefined) return
          this.unpublished.push(work)
          if (this.publishing === undefined) this.publish(context)
        })
        this.child[source]!.on("data", write).on("end", end)
      }
    })
  }

  /** Does one after the other what is to be done with lines. Until it is done, no more are read. */
  private publish(context: Context.Context<never>): void {
    this.publishing = undefined
    for (let work = this.unpublished.shift(); work !== undefined; work = this.unpublished.shift()) {
      const fiber = Effect.runForkWith(context)(work)
      if (fiber.pollUnsafe() !== undefined) continue
      this.publishing = fiber
      for (const output of [this.child.stdout!, this.child.stderr!]) output.pause()
      fiber.addObserver(() => this.publish(context))
      return
    }
    for (const output of [this.child.stdout!, this.child.stderr!]) output.resume()
  }

  /** Writes what it is to read. It may end, or close its input, before it has read all. */
  get feed(): Effect.Effect<void> {
    const { stdin } = this.child
    const input = this.command.stdin
    if (stdin === null || input === undefined) return Effect.void
    // It has closed its input: whoever writes learns it by the callback.
    stdin.on("error", () => {})
    const write = (part: string | Uint8Array) =>
      Effect.callback<void, "closed">((resume) => {
        stdin.write(part, (error) => resume(error ? Effect.fail("closed") : Effect.void))
      })
    return Stream.runForEach(input, write).pipe(
      Effect.catch(() => Effect.void),
      Effect.ensuring(Effect.sync(() => stdin.end()))
    )
  }

  /** Ends it and all that it has started, and completes when all are gone and all that they have printed is read. */
  end(ending: Ending): Effect.Effect<End> {
    return Effect.gen({ self: this }, function* () {
      const left = yield* this.tree.end(ending)
      if (left.length > 0) {
        yield* Effect.logError(
          `Process "${this.command.name}": ${left.join(", ")} could not be ended, not even by SIGKILL`
        )
      }
      this.command.guardian.ended()
      const timer = setTimeout(() => {
        for (const stream of this.child.stdio) stream?.destroy()
        // It has not ended, so nothing else says so.
        if (left.includes(this.pid)) {
          Deferred.doneUnsafe(this.ended, Effect.succeed({ exitCode: undefined, signal: "SIGKILL" as const }))
          Deferred.doneUnsafe(this.closed, Effect.void)
        }
      }, outputPatience)
      yield* Deferred.await(this.closed)
      clearTimeout(timer)
      while (this.publishing !== undefined) yield* Fiber.await(this.publishing)
      this.channel?.destroy()
      this.child.stdin?.destroy()
      return yield* Deferred.await(this.ended)
    })
  }
}

/** Starts a process. */
export const start = (command: Command): Effect.Effect<Child, ProcessNotStarted> =>
  Effect.callback((resume) => {
    const failed = (error: NodeJS.ErrnoException) => resume(Effect.fail(notStarted(command, error)))
    try {
      const child = ChildProcess.spawn(command.command, command.args, {
        cwd: command.cwd,
        env: { ...command.env, [markVariable]: markBelow(command.mark) },
        stdio: [
          command.stdin === undefined ? "ignore" : "pipe",
          "pipe",
          "pipe",
          ...(command.channel ? ["pipe" as const] : [])
        ],
        // A session of its own: Ctrl-C in a terminal reaches the program, which decides what becomes of its processes.
        detached: process.platform !== "win32",
        windowsHide: true
      })
      if (child.pid === undefined) child.once("error", failed)
      else resume(Effect.succeed(new Child(child, command)))
    } catch (error) {
      failed(error as NodeJS.ErrnoException)
    }
  })

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false

const notStarted = ({ command, cwd, name }: Command, error: NodeJS.ErrnoException): ProcessNotStarted => {
  const reason =
    cwd !== undefined && !isFolder(cwd)
      ? `its working directory ${cwd} is not there`
      : error.code === "ENOENT"
        ? `there is no command ${JSON.stringify(command)}${/[\\/]/.test(command) ? "" : " on the PATH"}`
        : error.code === "EACCES"
          ? `${JSON.stringify(command)} may not be run (no permission, or not a program)`
          : error.message
  return new ProcessNotStarted({
    process: name,
    command,
    ...(error.code !== undefined && { code: error.code }),
    reason
  })
}
