/**
 * A process with all that it has started, found in the process table and ended together.
 *
 * A process belongs to the tree when its parent does, when it is in the group or the session of one that does, or when
 * its environment carries the mark of the tree, which is inherited: so those are found, too, that have moved to a session
 * of their own, or whose parent has ended.
 */
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import * as Effect from "effect/Effect"
import * as RealTime from "./RealTime.ts"

/** The variable in the environment of every process of a tree. Trees within trees are told apart by a path of marks. */
export const markVariable = "STRAND_PROCESS"

/** The value of {@link markVariable} below this process. */
export const markBelow = (mark: string): string => {
  const above = process.env[markVariable]
  return above === undefined ? mark : `${above}/${mark}`
}

/** How long, in milliseconds, processes are waited for that have been killed. One that waits for its disk cannot end. */
const killPatience = 10_000

/** A process as the table shows it. */
interface ProcessRow {
  readonly pid: number
  readonly parent: number
  readonly group: number
  readonly session: number
  /** Tells a process from a later one with its number. */
  readonly startedAt: string
}

const unlessGone = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch {
    // It has ended meanwhile, or is another user's.
    return undefined
  }
}

const isLinux = process.platform === "linux"

/** One process of Linux; none when it is gone, or dead and only waits for its parent to see it. */
const readRow = (pid: number): ProcessRow | undefined => {
  const stat = unlessGone(() => readFileSync(`/proc/${pid}/stat`, "latin1"))
  if (stat === undefined) return undefined
  // The name of the program stands in parentheses, and may hold some itself.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  if (fields[0] === "Z" || fields[0] === "X") return undefined
  return {
    pid,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    startedAt: fields[19]!
  }
}

/** The table of Linux. */
export const readProc = (): ReadonlyArray<ProcessRow> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readRow(Number(name)) ?? [])

// Each column by itself: what stands behind the `=` would be its title.
const columns = ["pid=", "ppid=", "pgid=", "stat=", "lstart="].flatMap((column) => ["-o", column])

/** The table of any POSIX system. */
export const readPs = (): ReadonlyArray<ProcessRow> =>
  execFileSync("ps", ["-A", ...columns], { encoding: "utf8", maxBuffer: 2 ** 26 })
    .split("\n")
    .flatMap((line) => {
      const [pid, parent, group, state, ...startedAt] = line.trim().split(/\s+/)
      if (state === undefined || state.startsWith("Z")) return []
      return {
        pid: Number(pid),
        parent: Number(parent),
        group: Number(group),
        session: -1,
        startedAt: startedAt.join(" ")
      }
    })

const readTable = isLinux ? readProc : process.platform === "win32" ? () => [] : readPs

const carries = (pid: number, mark: string): boolean =>
  isLinux && (unlessGone(() => readFileSync(`/proc/${pid}/environ`, "latin1"))?.includes(mark) ?? false)

/** Sends a signal, unless there is no such process, or it is another user's: what is left is seen in the table. */
const send = (pid: number, signal: NodeJS.Signals): void => void unlessGone(() => process.kill(pid, signal))

/** How a tree is ended. */
export interface Ending {
  readonly signal: NodeJS.Signals
  /** Whether all get the signal, or the first process alone, as long as it lives. */
  readonly to: "tree" | "process"
  /** Milliseconds from the signal to SIGKILL, which all get. */
  readonly forceKillAfter: number
}

/** The tree below one process. */
export class ProcessTree {
  private readonly root: number
  /** Where it is known, so that no later process of this number is taken for it. */
  private readonly rootStartedAt: string | undefined
  private readonly mark: string
  /** Those that were alive when looked for last, and when they began. */
  private members = new Map<number, string>()
  private readonly signalled = new Set<number>()
  private scannedAt = 0

  constructor(root: number, mark: string) {
    this.root = root
    this.rootStartedAt = isLinux ? (readRow(root)?.startedAt ?? "gone") : undefined
    this.mark = mark
  }

  /** The numbers of those that were alive when looked for last. */
  get pids(): ReadonlyArray<number> {
    return [...this.members.keys()]
  }

  /** Looks for all that belong to the tree. */
  scan(): void {
    this.scannedAt = performance.now()
    const table = readTable()
    const found = new Map<number, string>()
    // There is no table to be read on Windows.
    if (process.platform === "win32" && unlessGone(() => process.kill(this.root, 0))) found.set(this.root, "")
    let left = table.filter((entry) => {
      const isMember =
        entry.pid !== process.pid &&
        ((entry.pid === this.root && entry.startedAt === (this.rootStartedAt ?? entry.startedAt)) ||
          entry.group === this.root ||
          entry.session === this.root ||
          this.members.get(entry.pid) === entry.startedAt ||
          carries(entry.pid, this.mark))
      if (isMember) found.set(entry.pid, entry.startedAt)
      return !isMember && entry.pid !== process.pid
    })
    for (let before = -1; before !== found.size;) {
      before = found.size
      left = left.filter((entry) => {
        const isMember = found.has(entry.parent) || found.has(entry.group) || found.has(entry.session)
        if (isMember) found.set(entry.pid, entry.startedAt)
        return !isMember
      })
    }
    this.members = found
  }

  /** Looks whether those known are alive, which is cheap, and now and then for more. */
  private look(): void {
    if (!isLinux || performance.now() - this.scannedAt > 100) return this.scan()
    for (const [pid, startedAt] of this.members) {
      if (readRow(pid)?.startedAt !== startedAt) this.members.delete(pid)
    }
  }

  /**
   * Ends all processes and waits until they are gone. Gives the numbers of those that are there after all: they belong to
   * another user, or hang in the kernel.
   *
   * Real time is waited for, whatever the clock of the program: the processes know no other.
   */
  end(ending: Ending): Effect.Effect<ReadonlyArray<number>> {
    return Effect.gen({ self: this }, function* () {
      const began = performance.now()
      // A process that ends while the table is read may just have started another.
      let empty = 0
      this.scan()
      for (let pause = 4; ; pause = Math.min(pause * 1.5, 50)) {
        if (this.members.size === 0) {
          if (++empty === 2) return []
          this.scan()
          continue
        }
        empty = 0
        const elapsed = performance.now() - began
        if (elapsed > ending.forceKillAfter + killPatience) return this.pids
        this.signal(elapsed >= ending.forceKillAfter ? "SIGKILL" : ending.signal, ending.to)
        yield* RealTime.sleep(Math.min(pause, Math.max(ending.forceKillAfter - elapsed, 4)), "foreground")
        this.look()
      }
    })
  }

  private signal(signal: NodeJS.Signals, to: Ending["to"]): void {
    for (const pid of this.pids) {
      if (signal === "SIGKILL") send(pid, signal)
      else if (!this.signalled.has(pid) && (to === "tree" || pid === this.root || !this.members.has(this.root))) {
        this.signalled.add(pid)
        send(pid, signal)
      }
    }
  }
}
