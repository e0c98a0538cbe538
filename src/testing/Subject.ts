/**
 * What a conformance suite tests, and the means to test it: fresh runners, notes that handlers leave, real waits.
 *
 * @since 0.1.0
 */
import type { Vitest } from "@effect/vitest"
import { assert, it as plainIt } from "@effect/vitest"
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TaskRunner } from "../TaskRunner.ts"
import { readLines } from "./notes.ts"

/**
 * What a test asks of the runner that is made for it. Options that a runner has no notion of are left alone: its
 * {@link Capabilities} then say so.
 *
 * @category models
 * @since 0.1.0
 */
export interface RunnerOptions {
  /** How many tasks run at once: fibers, or workers with one task at a time each. */
  readonly size: number
  /** How many tasks each worker runs at once, 1 when undefined. Runners without workers multiply `size` by it. */
  readonly concurrency?: number | undefined
  readonly maxQueue?: number | undefined
  readonly overflow?: "wait" | "fail" | undefined
  /** How long a task that ignores its interruption lives. */
  readonly forceKillAfter?: Duration.Input | undefined
  /** How long the end of the runner waits for its tasks. */
  readonly shutdownGrace?: Duration.Input | undefined
  /** The tasks module, when it is another one than {@link tasksModule}. */
  readonly module?: URL | undefined
  /** How much heap a worker may use, in megabytes. */
  readonly memoryMb?: number | undefined
}

/**
 * What a runner can do beyond what every runner does. Tests of what it cannot are not registered.
 *
 * @category models
 * @since 0.1.0
 */
export interface Capabilities {
  /** At most `size` tasks run at once; the others wait by priority, at most `maxQueue` of them. */
  readonly queue: boolean
  /** Values are written and read on their way: what cannot be cloned is refused. */
  readonly boundary: boolean
  /** The work of tasks runs beside the caller's: a busy handler does not keep the caller's event loop busy. */
  readonly parallel: boolean
  /** A worker can crash without harm to the caller, and is killed when a handler ignores its interruption. */
  readonly isolated: boolean
  /** Workers are processes of this machine, known by their pid. */
  readonly processes: boolean
  /** Buffers can move to the worker instead of being copied. */
  readonly transfer: boolean
  /** Workers load the handlers from a tasks module. */
  readonly modules: boolean
  /**
   * Tasks are kept in a store and outlive the runner. Such a runner takes tasks that nobody runs yet, as many as there are,
   * and lets go of them when it ends; it does without streams and the functions of a call, and handlers log elsewhere.
   *
   * @default false
   */
  readonly durable?: boolean | undefined
}

/**
 * The runner to test.
 *
 * @category models
 * @since 0.1.0
 */
export interface Subject {
  /** Makes a Layer, a new one at each call, that provides a runner with the handlers of the suite's tasks module. */
  readonly make: (options: RunnerOptions) => Layer.Layer<TaskRunner, unknown>
  readonly capabilities: Capabilities
}

/** The test functions of a block that shares one runner. */
export type SharedIt = Vitest.MethodsNonLive<TaskRunner>

/** Gives an Effect a runner of its own. */
export const using =
  (subject: Subject, options: Partial<RunnerOptions> = {}) =>
  <A, E>(effect: Effect.Effect<A, E, TaskRunner | Scope.Scope>): Effect.Effect<A, unknown> =>
    Effect.scoped(Effect.provide(effect, subject.make({ size: 2, ...options })))

/** How long a test waits for something before it fails. */
const patience = 15_000

/** Waits until a condition holds, and fails when it does not within a time that is ample. */
export const until = (what: string, holds: () => boolean): Effect.Effect<void> =>
  Effect.suspend(() => {
    const deadline = performance.now() + patience
    const poll: Effect.Effect<void> = Effect.suspend(() =>
      holds()
        ? Effect.void
        : performance.now() > deadline
          ? Effect.die(new Error(`Waited ${patience} ms in vain for: ${what}`))
          : Effect.flatMap(Effect.sleep("3 millis"), () => poll)
    )
    return poll
  })

/** Like {@link until}, for a condition that is an Effect. */
export const untilEffect = <E, R>(what: string, holds: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.suspend(() => {
    const deadline = performance.now() + patience
    const poll: Effect.Effect<void, E, R> = Effect.flatMap(holds, (held) =>
      held
        ? Effect.void
        : performance.now() > deadline
          ? Effect.die(new Error(`Waited ${patience} ms in vain for: ${what}`))
          : Effect.flatMap(Effect.sleep("3 millis"), () => poll)
    )
    return poll
  })

/** Waits until a value has stopped changing for a while, and gives it. */
export const settled = <A>(read: () => A): Effect.Effect<A> =>
  Effect.suspend(() => {
    let last = read()
    let since = performance.now()
    const poll: Effect.Effect<A> = Effect.suspend(() => {
      const now = read()
      if (now !== last) {
        last = now
        since = performance.now()
      }
      return performance.now() - since > 150
        ? Effect.succeed(last)
        : Effect.flatMap(Effect.sleep("5 millis"), () => poll)
    })
    return poll
  })

/** The files of one test, in a folder that is gone afterwards. */
export interface Notes {
  /** The file that handlers write their notes into. */
  readonly file: string
  /** The path of another file of this test. */
  readonly path: (name: string) => string
  /** What has been noted so far. */
  readonly lines: () => ReadonlyArray<string>
  /** Waits for a line. */
  readonly awaitLine: (line: string) => Effect.Effect<void>
  /** A file that handlers wait for. */
  readonly gate: string
  /** Makes the file `gate`, or another of this name. */
  readonly open: (gate?: string) => Effect.Effect<void>
}

/** A folder for the notes of a test. */
export const makeNotes: Effect.Effect<Notes, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "effect-strand-"))),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
  ),
  (folder) => {
    const path = (name: string) => join(folder, name)
    const file = path("notes")
    const lines = () => readLines(file)
    return {
      file,
      path,
      lines,
      awaitLine: (line) => until(`the note "${line}"`, () => lines().includes(line)),
      gate: path("gate"),
      open: (gate = "gate") => Effect.sync(() => writeFileSync(path(gate), ""))
    }
  }
)

/** The typed error of a failure. Any other end fails the test. */
export const errorOf = (exit: Exit.Exit<unknown, unknown>): { readonly _tag: string; readonly message: string } => {
  if (Exit.isSuccess(exit)) throw new Error(`Expected a failure, got the value ${String(exit.value)}`)
  const [reason, ...others] = exit.cause.reasons
  if (reason === undefined || others.length > 0 || !Cause.isFailReason(reason)) {
    throw new Error(`Expected one typed error, got: ${Cause.pretty(exit.cause)}`)
  }
  return reason.error as { readonly _tag: string; readonly message: string }
}

/** Checks that an exit is a typed error with these fields. */
export const assertFails = (
  exit: Exit.Exit<unknown, unknown>,
  tag: string,
  fields: Readonly<Record<string, unknown>> = {}
): void => {
  const error = errorOf(exit)
  assert.strictEqual(error._tag, tag, error.message)
  for (const [name, value] of Object.entries(fields)) {
    assert.deepStrictEqual((error as unknown as Record<string, unknown>)[name], value, `${name} of ${error.message}`)
  }
}

/** Checks that an exit is an interruption and nothing else. */
export const assertInterrupted = (exit: Exit.Exit<unknown, unknown>): void => {
  assert.isTrue(
    Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause),
    Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "it succeeded"
  )
}

/** The defect of an exit. Any other end fails the test. */
export const defectOf = (exit: Exit.Exit<unknown, unknown>): unknown => {
  if (Exit.isSuccess(exit)) throw new Error(`Expected a defect, got the value ${String(exit.value)}`)
  const [reason, ...others] = exit.cause.reasons
  if (reason === undefined || others.length > 0 || !Cause.isDieReason(reason)) {
    throw new Error(`Expected one defect, got: ${Cause.pretty(exit.cause)}`)
  }
  return reason.defect
}

/** Registers a test with a runner of its own. */
type TestWithOwn = <A, E>(name: string, options: Partial<RunnerOptions>, body: Body<A, E>) => void

/** Registers a test with the runner that its block shares. */
type TestWithShared = <A, E>(name: string, body: Body<A, E>) => void

/** Registers tests: `test(name, options, body)` with a runner of its own, `test(name, body)` with that of the block. */
export const testWith: {
  (subject: Subject): TestWithOwn
  (subject: Subject, it: SharedIt): TestWithOwn & TestWithShared
} =
  (subject: Subject, it?: SharedIt) =>
  <A, E>(name: string, ...args: [Body<A, E>] | [options: Partial<RunnerOptions>, body: Body<A, E>]): void => {
    if (args.length === 1) {
      it!.effect(name, () => Effect.flatMap(makeNotes, args[0]))
    } else {
      const [options, body] = args
      plainIt.live(name, () => Effect.flatMap(makeNotes, (notes) => using(subject, options)(body(notes))))
    }
  }

type Body<A, E> = (notes: Notes) => Effect.Effect<A, E, TaskRunner | Scope.Scope>
