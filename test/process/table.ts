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
const isDead = (pid: string): boolean => !/^State:\s+[^ZX]/m.test(read(pid, "status"))

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

const until = async (reached: () => boolean, patience: number): Promise<void> => {
  const deadline = performance.now() + patience
  while (!reached() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10))
}

/** Waits until nothing carries the token, and gives what does after all when it has waited long enough. */
export const awaitNone = async (token: string, patience = 10_000): Promise<ReadonlyArray<string>> => {
  await until(() => alive(token).length === 0, patience)
  return alive(token)
}

/** Waits until so many carry the token. */
export const awaitCount = async (token: string, count: number, patience = 10_000): Promise<ReadonlyArray<string>> => {
  await until(() => alive(token).length === count, patience)
  return alive(token)
}

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
