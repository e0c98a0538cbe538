// When a process is started again, how often, and what can be seen of it.
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type ProcessStatus, type RunEnd, runProcess } from "effect-strand/BackgroundProcess"
import * as Folders from "../helpers/folders.ts"
import * as Leaks from "../helpers/leaks.ts"
import * as Table from "./table.ts"

Leaks.check()
Table.clear()

const temporary = Folders.ofFile()

let files = 0

/** A program that writes into a file that it was started, and then does what its script says, where `$n` counts. */
const counting = (script: string) => {
  const file = join(temporary, `starts-${++files}`)
  return {
    command: "sh",
    args: ["-c", `echo start >> "$FILE"; n=$(wc -l < "$FILE"); ${script}`],
    env: { FILE: file },
    log: "none",
    forceKillAfter: "300 millis",
    starts: () => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").length : 0)
  } as const
}

const at = (times: number) => Schedule.max([Schedule.recurs(times), Schedule.spaced("10 millis")])

const words = (status: ProcessStatus): string =>
  status._tag === "Stopped" || status._tag === "Failed"
    ? `${status._tag} ${status.exit.reason}`
    : `${status._tag} ${status.run}`

/** What a program does in one of its runs, and what is to be seen of it. */
const behaviours = {
  // It waits for a file, which is written when it has been seen to be ready.
  succeeds: { script: "echo up; await; exit 0", ready: true, failed: false },
  fails: { script: "echo up; await; exit 3", ready: true, failed: true },
  isKilled: { script: "echo up; await; kill -9 $$", ready: true, failed: true },
  endsAtOnce: { script: "echo up; exit 0", ready: true, failed: false },
  neverReady: { script: "exit 0", ready: false, failed: true }
} as const

type Behaviour = keyof typeof behaviours

/** What is to be seen of a process whose runs go so; the last goes on for ever. */
const foresee = (runs: ReadonlyArray<Behaviour>, restart: "never" | "onFailure" | "always", times: number) => {
  const seen: Array<string> = []
  for (let run = 1; ; run++) {
    const { failed, ready } = behaviours[runs[Math.min(run, runs.length) - 1]!]
    if (run > 1) seen.push(`Starting ${run}`)
    if (ready) seen.push(`Ready ${run}`)
    const wanted = restart === "always" || (restart === "onFailure" && failed)
    if (!wanted) return [...seen, `${failed ? "Failed" : "Stopped"} Ended`]
    if (run > times) return [...seen, "Failed GaveUp"]
    seen.push(`Restarting ${run + 1}`)
  }
}

describe("runProcess: restart", () => {
  it.live.prop(
    "goes as its policy says, whatever becomes of the runs",
    [
      Schema.NonEmptyArray(Schema.Literals(Object.keys(behaviours) as ReadonlyArray<Behaviour>)),
      Schema.Literals(["never", "onFailure", "always"]),
      Schema.Literals([0, 1, 2, 3])
    ],
    ([later, restart, times]) =>
      Effect.gen(function* () {
        // The first has to be ready, or there is no process.
        const runs: ReadonlyArray<Behaviour> = ["fails", ...later]
        const cases = runs.map(
          (run, index) => `${index + 1}${index === runs.length - 1 ? "|*" : ""}) ${behaviours[run].script};;`
        )
        const program = counting(
          `await() { while [ ! -e "$FILE.$n" ]; do sleep 0.01; done; }; case $n in ${cases.join(" ")} esac`
        )
        const it = yield* runProcess({ ...program, ready: { line: "up" }, restart, schedule: at(times) })
        const seen = yield* it.statusChanges.pipe(
          Stream.tap((status) =>
            Effect.sync(() => {
              if (status._tag === "Ready") writeFileSync(`${program.env.FILE}.${status.run}`, "")
            })
          ),
          Stream.runCollect
        )
        assert.deepStrictEqual(seen.map(words), foresee(runs, restart, times))
        const { restarts } = yield* it.exit
        assert.strictEqual(program.starts(), restarts + 1)
      }),
    { arbitrary: { runs: 25 } }
  )

  it.live("never, by default", () =>
    Effect.gen(function* () {
      const program = counting("exit 1")
      const { exit } = yield* runProcess(program)
      assert.deepInclude(yield* exit, { reason: "Ended", exitCode: 1, restarts: 0 })
      assert.strictEqual(program.starts(), 1)
    })
  )

  it.live("on failure: until it ends well", () =>
    Effect.gen(function* () {
      const program = counting("[ $n = 1 ] && kill -9 $$; [ $n = 2 ] && exit 5; exit 0")
      const it = yield* runProcess({ ...program, restart: "onFailure", schedule: at(9) })
      assert.deepInclude(yield* it.exit, { reason: "Ended", exitCode: 0, restarts: 2 })
      assert.strictEqual(program.starts(), 3)
      assert.strictEqual(yield* it.restarts, 2)
      assert.strictEqual((yield* it.status)._tag, "Stopped")
    })
  )

  it.live("always: also when it ends well, until the schedule is over", () =>
    Effect.gen(function* () {
      const program = counting("exit 0")
      const it = yield* runProcess({ ...program, restart: "always", schedule: at(3) })
      assert.deepInclude(yield* it.exit, { reason: "GaveUp", exitCode: 0, restarts: 3 })
      assert.strictEqual(program.starts(), 4)
      assert.strictEqual((yield* it.status)._tag, "Failed")
    })
  )

  it.live("shows each step of it, and waits for each to be ready", () =>
    Effect.gen(function* () {
      const program = counting("sleep 0.1; echo up; read go; exit 1")
      const listening = Latch.makeUnsafe(false)
      const it = yield* runProcess({
        ...program,
        stdin: Stream.fromEffect(Effect.as(listening.await, "go\n")),
        ready: { line: "up" },
        restart: "onFailure",
        schedule: at(1)
      })
      const first = yield* it.pid
      const collecting = yield* Effect.forkChild(Stream.runCollect(it.statusChanges), { startImmediately: true })
      yield* listening.open
      const changes = yield* Fiber.join(collecting)
      assert.deepStrictEqual(changes.map(words), ["Ready 1", "Restarting 2", "Starting 2", "Ready 2", "Failed GaveUp"])
      assert.notStrictEqual(yield* it.pid, first)
      assert.deepStrictEqual(yield* Stream.runCollect(it.stdout), ["up", "up"])
      assert.deepStrictEqual((yield* it.exit).lastLines, ["up"])
    })
  )

  it.live("counts one that is not ready in time as a failure, and one that can no longer be started", () =>
    Effect.gen(function* () {
      const slow = counting("[ $n = 1 ] && { echo up; exit 1; }; echo slow; sleep 60")
      const first = yield* runProcess({
        ...slow,
        ready: { line: "up" },
        readyTimeout: "300 millis",
        restart: "onFailure",
        schedule: at(2)
      })
      const slowExit = yield* first.exit
      assert.deepInclude(slowExit, { reason: "GaveUp", restarts: 2 })
      assert(slowExit.failure?._tag === "ProcessNotReady")
      assert.deepStrictEqual(slowExit.failure.lastLines, ["slow"])
      assert.strictEqual(slow.starts(), 3)

      const cwd = mkdtempSync(join(temporary, "cwd-"))
      const lost = counting(`rmdir ${cwd}; exit 1`)
      const second = yield* runProcess({ ...lost, cwd, restart: "onFailure", schedule: at(2) })
      const lostExit = yield* second.exit
      assert.deepInclude(lostExit, { reason: "GaveUp", restarts: 2 })
      assert.strictEqual(lostExit.failure?._tag, "ProcessNotStarted")
      assert.strictEqual(lost.starts(), 1)
    })
  )

  it.live("not what fails to start for the first time", () =>
    Effect.gen(function* () {
      const program = counting("exit 1")
      const error = yield* Effect.flip(
        runProcess({ ...program, ready: { line: "never" }, restart: "always", schedule: at(9) })
      )
      assert.strictEqual(error._tag, "ProcessExited")
      assert.strictEqual(program.starts(), 1)

      let asked = 0
      const slow = counting("exec sleep 60")
      const late = yield* Effect.flip(
        runProcess({
          ...slow,
          ready: { line: "never" },
          readyTimeout: "200 millis",
          restart: "always",
          // Asked when there is to be another run.
          schedule: Schedule.forever.pipe(Schedule.tap(() => Effect.sync(() => asked++)))
        })
      )
      assert.strictEqual(late._tag, "ProcessNotReady")
      assert.strictEqual(slow.starts(), 1)
      assert.strictEqual(asked, 0)
    })
  )

  it.live("not after stop, be it between two runs, and not after the time limit", () =>
    Effect.gen(function* () {
      const program = counting("echo bye; exit 1")
      const it = yield* runProcess({ ...program, restart: "always", schedule: Schedule.spaced("1 hour") })
      const isRestarting = (status: ProcessStatus) => status._tag === "Restarting"
      const waiting = yield* Stream.runHead(Stream.filter(it.statusChanges, isRestarting))
      assert.deepInclude(waiting, {
        value: { _tag: "Restarting", run: 2, delay: 3_600_000, exitCode: 1, signal: undefined, lastLines: ["bye"] }
      })
      assert.deepInclude(yield* it.stop, { reason: "Stopped", restarts: 0 })
      assert.strictEqual(program.starts(), 1)

      const token = Table.makeToken()
      const limited = yield* runProcess({
        ...counting(`[ $n = 1 ] && exit 1; sleep ${token}`),
        restart: "always",
        schedule: at(9),
        timeout: "3 seconds"
      })
      assert.deepInclude(yield* limited.exit, { reason: "TimedOut", restarts: 1 })
      assert.deepStrictEqual(Table.alive(token), [])
    })
  )

  it.live("gives the schedule how each run ended, and begins it anew after a good one", () =>
    Effect.gen(function* () {
      const seen: Array<readonly [run: number, exitCode: number | undefined, attempt: number]> = []
      const schedule = Schedule.spaced("1 millis").pipe(
        Schedule.setInputType<RunEnd>(),
        Schedule.while(({ attempt, input }) => {
          seen.push([input.run, input.exitCode, attempt])
          return Effect.succeed(input.run < 4)
        })
      )
      const program = counting("[ $n = 3 ] && sleep 3.2; exit $n")
      const it = yield* runProcess({ ...program, restart: "always", schedule, resetAfter: "3 seconds" })
      yield* it.exit
      assert.deepStrictEqual(seen, [
        [1, 1, 1],
        [2, 2, 2],
        [3, 3, 1],
        [4, 4, 2]
      ])
    })
  )

  it.live("waits longer each time by default", () =>
    Effect.gen(function* () {
      const program = counting("exit 1")
      const it = yield* runProcess({ ...program, restart: "always" })
      const delays = yield* it.statusChanges.pipe(
        Stream.filter((status) => status._tag === "Restarting"),
        Stream.map(({ delay }) => Duration.format(Duration.millis(delay))),
        Stream.take(2),
        Stream.runCollect
      )
      assert.deepStrictEqual(delays, ["500ms", "1s"])
    })
  )

  it.live("keeps readers through restarts, and stops in the middle of a storm of them", () =>
    Effect.gen(function* () {
      const token = Table.makeToken()
      const program = counting(`sleep ${token} & echo $n; exit 1`)
      const it = yield* runProcess({ ...program, restart: "always", schedule: Schedule.forever })
      const reader = yield* Effect.forkChild(
        Stream.runCollect(Stream.takeWhile(it.stdout, (line) => Number(line) <= 5)),
        { startImmediately: true }
      )
      assert.deepStrictEqual(yield* Fiber.join(reader), ["1", "2", "3", "4", "5"])
      const { reason, restarts } = yield* it.stop
      assert.strictEqual(reason, "Stopped")
      assert.isAtLeast(restarts, 5)
      assert.deepStrictEqual(Table.alive(token), [])
      assert.strictEqual(program.starts(), restarts + 1)
    })
  )
})
