// Programs with pools end when they have nothing left to do and not before, and however they end, nothing is left of them.
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { makeNotes, type Notes, until } from "../../../../src/testing/Subject.ts"
import * as Leaks from "../../../helpers/leaks.ts"
import { type Kind, kinds } from "./pools.ts"

Leaks.check()

const program = fileURLToPath(new URL("./programs/main.ts", import.meta.url))

const read = (file: string): string => {
  try {
    return readFileSync(file, "utf8")
  } catch {
    return ""
  }
}

/** A process that has ended and that nobody has asked about still has its number, but runs no more. */
const isAlive = (pid: number) => /^State:\s+[^ZX]/m.test(read(`/proc/${pid}/status`))

const childrenOf = (pid: number): ReadonlyArray<number> =>
  read(`/proc/${pid}/task/${pid}/children`)
    .split(" ")
    .filter((text) => text.trim() !== "")
    .map(Number)

/** Starts the program, in a process group of its own as a terminal does, and kills what is left of it at the end. */
const start = (kind: Kind, how: string, notes: Notes) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const child = spawn(process.execPath, [program, kind, how, notes.file], {
          stdio: ["ignore", "pipe", "pipe"],
          detached: true
        })
        let text = ""
        child.stdout.on("data", (data) => (text += data))
        let errors = ""
        child.stderr.on("data", (data) => (errors += data))
        return { child, pid: child.pid!, text: () => text, errors: () => errors, ended: once(child, "close") }
      }),
      ({ ended, pid }) =>
        Effect.promise(async () => {
          try {
            process.kill(-pid, "SIGKILL")
          } catch {
            // Nothing is left, as it should be.
          }
          await ended
        })
    ),
    (started) => ({
      ...started,
      ended: Effect.promise(() => started.ended as Promise<[code: number | null, signal: string | null]>)
    })
  )

const endings = {
  SIGTERM: (pid: number) => process.kill(pid, "SIGTERM"),
  // Ctrl-C reaches all processes of the group.
  "Ctrl-C": (pid: number) => process.kill(-pid, "SIGINT"),
  SIGKILL: (pid: number) => process.kill(pid, "SIGKILL")
}

for (const kind of kinds) {
  describe(kind, () => {
    it.live("a program ends by itself when its tasks have ended, though its pool is open", () =>
      Effect.gen(function* () {
        const notes = yield* makeNotes
        const { ended, errors, text } = yield* start(kind, "open", notes)
        assert.deepStrictEqual(yield* Effect.timeout(ended, "10 seconds"), [0, null], errors())
        assert.sameMembers(text().trim().split("\n"), ["forked: true", "run: true"])
        assert.sameMembers([...notes.lines()], ["forked started", "forked ended", "run started", "run ended"])
      })
    )

    for (const how of ["idle", "busy"] as const) {
      for (const [signal, send] of Object.entries(endings)) {
        // Threads end with their process.
        if (kind === "threads" && signal === "SIGKILL") continue
        it.live(`${signal} leaves nothing of a program with ${how} workers`, () =>
          Effect.gen(function* () {
            const notes = yield* makeNotes
            const { ended, errors, pid, text } = yield* start(kind, how, notes)
            if (how === "idle") yield* until("it to be ready", () => text().includes("ready"))
            else yield* until("both to have started", () => notes.lines().length === 2)
            const children = childrenOf(pid)
            if (kind === "processes") assert.strictEqual(children.length, 2)
            send(pid)
            const end = yield* Effect.timeout(ended, "10 seconds")
            assert.deepStrictEqual(end, signal === "SIGKILL" ? [null, "SIGKILL"] : [130, null], errors())
            // One in a busy loop finds out by another thread, which asks once a second.
            yield* until("the children to be gone", () => !children.some(isAlive))
            assert.strictEqual(errors(), "")
          })
        )
      }
    }
  })
}

describe("processes", () => {
  it.live("SIGKILL leaves nothing of a program that is starting its workers", () =>
    Effect.gen(function* () {
      const notes = yield* makeNotes
      const { ended, pid, text } = yield* start("processes", "starting", notes)
      yield* until("it to be ready", () => text().includes("ready"))
      yield* until("children", () => childrenOf(pid).length === 2)
      const children = childrenOf(pid)
      process.kill(pid, "SIGKILL")
      yield* ended
      yield* until("the children to be gone", () => !children.some(isAlive))
    })
  )
})
