// Redis beside the libraries under test: looking at the server, and removing keys.
import { Redis } from "ioredis"

/** Fails at once if there is no server, instead of trying again. */
export const withRedis = async <A>(url: string, use: (redis: Redis) => Promise<A>): Promise<A> => {
  const redis = new Redis(url, { lazyConnect: true, connectTimeout: 3000, retryStrategy: () => null })
  // What a call rejects with says only that there is no connection; why not, the event says.
  let reason: Error | undefined
  redis.on("error", (error: Error) => {
    reason = error
  })
  try {
    await redis.connect()
    return await use(redis)
  } catch (error) {
    throw reason ?? error
  } finally {
    redis.disconnect()
  }
}

export const keysWith = async (redis: Redis, prefix: string): Promise<ReadonlyArray<string>> => {
  const keys: Array<string> = []
  for await (const some of redis.scanStream({ match: `${prefix}*`, count: 10_000 }))
    keys.push(...(some as Array<string>))
  return keys
}

export const removeKeys = (url: string, prefix: string): Promise<void> =>
  withRedis(url, async (redis) => {
    const keys = await keysWith(redis, prefix)
    for (let from = 0; from < keys.length; from += 1000) await redis.unlink(keys.slice(from, from + 1000))
  })
