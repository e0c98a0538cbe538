/**
 * Finds handlers that keep the event loop of this program busy, so that nothing else gets on.
 *
 * The first stretch of a handler, up to where it waits for something, is measured. Those after it are not seen: for them,
 * a timer looks now and then, only while tasks run, whether the event loop is late, and which tasks may have kept it.
 */

/** A task that runs. */
export interface Running {
  readonly name: string
  /** As `performance.now()` tells the time. */
  readonly startedAt: number
}

/** The most names that are mentioned. */
const maxNames = 3

/** A long stretch among more short ones than this is doubted, unless it takes so many times what is allowed. */
const many = 1000
const veryLong = 5

/** Which part of its lateness a thread has computed that has been kept busy, at least. */
const leastShare = 0.2

/** The time that this thread has computed, in milliseconds. Where nobody can tell, as in a browser, all the time. */
const computed = (): number => {
  if (typeof process === "undefined") return performance.now()
  const { system, user } = process.threadCpuUsage === undefined ? process.cpuUsage() : process.threadCpuUsage()
  return (user + system) / 1000
}

const advice =
  "Nothing else in this program gets on meanwhile. Run it on a ThreadRunner or a ProcessRunner, or let it pause with " +
  "Effect.yieldNow. The option warnBlocking of FiberRunner.layer sets from when on this is said, once for each task"

/** Watches the tasks of one runner. */
export class Blocking {
  private readonly threshold: number
  private readonly warn: (message: string) => void
  private readonly running: () => Iterable<Running>
  /** How often the event loop is looked at while tasks run. */
  private readonly period: number
  private timer: NodeJS.Timeout | undefined = undefined
  /** Up to when the event loop is known not to be late: the next look, or what has been seen of tasks after it. */
  private due = Infinity
  /** What this thread had computed at the latest look. */
  private computedBefore = 0
  /** How much of the stretch that is being measured belongs to tasks that were started in it. */
  private inner = 0
  private readonly told = new Set<string>()
  private readonly suspected = new Set<string>()
  private readonly doubted = new Set<string>()
  /** How many tasks have been started since one whose first stretch was long. */
  private since = 0

  /** `threshold` in milliseconds. */
  constructor(threshold: number, warn: (message: string) => void, running: () => Iterable<Running>) {
    this.threshold = threshold
    this.warn = warn
    this.running = running
    this.period = Math.max(5, threshold / 4)
  }

  /** A task is about to be started. What this gives is wanted by {@link began}. */
  begin(): number {
    const { inner } = this
    this.inner = 0
    return inner
  }

  /** The first stretch of a task is over. It is `live` when more are to come. Gives the time. */
  began(task: Running, outer: number, live: boolean): number {
    const now = performance.now()
    const took = now - task.startedAt
    const own = took - this.inner
    this.inner = outer + took
    if (now > this.due) this.due = now
    if (live && this.timer === undefined) this.look(now)
    this.since++
    if (own > this.threshold) this.measured(task.name, own)
    return now
  }

  /**
   * The first stretch of a task was long. Once among many short ones that may have been the garbage collector, or the
   * machine: it is believed when it comes again, or when it was very long.
   */
  private measured(name: string, millis: number): void {
    const isRare = this.since > many && millis < veryLong * this.threshold
    this.since = 0
    if (this.told.has(name)) return
    if (isRare && !this.doubted.has(name)) return void this.doubted.add(name)
    this.told.add(name)
    this.warn(`Task "${name}" kept the event loop busy for ${Math.round(millis)} ms without a pause. ${advice}`)
  }

  /** Something has happened to a task: `ended` is over, or another one begins. */
  happened(now: number, ended: Running | undefined): void {
    if (now <= this.due) return
    const late = now - this.due
    if (late > this.threshold) this.suspect(late, ended === undefined ? this.running() : [ended])
    this.due = now
  }

  /** Looks again in a while. */
  private look(now: number): void {
    this.due = now + this.period
    this.computedBefore = computed()
    this.timer = setTimeout(this.onLook, this.period)
    // A timer of a browser is a number.
    this.timer.unref?.()
  }

  private readonly onLook = (): void => {
    const now = performance.now()
    this.happened(now, undefined)
    this.close()
    for (const _ of this.running()) return this.look(now)
  }

  /** The event loop was late, and these tasks may have kept it. */
  private suspect(late: number, tasks: Iterable<Running>): void {
    // A thread that has hardly computed has been waiting for the machine. On one with much to do it has only a share.
    if (computed() - this.computedBefore < late * leastShare) return
    const names = new Set<string>()
    for (const { name, startedAt } of tasks) if (startedAt < this.due) names.add(name)
    const list = Array.from(names)
    // One that has been mentioned already has probably done so again.
    if (list.length === 0 || list.some((name) => this.told.has(name) || this.suspected.has(name))) return
    for (const name of list) this.suspected.add(name)
    const mentioned = list.slice(0, maxNames).map((name) => `"${name}"`)
    if (list.length > maxNames) mentioned.push(`${list.length - maxNames} others`)
    const who = list.length === 1 ? `Task ${mentioned[0]}` : `One of the tasks ${mentioned.join(", ")}`
    this.warn(
      `${who}, or something else in this program, kept the event loop busy for ${Math.round(late)} ms. ${advice}`
    )
  }

  /** Ends the watch, until the next task. */
  close(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    this.due = Infinity
  }
}
