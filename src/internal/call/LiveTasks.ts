/** The live tasks of a runner, in the order of their calls. */
import { keyOf } from "../task/TaskId.ts"
import type { Call } from "./Call.ts"

/**
 * A linked list through the requests themselves, since every task enters and leaves it and few are ever looked for. The
 * index by id is made at the first look-up, and kept from then on.
 */
export class LiveTasks {
  size = 0
  private first: Call | undefined = undefined
  private last: Call | undefined = undefined
  private index: Map<number | string, Call> | undefined = undefined

  add(request: Call): void {
    request.before = this.last
    if (this.last === undefined) this.first = request
    else this.last.after = request
    this.last = request
    this.size++
    this.index?.set(request.key, request)
  }

  remove(request: Call): void {
    const { after, before } = request
    if (before === undefined) this.first = after
    else before.after = after
    if (after === undefined) this.last = before
    else after.before = before
    request.before = undefined
    request.after = undefined
    this.size--
    if (this.index?.get(request.key) === request) this.index.delete(request.key)
  }

  get(id: string): Call | undefined {
    if (this.index === undefined) {
      this.index = new Map()
      for (const request of this) this.index.set(request.key, request)
    }
    return this.index.get(keyOf(id))
  }

  *[Symbol.iterator](): IterableIterator<Call> {
    for (let request = this.first; request !== undefined; request = request.after) yield request
  }
}
