// The web server as a person runs it: real requests, readers in other processes, and kill -9 of a reader and of the server.
import { assert, describe, it } from "@effect/vitest"
import { join } from "node:path"
import * as Folders from "../helpers/folders.ts"
import { run, start, type Started } from "./run.ts"

const temporary = Folders.ofFile()

const launch = (...args: ReadonlyArray<string>): Started => start(args)

interface Analysis {
  readonly id: string
  readonly status: string
  readonly attempts: number
  readonly reader?: string
  readonly progress?: { readonly done: number; readonly total: number }
  readonly result?: Readonly<Record<string, unknown>>
  readonly error?: Readonly<Record<string, unknown>>
}

interface Answer {
  readonly status: number
  readonly location: string | null
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly body: any
}

const serverOf = async (readers: number, state: string) => {
  const program = launch("web/main.ts", "--port", "0", "--state", state, "--readers", String(readers))
  const [, url] = await program.printed(/^Listening on (\S+),/m)
  const request = async (method: string, path: string, body?: string, headers = {}): Promise<Answer> => {
    const init = { method, headers: { "content-type": "application/json", ...headers } }
    const response = await fetch(`${url}${path}`, body === undefined ? init : { ...init, body })
    return { status: response.status, location: response.headers.get("location"), body: await response.json() }
  }
  const submit = async (source: unknown, headers = {}): Promise<string> => {
    const { body, location, status } = await request("POST", "/analyses", JSON.stringify(source), headers)
    assert.strictEqual(status, 202)
    assert.strictEqual(location, `/analyses/${body.id}`)
    return body.id
  }
  const until = async (id: string, reached: (analysis: Analysis) => boolean): Promise<Analysis> => {
    for (;;) {
      const { body, status } = await request("GET", `/analyses/${id}`)
      assert.strictEqual(status, 200)
      if (reached(body)) return body
      assert.notInclude(["completed", "failed", "cancelled"], body.status)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  return { program, request, submit, until }
}

const works = ({ progress }: Analysis) => (progress?.done ?? 0) > 0
const is = (status: string) => (analysis: Analysis) => analysis.status === status

describe("examples/web", () => {
  it("answers requests", async () => {
    const { program, request, submit, until } = await serverOf(1, join(temporary, "requests"))

    const id = await submit({ text: "export const add = (a: number, b: number) => a + b\n" })
    const { result } = await until(id, is("completed"))
    assert.deepInclude(result, { files: 1, functions: 1, unreadable: [] })

    const nothing = await submit({ path: "there/is/nothing" })
    const { error } = await until(nothing, is("failed"))
    assert.strictEqual(error?.["type"], "NothingToAnalyze")
    assert.match(String(error?.["message"]), /^There is no folder or file /)

    const large = await submit({ path: "." })
    const behind = await submit({ text: "behind()" })
    await until(large, works)
    assert.strictEqual((await request("GET", `/analyses/${behind}`)).body.status, "pending")
    assert.strictEqual((await request("DELETE", `/analyses/${large}`)).status, 202)
    assert.strictEqual((await until(large, is("cancelled"))).error?.["type"], "TaskCancelled")
    assert.strictEqual((await request("DELETE", `/analyses/${large}`)).status, 202)
    await until(behind, is("completed"))
    assert.strictEqual((await request("DELETE", `/analyses/${behind}`)).status, 409)

    const [one, two] = await Promise.all(
      [1, 2].map((n) => submit({ text: `once(${n})` }, { "idempotency-key": "the same" }))
    )
    assert.strictEqual(one, two)
    await until(one!, is("completed"))

    const ids = async (query: string) => {
      const { body } = await request("GET", query)
      return { ids: body.analyses.map(({ id }: Analysis) => id), next: body.next }
    }
    assert.deepStrictEqual((await ids("/analyses?status=completed")).ids, [one, behind, id])
    const page = await ids("/analyses?limit=2")
    assert.deepStrictEqual(page.ids, [one, behind])
    assert.deepStrictEqual((await ids(page.next)).ids, [large, nothing])
    assert.deepStrictEqual(await ids("/analyses?status=failed&limit=1"), { ids: [nothing], next: undefined })

    const refused: ReadonlyArray<readonly [method: string, path: string, body: string | undefined, error: RegExp]> = [
      ["POST", "/analyses", `{ "text": 1 }`, /^400 The body has to be \{.*"text"/],
      ["POST", "/analyses", `{ "file": "a.ts" }`, /^400 The body has to be \{.*Missing key/],
      ["POST", "/analyses", `{ "text"`, /^400 The body cannot be read as JSON/],
      ["POST", "/analyses", JSON.stringify({ path: "../.." }), /^400 The path \.\.\/\.\. leads out of/],
      ["GET", "/analyses?status=lost", undefined, /^400 The query takes status, limit and after: /],
      ["GET", "/analyses?limit=1000", undefined, /^400 The query takes status, limit and after: /],
      ["GET", "/analyses/4711", undefined, /^404 There is no analysis 4711$/],
      ["DELETE", "/analyses/4711", undefined, /^404 There is no analysis 4711$/]
    ]
    for (const [method, path, body, error] of refused) {
      const answer = await request(method, path, body)
      assert.match(`${answer.status} ${answer.body.error}`, error)
    }
    await program.end("SIGTERM")
  })

  it("loses nothing by kill -9 of a reader and of the server", async () => {
    const state = join(temporary, "killed")
    const first = await serverOf(0, state)
    const id = await first.submit({ path: "." })
    assert.strictEqual((await first.until(id, is("pending"))).attempts, 0)

    // Readers that are started by hand.
    const readers = [1, 2].map(() => launch("web/reader.ts", "--state", state))
    const { reader } = await first.until(id, works)
    const busy = readers.find(({ pid }) => reader!.split("/").includes(String(pid)))!
    await Promise.all([busy.end("SIGKILL"), first.program.end("SIGKILL")])

    // One that the new server has started, to see that it ends with it.
    const second = await serverOf(1, state)
    const analysis = await second.until(id, is("completed"))
    assert.strictEqual(analysis.attempts, 2)
    assert.notStrictEqual(analysis.reader, reader)
    assert.isAbove(analysis.result?.["files"] as number, 100)
    await second.program.printed(/reading/)
    await second.program.end("SIGKILL")
    await readers.find((reader) => reader !== busy)!.end("SIGTERM")

    const third = await serverOf(0, state)
    assert.deepStrictEqual((await third.request("GET", `/analyses/${id}`)).body, analysis)
    await third.program.end("SIGTERM")
  })

  it("shows itself with --demo", async () => {
    const { code, leftBehind, stdout } = await run(["web/main.ts", "--demo", "--readers", "1"])
    const lines = stdout.trimEnd().split("\n")
    assert.deepStrictEqual(
      lines.slice(0, 4).map((line) => line.replace(/\w+, of \d+ files/, "…, of n files")),
      [
        "A text: completed, 1 function",
        "A folder: …, of n files",
        "The same, later: completed",
        "A large folder, deleted: cancelled"
      ]
    )
    assert.match(lines[4]!, /^A bad request: 400 \{"error":"The body has to be /)
    assert.deepStrictEqual(lines.slice(5), ["An unknown id: 404"])
    assert.deepStrictEqual([code, leftBehind], [0, false])
  })

  it("says what is wrong with its arguments", async () => {
    const ended = await run(["web/main.ts", "--port", "http"])
    assert.deepStrictEqual(ended, {
      code: 1,
      stdout: "",
      stderr: `--port takes a whole number up to 65535, not "http"\n`,
      leftBehind: false
    })
  })
})
