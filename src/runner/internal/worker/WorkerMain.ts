/**
 * The worker's side of a pool: loads the tasks modules, starts what it is sent, and sends back what comes of it.
 *
 * It knows nothing of threads or processes: the main files (`threadMain.ts`, `processMain.ts`) give it a
 * way to send frames and to draw start numbers.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { CurrentLoggers } from "effect/Logger"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as TaskCodec from "../../../internal/values/TaskCodec.ts"
import * as TaskExit from "../../../internal/values/TaskExit.ts"
import { TaskContext } from "../../../TaskContext.ts"
import { ResultInvalid, TaskCancelled, type TaskRejected, TaskTimeout } from "../../../TaskError.ts"
import { makeId } from "../../../internal/task/TaskId.ts"
import { TaskRunner } from "../../../TaskRunner.ts"
import type { WorkerStartNumbers } from "../wire/StartNumbers.ts"
import * as HandlerContext from "../wire/HandlerContext.ts"
import { RemoteMessages } from "./RemoteMessages.ts"
import type { LoadModule } from "../../../internal/task/TasksModule.ts"
import { Credit, sendChunks } from "./Chunks.ts"
import * as ModuleLoader from "./ModuleLoader.ts"
import { type Program, Programs } from "./Programs.ts"
import * as PortableTask from "../portable/PortableTask.ts"
import type { Refusal } from "../../../internal/values/Uncloneable.ts"
import { WorkerCalls } from "./WorkerCalls.ts"
import * as Wire from "../wire/Wire.ts"
const { field, Op } = Wire

/** What a worker needs from the thread or process it lives in. */
export interface Host {
  readonly init: Wire.WorkerInit
  readonly load: LoadModule
  readonly startNumbers: WorkerStartNumbers
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

/** A task that has arrived. It is the `TaskContext` of its handler. */
class Assignment implements Context.Service.Shape<typeof TaskContext> {
  readonly seq: number
  readonly index: number
  readonly wireId: number | string
  readonly payload: unknown
  readonly meta: Wire.Meta | undefined
  readonly worker: WorkerMain
  fiber: Fiber.Fiber<unknown, unknown> | undefined = undefined
  startedAt = 0
  /** Of a stream: how much of it may be sent. */
  credit: Credit | undefined = undefined
  /** Live calls of tasks by this task's handler: while there are any it does not count as running. */
  calls = 0
  received: RemoteMessages | undefined = undefined
  interrupted = false
  /** Why it is not run, if so. */
  readonly refusal: TaskRejected | undefined

  constructor(worker: WorkerMain, records: Wire.Records, at: number) {
    this.worker = worker
    this.seq = field(records, at, Op.Run.seq)
    this.index = field(records, at, Op.Run.index)
    this.wireId = field(records, at, Op.Run.id)
    this.payload = field(records, at, Op.Run.payload)
    this.meta = field(records, at, Op.Run.meta) || undefined
    this.refusal = worker.programs.known[this.index]?.refusal
  }

  get id(): string {
    return typeof this.wireId === "number" ? makeId(this.worker.idPrefix, this.wireId) : this.wireId
  }
  get name(): string {
    return this.worker.programs.known[this.index]?.handler.task.name ?? PortableTask.read(this.payload).name
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
    return Stream.suspend(
      () => (this.received ??= new RemoteMessages(() => this.worker.say(true, Op.Listen, this.seq))).messages
    )
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
  readonly programs = new Programs()
  /** Tasks that are being worked on. */
  running = 0
  private readonly host: Host
  private readonly assignments = new Map<number, Assignment>()
  private readonly calls: WorkerCalls
  private readonly scope = Scope.makeUnsafe()
  /** Tasks that have arrived and have not been started, by number. */
  private arrived: Array<Assignment> = []
  private arrivedHead = 0
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
    return this.assignments.size === 0 && this.arrivedHead === this.arrived.length && !this.closing
  }

  /** Loads the tasks modules, and says that it is ready or why it is not. */
  async start(): Promise<void> {
    const loggers = new Set([HandlerContext.makeLogger((line, context) => this.log(line, context))])
    const runner = await Effect.runPromise(Scope.provide(this.calls.makeRunner, this.scope))
    const base: Context.Context<never> = Context.make(CurrentLoggers, loggers).pipe(Context.add(TaskRunner, runner))
    const loading = ModuleLoader.load(this.host.init.modules, this.host.load)
    const loaded = await Effect.runPromise(
      Effect.result(Effect.provideContext(loading, Context.add(base, Scope.Scope, this.scope)))
    )
    if (Result.isFailure(loaded)) {
      this.say(true, Op.Fatal, loaded.failure.module, loaded.failure.reason)
    } else {
      this.programs.provide(loaded.success.values(), base)
      this.say(true, Op.Ready, Array.from(loaded.success.keys()))
    }
    this.flush()
  }

  private log(line: Wire.LogEntry, context: Context.Context<never>): void {
    this.say(true, Op.Log, this.seqOf(Context.getOrUndefined(context, TaskContext)), line)
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
          const assignment = new Assignment(this, records, at)
          this.arrived.push(assignment)
          this.end = assignment.seq + 1
          break
        }
        case Op.Interrupt.code:
          this.interrupt(field(records, at, Op.Interrupt.seq))
          break
        case Op.Credit.code:
          this.assignments.get(field(records, at, Op.Credit.seq))?.credit?.give()
          break
        case Op.Define.code:
          this.programs.define(field(records, at, Op.Define.index), field(records, at, Op.Define.fingerprint))
          break
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
    const assignment = this.assignments.get(seq)
    if (assignment !== undefined) {
      assignment.fiber?.interruptUnsafe()
      return
    }
    // Drawn, but not started: its turn comes in this very frame.
    for (let i = this.arrivedHead; i < this.arrived.length; i++) {
      if (this.arrived[i]!.seq === seq) this.arrived[i]!.interrupted = true
    }
  }

  /** Messages for a task; null when none will come any more. */
  private deliver(seq: number, messages: ReadonlyArray<unknown> | null): void {
    const assignment = this.assignments.get(seq)
    if (assignment?.received === undefined) return
    if (messages === null) return assignment.received.end()
    const { codec } = this.programs.known[assignment.index]!
    assignment.received.receive(
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
      const assignment = this.draw()
      if (assignment === undefined) break
      this.run(assignment)
    }
    this.pumping = false
    this.flush()
  }

  /** The next task that this worker may start. Those before it have been taken back. */
  private draw(): Assignment | undefined {
    while (this.arrivedHead < this.arrived.length) {
      const number = this.drawn === -1 ? this.host.startNumbers.take(this.end) : this.drawn
      this.drawn = -1
      while (this.arrivedHead < this.arrived.length) {
        const assignment = this.arrived[this.arrivedHead]!
        // The task of this number could not be sent.
        if (number !== -1 && assignment.seq > number) break
        this.arrivedHead++
        if (assignment.seq !== number) continue
        if (this.arrivedHead === this.arrived.length) this.emptyArrived()
        return assignment
      }
      if (this.arrivedHead === this.arrived.length) {
        this.emptyArrived()
        this.drawn = number
      }
    }
    return undefined
  }

  private emptyArrived(): void {
    this.arrived = []
    this.arrivedHead = 0
  }

  private run(assignment: Assignment): void {
    if (assignment.interrupted)
      return this.say(true, Op.Fail, assignment.seq, 0, TaskExit.encodeCommon(Cause.interrupt()))
    if (assignment.refusal !== undefined) {
      return this.say(true, Op.Fail, assignment.seq, 0, TaskExit.encodeError(assignment.refusal))
    }
    const program =
      assignment.index === Wire.portableIndex
        ? this.programs.portable(PortableTask.read(assignment.payload))
        : this.programs.known[assignment.index]!
    const now = performance.now()
    this.now = now
    if (this.outbox.records.length > 0 && (program.longest > slow || now - this.lastFlush > flushInterval)) this.flush()
    this.assignments.set(assignment.seq, assignment)
    this.running++
    assignment.startedAt = now
    const { meta } = assignment
    const base = meta === undefined ? program.context : HandlerContext.add(program.context, meta)
    const context = Context.add(base, TaskContext, assignment)
    const fiber = Effect.runForkWith(context)(this.work(assignment, program))
    const exit = fiber.pollUnsafe()
    if (exit !== undefined) return this.finish(assignment, program, exit)
    assignment.fiber = fiber
    fiber.addObserver((exit) => {
      this.finish(assignment, program, exit)
      this.pump()
    })
  }

  private work(assignment: Assignment, program: Program): Effect.Effect<unknown, unknown> {
    const decoded = program.codec.payload.decode(
      assignment.index === Wire.portableIndex ? PortableTask.read(assignment.payload).payload : assignment.payload
    )
    if (Result.isFailure(decoded)) {
      return Effect.die(
        new Error(`The payload of task "${assignment.name}" could not be read: ${decoded.failure.message}`)
      )
    }
    const handle = Effect.suspend(() => {
      const work = program.handler.handle(decoded.success)
      return Effect.isEffect(work) ? work : this.sendAll(assignment, program, work)
    })
    if (assignment.deadline === undefined) return handle
    const left = Math.max(0, assignment.deadline - Date.now())
    return Effect.timeoutOrElse(handle, {
      duration: Duration.millis(left),
      orElse: () =>
        Effect.fail(
          new TaskTimeout({ task: assignment.name, taskId: assignment.id, timeout: assignment.meta?.timeout ?? left })
        )
    })
  }

  /** Sends the elements of a streaming handler, as far as there is credit for them. */
  private sendAll(
    assignment: Assignment,
    { codec, handler }: Program,
    stream: Stream.Stream<unknown, unknown>
  ): Effect.Effect<void, unknown> {
    const credit = new Credit()
    assignment.credit = credit
    return sendChunks(
      stream,
      (value) =>
        Result.mapError(this.encode(codec.success, value), (issue) => TaskExit.invalid(handler.task.name, issue)),
      (encoded) => {
        this.say(codec.success.text, Op.Chunk, assignment.seq, encoded)
        return credit.spend()
      }
    )
  }

  // -------------------------------------------------------------------------------------------------------------------
  // What goes out
  // -------------------------------------------------------------------------------------------------------------------

  private finish(assignment: Assignment, program: Program, exit: Exit.Exit<unknown, unknown>): void {
    const now = performance.now()
    this.now = now
    const took = now - assignment.startedAt
    if (this.host.init.reportMemory && now - this.lastMemory > memoryInterval) {
      this.lastMemory = now
      const { external, heapUsed } = process.memoryUsage()
      this.say(true, Op.Memory, heapUsed + external)
    }
    program.longest = took > program.longest || program.longest === Infinity ? took : program.longest * 0.995
    // Gone already when an element of its stream could not be sent.
    if (!this.assignments.delete(assignment.seq)) return
    if (assignment.calls === 0) this.running--
    const micros = Math.round(took * 1000)
    const { codec, handler } = program
    if (Exit.isSuccess(exit)) {
      if (handler.task.kind === "stream" || assignment.meta?.discard)
        return this.say(true, Op.Ok, assignment.seq, micros, null)
      const encoded = this.encode(codec.success, exit.value)
      if (Result.isSuccess(encoded)) {
        this.outbox.add(Op.Ok, assignment.seq, micros, encoded.success)
        if (!codec.success.text) this.outbox.text = false
        return this.scheduleFlush()
      }
      const invalid = new ResultInvalid({ task: handler.task.name, issue: encoded.failure.message })
      return this.say(true, Op.Fail, assignment.seq, micros, TaskExit.encodeError(invalid))
    }
    this.say(codec.failure.text, Op.Fail, assignment.seq, micros, TaskExit.encodeCause(codec, exit.cause))
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
    return context instanceof Assignment ? context.seq : -1
  }

  /** A task that waits for tasks of its own lends its place, or a pool could wait for itself. */
  changeCalls(seq: number, change: 1 | -1): void {
    const assignment = this.assignments.get(seq)
    if (assignment === undefined) return
    assignment.calls += change
    if (change === 1 && assignment.calls === 1) {
      this.running--
      this.pump()
    } else if (change === -1 && assignment.calls === 0) this.running++
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
        const assignment = this.assignments.get(seq)
        if (assignment === undefined) break
        this.assignments.delete(seq)
        if (assignment.calls === 0) this.running--
        this.refuse(seq, "Success", refusal)
        assignment.fiber?.interruptUnsafe()
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
    for (const assignment of this.assignments.values()) assignment.fiber?.interruptUnsafe()
    const done = () => {
      this.flush()
      this.host.exit()
    }
    Effect.runFork(
      Effect.timeoutOption(Scope.close(this.scope, Exit.void), Duration.millis(this.host.init.closeGrace))
    ).addObserver(done)
  }
}
