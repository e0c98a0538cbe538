/**
 * Finds the workers that are stuck with a long task, while anything has been sent ahead to them.
 *
 * A worker is stuck when it has finished nothing between two looks. The second look is after the event loop has delivered
 * what had arrived, since it may be this thread that is behind.
 */
import { type PoolWorker, watchInterval } from "./PoolWorker.ts"

export class StuckWatch {
  isOn = false
  private readonly workers: ReadonlySet<PoolWorker>
  private readonly onStuck: (workers: ReadonlyArray<PoolWorker>) => void
  private timer: NodeJS.Timeout | undefined = undefined

  constructor(workers: ReadonlySet<PoolWorker>, onStuck: (workers: ReadonlyArray<PoolWorker>) => void) {
    this.workers = workers
    this.onStuck = onStuck
  }

  start(): void {
    if (this.isOn) return
    this.isOn = true
    this.timer = setTimeout(() => this.look(), watchInterval)
    this.timer.unref()
  }

  private look(): void {
    const suspects = Array.from(this.workers).filter((worker) => worker.hasAhead && worker.completed === worker.watched)
    for (const worker of this.workers) worker.watched = worker.completed
    if (suspects.length === 0) return this.again()
    setImmediate(() => {
      const stuck = suspects.filter((worker) => worker.completed === worker.watched && worker.state === "ready")
      if (stuck.length > 0) this.onStuck(stuck)
      this.again()
    })
  }

  private again(): void {
    this.isOn = false
    for (const worker of this.workers) if (worker.hasAhead) return this.start()
  }

  stop(): void {
    clearTimeout(this.timer)
  }
}
