// Nothing is left in the process table: not of what ignores signals, not of grandchildren that have gone their own way,
// not when the program is killed.
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { afterAll } from "vitest"
import { runProcess } from "effect-strand/BackgroundProcess"
import { markVariable, readProc, readPs } from "../../src/process/internal/ProcessTree.ts"
import * as Leaks from "../helpers/leaks.ts"
import { inMadeUpTime } from "../helpers/madeUpTime.ts"
import * as Table from "./table.ts"

Leaks.check()
Table.clear()

const shell = (script: string) => ({ command: "sh", args: ["-c", script], ready: { line: "up" }, log: "none" }) as const

/** Scripts, each with how many processes there are of it, the shell that runs it included. */
const trees: Readonly<Record<string, (token: string) => readonly [script: string, count: number]>> = {
  "that ignores SIGTERM": (token) => [`trap '' TERM; echo up; while :; do sleep ${token}; done`, 2],
  "with children and grandchildren": (token) => [
    `sleep ${token} & sh -c "sleep ${token} & sleep ${token}; :" & echo up; wait`,
    5
  ],
  "with a grandchild in a session of its own": (token) => [`setsid sleep ${token} & echo up; wait`, 2],
  // Its parent ends, so nothing but the mark tells where it comes from.
  "with a daemon": (token) => [`(setsid sh -c "trap '' TERM; sleep ${token}; :" &); echo up; exec sleep ${token}`, 3],
  "with a grandchild that has neither its session nor its environment": (token) => [
    `env -i /usr/bin/setsid /bin/sleep ${token} & echo up; wait; : ${token}`,
    2
  ]
}

describe("closing the scope ends a process", () => {
  for (const [name, make] of Object.entries(trees)) {
    it.live(name, () =>
      Effect.gen(function* () {
        const token = Table.makeToken()
        const [script, count] = make(token)
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* runProcess({ ...shell(script), forceKillAfter: "300 millis" })
            assert.lengthOf(yield* Effect.promise(() => Table.awaitCount(token, count)), count)
          })
        )
        // Not sooner or later: now.
        assert.deepStrictEqual(Table.alive(token), [])
      })
    )
  }

  it.live("with what it leaves behind when it ends by itself", () =>
    Effect.gen(function* () {
      const token = Table.makeToken()
      const { exit } = yield* runProcess({
        ...shell(`sleep ${token} & (setsid sleep ${token} &); echo up; kill -9 $$`)
      })
      assert.deepInclude(yield* exit, { reason: "Ended", signal: "SIGKILL" })
      assert.deepStrictEqual(Table.alive(token), [])
    })
  )

  it.live("with SIGKILL after the grace, not before", () =>
    Effect.gen(function* () {
      const it = yield* runProcess({
        ...shell("trap '' TERM; echo up; while :; do sleep 0.05; done"),
        forceKillAfter: "400 millis"
      })
      const began = performance.now()
      assert.deepInclude(yield* it.stop, { reason: "Stopped", signal: "SIGKILL" })
      assert.isAtLeast(performance.now() - began, 400)
    }).pipe(Effect.scoped, inMadeUpTime)
  )

  it.live("at once, when it ends by the signal, however long the grace", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(runProcess({ ...shell("echo up; exec sleep 60"), forceKillAfter: "1 hour" }))
    })
  )

  it.live("that ends its own children when the signal goes to it alone", () =>
    Effect.gen(function* () {
      const script = `
        sh -c 'trap "echo child hit; exit 1" TERM; while :; do sleep 0.02; done' & child=$!
        trap 'echo asked; kill -9 $child; exit 0' TERM
        echo up
        while :; do sleep 0.02; done`
      const alone = yield* runProcess({ ...shell(script), kill: "process" })
      assert.deepStrictEqual((yield* alone.stop).lastLines, ["up", "asked"])
    })
  )

  it.live("whose children do not end with it, when the signal goes to it alone", () =>
    Effect.gen(function* () {
      const token = Table.makeToken()
      const options = { ...shell(`sleep ${token} & trap 'exit 0' TERM; echo up; wait`), kill: "process" } as const
      yield* Effect.scoped(runProcess({ ...options, forceKillAfter: "1 hour" }))
      // They got the signal when it was gone.
      assert.deepStrictEqual(Table.alive(token), [])
    })
  )

  it.live("before it is started again", () =>
    Effect.gen(function* () {
      const token = Table.makeToken()
      const it = yield* runProcess({
        ...shell(`sleep ${token} & echo up; exit 1`),
        ready: undefined,
        restart: "onFailure",
        schedule: Schedule.recurs(3),
        forceKillAfter: "300 millis"
      })
      assert.deepInclude(yield* it.exit, { reason: "GaveUp", restarts: 3 })
      assert.deepStrictEqual(Table.alive(token), [])
    })
  )
})

const parents = new Set<{ readonly kill: (signal: NodeJS.Signals) => boolean }>()
afterAll(() => parents.forEach((parent) => parent.kill("SIGKILL")))

/** A program with a background process, and what it has printed. */
const startParent = (token: string, script: string, mode: "wait" | "end" | "exit") => {
  const program = spawn(process.execPath, [join(import.meta.dirname, "programs", "parent.ts"), script, mode], {
    stdio: ["ignore", "pipe", "inherit"],
    // As if it was part of a tree itself. Its guardian has this, too: when it is gone, all that it does is done.
    env: { ...process.env, [markVariable]: token }
  })
  parents.add(program)
  let printed = ""
  let changed = () => {}
  const closed = once(program, "close").then(() => changed())
  program.stdout.setEncoding("utf8").on("data", (text: string) => {
    printed += text
    changed()
  })
  const prints = async (pattern: RegExp) => {
    for (;;) {
      const found = pattern.exec(printed)
      if (found !== null) return found
      assert.isNull(program.exitCode, `ended without printing ${pattern}`)
      await new Promise<void>((resolve) => (changed = resolve))
    }
  }
  return { program, prints, closed }
}

describe("the process table", () => {
  it("is the same whoever reads it", () => {
    const own = (table: ReturnType<typeof readProc>) => table.find(({ pid }) => pid === process.pid)
    const [proc, ps] = [own(readProc()), own(readPs())]
    assert.isDefined(proc)
    assert.deepStrictEqual([ps?.parent, ps?.group], [proc!.parent, proc!.group])
    assert.strictEqual(proc!.parent, process.ppid)
    assert.match(ps!.startedAt, /\d+:\d+:\d+/)
    assert.strictEqual(own(readPs())?.startedAt, ps!.startedAt)
  })
})

describe("a process within a process", () => {
  const parent = join(import.meta.dirname, "programs", "parent.ts")

  it.live("is ended with it, with its guardian, daemons and all", () =>
    Effect.gen(function* () {
      const token = Table.makeToken()
      const script = `(setsid sleep ${token} &); trap '' TERM; echo up; while :; do sleep ${token}; done`
      const options = { command: process.execPath, args: [parent, script, "wait"], log: "none" } as const
      const it = yield* runProcess({
        ...options,
        env: { TOKEN: token },
        ready: { line: /^ready/ },
        forceKillAfter: "1 second"
      })
      // The program, its shell and two sleeps; the guardian carries no token.
      assert.lengthOf(yield* Effect.promise(() => Table.awaitCount(token, 4)), 4)
      const guardians = Table.childrenOf(yield* it.pid).filter((child) => child.includes("guardian"))
      assert.lengthOf(guardians, 1)
      yield* it.stop
      assert.deepStrictEqual(Table.alive(token), [])
      assert.isTrue(Table.isDead(String(Number.parseInt(guardians[0]!, 10))), guardians[0])
    })
  )
})

describe("the guardian", () => {
  const own = () => Table.childrenOf(process.pid).filter((child) => child.includes("guardian"))

  it.live("is one for each process, and goes with the scope", () =>
    Effect.gen(function* () {
      const restarting = { ...shell("echo up; exit 1"), restart: "onFailure", schedule: Schedule.recurs(2) } as const
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* runProcess(shell("echo up; sleep 60"))
          yield* (yield* runProcess(restarting)).exit
          assert.lengthOf(own(), 2)
        })
      )
      assert.deepStrictEqual(own(), [])
    })
  )

  it.live("is missed when somebody kills it, and nothing else changes", () =>
    Effect.gen(function* () {
      const token = Table.makeToken()
      const warned = yield* Deferred.make<string>()
      const logger = Logger.make<unknown, void>(({ message }) => {
        Deferred.doneUnsafe(warned, Effect.succeed(String(message)))
      })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { status } = yield* runProcess(shell(`echo up; sleep ${token}`))
          process.kill(Number.parseInt(own()[0]!, 10), "SIGKILL")
          assert.match(
            yield* Deferred.await(warned),
            /^Background processes will be left behind if this program is killed: .* \(SIGKILL\)$/
          )
          assert.strictEqual((yield* status)._tag, "Ready")
        })
      ).pipe(Effect.provide(Logger.layer([logger])))
      assert.deepStrictEqual(Table.alive(token), [])
    })
  )
})

describe("the end of the program ends its processes", () => {
  for (const [name, make] of Object.entries(trees)) {
    it(`kill -9: one ${name}`, async () => {
      const token = Table.makeToken()
      const [script, count] = make(token)
      const { closed, prints, program } = startParent(token, script, "wait")
      await prints(/ready/)
      // With the program itself and the guardian, which carry it as well.
      assert.lengthOf(await Table.awaitCount(token, count + 2), count + 2)
      program.kill("SIGKILL")
      await closed
      assert.deepStrictEqual(await Table.awaitNone(token), [])
    })
  }

  it("kill -9: one that is killed with it", async () => {
    const token = Table.makeToken()
    const { closed, prints, program } = startParent(
      token,
      `sleep ${token} & (setsid sleep ${token} &); echo up; wait`,
      "wait"
    )
    const [, pid] = await prints(/ready (\d+)/)
    program.kill("SIGKILL")
    process.kill(Number(pid), "SIGKILL")
    await closed
    assert.deepStrictEqual(await Table.awaitNone(token), [])
  })

  it("kill -9 at any moment of the start", { timeout: 180_000 }, async () => {
    for (const delay of [0, 1, 2, 4, 6, 8, 10, 12, 15, 20, 30]) {
      const token = Table.makeToken()
      const { closed, prints, program } = startParent(
        token,
        `(setsid sleep ${token} &); echo up; sleep ${token}`,
        "wait"
      )
      await prints(/before/)
      await new Promise((resolve) => setTimeout(resolve, delay))
      program.kill("SIGKILL")
      await closed
      assert.deepStrictEqual(await Table.awaitNone(token), [], `after ${delay} ms`)
    }
  })

  it("process.exit(), without closing the scope", async () => {
    const token = Table.makeToken()
    const { closed, program } = startParent(token, `setsid sleep ${token} & echo up; sleep ${token}`, "exit")
    await closed
    assert.strictEqual(program.exitCode, 0)
    assert.deepStrictEqual(await Table.awaitNone(token), [])
  })

  it("its last line: a background process does not keep it alive", async () => {
    const token = Table.makeToken()
    const { closed, program } = startParent(token, `echo up; sleep ${token}`, "end")
    await closed
    assert.strictEqual(program.exitCode, 0)
    assert.deepStrictEqual(await Table.awaitNone(token), [])
  })
})
