// What the programs of the durability tests share: their stores, and a task whose handler writes down what it does.
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { appendFileSync, existsSync } from "node:fs"
import { join } from "node:path"
import * as FileStore from "effect-strand/FileStore"
import * as SqliteStore from "effect-strand/SqliteStore"
import * as Task from "effect-strand/Task"
import { TaskContext } from "effect-strand/TaskContext"

export const kinds = ["SqliteStore", "FileStore"] as const

export type Kind = (typeof kinds)[number]

/** Opens the store of a folder. */
export const open = (kind: Kind, folder: string) =>
  kind === "SqliteStore"
    ? SqliteStore.layer({ filename: join(folder, "tasks.db") })
    : FileStore.layer({ folder: join(folder, "tasks") })

/** Work of some milliseconds. */
export const work = Task.make("work", {
  payload: {
    /** The file that its handler writes into: what it does, the task's id, the attempt and the process. */
    log: Schema.String,
    millis: Schema.Finite,
    /** A file without which the first attempt does not end. */
    gate: Schema.optionalKey(Schema.String),
    /** Whether it keeps the event loop while it waits for its gate. */
    blocking: Schema.optionalKey(Schema.Boolean),
    /** Whether it kills its process. */
    deadly: Schema.optionalKey(Schema.Boolean),
    /** What it belongs to, for a test to know. */
    bulk: Schema.optionalKey(Schema.Int),
    ballast: Schema.optionalKey(Schema.String)
  },
  success: Schema.String
})

const sleeper = new Int32Array(new SharedArrayBuffer(4))

const block = (file: string): void => {
  while (!existsSync(file)) Atomics.wait(sleeper, 0, 0, 3)
}

const awaitFile = (file: string): Effect.Effect<void> =>
  Effect.suspend(() => (existsSync(file) ? Effect.void : Effect.andThen(Effect.sleep("10 millis"), awaitFile(file))))

export const handlers = work.toLayer(({ blocking, deadly, gate, log, millis }) =>
  Effect.gen(function* () {
    const { attempt, id } = yield* TaskContext
    const note = (what: string) => appendFileSync(log, `${what} ${id} ${attempt} ${process.pid}\n`)
    note("start")
    if (deadly) process.kill(process.pid, "SIGKILL")
    if (gate !== undefined && attempt === 1) {
      if (blocking) block(gate)
      else yield* awaitFile(gate)
    }
    if (millis > 0) yield* Effect.sleep(millis)
    note("end")
    return `${attempt} ${process.pid}`
  })
)
