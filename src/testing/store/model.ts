/**
 * What a store is, in a page of plain JavaScript: the measure for the random tests of the real ones.
 *
 * @since 0.2.0
 */
import type { Claim, NewTask, Offered, Settlement } from "../../store/TaskQueue.ts"
import type { TaskStatus } from "../../TaskRequest.ts"

/** A task of the model. */
export interface ModelTask {
  readonly task: NewTask
  status: TaskStatus
  attempts: number
  token: number
  cancelRequested: boolean
  /** The consumer that has it. */
  holder: number | undefined
  /** What it ended with; "TaskCancelled" for the store's own. */
  exit: unknown
  /** The statuses that it has had, one after the other. */
  readonly life: Array<TaskStatus>
}

/** What a consumer takes. */
export interface ModelReader {
  readonly tasks: ReadonlyArray<string>
  readonly queues: ReadonlyArray<string> | undefined
}

interface Limits {
  paused: boolean
  concurrency: number | undefined
  concurrencyPerKey: number | undefined
}

const isOver = (status: TaskStatus) => status === "completed" || status === "failed" || status === "cancelled"

const byRank = (a: ModelTask, b: ModelTask) => a.task.priority - b.task.priority

/** A store in which nothing happens by itself, and no time passes. */
export class Model {
  /** In the order in which they were accepted. */
  readonly tasks = new Map<string, ModelTask>()
  private readonly queues = new Map<string, Limits>()

  /** What holds for a queue. */
  limits(queue: string): Limits {
    const limits = this.queues.get(queue) ?? { paused: false, concurrency: undefined, concurrencyPerKey: undefined }
    this.queues.set(queue, limits)
    return limits
  }

  /** All of them or none: none when an id is there twice. */
  offer(offered: ReadonlyArray<NewTask>): ReadonlyArray<Offered> | "fails" {
    const added: Array<string> = []
    const results: Array<Offered> = []
    for (const task of offered) {
      const earlier = this.withKey(task)
      if (earlier !== undefined) {
        results.push({ id: earlier.task.id, created: false })
      } else if (this.tasks.has(task.id)) {
        for (const id of added) this.tasks.delete(id)
        return "fails"
      } else {
        this.add(task)
        added.push(task.id)
        results.push({ id: task.id, created: true })
      }
    }
    return results
  }

  private withKey({ idempotencyKey, name }: NewTask): ModelTask | undefined {
    if (idempotencyKey === undefined) return undefined
    return [...this.tasks.values()].find(({ task }) => task.idempotencyKey === idempotencyKey && task.name === name)
  }

  private add(task: NewTask): void {
    const status = task.runAt > task.createdAt ? "scheduled" : "pending"
    this.tasks.set(task.id, {
      task,
      status,
      attempts: 0,
      token: 0,
      cancelRequested: false,
      holder: undefined,
      exit: undefined,
      life: [status]
    })
  }

  /** The tasks that a consumer gets: by priority, then by age, as far as the limits of their queues let them. */
  claim(reader: number, { queues, tasks }: ModelReader, limit: number): ReadonlyArray<ModelTask> {
    const claimed: Array<ModelTask> = []
    for (const entry of [...this.tasks.values()].toSorted(byRank)) {
      if (claimed.length === limit) break
      const { concurrencyKey, name, queue } = entry.task
      if (entry.status !== "pending" || !tasks.includes(name) || !(queues?.includes(queue) ?? true)) continue
      const { concurrency, concurrencyPerKey, paused } = this.limits(queue)
      if (paused || this.running(queue) >= (concurrency ?? Infinity)) continue
      if (concurrencyKey !== undefined && this.running(queue, concurrencyKey) >= (concurrencyPerKey ?? Infinity)) {
        continue
      }
      this.become(entry, "running")
      entry.attempts++
      entry.token++
      entry.holder = reader
      claimed.push(entry)
    }
    return claimed
  }

  private running(queue: string, key?: string): number {
    return [...this.tasks.values()].filter(
      ({ status, task }) =>
        status === "running" && task.queue === queue && (key === undefined || task.concurrencyKey === key)
    ).length
  }

  private become(entry: ModelTask, status: TaskStatus): void {
    entry.status = status
    entry.life.push(status)
    entry.holder = undefined
    if (status !== "running") entry.cancelRequested = false
  }

  private end(entry: ModelTask, status: TaskStatus, exit: unknown): void {
    this.become(entry, status)
    entry.exit = exit
  }

  settle({ id, token }: Claim, settlement: Settlement): boolean {
    const entry = this.tasks.get(id)
    if (entry === undefined || entry.status !== "running" || entry.token !== token) return false
    if (settlement._tag === "Done") {
      this.end(entry, settlement.status, settlement.exit)
    } else {
      const later = settlement._tag === "Retry" && settlement.runAt > Date.now()
      this.giveBack(entry, settlement._tag === "Retry", later ? "scheduled" : "pending")
    }
    return true
  }

  /** A consumer leaves: what it holds goes back. */
  leave(reader: number): void {
    for (const entry of this.tasks.values()) {
      if (entry.holder === reader) this.giveBack(entry, false, "pending")
    }
  }

  /** A claim ends and its task goes on, unless somebody wants it cancelled: then this attempt was its last. */
  private giveBack(entry: ModelTask, counts: boolean, status: TaskStatus): void {
    if (entry.cancelRequested) return this.end(entry, "cancelled", "TaskCancelled")
    if (!counts) entry.attempts--
    this.become(entry, status)
  }

  cancel(id: string): boolean {
    const entry = this.tasks.get(id)
    if (entry === undefined || isOver(entry.status)) return false
    if (entry.status === "running") entry.cancelRequested = true
    else this.end(entry, "cancelled", "TaskCancelled")
    return true
  }

  retry(id: string): boolean {
    const entry = this.tasks.get(id)
    if (entry?.status !== "failed" && entry?.status !== "cancelled") return false
    this.become(entry, "pending")
    entry.attempts = 0
    entry.exit = undefined
    return true
  }

  remove(id: string): boolean {
    return this.tasks.delete(id)
  }

  /** Removes what is over. */
  clear(): number {
    const over = [...this.tasks.values()].filter(({ status }) => isOver(status))
    for (const { task } of over) this.tasks.delete(task.id)
    return over.length
  }
}
