// Tasks in processes of their own: what they give comes back as their schemas say, whatever becomes of the process.
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { writeFileSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { runProcess } from "effect-strand/BackgroundProcess"
import * as Conditions from "../../src/internal/values/Conditions.ts"
import * as Folders from "../helpers/folders.ts"
import * as Leaks from "../helpers/leaks.ts"
import { half, liar, misbehave, Odd, outer, serve, twice, unknown } from "./definitions.ts"
import * as Table from "./table.ts"

Leaks.check()
Table.clear()

const temporary = Folders.ofFile()

const module = new URL("./tasks.ts", import.meta.url)
const log = "none" as const
const at = new Date(1e12)

describe("runProcess of a task", () => {
  it.live("gives its typed result, from another process, and ends with it", () =>
    Effect.gen(function* () {
      const it = yield* runProcess({ task: half, payload: { n: 84, at }, module, log })
      const result = yield* it.result
      assert.deepStrictEqual(result, { half: 42n, at, pid: yield* it.pid, bytes: Uint8Array.of(84) })
      assert.deepInclude(yield* it.exit, { reason: "Ended", exitCode: 0 })
      assert.strictEqual(it.name, "half")
      assert.notStrictEqual(result.pid, process.pid)
    })
  )

  it.live("gives its typed error", () =>
    Effect.gen(function* () {
      const it = yield* runProcess({ task: half, payload: { n: 7, at }, module: module.pathname, log })
      const error = yield* Effect.flip(it.result)
      assert(error instanceof Odd)
      assert.deepInclude(error, { n: 7, at })
      assert.deepInclude(yield* it.exit, { reason: "Ended", exitCode: 1 })
    })
  )

  const run = (how: typeof misbehave.payload.Type) =>
    Effect.flatMap(
      runProcess({ task: misbehave, payload: how, module, log, forceKillAfter: "300 millis" }),
      ({ result }) => Effect.exit(result)
    )
  const errorOf = (exit: Exit.Exit<unknown, unknown>) =>
    Exit.isFailure(exit) ? Option.getOrUndefined(Cause.findErrorOption(exit.cause)) : undefined

  it.live("gives a defect as a defect, with its name, message and stack; also an error that is not declared", () =>
    Effect.gen(function* () {
      for (const [how, name, message] of [
        ["die", "TypeError", "a bug in the handler"],
        ["undeclared", "Error", "nobody knows me"]
      ] as const) {
        const exit = yield* run(how)
        assert(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
        const defect = Cause.squash(exit.cause) as Error
        assert.deepInclude([defect.name, defect.message], message)
        assert.strictEqual(defect.name, name)
        assert.include(defect.stack, "test/process/tasks.ts")
      }
    })
  )

  it.live("says how a process died that gave no result, and what it printed last", () =>
    Effect.gen(function* () {
      const exited = errorOf(yield* run("exit"))
      assert.deepInclude(exited, { _tag: "WorkerCrashed", reason: "Exit", exitCode: 9, detail: "leaving" })
      const killed = errorOf(yield* run("kill"))
      assert.deepInclude(killed, { _tag: "WorkerCrashed", reason: "Signal", signal: "SIGKILL" })
      assert.match(String(killed), /process "misbehave" \(pid \d+\) was ended by signal SIGKILL/)
    })
  )

  it.live("refuses a result that cannot leave the process", () =>
    Effect.gen(function* () {
      assert.deepInclude(errorOf(yield* run("clone")), {
        _tag: "NotTransferable",
        task: "misbehave",
        path: "result.callback"
      })
      const it = yield* runProcess({ task: liar, module, log })
      assert.deepInclude(yield* Effect.flip(it.result), { _tag: "ResultInvalid", task: "liar" })
    })
  )

  it.live("is interrupted by stop: its finalizers run, and its result is that it was cancelled", () =>
    Effect.gen(function* () {
      const it = yield* runProcess({ task: misbehave, payload: "hangTidily", module, log })
      assert.deepInclude(yield* it.stop, { reason: "Stopped", exitCode: 1, lastLines: ["tidied"] })
      assert.strictEqual((yield* Effect.flip(it.result))._tag, "TaskCancelled")
    })
  )

  it.live("is killed after the grace when it does not let itself be interrupted", () =>
    Effect.gen(function* () {
      const it = yield* runProcess({ task: misbehave, payload: "hang", module, log, forceKillAfter: "200 millis" })
      assert.deepInclude(yield* it.stop, { reason: "Stopped", signal: "SIGKILL" })
      assert.strictEqual((yield* Effect.flip(it.result))._tag, "TaskCancelled")
    })
  )

  it.live("fails with TaskTimeout at its time limit", () =>
    Effect.gen(function* () {
      const it = yield* runProcess({ task: misbehave, payload: "hangTidily", module, log, timeout: "1500 millis" })
      assert.deepInclude(yield* Effect.flip(it.result), { _tag: "TaskTimeout", timeout: 1500 })
    })
  )

  it.live("is started again by its policy: one id, one attempt more, the last result", () =>
    Effect.gen(function* () {
      const file = join(temporary, "first")
      const it = yield* runProcess({
        task: twice,
        payload: { file },
        module,
        log,
        restart: "onFailure",
        schedule: Schedule.recurs(3)
      })
      assert.strictEqual(yield* it.result, `attempt 2 of ${readFileSync(file, "utf8")}`)
      assert.strictEqual(yield* it.restarts, 1)
    })
  )

  it.live("may run tasks itself, in fibers of its process", () =>
    Effect.gen(function* () {
      const it = yield* runProcess({ task: outer, module, log })
      assert.deepStrictEqual([...(yield* it.result)], [1, 4, 9])
    })
  )

  it.live("is ready when its handler begins, and has shown the signs that are waited for", () =>
    Effect.gen(function* () {
      const it = yield* runProcess({ task: serve, module, log, ready: [{ line: "serving" }, { line: "slow" }] })
      // Its logs are lines: warnings of standard error.
      assert.deepStrictEqual(yield* Stream.runHead(it.stdout), Option.some("serving { on: 80 }"))
      assert.deepStrictEqual(yield* Stream.runHead(it.stderr), Option.some("slow user=ada"))
      assert.strictEqual((yield* it.status)._tag, "Ready")
    })
  )

  it.live("fails to start with what is wrong with it", () =>
    Effect.gen(function* () {
      const bad = { task: half, payload: { n: 0.5, at }, module, log }
      assert.strictEqual((yield* Effect.flip(runProcess(bad)))._tag, "PayloadInvalid")
      const options = { payload: { n: 2, at }, task: half, log }
      const missing = yield* Effect.flip(runProcess({ ...options, module: join(temporary, "missing.ts") }))
      assert.strictEqual(missing._tag, "ModuleInvalid")
      assert.include(missing.message, "missing.ts")
      const empty = join(temporary, "empty.mjs")
      writeFileSync(empty, "export const a = 1\n")
      const noLayer = yield* Effect.flip(runProcess({ ...options, module: empty }))
      assert.match(noLayer.message, /it has no default export/)
      const none = yield* Effect.flip(runProcess({ task: unknown, module, log }))
      assert(none._tag === "TaskNotFound")
      assert.include(none.available, "half")
      const exits = join(temporary, "exits.mjs")
      writeFileSync(exits, "console.log('no licence'); process.exit(3)\n")
      const exited = yield* Effect.flip(runProcess({ ...options, module: exits }))
      assert.deepInclude(exited, { _tag: "ProcessExited", exitCode: 3, lastLines: ["no licence"] })
    })
  )

  it.live("gets its environment, working directory, and options for Node behind this program's conditions", () =>
    Effect.gen(function* () {
      const file = join(temporary, "probe.mjs")
      writeFileSync(
        file,
        `console.log(process.env.ADDED, process.cwd() === ${JSON.stringify(temporary)}, process.execArgv.join(" "))\nprocess.exit(0)\n`
      )
      const error = yield* Effect.flip(
        runProcess({
          task: serve,
          module: file,
          log,
          cwd: temporary,
          env: { ADDED: "yes" },
          execArgv: ["--max-old-space-size=100"]
        })
      )
      assert.deepInclude(error, {
        lastLines: [`yes true ${[...Conditions.execArgv(), "--max-old-space-size=100"].join(" ")}`]
      })
    })
  )

  it.live("is an Option, too, where it may be running already", () =>
    Effect.gen(function* () {
      const none = yield* runProcess({ task: serve, module, alreadyRunning: Effect.succeed(true) })
      assert.isTrue(Option.isNone(none))
    })
  )
})
