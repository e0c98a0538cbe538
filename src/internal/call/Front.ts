/**
 * What stands in front of a runner. Every call passes here on its way in and on its way out, in this order:
 *
 * 1. gate: it waits while somebody waits for the runner to be idle and keeps others out
 * 2. end of intake: it is refused once the runner is closed
 * 3. list: from here on it is one of the runner's live tasks
 * 4. middlewares, if there are any, the outermost first
 * 5. delay: it waits for its time
 * 6. time limit: its clock runs
 * 7. attempts: what follows is done again as long as its retry says so
 * 8. work: the runner has it
 * 9. end: it leaves the list, is settled, and who waits for the runner to be idle may go on
 *
 * `begin` and `settle` are the callbacks at the two ends; `admit` puts them round an Effect or a Stream.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { RunnerClosed, type TaskError } from "../../TaskError.ts"
import { Line } from "../limit/Line.ts"
import { keyOf } from "../task/TaskId.ts"
import type { CallControl, TaskRequest } from "../../TaskRequest.ts"
import type { Call } from "./Call.ts"
import * as Calls from "./Call.ts"
import { IdleGate } from "./IdleGate.ts"
import { endOf, timeoutError, untilDue } from "./InFront.ts"
import { inOwnFiber } from "./Fibers.ts"
import { effects, type Kind, streams } from "./Kind.ts"

/** What the front of a runner is told about it. */
export interface FrontOptions {
  /**
   * Whether a call that middlewares have is one of the runner's live tasks: `fork` gives its handle while it waits there.
   */
  readonly accepts: boolean
  /**
   * Whether live tasks are listed here.
   *
   * @default true
   */
  readonly lists?: boolean | undefined
  /** Called with true when there is a live task again, and with false when there is none any more. */
  readonly onBusy?: ((busy: boolean) => void) | undefined
  /** Waits until the runner is idle, where that is more than having no live task. */
  readonly awaitEmpty?: Effect.Effect<void> | undefined
  /** The front behind this one that is to have a call in place of this one, when there is one already. */
  readonly behind?: ((call: Call) => Front | undefined) | undefined
  /** Whether the runner still waits for the task with this id, which may need tasks of its own. */
  readonly waitsFor?: ((id: string) => boolean) | undefined
}

export class Front {
  readonly accepts: boolean
  /** The live tasks, in the order of their calls. */
  readonly calls = new Line<Call>()
  /** Those by what stands for their id: made at the first look-up, since few are ever looked for. */
  private index: Map<number | string, Call> | undefined = undefined
  private readonly gate = new IdleGate()
  private readonly lists: boolean
  private readonly options: FrontOptions
  private readonly emptied = new Set<() => void>()
  /** Only tasks of those that are waited for are taken. */
  private closed = false
  /** None is taken. */
  private ended = false

  constructor(options: FrontOptions) {
    this.accepts = options.accepts
    this.lists = options.lists ?? true
    this.options = options
  }

  // -------------------------------------------------------------------------------------------------------------------
  // The way of a call
  // -------------------------------------------------------------------------------------------------------------------

  /** Gate, end of intake, list, `work`, end. A call that is here already comes back from middlewares: `work` alone. */
  admit<X>(kind: Kind<X>, call: Call, work: (call: Call) => X): X {
    if (call.front === this) {
      const end = endOf(call)
      return end === undefined
        ? kind.onExit(work(call), () => call.release())
        : kind.after(end, () => kind.suspend(() => work(call)))
    }
    return this.pass(kind, call, () => {
      const behind = this.options.behind?.(call)
      if (behind !== undefined) return behind.admit(kind, call, work)
      this.begin(call)
      if (this.accepts && !call.timed) call.startTimeout()
      return kind.onExit(
        kind.suspend(() => work(call)),
        (exit) => this.settle(call, exit)
      )
    })
  }

  /** Gate and end of intake, then what `next` makes. */
  pass<X>(kind: Kind<X>, call: Call, next: () => X): X {
    const waiting = this.waiting(call)
    if (waiting !== undefined) return kind.after(Effect.andThen(waiting, this.check(call)), next)
    const refusal = this.refusal(call)
    return refusal === undefined ? next() : kind.after(Effect.fail(refusal), next)
  }

  /** What a call waits for at the gate, if it has to. */
  waiting(call: Call): Effect.Effect<void, TaskError> | undefined {
    return this.gate.shut && !this.isWaitedFor(call) ? this.gate.wait(call) : undefined
  }

  /** Why a call is not taken, if it is not. */
  refusal(call: Call): RunnerClosed | undefined {
    return this.closed && (this.ended || !this.isWaitedFor(call)) ? new RunnerClosed({ task: call.name }) : undefined
  }

  private check(call: Call): Effect.Effect<void, TaskError> {
    return Effect.suspend(() => {
      const refusal = this.refusal(call)
      return refusal === undefined ? Effect.void : Effect.fail(refusal)
    })
  }

  /** Whether a call needs nothing but its place on the list: nobody stands in its way or has it, and it has no options. */
  isPlain({ front, options }: Call): boolean {
    return (
      front === undefined &&
      !this.closed &&
      !this.gate.shut &&
      options.timeout === undefined &&
      options.retry === undefined &&
      options.delay === undefined &&
      options.runAt === undefined
    )
  }

  /** A live task by its id. */
  find(id: string): Call | undefined {
    this.index ??= new Map(Array.from(this.calls, (call) => [call.key, call]))
    return this.index.get(keyOf(id))
  }

  /** The call is here. */
  begin(call: Call): void {
    call.front ??= this
    if (!this.lists) return
    this.calls.enter(call)
    this.index?.set(call.key, call)
    if (this.calls.size === 1) this.options.onBusy?.(true)
  }

  /** The call is over, or another front has it back. */
  settle(call: Call, exit: Exit.Exit<unknown, unknown>): undefined {
    if (this.lists) {
      this.calls.leave(call)
      if (this.index?.get(call.key) === call) this.index.delete(call.key)
    }
    if (call.front === this) {
      call.front = undefined
      call.settle(exit)
    } else call.release()
    if (!this.lists || this.calls.size > 0) return
    this.options.onBusy?.(false)
    if (this.emptied.size === 0) return
    const emptied = [...this.emptied]
    this.emptied.clear()
    for (const resume of emptied) resume()
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Those who wait for the runner to be idle
  // -------------------------------------------------------------------------------------------------------------------

  /** A task that is waited for may still need tasks of its own. */
  private isWaitedFor({ parentId }: Call): boolean {
    if (parentId === undefined) return false
    return this.options.waitsFor?.(parentId) ?? this.find(parentId) !== undefined
  }

  /** Waits until there is no live task. */
  readonly awaitEmpty: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.calls.size === 0) return resume(Effect.void)
    const observer = () => resume(Effect.void)
    this.emptied.add(observer)
    return Effect.sync(() => this.emptied.delete(observer))
  })

  readonly awaitIdle = ({
    block,
    close
  }: { readonly block?: boolean | undefined; readonly close?: boolean | undefined } = {}): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (close) this.close()
      const idle = this.options.awaitEmpty ?? this.awaitEmpty
      return block ? this.gate.shutDuring(idle) : idle
    })

  /** Takes no task any more but those of tasks that it waits for. */
  close(): void {
    this.closed = true
    this.gate.end()
  }

  /** Takes no task any more. */
  end(): void {
    this.close()
    this.ended = true
  }

  /** Closes, waits for the tasks that are left, and cancels those that take too long. */
  shutDown(grace: Duration.Input): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.close()
      const cancel = Effect.suspend(() => {
        this.end()
        for (const call of Array.from(this.calls)) call.requestCancel()
        return this.awaitEmpty
      })
      return Effect.andThen(Effect.timeoutOption(this.awaitEmpty, grace), cancel)
    })
  }
}

/** The `execute` of a runner, made of what its Effect for a call is. */
export const executeWith =
  (front: Front, execute: (request: TaskRequest, control: CallControl) => Effect.Effect<unknown, unknown>) =>
  (request: TaskRequest): Effect.Effect<unknown, unknown> =>
    Effect.suspend(() => {
      const call = Calls.of(request)
      if (!front.isPlain(call)) {
        return front.admit(effects, call, (call) => withOptions(effects, call, execute(call, call)))
      }
      // Most calls come here, so what `admit` does with them is written out.
      const executed = execute(call, call)
      front.begin(call)
      return Effect.onExitPrimitive(executed, (exit) => front.settle(call, exit))
    })

/** The `stream` of a runner, made of what its Stream for a call is. */
export const streamWith =
  (front: Front, stream: (request: TaskRequest, control: CallControl) => Stream.Stream<unknown, unknown>) =>
  (request: TaskRequest): Stream.Stream<unknown, unknown> =>
    Stream.suspend(() =>
      front.admit(streams, Calls.of(request), (call) => withOptions(streams, call, stream(call, call)))
    )

/** Stands in front of a runner that says nothing of calls: they are over when its middlewares are done with them. */
export const unlisted = new Front({ accepts: false, lists: false })

/** Delay, time limit and attempts, as far as the options of a call ask for them. */
export const withOptions = <X>(kind: Kind<X>, call: Call, work: X): X => {
  const { retry, timeout } = call.options
  let x = work
  if (retry !== undefined) x = kind.retry(x, call, retry)
  if (timeout !== undefined) {
    x = kind.limitTime(
      x,
      () => call.startTimeout() ?? Duration.infinity,
      () => timeoutError(call)
    )
  }
  return call.early ? kind.after(inOwnFiber(call, untilDue(call)), () => x) : x
}
