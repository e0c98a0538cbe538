// A program with a background process, for tests that kill it, or let it come to its end without closing its scope.
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { runProcess } from "effect-strand/BackgroundProcess"

const [script, mode] = process.argv.slice(2) as [string, "wait" | "end" | "exit"]

const scope = Scope.makeUnsafe()
console.log("before")
const { pid } = await Effect.runPromise(
  runProcess({
    command: "sh",
    args: ["-c", script],
    ready: { line: "up" },
    log: "none",
    forceKillAfter: "300 millis"
  }).pipe(Scope.provide(scope))
)
console.log(`ready ${await Effect.runPromise(pid)}`)
if (mode === "exit") process.exit(0)
if (mode === "wait") setInterval(() => {}, 1000)
