/**
 * The life of a background process: it is started, awaited until it is ready, started again by its policy, and ended.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { Child } from "./Child.ts"
import type { BackgroundProcess, ProcessExit, ProcessStatus, RunEnd } from "./Model.ts"
import type { Output } from "./Output.ts"
import { ProcessExited, ProcessNotReady, type ProcessNotStarted, type RunProcessError } from "../ProcessError.ts"
import type { Ending } from "./ProcessTree.ts"
import * as RealTime from "./RealTime.ts"

/** How a process is supervised. */
export interface Plan {
  readonly name: string
  readonly output: Output
  /** Starts the process, for the first time or again. */
  readonly start: (run: number) => Effect.Effect<Child, ProcessNotStarted>
  /** Completes when the process is ready. */
  readonly ready: Effect.Effect<void>
  /** What is waited for, in words. */
  readonly readyWords: string
  readonly readyTimeout: Duration.Duration
  readonly timeout: Duration.Duration | undefined
  readonly ending: Ending
  readonly restart: "never" | "onFailure" | "always"
  readonly schedule: Schedule.Schedule<unknown, RunEnd>
  readonly resetAfter: Duration.Duration
}

type Step = Effect.Success<ReturnType<typeof Schedule.toStep<unknown, RunEnd, never, never>>>

/** After how many milliseconds the next run begins; none when the schedule is over. */
const nextDelay = (step: Step, end: RunEnd): Effect.Effect<Option.Option<number>> =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => step(now, end)).pipe(
    Effect.map(([, delay]) => Option.some(Duration.toMillis(delay))),
    Pull.catchDone(() => Effect.succeed(Option.none()))
  )

/** Supervises one background process. */
export class Supervisor {
  readonly exit = Deferred.makeUnsafe<ProcessExit>()
  /** Completes when it is ready for the first time, fails when it could not become so. */
  readonly firstReady = Deferred.makeUnsafe<void, RunProcessError>()
  private readonly plan: Plan
  private readonly status: SubscriptionRef.SubscriptionRef<ProcessStatus>
  private readonly stopping = Deferred.makeUnsafe<"Stopped">()
  /** Completes when the process is not to be started again. */
  private readonly finishing = Deferred.makeUnsafe<"Ended">()
  private pid = 0
  private restarts = 0
  private wasReady = false
  private last: RunEnd = { run: 1, exitCode: undefined, signal: undefined, readyFor: undefined, failure: undefined }

  constructor(plan: Plan, status: SubscriptionRef.SubscriptionRef<ProcessStatus>) {
    this.plan = plan
    this.status = status
  }

  /** The whole life of the process. Has to run in a fiber that nothing interrupts: `stop` ends it. */
  get life(): Effect.Effect<void> {
    const { output, timeout } = this.plan
    const ends: Array<Effect.Effect<ProcessExit["reason"]>> = [this.runs, Deferred.await(this.stopping)]
    if (timeout !== undefined)
      ends.push(Effect.as(RealTime.sleep(Duration.toMillis(timeout), "background"), "TimedOut"))
    // Whichever comes first: the others are interrupted, and a process that runs is gone when that is done.
    return Effect.raceAllFirst(ends).pipe(
      Effect.flatMap((reason) => {
        const { exitCode, failure, signal } = this.last
        const exit = { reason, exitCode, signal, failure, restarts: this.restarts, lastLines: output.lastLines }
        const intended = reason === "Stopped" || (reason === "Ended" && exitCode === 0)
        return Effect.as(SubscriptionRef.set(this.status, { _tag: intended ? "Stopped" : "Failed", exit }), exit)
      }),
      Effect.onExit((exit) =>
        Effect.sync(() => {
          output.end()
          Deferred.doneUnsafe(
            this.firstReady,
            Effect.flatMap(exit, (exit) => Effect.fail(this.neverReady(exit)))
          )
          Deferred.doneUnsafe(this.exit, exit)
        })
      ),
      Effect.asVoid
    )
  }

  /** One run after the other, until there is to be none any more. */
  private get runs(): Effect.Effect<"Ended" | "GaveUp"> {
    const { output, resetAfter, restart, schedule } = this.plan
    return Effect.gen({ self: this }, function* () {
      let step: Step = yield* Schedule.toStep(schedule)
      for (let run = 1; ; run++) {
        yield* this.run(run)
        const end = this.last
        const { exitCode, readyFor = -1, signal } = end
        // What does not start for the first time would not do so the next time either: it has never been ready.
        const succeeded = exitCode === 0 && readyFor >= 0
        if (yield* Deferred.isDone(this.finishing)) return "Ended"
        if (restart === "never" || (restart === "onFailure" && succeeded) || !this.wasReady) return "Ended"
        if (readyFor >= Duration.toMillis(resetAfter)) step = yield* Schedule.toStep(schedule)
        const next = yield* nextDelay(step, end)
        if (Option.isNone(next)) return "GaveUp"
        const delay = next.value
        const { lastLines } = output
        const status = { _tag: "Restarting", run: run + 1, delay, exitCode, signal, lastLines } as const
        yield* SubscriptionRef.set(this.status, status)
        yield* Effect.raceFirst(RealTime.sleep(delay, "background"), Deferred.await(this.finishing))
        if (yield* Deferred.isDone(this.finishing)) return "Ended"
        this.restarts++
      }
    })
  }

  /** One run. When this is done, all of its processes are gone, and `last` says how it ended. */
  private run(run: number): Effect.Effect<void> {
    const { ending, output, start } = this.plan
    this.last = { run, exitCode: undefined, signal: undefined, readyFor: undefined, failure: undefined }
    output.begin()
    return Effect.acquireUseRelease(
      start(run),
      (child) => Effect.raceFirst(this.watch(run, child), Effect.andThen(child.feed, Effect.never)),
      (child) => Effect.map(child.end(ending), (end) => void (this.last = { ...this.last, ...end }))
    ).pipe(
      Effect.catch((failed) => {
        // By now all that it has printed has been read.
        const failure = failed === "NotReady" ? this.notReady(this.plan.readyTimeout) : failed
        this.last = { ...this.last, failure }
        return Effect.asVoid(Effect.when(Deferred.fail(this.firstReady, failure), Effect.succeed(run === 1)))
      })
    )
  }

  /** Waits until the process is ready, then until it has ended. */
  private watch(run: number, child: Child): Effect.Effect<void, "NotReady"> {
    const { ready, readyTimeout } = this.plan
    return Effect.gen({ self: this }, function* () {
      this.pid = child.pid
      yield* SubscriptionRef.set(this.status, { _tag: "Starting", run, pid: child.pid })
      const isReady = yield* Effect.raceFirst(
        // What it said before it ended counts.
        Effect.as(Deferred.await(child.silent), false),
        Effect.as(ready, true).pipe(
          Effect.timeoutOrElse({ duration: readyTimeout, orElse: () => Effect.fail("NotReady" as const) })
        )
      )
      if (!isReady) return
      const began = yield* Clock.currentTimeMillis
      this.wasReady = true
      yield* SubscriptionRef.set(this.status, { _tag: "Ready", run, pid: child.pid })
      yield* Deferred.succeed(this.firstReady, undefined)
      yield* Deferred.await(child.ended)
      this.last = { ...this.last, readyFor: (yield* Clock.currentTimeMillis) - began }
    })
  }

  private notReady(timeout: Duration.Duration): ProcessNotReady {
    const { name, output, readyWords } = this.plan
    return new ProcessNotReady({
      process: name,
      timeout: Duration.toMillis(timeout),
      waitedFor: readyWords,
      lastLines: output.lastLines
    })
  }

  /** Why it has not become ready, when it is over. */
  private neverReady({ exitCode, lastLines, reason, signal }: ProcessExit): RunProcessError {
    if (reason === "TimedOut") return this.notReady(this.plan.timeout!)
    return new ProcessExited({
      process: this.plan.name,
      ...(exitCode !== undefined && { exitCode }),
      ...(signal !== undefined && { signal }),
      lastLines
    })
  }

  /** Waits until it is over for good. */
  get awaitExit(): Effect.Effect<ProcessExit> {
    return RealTime.whileAwaiting(Deferred.await(this.exit))
  }

  /** Ends the process, and completes when it is gone. */
  get stop(): Effect.Effect<ProcessExit> {
    return Effect.andThen(Deferred.succeed(this.stopping, "Stopped"), this.awaitExit)
  }

  /** Does not start the process again, and completes when it has ended by itself. */
  get finish(): Effect.Effect<ProcessExit> {
    return Effect.andThen(Deferred.succeed(this.finishing, "Ended"), this.awaitExit)
  }

  /** What its users hold of it. */
  get handle(): BackgroundProcess {
    const { name, output } = this.plan
    const textOf = (source: "stdout" | "stderr") => Stream.map(output.stream(source), ({ text }) => text)
    const isOver = ({ _tag }: ProcessStatus) => _tag === "Stopped" || _tag === "Failed"
    return {
      name,
      pid: Effect.sync(() => this.pid),
      status: SubscriptionRef.get(this.status),
      statusChanges: Stream.unwrap(
        Effect.as(RealTime.keepAlive, Stream.takeUntil(SubscriptionRef.changes(this.status), isOver))
      ),
      restarts: Effect.sync(() => this.restarts),
      stdout: textOf("stdout"),
      stderr: textOf("stderr"),
      output: output.stream(),
      exit: this.awaitExit,
      stop: this.stop
    }
  }
}
