/**
 * One SQLite connection, whose operations are gathered into one transaction per turn of the event loop.
 *
 * `node:sqlite` is synchronous and a transaction costs more than a row, so operations wait for the end of the turn and
 * are committed together: group commit. An operation is a function over the connection that can be run again; when one of
 * a batch throws, the batch is rolled back and each is run on its own. Nothing ever waits in the event loop: a database
 * that another process is writing to is asked again a moment later, and a long operation goes on in slices.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { DatabaseSync, StatementSync } from "node:sqlite"
import { StoreFailure } from "../../../TaskError.ts"

/** What makes the changes of a transaction durable beside, or in place of, the database itself. */
export interface Medium {
  /** Gets the database to itself, and what others have written. Calls back once, now or later. */
  readonly acquire: (done: (failure?: { readonly error: unknown }) => void) => void
  /** Writes what the open transaction has changed. Calls back once, now or later. */
  readonly persist: (done: (failure?: { readonly error: unknown }) => void) => void
  /** Ends what `acquire` began. */
  readonly release: () => void
}

interface Operation {
  /** What it does, in the words that follow "failed to". */
  readonly name: string
  readonly kind: "read" | "write" | "long"
  readonly run: () => unknown
  readonly resume: (exit: Exit.Exit<unknown, StoreFailure>) => void
  outcome: Exit.Exit<unknown, StoreFailure> | undefined
  /** Its caller has been interrupted before it was begun. */
  abandoned: boolean
  /** It gets a transaction of its own. */
  alone: boolean
}

/** How long a batch may keep the event loop, in milliseconds. What is left waits for the next turn. */
const slice = 4

/** After how long without a commit there is time for upkeep, in milliseconds. */
const quietAfter = 250

/** How long a writer waits before it asks a busy database again, in milliseconds: one, with some chance in it. */
const busyDelay = () => 1 + Math.floor(Math.random() * 2)

/** After how long a database that stays busy is a failure, in milliseconds. */
const busyTimeout = 30_000

const isBusy = (error: unknown): boolean => {
  const code = (error as { readonly errcode?: number }).errcode
  // SQLITE_BUSY and SQLITE_LOCKED, and what they are extended to.
  return code !== undefined && ((code & 0xff) === 5 || (code & 0xff) === 6)
}

/** One connection. */
export class Database {
  readonly connection: DatabaseSync
  /** Called at the begin of each transaction that changes something. */
  onBegin: () => void = () => {}
  /** Called after each commit, before the operations complete, with how many there were. */
  onCommit: (operations: number) => void = () => {}
  /** Called when a transaction has been rolled back. */
  onRollback: () => void = () => {}
  /** Called when something failed that nobody waits for. */
  onFailure: (cause: Cause.Cause<StoreFailure>) => void = () => {}
  /** Called some time after a commit, when none has followed, with how many there have been in all. */
  onQuiet: ((commits: number) => void) | undefined
  private readonly medium: Medium | undefined
  private readonly statements = new Map<string, StatementSync>()
  private queue: Array<Operation> = []
  private scheduled = false
  private working = false
  private busySince = 0
  private closed = false
  private onIdle: (() => void) | undefined
  private committedAt = 0
  private commits = 0
  private quietTimer: NodeJS.Timeout | undefined

  constructor(connection: DatabaseSync, medium?: Medium) {
    this.connection = connection
    this.medium = medium
  }

  /** A statement, prepared once. */
  prepare(sql: string): StatementSync {
    let statement = this.statements.get(sql)
    if (statement === undefined) {
      statement = this.connection.prepare(sql)
      this.statements.set(sql, statement)
    }
    return statement
  }

  /** Runs a function that changes the database. `committed` is called when the change is durable. */
  write<A>(name: string, run: () => A, committed?: (result: A) => void): Effect.Effect<A, StoreFailure> {
    return this.submit("write", name, run, committed)
  }

  /** Runs a function that only reads. */
  read<A>(name: string, run: () => A): Effect.Effect<A, StoreFailure> {
    return this.submit("read", name, run)
  }

  /** Runs a generator function in a transaction of its own. The event loop has a turn at each of its `yield`s. */
  writeLong<A>(name: string, run: () => Generator<void, A>): Effect.Effect<A, StoreFailure> {
    return this.submit("long", name, run) as Effect.Effect<A, StoreFailure>
  }

  /** Like {@link write}, for what nobody waits for: a failure goes to `onFailure`. */
  post(name: string, run: () => unknown, done?: (exit: Exit.Exit<unknown, StoreFailure>) => void): void {
    this.add({
      name,
      kind: "write",
      run,
      resume: (exit) => {
        // Once the store is closed there is nothing left to be done.
        if (Exit.isFailure(exit) && !this.closed) this.onFailure(exit.cause)
        done?.(exit)
      },
      outcome: undefined,
      abandoned: false,
      alone: false
    })
  }

  /** Calls back when what others have written can be read here: at once, where the database is the others' too. */
  refresh(done: () => void): void {
    if (this.medium === undefined) return done()
    // Without it, what others did is heard of at the next time.
    this.add({
      name: "read",
      kind: "read",
      run: () => {},
      resume: done,
      outcome: undefined,
      abandoned: false,
      alone: false
    })
  }

  /** Completes what waits, and takes no more. Calls back when the connection can be closed. */
  close(done: () => void): void {
    this.closed = true
    clearTimeout(this.quietTimer)
    this.onQuiet = undefined
    this.onIdle = done
    if (!this.working && this.queue.length === 0) done()
  }

  private awaitQuiet(): void {
    this.commits++
    this.committedAt = performance.now()
    if (this.onQuiet === undefined || this.quietTimer !== undefined) return
    const look = () => {
      const left = this.committedAt + quietAfter - performance.now()
      this.quietTimer = left > 1 ? setTimeout(look, left).unref() : undefined
      if (this.quietTimer === undefined && !this.working) this.onQuiet?.(this.commits)
    }
    this.quietTimer = setTimeout(look, quietAfter).unref()
  }

  private submit<A>(
    kind: Operation["kind"],
    name: string,
    run: () => A,
    committed?: (result: A) => void
  ): Effect.Effect<A, StoreFailure> {
    return Effect.callback<A, StoreFailure>((resume) => {
      const operation: Operation = {
        name,
        kind,
        run,
        resume:
          committed === undefined
            ? (resume as Operation["resume"])
            : (exit) => {
                if (Exit.isSuccess(exit)) committed(exit.value as A)
                resume(exit as Exit.Exit<A, StoreFailure>)
              },
        outcome: undefined,
        abandoned: false,
        alone: false
      }
      this.add(operation)
      return Effect.sync(() => {
        // What has not been begun when its caller is interrupted is not done at all.
        operation.abandoned = true
      })
    })
  }

  private add(operation: Operation): void {
    if (this.closed) return operation.resume(this.failure(operation, new Error("the store is closed")))
    this.queue.push(operation)
    this.schedule()
  }

  private schedule(): void {
    if (this.scheduled || this.working) return
    this.scheduled = true
    setImmediate(this.flush)
  }

  private readonly flush = (): void => {
    this.scheduled = false
    this.working = true
    if (this.medium === undefined) return this.start()
    this.medium.acquire((failure) => {
      if (failure === undefined) return this.start()
      this.working = false
      this.failAll(failure.error)
    })
  }

  private start(): void {
    const writes = this.queue.some((operation) => operation.kind !== "read" && !operation.abandoned)
    if (writes) this.begin()
    else this.flushReads()
  }

  private flushReads(): void {
    const until = performance.now() + slice
    let count = 0
    for (const operation of this.queue) {
      if (count > 0 && performance.now() > until) break
      count++
      if (!operation.abandoned) this.attempt(operation)
    }
    this.medium?.release()
    this.finish(count)
  }

  private begin(): void {
    try {
      this.connection.exec("BEGIN IMMEDIATE")
    } catch (error) {
      return this.retryBusy(error)
    }
    this.busySince = 0
    this.onBegin()
    const first = this.queue.find((operation) => !operation.abandoned)
    if (first?.kind === "long") return this.runLong(first)
    const until = performance.now() + slice
    let count = 0
    for (const operation of this.queue) {
      // The clock is asked now and then: it costs as much as a small statement.
      if (operation.kind === "long" || ((count & 15) === 15 && performance.now() > until)) break
      if (count > 0 && operation.alone) break
      count++
      if (operation.abandoned) continue
      this.attempt(operation)
      if (operation.kind === "write" && Exit.isFailure(operation.outcome!)) return this.rollBack(count)
      if (operation.alone) break
    }
    this.commit(count)
  }

  private retryBusy(error: unknown): void {
    this.medium?.release()
    if (!isBusy(error) || (this.busySince > 0 && performance.now() - this.busySince > busyTimeout)) {
      this.working = false
      this.busySince = 0
      return this.failAll(error)
    }
    if (this.busySince === 0) this.busySince = performance.now()
    setTimeout(() => {
      this.working = false
      this.flush()
    }, busyDelay())
  }

  private attempt(operation: Operation): void {
    try {
      operation.outcome = Exit.succeed(operation.run())
    } catch (error) {
      operation.outcome = this.failure(operation, error)
    }
  }

  private runLong(operation: Operation): void {
    const steps = operation.run() as Generator<void, unknown>
    const index = this.queue.indexOf(operation)
    const step = () => {
      try {
        const until = performance.now() + slice
        let next = steps.next()
        while (next.done !== true && performance.now() < until) next = steps.next()
        if (next.done !== true) {
          setImmediate(step)
          return
        }
        operation.outcome = Exit.succeed(next.value)
      } catch (error) {
        this.rollback()
        this.medium?.release()
        operation.outcome = this.failure(operation, error)
        return this.finish(index + 1)
      }
      this.commit(index + 1)
    }
    step()
  }

  /** Makes the first `count` operations durable. */
  private commit(count: number): void {
    if (this.medium === undefined) return this.commitTransaction(count)
    this.medium.persist((failure) => {
      if (failure === undefined) return this.commitTransaction(count)
      this.rollback()
      this.medium!.release()
      this.failCommit(count, failure.error)
    })
  }

  private commitTransaction(count: number): void {
    try {
      this.connection.exec("COMMIT")
    } catch (error) {
      if (this.connection.isTransaction) this.rollback()
      this.medium?.release()
      return this.failCommit(count, error)
    }
    this.medium?.release()
    this.awaitQuiet()
    this.onCommit(count)
    this.finish(count)
  }

  private rollback(): void {
    try {
      this.connection.exec("ROLLBACK")
    } catch {
      // SQLite rolls back by itself when it runs out of space or memory: there is no transaction to end then.
    }
    this.onRollback()
  }

  /** One of a batch has thrown: nothing of it has happened, and each of its operations gets a transaction of its own. */
  private rollBack(count: number): void {
    this.rollback()
    this.medium?.release()
    if (count === 1) return this.finish(1)
    this.separate(count)
  }

  private separate(count: number): void {
    for (const operation of this.queue.slice(0, count)) {
      operation.outcome = undefined
      operation.alone = true
    }
    this.finish(0)
  }

  /** A batch could not be made durable. Some of its operations may need less room on the disk than all, or none. */
  private failCommit(count: number, error: unknown): void {
    const together = this.queue.slice(0, count).filter((operation) => !operation.abandoned).length
    if (together > 1) this.separate(count)
    else this.fail(count, error)
  }

  private failAll(error: unknown): void {
    this.fail(this.queue.length, error)
  }

  private fail(count: number, error: unknown): void {
    for (const operation of this.queue.slice(0, count)) operation.outcome = this.failure(operation, error)
    this.finish(count)
  }

  /** Completes the first `count` operations and goes on with the rest. */
  private finish(count: number): void {
    const finished = count === this.queue.length ? this.queue : this.queue.slice(0, count)
    this.queue = count === this.queue.length ? [] : this.queue.slice(count)
    this.working = false
    for (const operation of finished) if (operation.outcome !== undefined) operation.resume(operation.outcome)
    this.settleIdle()
  }

  private settleIdle(): void {
    if (this.queue.length > 0) this.schedule()
    else if (this.closed && !this.working) this.onIdle?.()
  }

  private failure(operation: Operation, error: unknown): Exit.Exit<never, StoreFailure> {
    return Exit.fail(new StoreFailure({ operation: operation.name, cause: error }))
  }
}
