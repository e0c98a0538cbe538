/**
 * Who a process is, for others on the same machine to tell whether it still lives.
 *
 * A pid alone does not do: it is used again, and another container has pids of its own. So a process is known by its
 * machine, its boot and its pid namespace where the system tells them, its pid, and the time it was started.
 */
import { readFileSync, readlinkSync } from "node:fs"
import { hostname } from "node:os"
import { hasCode } from "../ErrorCode.ts"

/** A process of some machine. */
export interface ProcessIdentity {
  /** The machine, as far as pids mean the same. */
  readonly host: string
  readonly pid: number
  /** When it was started, in a unit of the system; 0 where the system does not tell. */
  readonly startedAt: number
}

const attempt = (read: () => string): string => {
  try {
    return read().trim()
  } catch {
    // Not on this system: the host's name has to do.
    return ""
  }
}

/** When a process was started, in clock ticks since boot. Undefined where the system does not tell. */
const startOf = (pid: number): number | undefined => {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, "latin1"))
  // The second field is the program's name in parentheses, and may hold anything; the time is the 20th after it.
  const field = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
  return field === undefined || field === "" ? undefined : Number(field)
}

/** This process. */
export const self: ProcessIdentity = {
  host: [
    hostname(),
    attempt(() => readFileSync("/proc/sys/kernel/random/boot_id", "latin1")).slice(0, 8),
    attempt(() => readlinkSync("/proc/self/ns/pid")).replace(/\D/g, "")
  ].join("/"),
  pid: process.pid,
  startedAt: startOf(process.pid) ?? 0
}

/** True when a process has certainly ended. Of another machine's processes nothing is certain. */
export const isGone = (other: ProcessIdentity): boolean => {
  if (other.host !== self.host) return false
  if (other.pid === self.pid) return other.startedAt !== self.startedAt
  try {
    process.kill(other.pid, 0)
  } catch (error) {
    return hasCode(error, "ESRCH")
  }
  const startedAt = startOf(other.pid)
  return startedAt !== undefined && other.startedAt !== 0 && startedAt !== other.startedAt
}
