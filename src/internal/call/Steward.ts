/**
 * Does for a runner what it does not bring along: pauses it, counts its tasks, has a task stopped that is cancelled by its
 * id, and refuses what its handlers cannot run.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import { DurationHistogram, type RunnerStats, snapshot } from "../../RunnerStats.ts"
import type { TaskError } from "../../TaskError.ts"
import type { Execution, TaskRequest } from "../../TaskRequest.ts"
import type { Call } from "./Call.ts"
import { inOwnFiber } from "./Fibers.ts"
import type { Kind } from "./Kind.ts"

/** Nobody else has anything to do with the work. */
const unattended: Execution = { status: "running", abort: () => {} }

export class Steward {
  private readonly gate = Latch.makeUnsafe(true)
  private paused = false
  private readonly calls = new Set<Call>()
  private readonly cancels: boolean
  private readonly refusal: ((request: TaskRequest) => TaskError | undefined) | undefined
  completed = 0
  failed = 0
  readonly waitTime = new DurationHistogram()
  readonly runTime = new DurationHistogram()

  /** `cancels` says that the runner stops tasks by itself, `refusal` why it does not run one. */
  constructor(cancels: boolean, refusal: ((request: TaskRequest) => TaskError | undefined) | undefined) {
    this.cancels = cancels
    this.refusal = refusal
  }

  /** Looks after a call, and has its work done in time. */
  attend<X>(kind: Kind<X>, call: Call, work: () => X): X {
    return kind.suspend(() => {
      if (this.refusal !== undefined) {
        const refused = this.refusal(call)
        if (refused !== undefined) return kind.after(Effect.fail(refused), work)
        call.accept()
      }
      const since = performance.now()
      this.calls.add(call)
      let startedAt: number | undefined
      const start = (): X => {
        startedAt = performance.now()
        this.waitTime.add(startedAt - since)
        call.begin(unattended)
        return this.cancels ? work() : kind.cancellable(call, work)
      }
      return kind.onExit(this.paused ? kind.after(inOwnFiber(call, this.gate.await), start) : start(), (exit) => {
        this.calls.delete(call)
        if (startedAt === undefined) return
        this.runTime.add(performance.now() - startedAt)
        if (Exit.isSuccess(exit)) this.completed++
        else this.failed++
      })
    })
  }

  readonly pause: Effect.Effect<void> = Effect.sync(() => {
    this.paused = true
    this.gate.closeUnsafe()
  })

  readonly resume: Effect.Effect<void> = Effect.sync(() => {
    this.paused = false
    this.gate.openUnsafe()
  })

  get queued(): number {
    return this.calls.size - this.running
  }

  get running(): number {
    let running = 0
    for (const { status } of this.calls) if (status === "running") running++
    return running
  }

  readonly stats: Effect.Effect<RunnerStats> = Effect.sync(() => snapshot(this))
}
