// SQL beside the libraries under test: making and emptying their schemas.
import { Pool } from "pg"

const pools = new Map<string, Pool>()

/** Runs one statement on a connection that is kept for the next one and does not keep the process alive. */
export const query = async (url: string, sql: string): Promise<ReadonlyArray<Record<string, unknown>>> => {
  const pool =
    pools.get(url) ?? new Pool({ connectionString: url, max: 1, allowExitOnIdle: true, connectionTimeoutMillis: 3000 })
  if (!pools.has(url)) {
    pools.set(url, pool)
    // An idle connection that breaks is replaced at the next query.
    pool.on("error", () => {})
  }
  const { rows } = await pool.query<Record<string, unknown>>(sql)
  return rows
}

/** One number, from the first column of the first row. */
export const queryNumber = async (url: string, sql: string): Promise<number> => {
  const [row] = await query(url, sql)
  return Number(Object.values(row ?? {})[0])
}
