/**
 * How callers define the tasks that they call, as far as the other side has been told.
 *
 * A worker learns the fingerprint of a definition ahead of its first call, and refuses calls whose caller has defined the
 * task in another way than its tasks module. Calls themselves carry nothing of it.
 */
import type * as Task from "../../../Task.ts"
import * as TaskDefinition from "../../../TaskDefinition.ts"
import { TaskRejected } from "../../../TaskError.ts"

/** A definition, the fingerprint of one that is known elsewhere, or undefined where nothing is known of it. */
export type DefinedAs = Task.Any | string | undefined

/** A task, as somebody knows it who calls it. */
export class Told {
  /** The definition that was used last: as a rule the only one. */
  latest: DefinedAs = undefined
  private fingerprint: string | undefined = undefined

  /** Notes a definition. Gives its fingerprint when that is another one than before. */
  changeTo(definition: DefinedAs): string | undefined {
    this.latest = definition
    if (definition === undefined) return undefined
    const fingerprint = typeof definition === "string" ? definition : TaskDefinition.fingerprint(definition)
    if (fingerprint === this.fingerprint) return undefined
    this.fingerprint = fingerprint
    return fingerprint
  }
}

/** Why calls are refused whose caller has defined a task so. */
export const refusalOf = (task: Task.Any, callers: string): TaskRejected | undefined => {
  const parts = TaskDefinition.difference(TaskDefinition.fingerprint(task), callers)
  if (parts.length === 0) return undefined
  return new TaskRejected({
    task: task.name,
    reason:
      `its caller and the tasks module define it differently (${parts.join(", ")}). ` +
      "Import one definition in both, and restart what still runs an older one"
  })
}
