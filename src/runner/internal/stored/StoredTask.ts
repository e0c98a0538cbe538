/**
 * What a store keeps of a call: how a request is written, how a record is read, and when a failed task is tried again.
 */
import * as Cause from "effect/Cause"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Tracer from "effect/Tracer"
import { type Claim, defaultMaxAttempts, defaultQueue, type NewTask } from "../../../store/TaskQueue.ts"
import type { TaskRecord, TraceParent } from "../../../store/TaskStore.ts"
import type * as Task from "../../../Task.ts"
import * as TaskCodec from "../../../internal/values/TaskCodec.ts"
import { isFinal, type NotTransferable, type PayloadInvalid, TaskRejected } from "../../../TaskError.ts"
import { millis } from "../../../internal/values/options.ts"
import type { Call } from "../../../internal/call/Call.ts"
import type { TaskInfo } from "../../../TaskRequest.ts"
import * as PortableTask from "../portable/PortableTask.ts"

/** The name under which functions wait that bring their source along, so that only readers that run such take them. */
export const portableName = "effect-strand/portable"

/** The name of the task that a record is about. */
export const nameOf = ({ name, payload }: Pick<TaskRecord, "name" | "payload">): string =>
  name === portableName ? PortableTask.nameIn(payload, name) : name

/** What is known of a task by its record. */
export const infoOf = (record: TaskRecord): TaskInfo => ({
  id: record.id,
  name: nameOf(record),
  status: record.status,
  priority: record.priority,
  attempt: Math.max(1, record.attempts),
  tags: record.tags,
  createdAt: record.createdAt,
  parentId: record.parentId,
  progress: record.progress
})

// ---------------------------------------------------------------------------------------------------------------------
// Writing
// ---------------------------------------------------------------------------------------------------------------------

/** How many waits of a policy are written down. The last one holds for all that come after them. */
const maxDelays = 100

/** As often as it takes. */
const always = Number.MAX_SAFE_INTEGER

const backOff = (attempt: number): number => Math.min(60_000, 1000 * 2 ** (attempt - 1))

const delays = (count: number, delay: (attempt: number) => number): ReadonlyArray<number> =>
  Array.from({ length: Math.min(count, maxDelays) }, (_, index) => delay(index + 1))

interface Policy {
  readonly times?: number | undefined
  readonly schedule?: Schedule.Schedule<unknown, unknown> | undefined
  readonly while?: ((error: unknown) => boolean) | undefined
}

const policyOf = (retry: Task.RetryPolicy): Policy =>
  typeof retry === "number" ? { times: retry } : Schedule.isSchedule(retry) ? { schedule: retry } : retry

/** The waits of a schedule, at most `count`, as if each step took no time but its wait. */
const unfold = (
  schedule: Schedule.Schedule<unknown, unknown>,
  count: number,
  start: number,
  input: unknown
): ReadonlyArray<number> => {
  const out: Array<number> = []
  const step = Effect.runSync(Schedule.toStep(schedule))
  let now = start
  while (out.length < count) {
    const exit = Effect.runSyncExit(step(now, input))
    if (Exit.isFailure(exit)) {
      if (exit.cause.reasons.every((reason) => Cause.isFailReason(reason) && Cause.isDone(reason.error))) break
      throw Cause.squash(exit.cause)
    }
    const delay = Duration.toMillis(exit.value[1])
    if (delay === Infinity) break
    out.push(delay)
    now += delay
  }
  return out
}

type Attempts = Pick<NewTask, "maxAttempts" | "retryDelays">

/** How often a call may be started. Of its policy what can be written down is; a definition's own stays with it. */
const attemptsOf = (request: Call): Result.Result<Attempts, TaskRejected> => {
  const { maxAttempts, retry } = request.options
  const reject = (reason: string) => Result.fail(new TaskRejected({ task: request.name, reason }))
  if (maxAttempts !== undefined && !(maxAttempts >= 1)) {
    return reject(`maxAttempts has to be 1 or more, and is ${maxAttempts}`)
  }
  if (retry === undefined) {
    return Result.succeed(
      maxAttempts === undefined
        ? { maxAttempts: defaultMaxAttempts }
        : { maxAttempts: Math.min(always, maxAttempts), retryDelays: delays(maxAttempts - 1, backOff) }
    )
  }
  const policy = policyOf(retry)
  const times = policy.times ?? always - 1
  if (retry === request.task.options.retry) {
    return Result.succeed({ maxAttempts: Math.min(always, maxAttempts ?? times + 1) })
  }
  if (policy.while !== undefined) {
    return reject(
      `the function "while" of its retry option cannot be kept in a store. Give it with the task's definition: ` +
        `the reader that runs the task takes it from there`
    )
  }
  if (policy.schedule === undefined) {
    return Result.succeed({ maxAttempts: maxAttempts ?? times + 1, retryDelays: delays(times, () => 0) })
  }
  try {
    const retryDelays = unfold(policy.schedule, Math.min(times, maxDelays), request.createdAt, undefined)
    const count = retryDelays.length < maxDelays ? retryDelays.length : times
    return Result.succeed({ maxAttempts: maxAttempts ?? count + 1, retryDelays })
  } catch (error) {
    return reject(`the Schedule of its retry option cannot be worked out ahead: ${String(error)}`)
  }
}

const traceOf = ({ sampled, spanId, traceId }: Tracer.AnySpan): TraceParent => ({ traceId, spanId, sampled })

const dueAt = (request: Call): number => {
  const { delay, runAt } = request.options
  if (runAt !== undefined) return Math.max(request.createdAt, DateTime.toEpochMillis(DateTime.makeUnsafe(runAt)))
  return request.createdAt + (delay === undefined ? 0 : millis(delay))
}

/** The time limit of a call in milliseconds. */
export const timeoutOf = ({ options }: Call): number | undefined => {
  if (options.timeout === undefined) return undefined
  const timeout = millis(options.timeout)
  return timeout === Infinity ? undefined : timeout
}

/** Why a request is not written. */
export type Refusal = PayloadInvalid | NotTransferable | TaskRejected

const encodePayload = (task: Task.Any, payload: unknown): Result.Result<unknown, PayloadInvalid | NotTransferable> => {
  const encoded = TaskCodec.encodePayload(task, payload)
  if (task.portable === undefined || Result.isFailure(encoded)) return encoded
  return PortableTask.wrap(task.name, task.portable, encoded.success)
}

/** Writes a request. */
export const make = (request: Call): Result.Result<NewTask, Refusal> => {
  if (request.task.inbox !== undefined) {
    const reason = "a store carries no messages, and it has an inbox. Run it on threads, processes or fibers"
    return Result.fail(new TaskRejected({ task: request.name, reason }))
  }
  const payload = encodePayload(request.task, request.payload)
  if (Result.isFailure(payload)) return Result.fail(payload.failure)
  const attempts = attemptsOf(request)
  if (Result.isFailure(attempts)) return Result.fail(attempts.failure)
  const { caller, name, options } = request
  const portable = request.task.portable !== undefined
  const runAt = dueAt(request)
  const timeout = timeoutOf(request)
  const key = options.idempotencyKey
  return Result.succeed({
    id: request.id,
    name: portable ? portableName : name,
    queue: options.queue ?? defaultQueue,
    payload: payload.success,
    text: !portable && TaskCodec.of(request.task).payload.text,
    priority: request.priority,
    createdAt: request.createdAt,
    runAt,
    deadline: timeout === undefined ? undefined : runAt + timeout,
    maxAttempts: attempts.success.maxAttempts,
    retryDelays: attempts.success.retryDelays,
    timeToLive: options.timeToLive === undefined ? undefined : millis(options.timeToLive),
    tags: options.tags,
    trace: caller.span === undefined ? undefined : traceOf(caller.span),
    parentId: request.parentId,
    // Portable functions share a name in the store, and keys hold for each name.
    idempotencyKey: portable && key !== undefined ? `${name}/${key}` : key,
    concurrencyKey: options.concurrencyKey,
    principal: request.principal,
    discardResult: request.discard
  })
}

// ---------------------------------------------------------------------------------------------------------------------
// Trying again
// ---------------------------------------------------------------------------------------------------------------------

/**
 * How long a task waits for its next attempt, in milliseconds; undefined when its failure is final. The waits that were
 * written with the task hold, or those of its definition, which goes on with them where the attempts before have left off.
 */
export const delayAfter = (task: Task.Any, claim: Claim, cause: Cause.Cause<unknown>): number | undefined => {
  const { attempt, createdAt, maxAttempts, retryDelays } = claim
  if (attempt >= maxAttempts) return undefined
  const found = Cause.findErrorOption(cause)
  if (Option.isNone(found) || isFinal(found.value)) return undefined
  if (retryDelays !== undefined) {
    return retryDelays[attempt - 1] ?? (retryDelays.length >= maxDelays ? retryDelays.at(-1) : undefined)
  }
  const { retry } = task.options
  if (retry === undefined) return undefined
  const policy = policyOf(retry)
  if (policy.times !== undefined && attempt > policy.times) return undefined
  if (policy.while !== undefined && !policy.while(found.value)) return undefined
  return policy.schedule === undefined ? 0 : unfold(policy.schedule, attempt, createdAt, found.value)[attempt - 1]
}
