/**
 * Ends the processes of a program that has died without doing so, be it by `kill -9`.
 *
 * The guardian is a shell that reads from a pipe whose other end this program alone holds. When the program ends, however
 * it does, the pipe is closed, and the shell ends the tree: the signal, the grace, SIGKILL. It is started before the
 * process that it guards, which it finds by the mark in its environment even when this program dies before it could tell
 * its number. It lives in a session of its own, so that what ends this program's group does not end it.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { Socket } from "node:net"
import type { Writable } from "node:stream"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Ending, markVariable } from "./ProcessTree.ts"
import * as RealTime from "./RealTime.ts"

// Written for any POSIX shell; on Linux it needs nothing but grep and sleep. `known` are the processes of the tree that
// were alive when looked for last, `groups` those whose groups and sessions belong to it.
const script = `
trap '' HUP INT TERM
mark=$1 signal=$2 rounds=$3 groups=' '
while read -r change pid; do
  case $change in
    start) groups=" $pid " ;;
    end) groups=' ' ;;
    close) exit 0 ;;
  esac
done
table() {
  if [ -r /proc/self/stat ]; then
    for file in /proc/[0-9]*/stat; do
      { read -r line <"$file"; } 2>/dev/null || continue
      pid=\${line%% *}
      set -- \${line##*) }
      echo "$pid:$2:$3:$4:$1"
    done
  else
    ps -A -o pid= -o ppid= -o pgid= -o pgid= -o stat= | while read -r a b c d e; do echo "$a:$b:$c:$d:$e"; done
  fi
}
known=$groups
look() {
  rows=$(table)
  for file in $(grep -lsF "$mark" /proc/[0-9]*/environ 2>/dev/null); do
    file=\${file#/proc/}
    known="$known\${file%%/*} "
  done
  alive=' ' more=1
  while [ $more = 1 ]; do
    more=0
    for row in $rows; do
      IFS=:
      set -- $row
      IFS=' 
'
      case $5 in Z* | X*) continue ;; esac
      case $alive in *" $1 "*) continue ;; esac
      [ "$1" = $$ ] && continue
      case $known$groups in
        *" $1 "* | *" $2 "* | *" $3 "* | *" $4 "*) ;;
        *) continue ;;
      esac
      alive="$alive$1 " known="$known$1 " more=1
    done
  done
  known=$alive
}
signalled=' ' round=0 empty=0
while [ $round -lt $((rounds + 100)) ]; do
  look
  if [ "$alive" = ' ' ]; then
    empty=$((empty + 1))
    [ $empty = 2 ] && exit 0
  else
    empty=0
  fi
  for pid in $alive; do
    if [ $round -ge $rounds ]; then kill -s KILL $pid 2>/dev/null
    else case $signalled in *" $pid "*) ;; *) signalled="$signalled$pid "; kill -s $signal $pid 2>/dev/null ;; esac
    fi
  done
  sleep 0.1 2>/dev/null || sleep 1
  round=$((round + 1))
done
`

/** Guards one tree after the other. */
export interface Guardian {
  /** The tree below this process is to be ended when this program ends. */
  readonly started: (pid: number) => void
  /** That tree is gone. */
  readonly ended: () => void
}

const none: Guardian = { started: () => {}, ended: () => {} }

/** Starts a guardian that ends itself with the scope. On Windows there is none. */
export const make = (mark: string, ending: Ending): Effect.Effect<Guardian, never, Scope.Scope> =>
  process.platform === "win32"
    ? Effect.succeed(none)
    : Effect.map(Effect.acquireRelease(start(mark, ending), close), guard)

const start = (mark: string, { forceKillAfter, signal }: Ending): Effect.Effect<ChildProcess> =>
  Effect.gen(function* () {
    const above = process.env[markVariable]
    const rounds = Math.ceil(Math.min(forceKillAfter, 1e9) / 100)
    const shell = spawn("/bin/sh", ["-c", script, "guardian", mark, signal.replace(/^SIG/, ""), String(rounds)], {
      detached: true,
      cwd: "/",
      stdio: ["pipe", "ignore", "ignore"],
      // Its own mark would make it one of those that it ends.
      env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", ...(above !== undefined && { [markVariable]: above }) }
    })
    const context = yield* Effect.context<never>()
    const warn = (reason: string) =>
      Effect.runForkWith(context)(
        Effect.logWarning(`Background processes will be left behind if this program is killed: ${reason}`)
      )
    shell.on("error", (error) => warn(`their guardian could not be started: ${error.message}`))
    shell.on("exit", (code, signal) => {
      if (!shell.stdin!.writableEnded) warn(`their guardian has ended (${signal ?? `code ${code}`})`)
    })
    // It has ended, which has been said.
    shell.stdin!.on("error", () => {})
    shell.unref()
    if (shell.stdin instanceof Socket) shell.stdin.unref()
    return shell
  })

const guard = ({ stdin }: ChildProcess): Guardian => ({
  started: (pid) => tell(stdin!, `start ${pid}`),
  ended: () => tell(stdin!, "end")
})

const tell = (stdin: Writable, line: string): void => {
  if (stdin.writable) stdin.write(`${line}\n`)
}

const close = (shell: ChildProcess): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (shell.pid === undefined || shell.exitCode !== null || shell.signalCode !== null) {
      shell.stdin!.destroy()
      return resume(Effect.void)
    }
    shell.once("close", () => resume(Effect.void))
    shell.stdin!.end("close\n")
  }).pipe(RealTime.whileAwaiting)
