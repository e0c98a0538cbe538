// Where subjects keep their jobs: whether it is there, what it promises, and how to leave it as it was found. Everything
// that a run makes carries a name with its process id, so that the next run can remove what a killed one has left.
import { createHash } from "node:crypto"
import { mkdirSync, readdirSync, rmSync } from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { query } from "./postgres.ts"
import { keysWith, removeKeys, withRedis } from "./redis.ts"
import type { Place } from "./subject.ts"

export type ServerName = "Redis" | "PostgreSQL" | "files"

interface Server {
  readonly address: string
  /** Says what is there and how it keeps what it is given. Rejects if nothing is there. */
  readonly describe: () => Promise<string>
  /** The names of places, and what else begins with the given text. */
  readonly list: (prefix: string) => Promise<ReadonlyArray<string>>
  /** Removes a place with all that is in it. */
  readonly remove: (name: string) => Promise<void>
}

const redisUrl = process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379"
const postgresUrl = process.env["POSTGRES_URL"] ?? "postgres://postgres@127.0.0.1:5432/test"

const withoutPassword = (url: string): string => url.replace(/(:\/\/[^:@/]*):[^@/]*@/, "$1@")

const describeRedis = (): Promise<string> =>
  withRedis(redisUrl, async (redis) => {
    const info = await redis.info()
    const value = (key: string) => new RegExp(`^${key}:(.*?)\\s*$`, "m").exec(info)?.[1]
    const aof = value("aof_enabled") === "1"
    // A hosted server may not allow it.
    const sync = aof ? await redis.config("GET", "appendfsync").catch(() => []) : []
    const durability = aof
      ? `append-only file, appendfsync ${(sync as Array<string>)[1] ?? "unknown"}`
      : "no append-only file: in memory, a crash of the server loses what no snapshot holds"
    return `Redis ${value("redis_version")}, ${durability}`
  })

const describePostgres = async (): Promise<string> => {
  const [row] = await query(
    postgresUrl,
    "SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync, " +
      "current_setting('synchronous_commit') AS commit"
  )
  const { commit, fsync, version } = row as {
    readonly commit: string
    readonly fsync: string
    readonly version: string
  }
  return (
    `PostgreSQL ${version.split(" ")[0]}, fsync ${fsync}, synchronous_commit ${commit}` +
    (fsync === "on" && commit !== "off" ? ": on disk when an enqueue returns" : ": not on disk when an enqueue returns")
  )
}

const servers: Readonly<Record<ServerName, Server>> = {
  Redis: {
    address: withoutPassword(redisUrl),
    describe: describeRedis,
    list: (prefix) => withRedis(redisUrl, (redis) => keysWith(redis, prefix)),
    remove: (name) => removeKeys(redisUrl, name)
  },
  PostgreSQL: {
    address: withoutPassword(postgresUrl),
    describe: describePostgres,
    list: async (prefix) => {
      const rows = await query(postgresUrl, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'strand%'")
      return rows.map(({ nspname }) => String(nspname)).filter((name) => name.startsWith(prefix))
    },
    remove: async (name) => {
      await query(postgresUrl, `DROP SCHEMA IF EXISTS "${name}" CASCADE`)
    }
  },
  files: {
    address: tmpdir(),
    describe: () => Promise.resolve(`files in ${tmpdir()}`),
    list: (prefix) => Promise.resolve(readdirSync(tmpdir()).filter((name) => name.startsWith(prefix))),
    remove: (name) => {
      rmSync(join(tmpdir(), name), { recursive: true, force: true })
      return Promise.resolve()
    }
  }
}

export const addressOf = (name: ServerName): string => servers[name].address

export const describeServer = (name: ServerName): Promise<string> => servers[name].describe()

/** Two machines may share a server; each cleans up after itself alone. */
const machine = createHash("sha256").update(hostname()).digest("hex").slice(0, 6)
const prefix = `strand_bench_${machine}_`

let made = 0

export const makePlace = (server: ServerName): Place => {
  const name = `${prefix}${process.pid}_${made++}_`
  const folder = join(tmpdir(), name)
  if (server === "files") mkdirSync(folder)
  return { name, folder, redisUrl, postgresUrl }
}

export const removePlace = (server: ServerName, { name }: Place): Promise<void> => servers[server].remove(name)

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"
  }
}

/** Removes what runs have left that were killed before they could clean up. */
export const removeLeftovers = async (server: ServerName): Promise<void> => {
  const { list, remove } = servers[server]
  const names = new Set<string>()
  for (const found of await list(prefix)) {
    const [name, pid] = /^\w+?_[0-9a-f]{6}_(\d+)_\d+_/.exec(found) ?? []
    if (name !== undefined && !isRunning(Number(pid))) names.add(name)
  }
  for (const name of names) await remove(name)
}
