// Small tools of measuring: quantiles, the delay of the event loop, memory, and repeatable random numbers.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { cpus } from "node:os"
import { setTimeout as sleep } from "node:timers/promises"

/** The value below which the given part of the values lies. */
export const quantile = (values: ReadonlyArray<number>, part: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!
}

export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)

const tickMillis = 1

/**
 * Watches how long the event loop is away: a timer is set again and again, and how much later than asked for it fires
 * is the delay. `worst` stops the watch and gives the longest delay in milliseconds, the one just going on included.
 */
export const watchEventLoop = (): { readonly worst: () => number } => {
  let worst = 0
  let last = performance.now()
  const note = () => {
    const now = performance.now()
    worst = Math.max(worst, now - last - tickMillis)
    last = now
  }
  let timer = setTimeout(function tick() {
    note()
    timer = setTimeout(tick, tickMillis)
  }, tickMillis)
  return {
    worst: () => {
      clearTimeout(timer)
      note()
      return worst
    }
  }
}

/** Collects garbage until no more comes free. The processes that measure are started with `--expose-gc`. */
export const collectGarbage = async (): Promise<void> => {
  for (let round = 0; round < 3; round++) {
    globalThis.gc!()
    await sleep(20)
  }
}

/**
 * The memory of this process's children in bytes, memory shared with other processes counted by its share. Undefined
 * where the system does not tell (it needs Linux's /proc).
 */
export const childrenMemory = (): number | undefined => {
  try {
    let total = 0
    for (const entry of readdirSync("/proc")) {
      if (!/^\d+$/.test(entry)) continue
      const parent = /^PPid:\s+(\d+)$/m.exec(readIfThere(`/proc/${entry}/status`))
      if (parent === null || Number(parent[1]) !== process.pid) continue
      const share = /^Pss:\s+(\d+) kB$/m.exec(readIfThere(`/proc/${entry}/smaps_rollup`))
      if (share !== null) total += Number(share[1]) * 1024
    }
    return total
  } catch {
    return undefined
  }
}

const ticksPerSecond = 100

/**
 * The CPU time in milliseconds that this process and its children have needed so far, threads included. A child's counts in
 * steps of ten milliseconds, and only where the system tells it (Linux's /proc).
 */
export const cpuMillis = (): number => {
  const { system, user } = process.cpuUsage()
  let ticks = 0
  for (const entry of childrenTold ? readdirSync("/proc") : []) {
    if (!/^\d+$/.test(entry)) continue
    // The name, in parentheses, may have spaces in it.
    const [, parent, ...rest] = readIfThere(`/proc/${entry}/stat`)
      .replace(/^.*\) /, "")
      .split(" ")
    if (Number(parent) === process.pid) ticks += Number(rest[9]) + Number(rest[10])
  }
  return (system + user) / 1000 + (1000 * ticks) / ticksPerSecond
}

const childrenTold = existsSync("/proc/self/stat")

/** The part of all cores' time, from 0 to 1, that another machine has had since an earlier look (a virtual machine's steal). */
export const watchSteal = (): { readonly part: () => number } => {
  const read = () => {
    const times = (/^cpu +(.*)$/m.exec(readIfThere("/proc/stat"))?.[1] ?? "").split(" ").map(Number)
    return { stolen: times[7] ?? 0, all: times.slice(0, 8).reduce((sum, time) => sum + time, 0) }
  }
  const before = read()
  return {
    part: () => {
      const after = read()
      return after.all === before.all ? 0 : (after.stolen - before.stolen) / (after.all - before.all)
    }
  }
}

/** A process may end between being listed and being read. */
const readIfThere = (path: string): string => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}

/** Which part of all cores was busy, from 0 to 1, while this process did nothing for the given time. */
export const machineBusy = async (millis: number): Promise<number> => {
  const read = () => {
    const times = cpus().map((cpu) => cpu.times)
    const idle = times.reduce((sum, time) => sum + time.idle, 0)
    return { idle, all: idle + times.reduce((sum, time) => sum + time.user + time.nice + time.sys + time.irq, 0) }
  }
  const before = read()
  await sleep(millis)
  const after = read()
  return after.all === before.all ? 0 : 1 - (after.idle - before.idle) / (after.all - before.all)
}

/** Random numbers from 0 to 1 that are the same in every run (mulberry32). */
export const seededRandom = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** Milliseconds of a clock that all processes of a machine share, and that nobody sets (CLOCK_MONOTONIC on Linux). */
export const sharedMillis = (): number => Number(process.hrtime.bigint()) / 1e6
