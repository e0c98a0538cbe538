// Looks into the process table for what a test has started: all of it carries a token, in its environment or its arguments.
import { randomInt } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { afterAll } from "vitest"

const tokens = new Set<string>()

const read = (pid: string, file: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1")
  } catch {
    return ""
  }
}

/** Gone, or dead and not yet seen to be so by its parent. */
export const isDead = (pid: string): boolean => !/^State:\s+[^ZX]/m.test(read(pid, "status"))

/** A number that nothing else has, so that `sleep` can carry it: it is more than 30 years. */
export const makeToken = (): string => {
  const token = `9${randomInt(10 ** 9, 10 ** 10)}`
  tokens.add(token)
  return token
}

/** What carries the token in its environment or its arguments and is alive. */
export const alive = (token: string): ReadonlyArray<string> =>
  readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid && !isDead(pid))
    .flatMap((pid) => {
      const command = read(pid, "cmdline")
      const found = command.includes(token) || read(pid, "environ").includes(token)
      return found ? [`${pid} ${command.replaceAll("\0", " ").trim()}`] : []
    })

/** The children of a process that are alive. */
export const childrenOf = (parent: number): ReadonlyArray<string> =>
  readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid) && !isDead(pid) && read(pid, "status").includes(`\nPPid:\t${parent}\n`))
    .map((pid) => `${pid} ${read(pid, "cmdline").replaceAll("\0", " ").trim()}`)

/**
 * Waits until so many carry the token, and gives those that do after all when it has waited long enough. One that is about
 * to become another program carries nothing for a moment, so several looks have to agree.
 */
export const awaitCount = async (token: string, count: number, patience = 10_000): Promise<ReadonlyArray<string>> => {
  const deadline = performance.now() + patience
  for (let agreed = 0; ;) {
    const found = alive(token)
    agreed = found.length === count ? agreed + 1 : 0
    if (agreed === 3 || performance.now() > deadline) return found
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Waits until nothing carries the token. */
export const awaitNone = (token: string) => awaitCount(token, 0)

/** Kills, after the tests of the file that calls it, what they have left because they failed. */
export const clear = (): void => {
  afterAll(() => {
    for (const token of tokens) {
      for (const found of alive(token)) {
        try {
          process.kill(Number.parseInt(found, 10), "SIGKILL")
        } catch {
          // It has gone meanwhile.
        }
      }
    }
  })
}
