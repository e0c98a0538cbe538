/** The statuses of tasks as they are stored, and what the log of changes says besides. */
import type { TaskStatus } from "../../../TaskRequest.ts"

/** A parked task waits, like a pending one, but for another task with its concurrency key to end. */
export const Status = {
  pending: 0,
  scheduled: 1,
  running: 2,
  completed: 3,
  failed: 4,
  cancelled: 5,
  parked: 6
} as const

/** What the log says besides statuses. */
export const Change = { progress: 10, removed: 11 } as const

const statuses: ReadonlyArray<TaskStatus> = [
  "pending",
  "scheduled",
  "running",
  "completed",
  "failed",
  "cancelled",
  "pending"
]

/** The status that users know. */
export const statusOf = (stored: number): TaskStatus => statuses[stored]!

/** The status that users see now, over a task's row: what was scheduled is pending once its time has come. */
export const currentStatus = `CASE WHEN status = ${Status.scheduled} AND run_at <= unixepoch('subsec') * 1000
  THEN ${Status.pending} ELSE status END`

/** The stored statuses that a user's status stands for. */
export const storedAs = (status: TaskStatus): ReadonlyArray<number> =>
  status === "pending" ? [Status.pending, Status.parked] : [Status[status]]

/** Whether a stored status is one of the three ends. */
export const isOver = (stored: number): boolean => stored >= Status.completed && stored <= Status.cancelled
