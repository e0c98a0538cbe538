/**
 * Who may start a task that has been sent ahead.
 *
 * A pool sends a worker more tasks than it works on, so that it never waits for the next. When a task takes long, what was
 * sent behind it must go elsewhere, and the worker, being busy, cannot be asked. So each task has a
 * start number, which either side draws from a place both can reach: each is drawn once, by the worker, which then starts the
 * task of that number, or by the pool, which then gives it to somebody else. The worker draws one at a time, the pool all
 * that are left in one step: otherwise the worker could draw one between two that return, and tasks would start in
 * another order than that of their calls.
 *
 * Threads draw from shared memory ({@link ThreadChannel}), processes from a file ({@link ProcessChannel}).
 */

/** The numbers from `from` to `to`, exclusive; none when they are equal. */
export interface Range {
  readonly from: number
  readonly to: number
}

/** The pool's side of a worker's start numbers. */
export interface PoolStartNumbers {
  /** Lets the numbers up to `end`, exclusive, be drawn. Called before the worker can know of them. */
  readonly extend: (end: number) => void
  /** Draws all numbers that are left, in one step. */
  readonly takeAll: () => Range
  /** How far beyond the last number that the worker has finished numbers may be extended. */
  readonly reach: number
  /** To be called now and then when no task is left to start: gives back what the numbers took up. */
  readonly compact: () => void
  readonly close: () => void
}

/** The worker's side. */
export interface WorkerStartNumbers {
  /** Draws the next number below `end`, the number behind the last that has arrived; -1 when there is none. */
  readonly take: (end: number) => number
}
