// Background processes that are real programs: when they are ready, how they fail, what they print, how they end.
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { execFileSync, spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import * as http from "node:http"
import * as net from "node:net"
import { join } from "node:path"
import { type CommandOptions, runProcess } from "effect-strand/BackgroundProcess"
import * as Folders from "../helpers/folders.ts"
import * as Leaks from "../helpers/leaks.ts"
import { inMadeUpTime } from "../helpers/madeUpTime.ts"
import * as Table from "./table.ts"

Leaks.check()
Table.clear()

const temporary = Folders.ofFile()

const log = "none" as const
const shell = (script: string) => ({ command: "sh", args: ["-c", script], log })
const node = (script: string, ...args: ReadonlyArray<string>) => ({
  command: process.execPath,
  args: ["-e", script, ...args],
  log
})

const freePort = Effect.callback<number>((resume) => {
  const server = net.createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as net.AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

/** A command of the Redis protocol, and the answer. */
const ask = (port: number, command: string): Effect.Effect<string> =>
  Effect.callback((resume) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write(`${command}\r\n`))
    socket.once("data", (data) => {
      socket.destroy()
      resume(Effect.succeed(data.toString()))
    })
  })

const refused = (port: number): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const socket = net.connect(port, "127.0.0.1")
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.succeed(false))
    })
    socket.once("error", () => resume(Effect.succeed(true)))
  })

const hasRedis = spawnSync("redis-server", ["--version"]).status === 0

describe("runProcess: ready", () => {
  it.live.skipIf(!hasRedis)("a Redis server, when its port accepts connections; gone with the scope", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const pid = yield* Effect.scoped(
        Effect.gen(function* () {
          const redis = yield* runProcess({
            command: "redis-server",
            args: ["--port", String(port), "--save", "", "--appendonly", "no"],
            cwd: temporary,
            ready: { port, host: "127.0.0.1" },
            log
          })
          assert.strictEqual(redis.name, "redis-server")
          assert.strictEqual(yield* ask(port, "PING"), "+PONG\r\n")
          assert.strictEqual((yield* redis.status)._tag, "Ready")
          return yield* redis.pid
        })
      )
      assert.isTrue(yield* refused(port))
      assert.throws(() => process.kill(pid, 0), /ESRCH/)
    })
  )

  it.live("an HTTP server, when the URL answers with the expected status", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      // 503 for a while, then 200.
      const server = node(
        `let asked = 0
         require("node:http").createServer((_, response) => {
           response.statusCode = ++asked < 4 ? 503 : 200
           response.end(String(asked))
         }).listen(Number(process.argv[1]))`,
        String(port)
      )
      yield* runProcess({ ...server, ready: { url: `http://localhost:${port}/health`, interval: "20 millis" } })
      const text = yield* Effect.promise(() => fetch(`http://localhost:${port}/`).then((response) => response.text()))
      assert.strictEqual(text, "5")
    })
  )

  it.live("with a status, several, or a predicate that says which will do", () =>
    Effect.gen(function* () {
      const server = yield* Effect.acquireRelease(
        Effect.callback<http.Server>((resume) => {
          const server = http
            .createServer((_, response) => response.writeHead(418).end())
            .listen(0, () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.callback((resume) => void server.close(() => resume(Effect.void)))
      )
      const url = `http://localhost:${(server.address() as net.AddressInfo).port}/`
      const idle = shell("sleep 60")
      for (const status of [418, [200, 418], (status: number) => status > 400]) {
        yield* runProcess({ ...idle, ready: { url, status } })
      }
      for (const status of [undefined, 200, [200, 404], (status: number) => status < 400]) {
        const error = yield* Effect.flip(runProcess({ ...idle, ready: { url, status }, readyTimeout: "150 millis" }))
        assert.strictEqual(error._tag, "ProcessNotReady")
      }
    })
  )

  it.live("by a line of either output, a pattern, a delay, a check, and all of them together", () =>
    Effect.gen(function* () {
      const began = performance.now()
      let asked = 0
      const { pid } = yield* runProcess({
        ...shell("echo one; echo 'number 22' >&2; exec sleep 60"),
        ready: [
          { line: "one" },
          { line: /^number \d+$/g, on: "stderr" },
          { delay: "200 millis" },
          { check: Effect.sync(() => ++asked === 3), interval: "10 millis" }
        ]
      })
      assert.isAtLeast(performance.now() - began, 200)
      assert.strictEqual(asked, 3)
      assert.isTrue(process.kill(yield* pid, 0))
      const wrong = { ...shell("echo one; exec sleep 60"), readyTimeout: "200 millis" } as const
      const error = yield* Effect.flip(runProcess({ ...wrong, ready: { line: "one", on: "stderr" } }))
      assert.strictEqual(error._tag, "ProcessNotReady")
    }).pipe(Effect.scoped, inMadeUpTime)
  )

  it.live("by what it says before it ends, however soon that is", () =>
    Effect.gen(function* () {
      const one = Effect.gen(function* () {
        const { exit, statusChanges } = yield* runProcess({ ...shell("echo up; exit 3"), ready: { line: "up" } })
        assert.deepInclude(yield* exit, { reason: "Ended", exitCode: 3 })
        assert.lengthOf(yield* Stream.runCollect(statusChanges), 1)
      })
      yield* Effect.all(
        Array.from({ length: 30 }, () => Effect.scoped(one)),
        { concurrency: 10 }
      )
      // Also when others hold its outputs open.
      yield* runProcess({ ...shell("sleep 60 & echo up"), ready: { line: "up" } })
    })
  )

  it.live("takes a check that fails as not yet", () =>
    Effect.gen(function* () {
      let asked = 0
      const check = Effect.suspend(() => (++asked < 3 ? Effect.fail("refused") : Effect.succeed(true)))
      yield* runProcess({ ...shell("sleep 60"), ready: { check, interval: "1 millis" } })
      assert.strictEqual(asked, 3)
    })
  )
})

describe("runProcess: failures", () => {
  it.live("tells how a process ended that dies at once, and what it printed last", () =>
    Effect.gen(function* () {
      const token = Table.makeToken()
      const error = yield* Effect.flip(
        runProcess({
          ...shell(`sleep ${token} & echo starting; echo 'no such table' >&2; exit 3`),
          name: "database",
          ready: { line: "never" }
        })
      )
      assert(error._tag === "ProcessExited")
      assert.deepInclude(error, { process: "database", exitCode: 3 })
      assert.sameMembers([...error.lastLines], ["starting", "no such table"])
      assert.match(error.message, /^Process "database" exited with code 3 before it was ready\. It printed:\n {2}/)
      // What it had started is gone when the error is told, not only with the scope.
      assert.deepStrictEqual(Table.alive(token), [])
      const killed = yield* Effect.flip(runProcess({ ...shell("kill -9 $$"), ready: { line: "never" } }))
      assert.deepInclude(killed, { _tag: "ProcessExited", signal: "SIGKILL" })
      assert.strictEqual(
        killed.message,
        `Process "sh" was ended by signal SIGKILL before it was ready. It printed nothing`
      )
    })
  )

  it.live("keeps as many of the last lines as it is told to", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        runProcess({ ...shell("for i in 1 2 3 4 5; do echo $i; done; exit 1"), ready: { line: "never" }, keepLines: 2 })
      )
      assert.deepInclude(error, { _tag: "ProcessExited", lastLines: ["4", "5"] })
    })
  )

  it.live("stops what is not ready in time, and says what it waited for", () =>
    Effect.gen(function* () {
      const token = Table.makeToken()
      const port = yield* freePort
      const error = yield* Effect.flip(
        runProcess({
          ...shell(`echo waking up; sleep ${token}`),
          ready: [{ port }, { line: /up and (running)/ }],
          readyTimeout: "300 millis"
        })
      )
      assert(error._tag === "ProcessNotReady")
      assert.deepInclude(error, { timeout: 300, lastLines: ["waking up"] })
      assert.strictEqual(error.waitedFor, `port ${port} of localhost and a line /up and (running)/`)
      assert.deepStrictEqual(Table.alive(token), [])
    })
  )

  it.live("refuses what cannot be started", () =>
    Effect.gen(function* () {
      const plain = join(temporary, "plain.txt")
      writeFileSync(plain, "not a program")
      const reasonOf = (options: { readonly command: string; readonly args?: ReadonlyArray<string>; cwd?: string }) =>
        Effect.map(Effect.flip(runProcess(options)), (error) => {
          assert(error._tag === "ProcessNotStarted")
          return [error.code, error.message]
        })
      assert.deepStrictEqual(yield* reasonOf({ command: "no-such-command" }), [
        "ENOENT",
        `Process "no-such-command" could not be started: there is no command "no-such-command" on the PATH`
      ])
      assert.deepStrictEqual(yield* reasonOf({ command: `${temporary}/nothing` }), [
        "ENOENT",
        `Process "nothing" could not be started: there is no command "${temporary}/nothing"`
      ])
      assert.strictEqual((yield* reasonOf({ command: plain }))[0], "EACCES")
      assert.match(
        (yield* reasonOf({ command: "sh", cwd: `${temporary}/away` }))[1]!,
        /its working directory .*\/away is not there/
      )
      assert.strictEqual((yield* reasonOf({ command: "sh", args: ["a\0b"] }))[0], "ERR_INVALID_ARG_VALUE")
    })
  )

  it.live("ends the process when its readiness is no longer waited for", () =>
    Effect.gen(function* () {
      const token = Table.makeToken()
      const fiber = yield* Effect.forkChild(
        Effect.scoped(runProcess({ ...shell(`setsid sleep ${token} & sleep ${token}`), ready: { line: "never" } }))
      )
      // The shell and both of its children.
      assert.lengthOf(yield* Effect.promise(() => Table.awaitCount(token, 3)), 3)
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(Table.alive(token), [])
    })
  )

  it.live("tells of a check that has a defect, and leaves nothing", () =>
    Effect.gen(function* () {
      const token = Table.makeToken()
      const exit = yield* Effect.exit(
        runProcess({ ...shell(`sleep ${token}`), ready: { check: Effect.die(new Error("a bug")) } })
      )
      assert.isTrue(Exit.isFailure(exit) && String(exit.cause).includes("a bug"))
      assert.deepStrictEqual(Table.alive(token), [])
    })
  )
})

describe("runProcess: alreadyRunning", () => {
  it.live("starts nothing when it says true", () =>
    Effect.gen(function* () {
      const none = yield* runProcess({ command: "no-such-command", alreadyRunning: Effect.succeed(true) })
      assert.isTrue(Option.isNone(none))
      const some = yield* runProcess({ ...shell("sleep 60"), alreadyRunning: Effect.succeed(false) })
      assert.isTrue(process.kill(yield* Option.getOrThrow(some).pid, 0))
      const failed = yield* Effect.flip(runProcess({ command: "sh", alreadyRunning: Effect.fail("unknown" as const) }))
      assert.strictEqual(failed, "unknown")
    })
  )
})

describe("runProcess: the end", () => {
  it.live("is told to all who ask, also late", () =>
    Effect.gen(function* () {
      const { exit, status, stop } = yield* runProcess(shell("echo bye; exit 4"))
      const all = [...(yield* Effect.all([exit, exit], { concurrency: "unbounded" })), yield* stop]
      const expected = {
        reason: "Ended",
        exitCode: 4,
        signal: undefined,
        restarts: 0,
        lastLines: ["bye"],
        failure: undefined
      } as const
      assert.deepStrictEqual(all, [expected, expected, expected])
      assert.deepStrictEqual(yield* status, { _tag: "Failed", exit: expected })
    })
  )

  it.live("comes by the signal that is asked for", () =>
    Effect.gen(function* () {
      const script = "trap 'echo tidied; exit 7' USR2; echo up; while :; do sleep 0.02; done"
      const it = yield* runProcess({ ...shell(script), ready: { line: "up" }, killSignal: "SIGUSR2", kill: "process" })
      const exit = yield* it.stop
      assert.deepInclude(exit, { reason: "Stopped", exitCode: 7, lastLines: ["up", "tidied"] })
      assert.strictEqual((yield* it.status)._tag, "Stopped")
    })
  )

  it.live("comes with the time limit, and says so", () =>
    Effect.gen(function* () {
      const token = Table.makeToken()
      const began = performance.now()
      const { exit, status } = yield* runProcess({ ...shell(`exec sleep ${token}`), timeout: "200 millis" })
      assert.deepInclude(yield* exit, { reason: "TimedOut", signal: "SIGTERM" })
      assert.isAtLeast(performance.now() - began, 200)
      assert.strictEqual((yield* status)._tag, "Failed")
      assert.deepStrictEqual(Table.alive(token), [])
      const late = yield* Effect.flip(
        runProcess({ ...shell("sleep 60"), ready: { line: "never" }, timeout: "100 millis" })
      )
      assert.deepInclude(late, { _tag: "ProcessNotReady", timeout: 100 })
    }).pipe(Effect.scoped, inMadeUpTime)
  )

  it.live("leaves a waiting fiber's process alone when only the waiting is interrupted", () =>
    Effect.gen(function* () {
      const { exit, pid } = yield* runProcess(shell("sleep 60"))
      yield* Fiber.interrupt(yield* Effect.forkChild(exit, { startImmediately: true }))
      assert.isTrue(process.kill(yield* pid, 0))
    })
  )
})

describe("runProcess: onClose", () => {
  const closed = (options: CommandOptions) =>
    Effect.flatMap(Effect.scoped(Effect.map(runProcess(options), ({ exit }) => exit)), (exit) => exit)

  it.live("waits for the process to end by itself", () =>
    Effect.gen(function* () {
      const slow = shell("trap 'echo asked; exit 1' TERM; echo up; sleep 0.3; echo done")
      const exit = yield* closed({ ...slow, ready: { line: "up" }, onClose: "wait" })
      assert.deepInclude(exit, { reason: "Ended", exitCode: 0, lastLines: ["up", "done"] })
    })
  )

  it.live("ends it when it takes too long", () =>
    Effect.gen(function* () {
      const token = Table.makeToken()
      const began = performance.now()
      const exit = yield* closed({ ...shell(`sleep ${token}`), onClose: { wait: "200 millis" } })
      assert.isAtLeast(performance.now() - began, 200)
      assert.deepInclude(exit, { reason: "Stopped", signal: "SIGTERM" })
      assert.deepStrictEqual(Table.alive(token), [])
      const soon = yield* closed({ ...shell("exit 3"), onClose: { wait: "1 hour" } })
      assert.deepInclude(soon, { reason: "Ended", exitCode: 3 })
    }).pipe(Effect.scoped, inMadeUpTime)
  )

  it.live("does not start it again, be it between two runs", () =>
    Effect.gen(function* () {
      const restart = { restart: "always", onClose: "wait" } as const
      const running = yield* closed({ ...shell("sleep 0.2"), ...restart, schedule: Schedule.forever })
      assert.deepInclude(running, { reason: "Ended", exitCode: 0, restarts: 0 })
      const program = Effect.gen(function* () {
        const { exit, statusChanges } = yield* runProcess({
          ...shell("exit 3"),
          ...restart,
          schedule: Schedule.spaced("1 hour")
        })
        yield* Stream.runHead(Stream.filter(statusChanges, ({ _tag }) => _tag === "Restarting"))
        return exit
      })
      const between = yield* Effect.flatten(Effect.scoped(program))
      assert.deepInclude(between, { reason: "Ended", exitCode: 3, restarts: 0 })
    })
  )

  it.live("ends what is not ready in time, or no longer waited for, all the same", () =>
    Effect.gen(function* () {
      const never = { ready: { line: "never" }, onClose: "wait" } as const
      const token = Table.makeToken()
      const late = closed({ ...shell(`sleep ${token}`), ...never, readyTimeout: "100 millis" })
      assert.strictEqual((yield* Effect.flip(late))._tag, "ProcessNotReady")
      const fiber = yield* Effect.forkChild(closed({ ...shell(`exec sleep ${token}`), ...never }))
      yield* Effect.promise(() => Table.awaitCount(token, 1))
      yield* Fiber.interrupt(fiber)
      assert.deepStrictEqual(Table.alive(token), [])
    })
  )
})

describe("runProcess: output", () => {
  it.live("comes as lines to several readers, early and late, in order, and ends", () =>
    Effect.gen(function* () {
      const script = "echo one; echo two >&2; read go; echo three; printf 'no end of line'"
      const go = yield* Deferred.make<string>()
      const it = yield* runProcess({
        ...shell(script),
        stdin: Stream.fromEffect(Deferred.await(go)),
        ready: [{ line: "one" }, { line: "two" }]
      })
      const early = yield* Effect.forkChild(Stream.runCollect(it.stdout), { startImmediately: true })
      const left = yield* Stream.runCollect(Stream.take(it.stdout, 1))
      yield* Deferred.succeed(go, "\n")
      const stdout = ["one", "three", "no end of line"]
      assert.deepStrictEqual(yield* Fiber.join(early), stdout)
      assert.deepStrictEqual(left, ["one"])
      assert.deepStrictEqual(yield* Stream.runCollect(it.stdout), stdout)
      assert.deepStrictEqual(yield* Stream.runCollect(it.stderr), ["two"])
      const all = yield* Stream.runCollect(it.output)
      assert.deepStrictEqual(all.slice(2), [
        { source: "stdout", text: "three" },
        { source: "stdout", text: "no end of line" }
      ])
    })
  )

  it.live("gives a late reader the lines that were kept, and no more", () =>
    Effect.gen(function* () {
      const it = yield* runProcess({ ...shell("for i in 1 2 3 4 5; do echo $i; done"), keepLines: 3 })
      yield* it.exit
      assert.deepStrictEqual(yield* Stream.runCollect(it.stdout), ["3", "4", "5"])
    })
  )

  it.live("may be large and without any end of line", () =>
    Effect.gen(function* () {
      const size = 5_000_000
      const it = yield* runProcess({
        ...node(`process.stdin.once("data", () => process.stdout.write("é".repeat(${size})))`),
        stdin: "go"
      })
      const pieces = yield* Stream.runCollect(it.stdout)
      assert.strictEqual(pieces.join(""), "é".repeat(size))
      assert.strictEqual(Math.max(...pieces.map(({ length }) => length)), 65_536)
    })
  )

  it.live("never makes the process wait for a reader", () =>
    Effect.gen(function* () {
      const it = yield* runProcess(shell("read go; seq 1 200000"))
      const blocked = yield* Effect.forkChild(
        Stream.runForEach(it.stdout, () => Effect.never),
        { startImmediately: true }
      )
      assert.deepInclude(yield* it.exit, { reason: "Ended", exitCode: 0 })
      yield* Fiber.interrupt(blocked)
    })
  )

  it.live("is logged, with the name of the process", () =>
    Effect.gen(function* () {
      const logged: Array<unknown> = []
      const logger = Logger.make<unknown, void>(({ fiber, logLevel, message }) => {
        logged.push([logLevel, message, fiber.getRef(References.CurrentLogAnnotations)["process"]])
      })
      const run = (log: "lines" | "none") =>
        Effect.flatMap(runProcess({ ...shell("echo a; echo b >&2"), name: "talker", log }), ({ exit }) => exit).pipe(
          Effect.provide(Logger.layer([logger]))
        )
      yield* run("lines")
      assert.sameDeepMembers(logged, [
        ["Info", ["a"], "talker"],
        ["Warn", ["b"], "talker"]
      ])
      yield* run("none")
      assert.lengthOf(logged, 2)
    })
  )

  it.live("is logged whole and in order, however much it is", () =>
    Effect.gen(function* () {
      const logged: Array<number> = []
      const logger = Logger.make<unknown, void>(({ message }) => void logged.push(Number(message)))
      const it = yield* runProcess({ ...shell("seq 1 30000"), log: "lines" }).pipe(
        Effect.provide(Logger.layer([logger]))
      )
      yield* it.exit
      assert.deepStrictEqual(
        logged,
        Array.from({ length: 30_000 }, (_, index) => index + 1)
      )
    })
  )
})

describe("runProcess: what a process is given", () => {
  const printed = (options: CommandOptions) =>
    Effect.flatMap(runProcess({ ...options, alreadyRunning: undefined }), (it) => Stream.runCollect(it.stdout))

  it.live("an environment that adds to this one or replaces it, and a working directory", () =>
    Effect.gen(function* () {
      const env = { ADDED: "yes", HOME: undefined }
      const added = yield* printed({ ...shell("echo $ADDED ${HOME-gone} ${PATH:+path}; pwd"), env, cwd: temporary })
      assert.deepStrictEqual(added, ["yes gone path", temporary])
      const envFile = execFileSync("sh", ["-c", "command -v env"], { encoding: "utf8" }).trim()
      const alone = yield* printed({ command: envFile, env: { ONLY: "this" }, extendEnv: false, log })
      // The mark by which it is found.
      assert.deepStrictEqual(alone.map((line) => line.replace(/=.*/, "")).toSorted(), ["ONLY", "STRAND_PROCESS"])
    })
  )

  it.live("no input, a text, bytes, a Stream", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* printed(shell("cat; echo end")), ["end"])
      assert.deepStrictEqual(yield* printed({ ...shell("cat"), stdin: "a\nb\n" }), ["a", "b"])
      assert.deepStrictEqual(yield* printed({ ...shell("cat"), stdin: new TextEncoder().encode("ü") }), ["ü"])
      const stdin = Stream.range(1, 3).pipe(Stream.map((n) => `${n}\n`))
      assert.deepStrictEqual(yield* printed({ ...shell("cat"), stdin }), ["1", "2", "3"])
    })
  )

  it.live("input that it does not read", () =>
    Effect.gen(function* () {
      const closed = yield* Deferred.make<void>()
      const stdin = Stream.ensuring(
        Stream.forever(Stream.make("x".repeat(10_000))),
        Deferred.succeed(closed, undefined)
      )
      const it = yield* runProcess({ ...shell("head -c 5 >/dev/null; exec <&-; sleep 0.1; exit 5"), stdin })
      assert.deepInclude(yield* it.exit, { exitCode: 5 })
      yield* Deferred.await(closed)
      // Nor does an input that never comes hold up the end.
      const other = yield* runProcess({ ...shell("exit 6"), stdin: Stream.never })
      assert.deepInclude(yield* other.exit, { exitCode: 6 })
    })
  )
})

describe("runProcess: scopes", () => {
  it.live("closes many at once", () =>
    Effect.gen(function* () {
      const token = Table.makeToken()
      const scope = yield* Scope.make()
      const all = Array.from({ length: 30 }, () => runProcess({ command: "sleep", args: [token], log }))
      yield* Scope.provide(Effect.all(all, { concurrency: "unbounded" }), scope)
      assert.lengthOf(Table.alive(token), 30)
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(Table.alive(token), [])
    })
  )
})
