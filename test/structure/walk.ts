// Follows a task from `task.run` to its handler and back, and prints as JSON the files that it passes, in their order.
// Its arguments: `thread` or `store`. `instrument.ts` has to be loaded before, with STRAND_ROOT in the environment.
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { setTimeout as sleep } from "node:timers/promises"
import type * as MemoryStoreModule from "effect-strand/MemoryStore"
import type * as Strand from "effect-strand"
import type { Step } from "./instrument.ts"
import handlers, { handlerReached, openChannel, walker } from "./walkTasks.ts"

const root = process.env["STRAND_ROOT"]
const { FiberRunner, StoreReader, StoreRunner, ThreadRunner }: typeof Strand = await import(`${root}/src/index.ts`)
const MemoryStore: typeof MemoryStoreModule = await import(`${root}/src/store/MemoryStore.ts`)

/** The files that one call has passed, neighbours that are the same named once. */
export interface Walk {
  readonly there: ReadonlyArray<string>
  readonly back: ReadonlyArray<string>
}

const runners = {
  thread: () =>
    ThreadRunner.layer({
      module: new URL("./walkTasks.ts", import.meta.url),
      size: 1,
      execArgv: ["--import", new URL("./instrument.ts", import.meta.url).href]
    }),
  store: () => {
    const reader = StoreReader.layer({ tasks: [walker] }).pipe(Layer.provide(FiberRunner.layer(handlers)))
    return StoreRunner.layer.pipe(Layer.merge(reader), Layer.provide(MemoryStore.layer()))
  }
}

const journey = process.argv[2] === "store" ? "store" : "thread"
const runtime = ManagedRuntime.make<Strand.TaskRunner.TaskRunner, unknown>(runners[journey]())

const call = async (n: number): Promise<void> => {
  const result = await runtime.runPromise(walker.run({ n, text: "on its way" }))
  if (result.n !== n + 1) throw new Error(`The task has given ${result.n}`)
}

let answered = Promise.withResolvers<ReadonlyArray<Step>>()
const channel = openChannel((message) => {
  if (typeof message === "object") answered.resolve(message.steps)
})

/** The steps in the worker since it was asked to begin. */
const ask = (question: "begin" | "end"): Promise<ReadonlyArray<Step>> => {
  answered = Promise.withResolvers()
  if (journey === "thread") channel.say(question)
  else answered.resolve([])
  return answered.promise
}

const follow = async (n: number): Promise<Walk> => {
  // What a task leaves to be tidied up afterwards is no part of the next one.
  await sleep(20)
  await ask("begin")
  const steps: Array<Step> = (globalThis.strandSteps = [])
  await call(n)
  globalThis.strandSteps = undefined
  steps.push(...(await ask("end")))
  const files = steps.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, file]) => file)
  const passed = files.filter((file, index) => file !== files[index - 1])
  const handler = passed.indexOf(handlerReached)
  return { there: passed.slice(0, handler), back: passed.slice(handler + 1) }
}

for (let n = 0; n < 50; n++) await call(n)
const walks: Array<Walk> = []
for (let n = 0; n < 20; n++) walks.push(await follow(n))
console.log(JSON.stringify(walks))
channel.close()
await runtime.dispose()
