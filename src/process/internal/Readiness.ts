/** When a process is ready for what it was started for. */
import * as http from "node:http"
import * as https from "node:https"
import * as net from "node:net"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Line, Ready } from "./Model.ts"
import type { Output } from "./Output.ts"

/** How long one connection or request may take, in milliseconds, before it is tried again. */
const patience = 10_000

/** Completes when a process shows all the signs. */
export const awaitAll = <R>(signs: ReadonlyArray<Ready<R>>, output: Output): Effect.Effect<void, never, R> =>
  Effect.forEach(signs, (sign) => awaitOne(sign, output), { concurrency: "unbounded", discard: true })

const awaitOne = <R>(sign: Ready<R>, output: Output): Effect.Effect<void, never, R> => {
  if ("delay" in sign) return Effect.sleep(sign.delay)
  if ("line" in sign) return output.find(lineMatches(sign))
  const check =
    "check" in sign ? sign.check : "port" in sign ? connects(sign.port, sign.host ?? "localhost") : answers(sign)
  return check.pipe(
    Effect.catch(() => Effect.succeed(false)),
    Effect.repeat({ until: (ready: boolean) => ready, schedule: Schedule.spaced(sign.interval ?? "100 millis") }),
    Effect.asVoid
  )
}

/** The signs in words. */
export const describe = (signs: ReadonlyArray<Ready>): ReadonlyArray<string> => signs.map(describeOne)

const describeOne = (sign: Ready): string => {
  if ("delay" in sign) return `a delay of ${Duration.format(Duration.fromInputUnsafe(sign.delay))}`
  if ("line" in sign) return `a line ${typeof sign.line === "string" ? JSON.stringify(sign.line) : String(sign.line)}`
  if ("check" in sign) return "its check to say true"
  if ("port" in sign) return `port ${sign.port} of ${sign.host ?? "localhost"}`
  return `an answer from ${String(sign.url)}`
}

const lineMatches = ({ line, on }: Extract<Ready, { readonly line: unknown }>): ((printed: Line) => boolean) => {
  const matches =
    typeof line === "string"
      ? (text: string) => text.includes(line)
      : // Without its memory of the last match, which would make it miss the next.
        (text: string) => new RegExp(line.source, line.flags.replace(/[gy]/g, "")).test(text)
  return ({ source, text }) => (on === undefined || on === source) && matches(text)
}

const connects = (port: number, host: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const socket = net.connect({ port, host, timeout: patience })
    const say = (ready: boolean) => () => {
      socket.destroy()
      resume(Effect.succeed(ready))
    }
    socket.once("connect", say(true)).once("timeout", say(false)).on("error", say(false))
    return Effect.sync(() => socket.destroy())
  })

const statusMatches = (
  expected: number | ReadonlyArray<number> | ((status: number) => boolean) | undefined,
  status: number
) =>
  expected === undefined
    ? status >= 200 && status < 300
    : typeof expected === "function"
      ? expected(status)
      : ([] as ReadonlyArray<number>).concat(expected).includes(status)

const answers = ({ status, url }: Extract<Ready, { readonly url: unknown }>): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const target = new URL(url)
    const { get } = target.protocol === "https:" ? https : http
    // A connection of its own, which does not outlive it.
    const request = get(target, { agent: false, timeout: patience })
    const say = (ready: boolean) => {
      request.destroy()
      resume(Effect.succeed(ready))
    }
    request
      .once("response", (response) => say(statusMatches(status, response.statusCode!)))
      .once("timeout", () => say(false))
      .on("error", () => say(false))
    return Effect.sync(() => request.destroy())
  })
