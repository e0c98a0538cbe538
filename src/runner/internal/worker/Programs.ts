/** What a worker can run: the handlers of its tasks modules, and functions that tasks bring along. */
import * as Context from "effect/Context"
import * as TaskCodec from "../../../internal/values/TaskCodec.ts"
import type { TaskRejected } from "../../../TaskError.ts"
import type * as TaskHandlers from "../../../TaskHandlers.ts"
import * as PortableTask from "../portable/PortableTask.ts"
import { refusalOf } from "../wire/Fingerprints.ts"

/** A handler as this worker runs it. */
export interface Program {
  readonly handler: TaskHandlers.TaskHandler
  readonly codec: TaskCodec.TaskCodec
  readonly context: Context.Context<never>
  /** The longest time it took of late, in milliseconds; unknown means long. */
  longest: number
  /** Why calls are refused that come now, if they are. */
  refusal: TaskRejected | undefined
}

export class Programs {
  /** Those of the tasks modules, by their indexes. */
  known: ReadonlyArray<Program> = []
  private readonly portables = new Map<string, Program>()
  private base: Context.Context<never> = Context.empty()

  /** Sets what there is to run, and what each handler has in its Context beside its own. */
  provide(handlers: Iterable<TaskHandlers.TaskHandler>, base: Context.Context<never>): void {
    this.base = base
    this.known = Array.from(handlers, (handler) => this.make(handler))
  }

  private make(handler: TaskHandlers.TaskHandler): Program {
    return {
      handler,
      codec: TaskCodec.of(handler.task),
      context: Context.merge(handler.context, this.base),
      longest: Infinity,
      refusal: undefined
    }
  }

  /** The program of a task that has brought its function along. */
  portable({ name, source }: PortableTask.PortablePayload): Program {
    let program = this.portables.get(source)
    if (program === undefined) {
      program = this.make(PortableTask.handler(name, source))
      this.portables.set(source, program)
    }
    return program
  }

  /** From now on callers define a task so. */
  define(index: number, fingerprint: string): void {
    const program = this.known[index]
    if (program !== undefined) program.refusal = refusalOf(program.handler.task, fingerprint)
  }
}
