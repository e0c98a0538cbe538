/** The live tasks of a runner, in the order of their calls. */
import { Line } from "../limit/Line.ts"
import { keyOf } from "../task/TaskId.ts"
import type { Call } from "./Call.ts"

/**
 * A line of calls in which each stays until it is over. Every task enters and leaves it and few are ever looked for: the
 * index by id is made at the first look-up, and kept from then on.
 */
export class LiveCalls extends Line<Call> {
  private index: Map<number | string, Call> | undefined = undefined

  override enter(call: Call): void {
    super.enter(call)
    this.index?.set(call.key, call)
  }

  override leave(call: Call): boolean {
    if (this.index?.get(call.key) === call) this.index.delete(call.key)
    return super.leave(call)
  }

  get(id: string): Call | undefined {
    this.index ??= new Map(Array.from(this, (call) => [call.key, call]))
    return this.index.get(keyOf(id))
  }
}
