/**
 * The lanes of a store: one for each pair of a queue and a task's name, and the settings of the queues.
 *
 * A lane is what makes a claim cheap: each has its pending tasks in order, so that tasks which a reader cannot take, of
 * other names or of paused queues, cost it nothing however many they are.
 */
import type { QueueSettings } from "../../TaskQueue.ts"
import { flag, number, optional, query, text } from "./Statements.ts"
import type { Lane, Reader, Transaction } from "./Transaction.ts"

/** A queue that nothing has been said about. */
const defaultSettings: QueueSettings = { paused: false, concurrency: undefined, concurrencyPerKey: undefined }

const state = query("SELECT version, consumers, listeners FROM strand_state", {
  version: number,
  consumers: number,
  listeners: number
})

const allLanes = query("SELECT id, queue, name FROM strand_lanes", { id: number, queue: text, name: text })

const allQueues = query("SELECT queue, paused, concurrency, concurrency_per_key FROM strand_queues", {
  queue: text,
  paused: flag,
  concurrency: optional(number),
  concurrencyPerKey: optional(number)
})

/** Lanes and settings, kept in memory as of a version that the database tells. */
export class Lanes {
  /** Changes when lanes or settings have been read anew. */
  version = 0
  private readonly byId = new Map<number, Lane>()
  /** By their queues and names. */
  private readonly byName = new Map<string, Map<string, Lane>>()
  private readonly queues = new Map<string, QueueSettings>()

  /** Reads what has changed, and gives how many readers and listeners there are. */
  refresh(reader: Reader): { readonly consumers: number; readonly listeners: number } {
    const found = reader.one(state)
    if (found.version !== this.version) this.load(reader, found.version)
    return found
  }

  private load(reader: Reader, version: number): void {
    this.forget()
    for (const lane of reader.all(allLanes)) {
      this.byId.set(lane.id, lane)
      const known = this.byName.get(lane.queue)
      if (known === undefined) this.byName.set(lane.queue, new Map([[lane.name, lane]]))
      else known.set(lane.name, lane)
    }
    for (const { queue, ...settings } of reader.all(allQueues)) this.queues.set(queue, settings)
    this.version = version
  }

  /** The lane of a queue and a name. Made if need be. A transaction that writes has begun with all that there are. */
  of(transaction: Transaction, queue: string, name: string): Lane {
    const known = this.byName.get(queue)?.get(name)
    if (known !== undefined) return known
    transaction.run("INSERT INTO strand_lanes (queue, name) VALUES (?, ?) ON CONFLICT DO NOTHING", queue, name)
    this.touch(transaction)
    return this.of(transaction, queue, name)
  }

  get(reader: Reader, id: number): Lane {
    const known = this.byId.get(id)
    if (known !== undefined) return known
    this.refresh(reader)
    return this.byId.get(id)!
  }

  /** All lanes, of paused queues too. */
  get all(): IterableIterator<Lane> {
    return this.byId.values()
  }

  settings(queue: string): QueueSettings {
    return this.queues.get(queue) ?? defaultSettings
  }

  /** Whether a queue has a limit that lets tasks wait for others to end. */
  isLimited(queue: string): boolean {
    const { concurrency, concurrencyPerKey } = this.settings(queue)
    return concurrency !== undefined || concurrencyPerKey !== undefined
  }

  configure(transaction: Transaction, queue: string, settings: Partial<QueueSettings>): void {
    const { concurrency, concurrencyPerKey, paused } = { ...this.settings(queue), ...settings }
    transaction.run(
      `INSERT INTO strand_queues (queue, paused, concurrency, concurrency_per_key) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET paused = excluded.paused, concurrency = excluded.concurrency,
        concurrency_per_key = excluded.concurrency_per_key`,
      queue,
      paused ? 1 : 0,
      concurrency ?? null,
      concurrencyPerKey ?? null
    )
    this.touch(transaction)
  }

  /** Tells everybody that lanes or settings have changed. */
  private touch(transaction: Transaction): void {
    transaction.run("UPDATE strand_state SET version = version + 1")
    transaction.afterRollback(() => this.forget())
    this.refresh(transaction)
  }

  private forget(): void {
    this.version = 0
    this.byId.clear()
    this.byName.clear()
    this.queues.clear()
  }
}
