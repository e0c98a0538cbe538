/**
 * The worker's side of a pool: loads the tasks modules, starts what it is sent, and sends back what comes of it.
 *
 * It knows nothing of threads or processes: the main files (`threadMain.ts`, `processMain.ts`) give it a
 * way to send frames and to draw tickets.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import { CurrentLoggers } from "effect/Logger"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TaskCodec from "../../../internal/values/TaskCodec.ts"
import * as TaskExit from "../../../internal/values/TaskExit.ts"
import { TaskContext } from "../../../TaskContext.ts"
import { ResultInvalid, TaskCancelled, type TaskRejected, TaskTimeout } from "../../../TaskError.ts"
import type * as TaskHandlers from "../../../TaskHandlers.ts"
import { makeId } from "../../../internal/task/TaskId.ts"
import { TaskRunner } from "../../../TaskRunner.ts"
import type { WorkerTickets } from "../wire/Tickets.ts"
import { refusalOf } from "../wire/Definitions.ts"
import * as HandlerContext from "../wire/HandlerContext.ts"
import { Inbox } from "./Inbox.ts"
import type { LoadModule } from "../../../internal/task/TasksModule.ts"
import * as ModuleLoader from "./ModuleLoader.ts"
import * as PortableTask from "../portable/PortableTask.ts"
import type { Refusal } from "../../../internal/values/Uncloneable.ts"
import { WorkerCalls } from "./WorkerCalls.ts"
import * as Wire from "../wire/Wire.ts"
const { field, Op } = Wire

/** What a worker needs from the thread or process it lives in. */
export interface Host {
  readonly init: Wire.WorkerInit
  readonly load: LoadModule
  readonly tickets: WorkerTickets
  readonly send: Wire.Send
  /** Called when the worker has been closed and may end. */
  readonly exit: () => void
}

/** After this many milliseconds without a reply, finished tasks are reported before the next one is started. */
const flushInterval = 0.5

/** How often, in milliseconds, the pool is told how much memory is in use, when it asks for that. */
const memoryInterval = 250

/** A task that has taken longer than this, in milliseconds, may do so again: others' results do not wait for it. */
const slow = 0.25

/** A handler as this worker runs it. */
interface Program {
  readonly handler: TaskHandlers.TaskHandler
  readonly codec: TaskCodec.TaskCodec
  readonly context: Context.Context<never>
  /** The longest time it took of late, in milliseconds; unknown means long. */
  longest: number
  /** Why calls are refused that come now, if they are. */
  refusal: TaskRejected | undefined
}

/** A task that has arrived. It is the `TaskContext` of its handler. */
class Entry implements Context.Service.Shape<typeof TaskContext> {
  readonly seq: number
  readonly index: number
  readonly wireId: number | string
  readonly payload: unknown
  readonly meta: Wire.Meta | undefined
  readonly worker: WorkerMain
  fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  startedAt = 0
  credit = Wire.initialCredit
  /** Live calls of tasks by this task's handler: while there are any it does not count as running. */
  calls = 0
  creditGiven: Latch.Latch | undefined = undefined
  inbox: Inbox | undefined = undefined
  interrupted = false
  /** Why it is not run, if so. */
  readonly refusal: TaskRejected | undefined

  constructor(
    worker: WorkerMain,
    seq: number,
    index: number,
    wireId: number | string,
    payload: unknown,
    meta: Wire.Meta | undefined
  ) {
    this.worker = worker
    this.seq = seq
    this.index = index
    this.wireId = wireId
    this.payload = payload
    this.meta = meta
    this.refusal = worker.programs[index]?.refusal
  }

  get id(): string {
    return typeof this.wireId === "number" ? makeId(this.worker.idPrefix, this.wireId) : this.wireId
  }
  get name(): string {
    return this.worker.programs[this.index]?.handler.task.name ?? (this.payload as PortableTask.PortablePayload).name
  }
  get attempt(): number {
    return this.meta?.attempt ?? 1
  }
  get deadline(): number | undefined {
    return this.meta?.deadline
  }
  get tags(): ReadonlyArray<string> {
    return this.meta?.tags ?? []
  }
  get parentId(): string | undefined {
    return this.meta?.parentId
  }
  get principal(): unknown {
    return this.meta?.principal
  }
  get cancel(): Effect.Effect<never, TaskCancelled> {
    return Effect.suspend(() => Effect.fail(new TaskCancelled({ task: this.name, taskId: this.id })))
  }
  get messages(): Stream.Stream<unknown> {
    return Stream.suspend(() => (this.inbox ??= new Inbox(() => this.worker.say(true, Op.Listen, this.seq))).messages)
  }
  // A getter, so that a handler can take the function out of its context, at no cost to those that do not.
  get progress(): (value: unknown) => Effect.Effect<void> {
    return (value) => Effect.sync(() => this.worker.say(false, Op.Progress, this.seq, value))
  }
}

/** One worker of a pool. */
export class WorkerMain {
  readonly outbox = new Wire.Outbox()
  readonly idPrefix: string
  programs: ReadonlyArray<Program> = []
  /** Tasks that are being worked on. */
  running = 0
  private readonly host: Host
  private readonly entries = new Map<number, Entry>()
  private readonly calls: WorkerCalls
  private readonly portables = new Map<string, Program>()
  private readonly scope = Scope.makeUnsafe()
  private base: Context.Context<never> = Context.empty()
  /** Tasks that have arrived and have not been started, by number. */
  private inbox: Array<Entry> = []
  private inboxHead = 0
  /** The number behind the last that has arrived. */
  private end = 0
  /** A number that was drawn before its task has arrived. */
  private drawn = -1
  private pumping = false
  private flushScheduled = false
  /** When a task was last started or finished. */
  private now = 0
  private lastFlush = 0
  private lastMemory = -Infinity
  private closing = false

  constructor(host: Host) {
    this.host = host
    this.idPrefix = host.init.idPrefix
    this.calls = new WorkerCalls(this)
  }

  /** True when nothing is under way that the event loop would be needed for. */
  get isIdle(): boolean {
    return this.entries.size === 0 && this.inboxHead === this.inbox.length && !this.closing
  }

  /** Loads the tasks modules, and says that it is ready or why it is not. */
  async start(): Promise<void> {
    const loggers = new Set([HandlerContext.makeLogger((entry, context) => this.log(entry, context))])
    const runner = await Effect.runPromise(Scope.provide(this.calls.makeRunner, this.scope))
    this.base = Context.make(CurrentLoggers, loggers).pipe(Context.add(TaskRunner, runner)) as Context.Context<never>
    const loaded = await ModuleLoader.load(this.host.init.modules, this.host.load, this.base, this.scope)
    if (Result.isFailure(loaded)) {
      this.say(true, Op.Fatal, loaded.failure.module, loaded.failure.reason)
    } else {
      this.programs = Array.from(loaded.success.values(), (handler) => this.program(handler))
      this.say(true, Op.Ready, Array.from(loaded.success.keys()))
    }
    this.flush()
  }

  private program(handler: TaskHandlers.TaskHandler): Program {
    return {
      handler,
      codec: TaskCodec.of(handler.task),
      context: Context.merge(handler.context, this.base),
      longest: Infinity,
      refusal: undefined
    }
  }

  private log(entry: Wire.LogEntry, context: Context.Context<never>): void {
    this.say(true, Op.Log, this.seqOf(Context.getOrUndefined(context, TaskContext)), entry)
  }

  /** Adds a record to what is sent in this turn. */
  say<N extends Wire.Names>(text: boolean, operation: Wire.Operation<N>, ...values: Wire.Values<N>): void {
    this.outbox.add(operation, ...values)
    if (!text) this.outbox.text = false
    this.scheduleFlush()
  }

  // -------------------------------------------------------------------------------------------------------------------
  // What comes in
  // -------------------------------------------------------------------------------------------------------------------

  readonly receive = (frames: ReadonlyArray<Wire.Frame>): void => {
    const records = Wire.read(frames)
    for (let at = 0; at < records.length; at = Wire.next(records, at)) {
      switch (records[at]) {
        case Op.Run.code: {
          const entry = new Entry(
            this,
            field(records, at, Op.Run.seq),
            field(records, at, Op.Run.index),
            field(records, at, Op.Run.id),
            field(records, at, Op.Run.payload),
            field(records, at, Op.Run.meta) || undefined
          )
          this.inbox.push(entry)
          this.end = entry.seq + 1
          break
        }
        case Op.Interrupt.code:
          this.interrupt(field(records, at, Op.Interrupt.seq))
          break
        case Op.Credit.code: {
          const entry = this.entries.get(field(records, at, Op.Credit.seq))
          if (entry !== undefined) {
            entry.credit += field(records, at, Op.Credit.credit)
            entry.creditGiven?.openUnsafe()
          }
          break
        }
        case Op.Define.code: {
          const program = this.programs[field(records, at, Op.Define.index)]!
          program.refusal = refusalOf(program.handler.task, field(records, at, Op.Define.fingerprint))
          break
        }
        case Op.Messages.code:
          this.deliver(field(records, at, Op.Messages.seq), field(records, at, Op.Messages.messages))
          break
        case Op.Close.code:
          this.close()
          break
        default:
          this.calls.receive(records, at)
      }
    }
    this.pump()
  }

  private interrupt(seq: number): void {
    const entry = this.entries.get(seq)
    if (entry !== undefined) {
      entry.fiber?.interruptUnsafe()
      return
    }
    // Drawn, but not started: its turn comes in this very frame.
    for (let i = this.inboxHead; i < this.inbox.length; i++) {
      if (this.inbox[i]!.seq === seq) this.inbox[i]!.interrupted = true
    }
  }

  /** Messages for a task; null when none will come any more. */
  private deliver(seq: number, messages: ReadonlyArray<unknown> | null): void {
    const entry = this.entries.get(seq)
    if (entry?.inbox === undefined) return
    if (messages === null) return entry.inbox.end()
    const { codec } = this.programs[entry.index]!
    entry.inbox.receive(
      messages.map((message) => Result.getOrThrowWith(codec.inbox.decode(message), (issue) => new Error(issue.message)))
    )
  }

  // -------------------------------------------------------------------------------------------------------------------
  // What is started
  // -------------------------------------------------------------------------------------------------------------------

  /** Starts what may be started. */
  pump(): void {
    if (this.pumping) return
    this.pumping = true
    while (this.running < this.host.init.concurrency) {
      const entry = this.draw()
      if (entry === undefined) break
      this.run(entry)
    }
    this.pumping = false
    this.flush()
  }

  /** The next task that this worker may start. Those before it have been taken back. */
  private draw(): Entry | undefined {
    while (this.inboxHead < this.inbox.length) {
      const number = this.drawn === -1 ? this.host.tickets.take(this.end) : this.drawn
      this.drawn = -1
      while (this.inboxHead < this.inbox.length) {
        const entry = this.inbox[this.inboxHead]!
        // The task of this number could not be sent.
        if (number !== -1 && entry.seq > number) break
        this.inboxHead++
        if (entry.seq !== number) continue
        if (this.inboxHead === this.inbox.length) this.emptyInbox()
        return entry
      }
      if (this.inboxHead === this.inbox.length) {
        this.emptyInbox()
        this.drawn = number
      }
    }
    return undefined
  }

  private emptyInbox(): void {
    this.inbox = []
    this.inboxHead = 0
  }

  private run(entry: Entry): void {
    if (entry.interrupted) return this.say(true, Op.Fail, entry.seq, 0, TaskExit.encodeCommon(Cause.interrupt()))
    if (entry.refusal !== undefined) {
      return this.say(true, Op.Fail, entry.seq, 0, TaskExit.encodeError(entry.refusal))
    }
    const program = entry.index === Wire.portableIndex ? this.portable(entry) : this.programs[entry.index]!
    const now = performance.now()
    this.now = now
    if (this.outbox.records.length > 0 && (program.longest > slow || now - this.lastFlush > flushInterval)) this.flush()
    this.entries.set(entry.seq, entry)
    this.running++
    entry.startedAt = now
    const { meta } = entry
    const base = meta === undefined ? program.context : HandlerContext.add(program.context, meta)
    const context = Context.add(base, TaskContext, entry)
    const fiber = Effect.runForkWith(context)(this.work(entry, program))
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return this.finish(entry, program, exit)
    entry.fiber = fiber
    fiber.addObserver((exit) => {
      this.finish(entry, program, exit)
      this.pump()
    })
  }

  private work(entry: Entry, program: Program): Effect.Effect<unknown, unknown> {
    const decoded = program.codec.payload.decode(
      entry.index === Wire.portableIndex ? (entry.payload as PortableTask.PortablePayload).payload : entry.payload
    )
    if (Result.isFailure(decoded)) {
      return Effect.die(new Error(`The payload of task "${entry.name}" could not be read: ${decoded.failure.message}`))
    }
    const handle = Effect.suspend(() => {
      const work = program.handler.handle(decoded.success)
      return Effect.isEffect(work) ? work : this.sendAll(entry, program, work)
    })
    if (entry.deadline === undefined) return handle
    const left = Math.max(0, entry.deadline - Date.now())
    return Effect.timeoutOrElse(handle, {
      duration: Duration.millis(left),
      orElse: () =>
        Effect.fail(new TaskTimeout({ task: entry.name, taskId: entry.id, timeout: entry.meta?.timeout ?? left }))
    })
  }

  /** Sends the elements of a streaming handler, as far as there is credit for them. */
  private sendAll(
    entry: Entry,
    program: Program,
    stream: Stream.Stream<unknown, unknown>
  ): Effect.Effect<void, unknown> {
    const credit = Latch.makeUnsafe(true)
    entry.creditGiven = credit
    const codec = program.codec.success
    const task = program.handler.task
    const send = (values: ReadonlyArray<unknown>): Effect.Effect<void, ResultInvalid> =>
      Effect.suspend(() => {
        const encoded: Array<unknown> = []
        for (const value of values) {
          const result = this.encode(codec, value)
          if (Result.isFailure(result)) {
            return Effect.fail(new ResultInvalid({ task: task.name, issue: result.failure.message }))
          }
          encoded.push(result.success)
        }
        this.say(codec.text, Op.Chunk, entry.seq, encoded)
        if (--entry.credit > 0) return Effect.void
        credit.closeUnsafe()
        return credit.await
      })
    return Stream.runForEachArray(stream, (values) => {
      if (values.length <= Wire.maxChunk) return send(values)
      const parts: Array<ReadonlyArray<unknown>> = []
      for (let at = 0; at < values.length; at += Wire.maxChunk) parts.push(values.slice(at, at + Wire.maxChunk))
      return Effect.forEach(parts, send, { discard: true })
    })
  }

  private portable(entry: Entry): Program {
    const { name, source } = entry.payload as PortableTask.PortablePayload
    let program = this.portables.get(source)
    if (program === undefined) {
      program = this.program(PortableTask.handler(name, source))
      this.portables.set(source, program)
    }
    return program
  }

  // -------------------------------------------------------------------------------------------------------------------
  // What goes out
  // -------------------------------------------------------------------------------------------------------------------

  private finish(entry: Entry, program: Program, exit: Exit.Exit<unknown, unknown>): void {
    const now = performance.now()
    this.now = now
    const took = now - entry.startedAt
    if (this.host.init.reportMemory && now - this.lastMemory > memoryInterval) {
      this.lastMemory = now
      const { external, heapUsed } = process.memoryUsage()
      this.say(true, Op.Memory, heapUsed + external)
    }
    program.longest = took > program.longest || program.longest === Infinity ? took : program.longest * 0.995
    // Gone already when an element of its stream could not be sent.
    if (!this.entries.delete(entry.seq)) return
    if (entry.calls === 0) this.running--
    const micros = Math.round(took * 1000)
    const { codec, handler } = program
    if (Exit.isSuccess(exit)) {
      if (handler.task.kind === "stream" || entry.meta?.discard) return this.say(true, Op.Ok, entry.seq, micros, null)
      const encoded = this.encode(codec.success, exit.value)
      if (Result.isSuccess(encoded)) {
        this.outbox.add(Op.Ok, entry.seq, micros, encoded.success)
        if (!codec.success.text) this.outbox.text = false
        return this.scheduleFlush()
      }
      const invalid = new ResultInvalid({ task: handler.task.name, issue: encoded.failure.message })
      return this.say(true, Op.Fail, entry.seq, micros, TaskExit.encodeError(invalid))
    }
    this.say(codec.failure.text, Op.Fail, entry.seq, micros, TaskExit.encodeCause(codec, exit.cause))
  }

  /** Writes a value for the record that is pushed next. */
  private encode(codec: TaskCodec.Codec, value: unknown): Result.Result<unknown, { readonly message: string }> {
    if (codec.text) return codec.encode(value)
    return Result.map(codec.encodeMoving(value), ({ objects, value }) => {
      if (objects.length > 0) this.outbox.transfer(objects)
      return value
    })
  }

  /** The number of the task whose context this is; -1 when it is none of this worker's. */
  seqOf(context: TaskContext["Service"] | undefined): number {
    return context instanceof Entry ? context.seq : -1
  }

  /** A task that waits for tasks of its own lends its place, or a pool could wait for itself. */
  changeCalls(seq: number, change: 1 | -1): void {
    const entry = this.entries.get(seq)
    if (entry === undefined) return
    entry.calls += change
    if (change === 1 && entry.calls === 1) {
      this.running--
      this.pump()
    } else if (change === -1 && entry.calls === 0) this.running++
  }

  private scheduleFlush(): void {
    if (this.pumping || this.flushScheduled) return
    this.flushScheduled = true
    queueMicrotask(() => {
      this.flushScheduled = false
      this.flush()
    })
  }

  private flush(): void {
    this.lastFlush = this.now
    this.outbox.flush(this.host.send, this.refused)
  }

  /** A record could not be sent: the task learns which value it was. */
  private readonly refused = (record: Wire.Records, refusal: Refusal): void => {
    const seq = field(record, 0, Op.Ok.seq)
    switch (record[0]) {
      case Op.Ok.code:
      case Op.Fail.code:
        this.refuse(seq, record[0] === Op.Ok.code ? "Success" : "Failure", refusal)
        break
      case Op.Chunk.code: {
        const entry = this.entries.get(seq)
        if (entry === undefined) break
        this.entries.delete(seq)
        if (entry.calls === 0) this.running--
        this.refuse(seq, "Success", refusal)
        entry.fiber?.interruptUnsafe()
        break
      }
      case Op.Progress.code:
        this.say(true, Op.Log, seq, {
          level: "Warn",
          message: [`A progress value cannot be sent: value${refusal.path}: ${refusal.reason}`],
          annotations: {},
          spans: [],
          cause: undefined
        } satisfies Wire.LogEntry)
        break
      default:
        this.calls.refused(record, refusal)
    }
  }

  /** Says of a task that what it has come to cannot be sent. Its name is known to the pool. */
  private refuse(seq: number, what: "Success" | "Failure", refusal: Refusal): void {
    const { path, reason } = TaskExit.refusalOf("", what, refusal)
    this.say(true, Op.Refused, seq, path, reason)
  }

  /** Interrupts what is running, runs the finalizers of the tasks modules, and ends. */
  close(): void {
    if (this.closing) return
    this.closing = true
    for (const entry of this.entries.values()) entry.fiber?.interruptUnsafe()
    const done = () => {
      this.flush()
      this.host.exit()
    }
    Effect.runFork(
      Effect.timeoutOption(Scope.close(this.scope, Exit.void), Duration.millis(this.host.init.closeGrace))
    ).addObserver(done)
  }
}
