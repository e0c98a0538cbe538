/**
 * The lanes of a store: one for each pair of a queue and a task's name, and the settings of the queues.
 *
 * A lane is what makes a claim cheap: each has its pending tasks in order, so that tasks which a reader cannot take, of
 * other names or of paused queues, cost it nothing however many they are.
 */
import type { QueueSettings } from "../../TaskQueue.ts"
import type { Database } from "./Database.ts"
import { pairOf } from "./Rows.ts"

/** One queue and one name. */
export interface Lane {
  readonly id: number
  readonly queue: string
  readonly name: string
}

/** A queue that nothing has been said about. */
const defaultSettings: QueueSettings = { paused: false, concurrency: undefined, concurrencyPerKey: undefined }

/** Lanes and settings, kept in memory as of a version that the database tells. All methods belong in a transaction. */
export class Lanes {
  private readonly db: Database
  /** Changes when lanes or settings have been read anew. */
  version = 0
  private readonly byId = new Map<number, Lane>()
  private readonly byKey = new Map<string, Lane>()
  private readonly queues = new Map<string, QueueSettings>()

  constructor(db: Database) {
    this.db = db
  }

  /** Reads what has changed, and gives how many readers and listeners there are. */
  refresh(): { readonly consumers: number; readonly listeners: number } {
    const state = this.db.prepare("SELECT version, consumers, listeners FROM strand_state").get()!
    if (state["version"] !== this.version) this.load(state["version"] as number)
    return state as unknown as { consumers: number; listeners: number }
  }

  private load(version: number): void {
    this.byId.clear()
    this.byKey.clear()
    this.queues.clear()
    for (const row of this.db.prepare("SELECT id, queue, name FROM strand_lanes").all()) {
      const lane = row as unknown as Lane
      this.byId.set(lane.id, lane)
      this.byKey.set(pairOf(lane.queue, lane.name), lane)
    }
    for (const row of this.db.prepare("SELECT * FROM strand_queues").all()) {
      this.queues.set(row["queue"] as string, {
        paused: row["paused"] === 1,
        concurrency: (row["concurrency"] as number | null) ?? undefined,
        concurrencyPerKey: (row["concurrency_per_key"] as number | null) ?? undefined
      })
    }
    this.version = version
  }

  /** The lane of a queue and a name. Made if need be. */
  of(queue: string, name: string): Lane {
    const known = this.byKey.get(pairOf(queue, name))
    if (known !== undefined) return known
    this.refresh()
    const found = this.byKey.get(pairOf(queue, name))
    if (found !== undefined) return found
    this.db.prepare("INSERT INTO strand_lanes (queue, name) VALUES (?, ?) ON CONFLICT DO NOTHING").run(queue, name)
    this.touch()
    return this.of(queue, name)
  }

  get(id: number): Lane {
    let lane = this.byId.get(id)
    if (lane === undefined) {
      this.refresh()
      lane = this.byId.get(id)
    }
    return lane!
  }

  /** All lanes, of paused queues too. */
  get all(): IterableIterator<Lane> {
    return this.byId.values()
  }

  settings(queue: string): QueueSettings {
    return this.queues.get(queue) ?? defaultSettings
  }

  configure(queue: string, { concurrency, concurrencyPerKey, paused }: QueueSettings): void {
    this.db
      .prepare(
        `INSERT INTO strand_queues (queue, paused, concurrency, concurrency_per_key) VALUES (?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET paused = excluded.paused, concurrency = excluded.concurrency,
          concurrency_per_key = excluded.concurrency_per_key`
      )
      .run(queue, paused ? 1 : 0, concurrency ?? null, concurrencyPerKey ?? null)
    this.touch()
  }

  /** Tells everybody that lanes or settings have changed. */
  private touch(): void {
    this.db.prepare("UPDATE strand_state SET version = version + 1").run()
    this.refresh()
  }

  /** To be called when a transaction has been rolled back, in which lanes may have been made. */
  forget(): void {
    this.version = 0
    this.byId.clear()
    this.byKey.clear()
  }
}
