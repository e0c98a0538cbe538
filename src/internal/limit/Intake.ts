/**
 * Where tasks wait for a free place: a priority queue with a bound.
 *
 * Over the bound a task is refused, or waits outside, without being accepted, until there is room: its caller is then
 * held up, which is the back-pressure that keeps memory bounded.
 */
import { PriorityQueue } from "./PriorityQueue.ts"

/** The bound of a queue. */
export interface QueueOptions {
  /**
   * How many tasks may wait for a free worker.
   *
   * @default unbounded
   */
  readonly maxQueue?: number | undefined
  /**
   * What happens to a task over `maxQueue`: its caller waits until there is room, or it fails with `QueueFull`.
   *
   * @default "wait"
   */
  readonly overflow?: "wait" | "fail" | undefined
}

/** Something that waits. */
export interface Queued {
  readonly priority: number
  /** Kept by the intake. */
  place: "none" | "queued" | "outside"
  /** Called when the item is inside. */
  readonly accept: () => void
}

/** A bounded priority queue. */
export class Intake<T extends Queued> {
  readonly limit: number
  private readonly overflow: "wait" | "fail"
  private readonly inside = new PriorityQueue<T>((item) => item.place !== "queued")
  private readonly outside = new PriorityQueue<T>((item) => item.place !== "outside")
  /** How many wait inside. */
  size = 0
  private outsideSize = 0

  constructor(options: QueueOptions) {
    this.limit = options.maxQueue ?? Infinity
    this.overflow = options.overflow ?? "wait"
  }

  /** How many there are to take. Where nobody may wait inside, those outside are taken from there. */
  get waiting(): number {
    return this.limit === 0 ? this.size + this.outsideSize : this.size
  }

  /** Adds an item. False when it is refused. */
  offer(item: T): boolean {
    if (this.size < this.limit) {
      this.add(item)
      return true
    }
    if (this.overflow === "fail") return false
    item.place = "outside"
    this.outsideSize++
    this.outside.push(item)
    return true
  }

  private add(item: T): void {
    item.place = "queued"
    this.size++
    this.inside.push(item)
    item.accept()
  }

  /** Puts back, in front, an item that had been taken: it has been accepted already, so no bound applies. */
  putBack(item: T): void {
    item.place = "queued"
    this.size++
    this.inside.unshift(item)
  }

  /** The next item, which stays. */
  peek(): T | undefined {
    return this.size === 0 ? undefined : this.inside.peek()
  }

  /** Takes the next item. */
  take(): T | undefined {
    if (this.size === 0) return this.limit === 0 ? this.takeOutside() : undefined
    const item = this.inside.shift()!
    item.place = "none"
    this.size--
    this.admit()
    return item
  }

  /** Takes an item out, wherever it is. False when it is not here. */
  remove(item: T): boolean {
    if (item.place === "none") return false
    if (item.place === "queued") {
      this.size--
      item.place = "none"
      this.admit()
    } else {
      this.outsideSize--
      item.place = "none"
    }
    return true
  }

  /** Takes everything out. */
  drain(): Array<T> {
    const items: Array<T> = []
    for (;;) {
      const item = this.take() ?? this.takeOutside()
      if (item === undefined) return items
      items.push(item)
    }
  }

  private takeOutside(): T | undefined {
    if (this.outsideSize === 0) return undefined
    const item = this.outside.shift()!
    item.place = "none"
    this.outsideSize--
    item.accept()
    return item
  }

  private admit(): void {
    while (this.outsideSize > 0 && this.size < this.limit) {
      const item = this.outside.shift()!
      this.outsideSize--
      this.add(item)
    }
  }
}
