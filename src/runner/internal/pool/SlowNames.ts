/** The names of tasks that have taken long of late, so that others are rather sent elsewhere. */

/** From how many milliseconds on a task takes long. */
export const slowMillis = 1

/** How many quick ones of its name it takes to forget that. */
const memory = 16

export class SlowNames {
  /** How many quick tasks of each name are to come before it is forgotten. */
  private readonly left = new Map<string, number>()
  /** How many names there are. */
  size = 0

  has(name: string): boolean {
    return this.left.has(name)
  }

  /** A task of this name has taken so long. */
  note(name: string, millis: number): void {
    const left = this.left.get(name)
    if (millis > slowMillis) this.left.set(name, memory)
    else if (left === 1) this.left.delete(name)
    else if (left !== undefined) this.left.set(name, left - 1)
    this.size = this.left.size
  }
}
