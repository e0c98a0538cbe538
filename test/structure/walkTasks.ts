// The task whose way `walk.ts` follows, and its handler. In a worker it also tells the way there: on a channel beside
// those of the library, so that asking for it is no part of the way.
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { BroadcastChannel, isMainThread } from "node:worker_threads"
import type * as Strand from "effect-strand"
import type { Step } from "./instrument.ts"

const { Task }: typeof Strand = await import(`${process.env["STRAND_ROOT"]}/src/index.ts`)

export const handlerReached = "(handler)"

export const walker = Task.make("walker", {
  payload: { n: Schema.Int, text: Schema.String },
  success: Schema.Struct({ n: Schema.Int, text: Schema.String })
})

export default walker.toLayer(({ n, text }) =>
  Effect.sync(() => {
    globalThis.strandEnter(handlerReached)
    return { n: n + 1, text }
  })
)

/** What is said between the caller's thread and the worker. */
export type Message = "begin" | "end" | { readonly steps: ReadonlyArray<Step> }

export interface Channel {
  readonly say: (message: Message) => void
  readonly close: () => void
}

/** The channel between the caller's thread and the worker, which it does not keep alive. */
export const openChannel = (onMessage: (message: Message) => void): Channel => {
  const channel = new BroadcastChannel("strand-walk")
  if (!isMainThread) channel.unref()
  channel.addEventListener("message", (event) => onMessage((event as MessageEvent).data))
  return {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- only windows have one
    say: (message) => channel.postMessage(message),
    close: () => channel.close()
  }
}

if (!isMainThread) {
  const channel = openChannel((message) => {
    if (message === "begin") {
      globalThis.strandSteps = []
      channel.say({ steps: [] })
    } else if (message === "end") {
      channel.say({ steps: globalThis.strandSteps ?? [] })
      globalThis.strandSteps = undefined
    }
  })
}
