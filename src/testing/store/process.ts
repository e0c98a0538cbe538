/**
 * A process that opens a store for the suite and does what it is told, until it is killed. It is loaded by plain Node,
 * without the test framework.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Queues from "../../store/TaskQueue.ts"
import { TaskStore } from "../../store/TaskStore.ts"
import type { Command, Report } from "./processes.ts"

/** Opens the store of a module, with a consumer. */
const open = async (module: string, options: unknown, lease: number) => {
  const { default: make } = await import(module)
  const scope = Scope.makeUnsafe()
  const layer = make(options) as Layer.Layer<TaskStore | Queues.TaskQueue, unknown>
  const context = await Effect.runPromise(Layer.buildWithScope(layer, scope))
  const queue = Context.get(context, Queues.TaskQueue)
  const consumer = await Effect.runPromise(
    Scope.provide(
      queue.consume({
        tasks: ["work"],
        lease,
        pollInterval: 600_000,
        onSignal: (signal) => report({ signal })
      }),
      scope
    )
  )
  return { queue, consumer, store: Context.get(context, TaskStore) }
}

const report = (report: Report): void => {
  process.send?.(report)
}

const main = async (): Promise<void> => {
  const [module, options, lease] = JSON.parse(process.argv[2]!)
  const { consumer, queue, store } = await open(module, options, lease)
  const claims = new Map<string, Queues.Claim>()
  const perform = async (command: Command): Promise<unknown> => {
    switch (command._tag) {
      case "Offer":
        return Effect.runPromise(queue.offer(command.tasks))
      case "Claim": {
        const more = await Effect.runPromise(consumer.claim(command.limit))
        for (const claim of more) claims.set(claim.id, claim)
        return more.map(({ id, token }) => ({ id, token }))
      }
      case "Settle":
        return Effect.runPromise(consumer.settle(claims.get(command.id)!, command.settlement))
      case "Put":
        return Effect.runPromise(store.put(command.record))
      case "Cancel":
        return Effect.runPromise(queue.cancel(command.id))
      case "Flood":
        for (let n = 0; ; n++) {
          const ids = Array.from({ length: command.size }, (_, index) => `flood-${n}-${index}`)
          await Effect.runPromise(queue.offer(ids.map((id) => ({ ...command.task, id }))))
          report({ flooded: ids })
        }
    }
  }
  process.on("message", ({ command, number }: { readonly number: number; readonly command: Command }) => {
    perform(command).then(
      (answer) => report({ number, answer }),
      (error) => report({ number, error: String(error) })
    )
  })
  process.on("disconnect", () => process.exit())
  report({ ready: consumer.worker })
}

await main()
