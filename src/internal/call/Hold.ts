/** What a middleware uses to have a call in front of its runner. */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { RunnerClosed, TaskError } from "../../TaskError.ts"
import type { Call } from "./Call.ts"

export interface Hold {
  /** Whether a call that waits in front of the runner counts as accepted, so that `fork` gives its handle. */
  readonly accepts: boolean
  /** What a call has to wait for before it begins; undefined when it may go on. */
  readonly enter?: ((call: Call) => Effect.Effect<void, TaskError> | undefined) | undefined
  /** Begins to hold a call, as a live task of the runner. Gives the reason when it is refused. */
  readonly begin: (call: Call) => RunnerClosed | undefined
  /** Ends it, and with it the call. */
  readonly end: (call: Call, exit: Exit.Exit<unknown, unknown>) => void
}
