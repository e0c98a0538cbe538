/** Both services over one SQLite database: what the memory, the file and the SQLite store have in common. */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
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
import { type Options, type TaskChange, type TaskEvent, type TaskRecord, TaskStore } from "../../TaskStore.ts"
import type { Bell } from "./Bell.ts"
import { Changes } from "./Changes.ts"
import { ConnectionEngine, Database, type Medium } from "./Database.ts"
import { type Core, EmbeddedConsumer } from "./EmbeddedConsumer.ts"
import { Lanes } from "./Lanes.ts"
import * as Listing from "./Listing.ts"
import * as Sessions from "./Sessions.ts"
import type { Reader, Settings, Transaction } from "./Transaction.ts"
import { Transitions, write, type WrittenTask } from "./Transitions.ts"

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

/** Says that something has failed that nobody waits for. */
type Warn = (message: string, cause: Cause.Cause<unknown>) => void

/** One open store. */
class EmbeddedStore implements Core {
  readonly settings: Settings
  readonly db: Database
  readonly lanes = new Lanes()
  readonly transitions = new Transitions(this.lanes)
  readonly sessions: Sessions.Sessions
  private readonly parts: Parts
  private readonly warn: Warn
  private readonly cleanupProbability: number
  private readonly changes: Changes
  private readonly consumers = new Set<EmbeddedConsumer>()
  private listening = false
  private recorder: Sessions.Session | undefined
  private stopListening = () => {}
  private listenTimer: NodeJS.Timeout | undefined

  constructor(parts: Parts, options: Options, warn: Warn) {
    this.parts = parts
    this.warn = warn
    this.cleanupProbability = options.cleanupProbability ?? 0
    this.settings = {
      serialization: options.serialization ?? Serialization.json,
      timeToLive: Duration.toMillis(Duration.fromInputUnsafe(options.timeToLive ?? "7 days")),
      laneOf: (reader, id) => this.lanes.get(reader, id)
    }
    const engine = new ConnectionEngine(parts.connection, parts.medium, this.settings, {
      begun: (transaction) => this.begun(transaction),
      committed: (transaction) => this.committed(transaction),
      failed: (cause) => warn("The task store could not do what nobody waits for", cause),
      quiet: parts.onQuiet
    })
    this.db = new Database(engine)
    this.changes = new Changes((read) => this.db.look(read))
    this.sessions = new Sessions.Sessions(this.db, this.transitions, (reader) => {
      if (this.changes.isPrunable(reader)) this.prune()
    })
  }

  private begun(transaction: Transaction): void {
    transaction.others = this.lanes.refresh(transaction)
    // What others have done is told before what this transaction does to the same tasks.
    this.changes.read(transaction)
    this.changes.log(transaction, transaction.others.listeners > 0)
  }

  /** Tells readers and listeners, of this process and of others, what a transaction has brought. */
  private committed(transaction: Transaction): void {
    const { bringsNews, bringsWork, others } = transaction
    if (bringsWork) {
      for (const consumer of this.consumers) consumer.wake()
      if (others.consumers > this.sessions.count("consumer")) this.parts.work.ring()
    }
    this.changes.read(transaction)
    if (others.listeners <= this.sessions.count("listener")) return
    if (bringsNews === "now") this.parts.changes.ring()
    else if (bringsNews === "later") this.parts.changes.ringLater()
  }

  private prune(): void {
    this.db.send("shorten the log", (transaction) => {
      if (this.changes.prune(transaction, Date.now())) transaction.afterCommit(() => this.prune())
    })
  }

  // --- sessions ------------------------------------------------------------------------------------------------------

  /** Makes sure that changes are logged and read. */
  private listen(): void {
    if (this.listening) return
    const session = Sessions.make("listener")
    this.listening = true
    const read = () => this.db.look(this.changes.read)
    this.stopListening = this.parts.changes.listen(read)
    this.listenTimer = setInterval(read, listenInterval).unref()
    const begin = (transaction: Transaction) => {
      this.sessions.open(transaction, session)
      this.changes.log(transaction, true)
      this.changes.begin(transaction)
    }
    this.db.send("listen to changes", begin, () => {
      // Tried again at the next call: without it, what others do is not heard of.
      this.listening = false
      this.sessions.forget(session)
    })
  }

  /** The session that holds the records of what runs elsewhere. */
  private recording(transaction: Transaction): number {
    this.recorder ??= Sessions.make("recorder")
    if (this.recorder.id === 0) this.sessions.open(transaction, this.recorder)
    else this.sessions.revive(transaction, this.recorder)
    return this.recorder.id
  }

  private consume(options: ConsumerOptions): Effect.Effect<EmbeddedConsumer, StoreFailure, Scope.Scope> {
    return Effect.acquireRelease(
      Effect.suspend(() => {
        const consumer = new EmbeddedConsumer(this, options)
        return this.db
          .write("start to read", (transaction) => this.sessions.open(transaction, consumer.session))
          .pipe(
            Effect.map(() => {
              consumer.start(this.parts.work)
              this.consumers.add(consumer)
              return consumer
            }),
            Effect.onError(() => Effect.sync(() => this.sessions.forget(consumer.session)))
          )
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
      .write("end a session", (transaction) => this.sessions.end(transaction, session))
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
        Effect.forEach(Array.from(this.sessions.own), (session) => this.endSession(session), { discard: true }),
        Effect.callback<void>((resume) => this.db.close(() => resume(Effect.void)))
      )
    })
  }

  // --- the queue -----------------------------------------------------------------------------------------------------

  private add(transaction: Transaction, task: WrittenTask, now: number): Offered {
    const { created, id, seq } = this.transitions.add(transaction, task, now)
    this.changes.added(transaction, id, seq)
    return { id, created }
  }

  private offer(tasks: ReadonlyArray<NewTask>): Effect.Effect<ReadonlyArray<Offered>, StoreFailure> {
    return Effect.suspend(() => {
      let written: ReadonlyArray<WrittenTask>
      try {
        written = tasks.map((task) => write(task, this.settings))
      } catch (cause) {
        return Effect.fail(new StoreFailure({ operation: "write a payload", cause }))
      }
      const offered =
        written.length <= bulkSlice
          ? this.db.write("store a task", (transaction) => {
              const now = Date.now()
              return written.map((task) => this.add(transaction, task, now))
            })
          : this.db.writeLong("store tasks", (transaction) => this.addAll(transaction, written))
      return this.sometimesCleaning(offered)
    })
  }

  /** Storing tasks, after which expired records may be removed. */
  private sometimesCleaning<A>(stored: Effect.Effect<A, StoreFailure>): Effect.Effect<A, StoreFailure> {
    return this.cleanupProbability > 0 && Math.random() < this.cleanupProbability
      ? Effect.tap(stored, Listing.cleanupExpired(this.db))
      : stored
  }

  private *addAll(transaction: Transaction, tasks: ReadonlyArray<WrittenTask>): Generator<void, Array<Offered>> {
    const offered: Array<Offered> = []
    for (const task of tasks) {
      offered.push(this.add(transaction, task, Date.now()))
      if (offered.length % bulkSlice === 0) yield
    }
    return offered
  }

  private configure(queue: string, settings: Partial<QueueSettings>): Effect.Effect<void, StoreFailure> {
    return this.db.write("change a queue", (transaction) => {
      this.lanes.configure(transaction, queue, settings)
      this.transitions.unparkAll(transaction)
    })
  }

  get queue(): TaskQueue["Service"] {
    const { db, transitions } = this
    return TaskQueue.of({
      offer: (tasks) => this.offer(tasks),
      consume: (options) => this.consume(options),
      cancel: (id, exit) => db.write("cancel a task", (transaction) => transitions.cancel(transaction, id, exit)),
      retry: (id) => db.write("put a task back", (transaction) => transitions.retry(transaction, id, Date.now())),
      settings: (queue) =>
        db.read("read a queue's settings", (reader) => {
          this.lanes.refresh(reader)
          return this.lanes.settings(queue)
        }),
      configure: (queue, settings) => this.configure(queue, settings),
      pause: (queue = defaultQueue) => this.configure(queue, { paused: true }),
      resume: (queue = defaultQueue) => this.configure(queue, { paused: false })
    })
  }

  // --- the records ---------------------------------------------------------------------------------------------------

  private record(reader: Reader, id: string): TaskRecord | undefined {
    const record = Listing.get(reader, id)
    const damage = record === undefined ? this.parts.damageOf?.(id) : undefined
    if (damage !== undefined) throw new Error(`the record is damaged: ${damage}`)
    return record
  }

  private observe(id: string, observer: (change: TaskChange) => void): () => void {
    this.listen()
    const stop = this.changes.observe(id, observer)
    this.db.send("find an observed task", (transaction) => this.changes.find(transaction, id))
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
    const { db, transitions } = this
    return TaskStore.of({
      get: (id) => db.read("read a record", (reader) => Option.fromUndefinedOr(this.record(reader, id))),
      has: (id) => db.read("look for a record", (reader) => Listing.get(reader, id) !== undefined),
      entries: (options) => Listing.entries(db, options),
      size: (filter) => Listing.size(db, filter),
      put: (record) =>
        this.sometimesCleaning(
          db.write("write a record", (transaction) =>
            transitions.put(transaction, record, this.recording(transaction), Date.now())
          )
        ),
      remove: (id) => db.write("remove a record", (transaction) => transitions.remove(transaction, id)),
      clear: (filter) => Listing.clear(db, filter),
      cleanupExpired: Listing.cleanupExpired(db),
      events: this.events,
      observe: (id, observer) => this.observe(id, observer)
    })
  }

  /** Removes expired records for as long as the store is open. */
  get cleanup(): Effect.Effect<never> {
    return Effect.forever(
      Listing.cleanupExpired(this.db).pipe(
        Effect.catchCause((cause) => Effect.sync(() => this.warn("Expired records could not be removed", cause))),
        Effect.andThen(Effect.sleep(cleanupInterval))
      )
    )
  }
}

/** Opens a store for the current scope, and gives both services. */
const make = (parts: Parts, options: Options) =>
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

/** Both services, over what is opened for them. */
export const layer = <E>(
  opened: Effect.Effect<Parts, E, Scope.Scope>,
  options: Options
): Layer.Layer<TaskStore | TaskQueue, E> => Layer.effectContext(Effect.flatMap(opened, (parts) => make(parts, options)))

/** Opens a part of a store for the current scope. */
export const opening =
  (operation: string) =>
  <A extends { close(): void }>(open: () => A): Effect.Effect<A, StoreFailure, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.try({ try: open, catch: (cause) => new StoreFailure({ operation, cause }) }),
      (opened) => Effect.sync(() => opened.close())
    )
