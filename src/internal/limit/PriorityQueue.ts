/**
 * A queue that gives the lowest priority first and, within one priority, the oldest first.
 *
 * Programs use few different priorities and many tasks, so each priority has a ring of its own, and every operation
 * takes constant time however long the queue is.
 */

/** A double-ended queue in a ring buffer that grows and shrinks with its content. */
class Ring<T> {
  private items: Array<T | undefined> = new Array(16)
  private head = 0
  size = 0

  push(item: T): void {
    if (this.size === this.items.length) this.resize(this.size * 2)
    this.items[(this.head + this.size++) & (this.items.length - 1)] = item
  }

  unshift(item: T): void {
    if (this.size === this.items.length) this.resize(this.size * 2)
    this.head = (this.head - 1) & (this.items.length - 1)
    this.items[this.head] = item
    this.size++
  }

  shift(): T | undefined {
    if (this.size === 0) return undefined
    const item = this.items[this.head]
    this.items[this.head] = undefined
    this.head = (this.head + 1) & (this.items.length - 1)
    this.size--
    if (this.items.length > 1024 && this.size < this.items.length >> 2) this.resize(this.items.length >> 1)
    return item
  }

  private resize(length: number): void {
    const items: Array<T | undefined> = new Array(length)
    for (let i = 0; i < this.size; i++) items[i] = this.items[(this.head + i) & (this.items.length - 1)]
    this.items = items
    this.head = 0
  }
}

/**
 * Items by priority.
 *
 * Removing an item from the middle costs nothing: the owner marks it, `isGone` tells, and the queue drops it when it
 * comes to the front.
 */
export class PriorityQueue<T extends { readonly priority: number }> {
  private readonly rings = new Map<number, Ring<T>>()
  /** The priorities that have a ring, ascending. */
  private readonly priorities: Array<number> = []
  private readonly isGone: (item: T) => boolean

  constructor(isGone: (item: T) => boolean) {
    this.isGone = isGone
  }

  push(item: T): void {
    this.ring(item.priority).push(item)
  }

  /** Puts an item back in front of all others of its priority. */
  unshift(item: T): void {
    this.ring(item.priority).unshift(item)
  }

  /** The next item, which stays in the queue. */
  peek(): T | undefined {
    const item = this.shift()
    if (item !== undefined) this.unshift(item)
    return item
  }

  /** Takes the next item. */
  shift(): T | undefined {
    while (this.priorities.length > 0) {
      const priority = this.priorities[0]!
      const ring = this.rings.get(priority)!
      while (ring.size > 0) {
        const item = ring.shift()!
        if (!this.isGone(item)) return item
      }
      this.priorities.shift()
      this.rings.delete(priority)
    }
    return undefined
  }

  private ring(priority: number): Ring<T> {
    let ring = this.rings.get(priority)
    if (ring === undefined) {
      ring = new Ring()
      this.rings.set(priority, ring)
      let low = 0
      let high = this.priorities.length
      while (low < high) {
        const middle = (low + high) >> 1
        if (this.priorities[middle]! < priority) low = middle + 1
        else high = middle
      }
      this.priorities.splice(low, 0, priority)
    }
    return ring
  }
}
