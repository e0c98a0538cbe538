/**
 * What is asked of a store in one turn of the event loop, made durable by one commit: group commit.
 *
 * A commit costs far more than a change, whether it waits for a disk or for a server. So operations wait for the end of the
 * turn, are run one after the other in one transaction, and complete when it is committed. When one of them throws, nothing
 * of the turn has happened, and each is run again in a transaction of its own: an operation has to be one that can be run
 * again. What is asked for meanwhile waits for the next turn.
 *
 * This module knows no database. An {@link Engine} begins, commits and undoes transactions, each of them now or later: an
 * embedded database does so in place, a server when it has answered. A transaction is a value of the engine's own making. It
 * is handed to each operation, so that what has to run in one can ask for it, and collects what is to be announced once it is
 * committed. One that is undone is dropped, with all that it has collected.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { StoreFailure } from "../../TaskError.ts"

/** Why a commit has failed. */
export interface CommitFailure {
  readonly error: unknown
  /** Whether it is certain that nothing of the transaction has happened, so that its operations may be run again. */
  readonly undone: boolean
}

/** What transactions are made of. Each method but `announce` calls back once, in place or later. */
export interface Engine<T> {
  /** Begins a transaction. Without `writes` it is for reading alone, and ends with a commit that has nothing to keep. */
  readonly begin: (writes: boolean, begun: (transaction: T) => void, failed: (error: unknown) => void) => void
  /** Makes all that was done in a transaction durable. A transaction whose commit has failed is over. */
  readonly commit: (
    transaction: T,
    committed: (transaction: T) => void,
    failed: (failure: CommitFailure) => void
  ) => void
  readonly rollback: (transaction: T, undone: () => void) => void
  /** Tells what a transaction has announced. Called when it is committed, before its operations complete. */
  readonly announce: (transaction: T) => void
}

/** How long the operations of a turn may keep the event loop, in milliseconds. What is left waits for the next turn. */
const slice = 4

/** Given by an operation that is not over: it is to be run on. */
const unfinished = Symbol("unfinished")

/** An operation, from when it is asked for until it completes. */
class Operation<T, A> {
  readonly name: string
  readonly writes: boolean
  /** It gets a transaction of its own. */
  alone: boolean
  /** Its caller has been interrupted before it was begun. */
  abandoned = false
  private outcome: Exit.Exit<A, StoreFailure> | undefined
  private readonly run: (transaction: T, until: number) => A | typeof unfinished
  private readonly resume: (exit: Exit.Exit<A, StoreFailure>) => void

  constructor(
    name: string,
    writes: boolean,
    alone: boolean,
    run: (transaction: T, until: number) => A | typeof unfinished,
    resume: (exit: Exit.Exit<A, StoreFailure>) => void
  ) {
    this.name = name
    this.writes = writes
    this.alone = alone
    this.run = run
    this.resume = resume
  }

  /** Runs it until it is over, or the time is. Gives whether it is over. */
  attempt(transaction: T, until: number): boolean {
    try {
      const value = this.run(transaction, until)
      if (value === unfinished) return false
      this.outcome = Exit.succeed(value)
    } catch (error) {
      this.fail(error)
    }
    return true
  }

  get failed(): boolean {
    return this.outcome !== undefined && Exit.isFailure(this.outcome)
  }

  fail(error: unknown): void {
    this.outcome = Exit.fail(new StoreFailure({ operation: this.name, cause: error }))
  }

  /** What it did has been undone: it will be run again, by itself. */
  separate(): void {
    this.outcome = undefined
    this.alone = true
  }

  complete(): void {
    if (this.outcome !== undefined) this.resume(this.outcome)
  }
}

/** An operation whose result is nobody's business but its caller's. */
type Queued<T> = Pick<Operation<T, unknown>, keyof Operation<T, unknown>>

/** The operations of a store, in the order in which they were asked for. Reading is given `R`, which is a part of `T`. */
export class GroupCommit<T extends R, R = T> {
  private readonly engine: Engine<T>
  private queue: Array<Queued<T>> = []
  private scheduled = false
  private working = false
  protected closed = false
  private onIdle: (() => void) | undefined
  /** Whether the transaction at work is one for writing. */
  private writing = false
  /** How many operations, from the first on, are in the transaction at work. */
  private count = 0

  constructor(engine: Engine<T>) {
    this.engine = engine
  }

  /** An operation that changes something. One whose caller is interrupted before it is begun is not done at all. */
  write<A>(name: string, run: (transaction: T) => A): Effect.Effect<A, StoreFailure> {
    return this.submit(name, true, false, run)
  }

  /** An operation that only reads. It may find itself in a transaction with others that write. */
  read<A>(name: string, run: (reader: R) => A): Effect.Effect<A, StoreFailure> {
    return this.submit(name, false, false, run)
  }

  /** An operation with a transaction of its own, during which the event loop has a turn at each `yield`, if it needs one. */
  writeLong<A>(name: string, begin: (transaction: T) => Generator<void, A>): Effect.Effect<A, StoreFailure> {
    return Effect.suspend(() => {
      let steps: Generator<void, A> | undefined
      return this.submit(name, true, true, (transaction, until) => {
        steps ??= begin(transaction)
        let next = steps.next()
        while (next.done !== true && performance.now() < until) next = steps.next()
        return next.done === true ? next.value : unfinished
      })
    })
  }

  /** A {@link write} that no fiber waits for. */
  post<A>(name: string, run: (transaction: T) => A, done: (exit: Exit.Exit<A, StoreFailure>) => void): void {
    this.add(new Operation(name, true, false, run, done))
  }

  /** A {@link read} that no fiber waits for. */
  postRead<A>(name: string, run: (reader: R) => A, done: (exit: Exit.Exit<A, StoreFailure>) => void): void {
    this.add(new Operation(name, false, false, run, done))
  }

  /** Completes what was asked for, and refuses what is asked for from now on. Calls back when nothing is at work any more. */
  close(done: () => void): void {
    this.closed = true
    if (this.working || this.queue.length > 0) this.onIdle = done
    else done()
  }

  private submit<A>(
    name: string,
    writes: boolean,
    alone: boolean,
    run: (transaction: T, until: number) => A | typeof unfinished
  ): Effect.Effect<A, StoreFailure> {
    return Effect.callback((resume) => {
      const operation = new Operation(name, writes, alone, run, resume)
      this.add(operation)
      return Effect.sync(() => {
        operation.abandoned = true
      })
    })
  }

  private add(operation: Queued<T>): void {
    if (this.closed) {
      operation.fail(new Error("the store is closed"))
      return operation.complete()
    }
    this.queue.push(operation)
    this.schedule()
  }

  private schedule(): void {
    if (this.scheduled || this.working) return
    this.scheduled = true
    setImmediate(this.turn)
  }

  // --- a turn --------------------------------------------------------------------------------------------------------

  private readonly turn = (): void => {
    this.scheduled = false
    this.working = true
    this.writing = this.queue.some((operation) => operation.writes && !operation.abandoned)
    this.engine.begin(this.writing, this.run, this.notBegun)
  }

  private readonly notBegun = (error: unknown): void => this.fail(this.queue.length, error)

  /** Runs as many operations as a turn has time for. */
  private readonly run = (transaction: T): void => {
    const until = performance.now() + slice
    this.count = 0
    // What these ask for in turn waits for the next one.
    const { length } = this.queue
    while (this.count < length) {
      const operation = this.queue[this.count]!
      // What was asked for since the beginning may need another kind of transaction.
      if (operation.writes && !this.writing && !operation.abandoned) break
      if (this.count > 0 && (operation.alone || this.isOver(operation, until))) break
      this.count++
      if (operation.abandoned) continue
      if (!operation.attempt(transaction, until)) return this.goOn(transaction, operation)
      if (operation.writes && operation.failed) return this.rollback(transaction)
      if (operation.alone) break
    }
    this.commit(transaction)
  }

  /** Whether the time is over. The clock is asked now and then: it costs as much as a small statement. */
  private isOver(next: Queued<T>, until: number): boolean {
    return (!next.writes || (this.count & 15) === 15) && performance.now() > until
  }

  private goOn(transaction: T, operation: Queued<T>): void {
    setImmediate(() => {
      if (!operation.attempt(transaction, performance.now() + slice)) this.goOn(transaction, operation)
      else if (operation.failed) this.rollback(transaction)
      else this.commit(transaction)
    })
  }

  private commit(transaction: T): void {
    this.engine.commit(transaction, this.committed, this.notCommitted)
  }

  private readonly committed = (transaction: T): void => {
    this.engine.announce(transaction)
    this.finish(this.count)
  }

  /** Some of the operations may need less room on a disk than all of them, or none. */
  private readonly notCommitted = ({ error, undone }: CommitFailure): void => {
    if (undone && this.queue.slice(0, this.count).filter((operation) => !operation.abandoned).length > 1)
      this.separate()
    else this.fail(this.count, error)
  }

  private rollback(transaction: T): void {
    this.engine.rollback(transaction, () => {
      if (this.count === 1) this.finish(1)
      else this.separate()
    })
  }

  /** Nothing of what was at work has happened, and each of its operations gets a transaction of its own. */
  private separate(): void {
    for (const operation of this.queue.slice(0, this.count)) operation.separate()
    this.finish(0)
  }

  private fail(count: number, error: unknown): void {
    for (const operation of this.queue.slice(0, count)) operation.fail(error)
    this.finish(count)
  }

  /** Completes the first `count` operations and goes on with the rest. */
  private finish(count: number): void {
    const finished = count === this.queue.length ? this.queue : this.queue.slice(0, count)
    this.queue = count === this.queue.length ? [] : this.queue.slice(count)
    this.working = false
    for (const operation of finished) operation.complete()
    if (this.queue.length > 0) this.schedule()
    else if (!this.working) this.onIdle?.()
  }
}
