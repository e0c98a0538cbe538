// Effect's own PersistedQueue, on Redis and on PostgreSQL. As many fibers take jobs as the concurrency says.
import { NodeRedis } from "@effect/platform-node"
import { PgClient } from "@effect/sql-pg"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { PersistedQueue } from "effect/persistence"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { effectLoop } from "../effectLoop.ts"
import { query, queryNumber } from "../postgres.ts"
import { removeKeys, withRedis } from "../redis.ts"
import type { Client, Consumption, Job, Place, Store } from "../subject.ts"

const queueName = "jobs"

const makeQueue = PersistedQueue.make({
  name: queueName,
  schema: Schema.Struct({ id: Schema.Number, text: Schema.String })
})

type QueueLayer = (place: Place) => Layer.Layer<PersistedQueue.PersistedQueueFactory, unknown>

const store = (
  layer: QueueLayer,
  prepare: (place: Place) => Promise<Pick<Client, "unfinished" | "clear" | "settle">>
): Store => ({
  connect: async (place) => {
    const upkeep = await prepare(place)
    const runtime = ManagedRuntime.make(layer(place))
    const queue = await runtime.runPromise(makeQueue)
    const enqueue = (job: Job) => queue.offer(job)
    return {
      ...upkeep,
      enqueue: async (job) => {
        await runtime.runPromise(enqueue(job))
      },
      loop: effectLoop((effect) => runtime.runPromise(effect), enqueue)
    }
  },
  consume: async (place: Place, { concurrency, handle }: Consumption) => {
    const runtime = ManagedRuntime.make(layer(place))
    const queue = await runtime.runPromise(makeQueue)
    const take = queue.take((job) =>
      Effect.suspend(() => {
        const outcome = handle(job)
        return outcome instanceof Promise ? Effect.promise(() => outcome) : Effect.succeed(outcome)
      })
    )
    const takers = Array.from({ length: concurrency }, () => Effect.forever(take))
    const fiber = runtime.runFork(Effect.all(takers, { concurrency: "unbounded", discard: true }))
    return async () => {
      await Effect.runPromise(Fiber.interrupt(fiber))
      await runtime.dispose()
    }
  }
})

export const onRedis = store(
  ({ name, redisUrl }) =>
    PersistedQueue.layer.pipe(
      Layer.provide(PersistedQueue.layerStoreRedis({ prefix: name })),
      Layer.provide(NodeRedis.layer({ url: redisUrl }))
    ),
  ({ name, redisUrl }) =>
    Promise.resolve({
      unfinished: () =>
        withRedis(
          redisUrl,
          async (redis) => (await redis.llen(`${name}${queueName}`)) + (await redis.hlen(`${name}${queueName}:pending`))
        ),
      clear: () => removeKeys(redisUrl, name)
    })
)

export const onPostgres = store(
  ({ name, postgresUrl }) =>
    PersistedQueue.layer.pipe(
      Layer.provide(PersistedQueue.layerStoreSql()),
      Layer.provide(PgClient.layer({ url: Redacted.make(postgresUrl), startupParameters: { search_path: name } }))
    ),
  async ({ name, postgresUrl }) => {
    await query(postgresUrl, `CREATE SCHEMA ${name}`)
    return {
      unfinished: () =>
        queryNumber(postgresUrl, `SELECT count(*) FROM ${name}.effect_queue WHERE state IN ('pending', 'processing')`),
      clear: async () => {
        await query(postgresUrl, `TRUNCATE ${name}.effect_queue`)
      },
      settle: async () => {
        await query(postgresUrl, `VACUUM ANALYZE ${name}.effect_queue`)
      }
    }
  }
)
