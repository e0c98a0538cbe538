// A program that gives tasks to a store and writes down each that was accepted, until it is told to end, or killed.
import * as Effect from "effect/Effect"
import { appendFileSync } from "node:fs"
import * as StoreRunner from "effect-strand/StoreRunner"
import * as Task from "effect-strand/Task"
import { type Kind, open, work } from "./work.ts"

/** `single`: one after the other. `bulk`: five hundred at a time. `steady`: some of each, not faster than they are read. */
export type How = "single" | "bulk" | "steady"

const [kind, folder, how, log, workLog] = JSON.parse(process.argv[2]!) as [Kind, string, How, string, string]

const told = { toEnd: false }
process.on("disconnect", () => process.exit())
process.on("message", () => (told.toEnd = true))

const note = (line: string) => Effect.sync(() => appendFileSync(log, `${line}\n`))

const payload = (millis: number, bulk: number) => ({ log: workLog, millis, bulk })

const single = (n: number) => Effect.flatMap(work.forkDiscard(payload(n % 3, n)), (id) => note(`accepted ${id}`))

const bulk = (n: number, size: number) =>
  Effect.gen(function* () {
    yield* note(`begun ${n}`)
    const ids = yield* Task.forkAllDiscard(work, Array(size).fill(payload(n % 3, n)))
    yield* note(ids.map((id) => `accepted ${id}`).join("\n"))
  })

const main = Effect.gen(function* () {
  process.send!("ready")
  for (let n = 0; !told.toEnd; n++) {
    if (how === "single") yield* single(n)
    else if (how === "bulk") yield* bulk(n, 500)
    else {
      yield* Effect.all([single(n), single(n), single(n), bulk(n, 7)], { concurrency: "unbounded" })
      yield* Effect.sleep("10 millis")
    }
  }
})

await Effect.runPromise(main.pipe(Effect.provide(StoreRunner.layer), Effect.provide(open(kind, folder))))
process.disconnect()
