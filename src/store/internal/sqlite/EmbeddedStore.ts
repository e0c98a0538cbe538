/** Both services over one SQLite database: what the memory, the file and the SQLite store have in common. */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { DatabaseSync } from "node:sqlite"
import { StoreFailure } from "../../../TaskError.ts"
import * as Serialization from "../../Serialization.ts"
import {
  type ConsumerOptions,
  defaultQueue,
  type NewTask,
  type Offered,
  type QueueSettings,
  TaskQueue
} from "../../TaskQueue.ts"
import { type TaskChange, type TaskEvent, type TaskRecord, TaskStore } from "../../TaskStore.ts"
import type { Bell } from "./Bell.ts"
import { Changes } from "./Changes.ts"
import { Database, type Medium } from "./Database.ts"
import { EmbeddedConsumer } from "./EmbeddedConsumer.ts"
import { Lanes } from "./Lanes.ts"
import { Listing } from "./Listing.ts"
import * as Sessions from "./Sessions.ts"
import { Transitions, type WrittenTask } from "./Transitions.ts"

/** Options that the embedded stores share. */
export interface Options {
  /**
   * How payloads, results and progress are written. All programs that share a store must say the same.
   *
   * @default Serialization.json
   */
  readonly serialization?: Serialization.Serialization | undefined
  /**
   * How long the record of a task is kept once the task is over, unless its definition or its call says otherwise with
   * `timeToLive`.
   *
   * @default "7 days"
   */
  readonly timeToLive?: Duration.Input | undefined
  /**
   * Whether records are removed by themselves, once a minute, when their time to live is over. Until they are removed,
   * they are not seen any more either.
   *
   * @default true
   */
  readonly autoCleanup?: boolean | undefined
  /**
   * The chance, from 0 to 1, that storing tasks, or writing a record, also removes expired records. For stores that are
   * written to by programs too short-lived for `autoCleanup`.
   *
   * @default 0
   */
  readonly cleanupProbability?: number | undefined
}

/** What an embedded store is made of. */
export interface Parts {
  readonly connection: DatabaseSync
  /** Makes the connection durable where it is not by itself. */
  readonly medium?: Medium | undefined
  /** What is wrong with the record of a task, if it cannot be read. */
  readonly damageOf?: ((id: string) => string | undefined) | undefined
  /** Called when there is time for upkeep, with how many commits there have been. */
  readonly onQuiet?: ((commits: number) => void) | undefined
  /** Wakes readers. */
  readonly work: Bell
  /** Wakes those who listen to changes. */
  readonly changes: Bell
}

/** How often expired records are looked for, in milliseconds. */
const cleanupInterval = 60_000

/** How many tasks of a bulk are written before the event loop has a turn. */
const bulkSlice = 64

/** How often the log is read by those who hear no bell, in milliseconds. */
const listenInterval = 1_000

/** One open store. */
export class EmbeddedStore {
  readonly db: Database
  readonly lanes: Lanes
  readonly transitions: Transitions
  readonly sessions: Sessions.Sessions
  readonly serialization: Serialization.Serialization
  private readonly warn: (message: string, cause: Cause.Cause<unknown>) => void
  private readonly changes: Changes
  private readonly listing: Listing
  private readonly parts: Parts
  private readonly consumers = new Set<EmbeddedConsumer>()
  private readonly cleanupProbability: number
  private listening = false
  private recorder: Sessions.Session | undefined
  private stopListening = () => {}
  private hasOffered = false
  private claims = 0
  private counts = { consumers: 0, listeners: 0 }
  private listenTimer: NodeJS.Timeout | undefined

  constructor(parts: Parts, options: Options, warn: (message: string, cause: Cause.Cause<unknown>) => void) {
    const timeToLive = Duration.toMillis(Duration.fromInputUnsafe(options.timeToLive ?? "7 days"))
    this.parts = parts
    this.warn = warn
    this.serialization = options.serialization ?? Serialization.json
    this.cleanupProbability = options.cleanupProbability ?? 0
    this.db = new Database(parts.connection, parts.medium)
    this.lanes = new Lanes(this.db)
    this.transitions = new Transitions(this.db, this.lanes, this.serialization, timeToLive)
    this.sessions = new Sessions.Sessions(this.db, this.transitions)
    this.changes = new Changes(this.db, this.lanes, this.serialization)
    this.listing = new Listing(this.db, this.serialization, timeToLive)
    this.db.onBegin = () => {
      this.counts = this.lanes.refresh()
      // What others have done is told before what this transaction does to the same tasks.
      this.changes.read()
      this.changes.log(this.counts.listeners > 0)
    }
    this.db.onRollback = () => {
      this.claims = 0
      this.lanes.forget()
      this.changes.rolledBack()
    }
    this.db.onCommit = (operations) => {
      const claimsAlone = this.claims === operations
      this.claims = 0
      this.committed(claimsAlone)
    }
    this.sessions.onTakeover = () => {
      this.offered()
      this.committed(false)
    }
    this.db.onQuiet = parts.onQuiet
    this.db.onFailure = (cause) => this.warn("The task store could not do what nobody waits for", cause)
    this.sessions.onTick = () => this.prune()
  }

  /** Notes that the transaction brings work for readers. */
  offered(): void {
    this.hasOffered = true
  }

  /** Notes that one of the transaction's operations is a claim. */
  claimed(): void {
    this.claims++
  }

  private committed(claimsAlone: boolean): void {
    if (this.hasOffered) {
      this.hasOffered = false
      for (const consumer of this.consumers) consumer.wake()
      if (this.counts.consumers > this.sessions.count("consumer")) this.parts.work.ring()
    }
    this.changes.read()
    if (this.counts.listeners <= this.sessions.count("listener")) return
    // That a task runs is no urgent news, and its end may follow at once.
    if (claimsAlone) this.parts.changes.ringLater()
    else this.parts.changes.ring()
  }

  private prune(): void {
    if (!this.changes.prunable) return
    let more = false
    const prune = () => (more = this.changes.prune(Date.now()))
    this.db.post("shorten the log", prune, () => {
      if (more) this.prune()
    })
  }

  // --- sessions ------------------------------------------------------------------------------------------------------

  /** Makes sure that changes are logged and read. */
  private listen(): void {
    if (this.listening) return
    const session = Sessions.make("listener", Sessions.defaultLease, () => {})
    this.listening = true
    const read = () => this.db.refresh(this.changes.read)
    this.stopListening = this.parts.changes.listen(read)
    this.listenTimer = setInterval(read, listenInterval)
    this.listenTimer.unref()
    this.db.post(
      "listen to changes",
      () => {
        this.sessions.open(session)
        this.changes.log(true)
        this.changes.begin()
      },
      (exit) => {
        if (Exit.isSuccess(exit)) return
        // Tried again at the next call: without it, what others do is not heard of.
        this.listening = false
        this.sessions.forget(session)
        this.warn("Changes of tasks are not heard of", exit.cause)
      }
    )
  }

  /** The session that holds the records of what runs elsewhere. To be called in a transaction. */
  private recording(): number {
    this.recorder ??= Sessions.make("recorder", Sessions.defaultLease, () => {})
    if (this.recorder.id === 0) this.sessions.open(this.recorder)
    else this.sessions.revive(this.recorder)
    return this.recorder.id
  }

  consume(options: ConsumerOptions): Effect.Effect<EmbeddedConsumer, StoreFailure, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.suspend(() => {
        const consumer = new EmbeddedConsumer(this, options)
        const opened = this.db.write("start to read", () => consumer.open())
        return Effect.map(
          Effect.onError(opened, () => Effect.sync(() => this.sessions.forget(consumer.session))),
          () => {
            consumer.start(this.parts.work)
            this.consumers.add(consumer)
            return consumer
          }
        ).pipe(Effect.onError(() => Effect.sync(() => this.sessions.forget(consumer.session))))
      }),
      (consumer) =>
        Effect.suspend(() => {
          // The store may have ended before.
          if (!this.consumers.delete(consumer)) return Effect.void
          consumer.stop()
          return this.endSession(consumer.session)
        })
    )
  }

  private endSession(session: Sessions.Session): Effect.Effect<void> {
    return this.db
      .write("end a session", () => {
        this.sessions.end(session)
        this.offered()
      })
      .pipe(
        // Its claims go back all the same, when others see that it is gone.
        Effect.catchCause((cause) => Effect.sync(() => this.warn("A session could not be ended", cause))),
        Effect.andThen(Effect.sync(() => this.sessions.forget(session)))
      )
  }

  /** Ends what this store has in the database, and what of it is still open. */
  get end(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.stopListening()
      clearInterval(this.listenTimer)
      for (const consumer of this.consumers) consumer.stop()
      this.consumers.clear()
      return Effect.andThen(
        Effect.forEach(this.sessions.all, (session) => this.endSession(session), { discard: true }),
        Effect.callback<void>((resume) => this.db.close(() => resume(Effect.void)))
      )
    })
  }

  // --- the queue -----------------------------------------------------------------------------------------------------

  private write(task: NewTask): WrittenTask {
    return { task, payload: this.serialization.encode(task.payload, task.text) }
  }

  private add(task: WrittenTask, now: number): Offered {
    const { seq, ...offered } = this.transitions.add(task, now)
    this.changes.locate(offered.id, seq)
    if (offered.created) this.offered()
    return offered
  }

  offer(tasks: ReadonlyArray<NewTask>): Effect.Effect<ReadonlyArray<Offered>, StoreFailure> {
    return Effect.suspend(() => {
      let written: ReadonlyArray<WrittenTask>
      try {
        written = tasks.map((task) => this.write(task))
      } catch (cause) {
        return Effect.fail(new StoreFailure({ operation: "write a payload", cause }))
      }
      const offered =
        written.length <= bulkSlice
          ? this.db.write("store a task", () => {
              const now = Date.now()
              return written.map((task) => this.add(task, now))
            })
          : this.db.writeLong("store tasks", () => this.addAll(written))
      return this.sometimesCleaning(offered)
    })
  }

  /** Storing tasks, after which expired records may be removed. */
  private sometimesCleaning<A>(stored: Effect.Effect<A, StoreFailure>): Effect.Effect<A, StoreFailure> {
    return this.cleanupProbability > 0 && Math.random() < this.cleanupProbability
      ? Effect.tap(stored, this.listing.cleanupExpired)
      : stored
  }

  private *addAll(tasks: ReadonlyArray<WrittenTask>): Generator<void, ReadonlyArray<Offered>> {
    const offered: Array<Offered> = []
    for (const task of tasks) {
      offered.push(this.add(task, Date.now()))
      if (offered.length % bulkSlice === 0) yield
    }
    return offered
  }

  private change<A>(name: string, run: () => A): Effect.Effect<A, StoreFailure> {
    return this.db.write(name, () => {
      const changed = run()
      this.offered()
      return changed
    })
  }

  private configure(queue: string, settings: Partial<QueueSettings>): Effect.Effect<void, StoreFailure> {
    return this.change("change a queue", () => {
      this.lanes.refresh()
      this.lanes.configure(queue, { ...this.lanes.settings(queue), ...settings })
      this.transitions.unparkAll()
    })
  }

  get queue(): TaskQueue["Service"] {
    return TaskQueue.of({
      offer: (tasks) => this.offer(tasks),
      consume: (options) => Effect.map(this.consume(options), (consumer) => consumer.service),
      cancel: (id, exit) => this.change("cancel a task", () => this.transitions.cancel(id, exit)),
      retry: (id) => this.change("put a task back", () => this.transitions.retry(id, Date.now())),
      settings: (queue) =>
        this.db.read("read a queue's settings", () => {
          this.lanes.refresh()
          return this.lanes.settings(queue)
        }),
      configure: (queue, settings) => this.configure(queue, settings),
      pause: (queue = defaultQueue) => this.configure(queue, { paused: true }),
      resume: (queue = defaultQueue) => this.configure(queue, { paused: false })
    })
  }

  // --- the records ---------------------------------------------------------------------------------------------------

  private record(id: string): TaskRecord | undefined {
    const record = this.listing.get(id)
    const damage = record === undefined ? this.parts.damageOf?.(id) : undefined
    if (damage !== undefined) throw new Error(`the record is damaged: ${damage}`)
    return record
  }

  private observe(id: string, observer: (change: TaskChange) => void): () => void {
    this.listen()
    const stop = this.changes.observe(id, observer)
    this.db.post("find an observed task", () => this.changes.find(id))
    return stop
  }

  private get events(): Stream.Stream<TaskEvent, StoreFailure> {
    return Stream.callback<TaskEvent, StoreFailure>((queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          this.listen()
          return this.changes.listen((event) => Queue.offerUnsafe(queue, event))
        }),
        (stop) => Effect.sync(stop)
      )
    )
  }

  get store(): TaskStore["Service"] {
    return TaskStore.of({
      get: (id) => this.db.read("read a record", () => Option.fromUndefinedOr(this.record(id))),
      has: (id) => this.db.read("look for a record", () => this.listing.get(id) !== undefined),
      entries: (options) => this.listing.entries(options),
      size: (filter) => this.listing.size(filter),
      put: (record) => {
        const put = this.db.write("write a record", () => this.transitions.put(record, this.recording(), Date.now()))
        return this.sometimesCleaning(put)
      },
      remove: (id) => this.change("remove a record", () => this.transitions.remove(id)),
      clear: (filter) => this.listing.clear(filter),
      cleanupExpired: this.listing.cleanupExpired,
      events: this.events,
      observe: (id, observer) => this.observe(id, observer)
    })
  }

  /** Removes expired records for as long as the store is open. */
  get cleanup(): Effect.Effect<never> {
    return Effect.forever(
      this.listing.cleanupExpired.pipe(
        Effect.catchCause((cause) => Effect.sync(() => this.warn("Expired records could not be removed", cause))),
        Effect.andThen(Effect.sleep(cleanupInterval))
      )
    )
  }
}

/** Opens a store for the current scope, and gives both services. */
export const make = (
  parts: Parts,
  options: Options
): Effect.Effect<Context.Context<TaskStore | TaskQueue>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const runFork = Effect.runForkWith(yield* Effect.context<never>())
    const store = yield* Effect.acquireRelease(
      Effect.sync(
        () => new EmbeddedStore(parts, options, (message, cause) => runFork(Effect.logWarning(message, cause)))
      ),
      (store) => store.end
    )
    if (options.autoCleanup !== false) yield* Effect.forkScoped(store.cleanup)
    return Context.make(TaskStore, store.store).pipe(Context.add(TaskQueue, store.queue))
  })
