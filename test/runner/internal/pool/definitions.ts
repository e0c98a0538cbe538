// The tasks of the tests of this folder. Their handlers are in tasks.ts.
import * as Schema from "effect/Schema"
import * as Task from "effect-strand/Task"

const Noted = { file: Schema.String, name: Schema.String }

/** Where it runs. */
export const where = Task.make("where", { success: Schema.String })

/** Gives back a number. */
export const tiny = Task.make("tiny", { payload: Schema.Int, success: Schema.Int })

/** Notes `<name> started`, computes for some time, notes `<name> ended`. */
export const compute = Task.make("compute", { payload: { ...Noted, millis: Schema.Finite } })

/** Notes `<name> started`, and waits without a thread of its own until the file `gate` exists. */
export const hold = Task.make("hold", { payload: { ...Noted, gate: Schema.String } })

/** Like `hold`, and cannot be interrupted. */
export const stubborn = Task.make("stubborn", { payload: { ...Noted, gate: Schema.String } })

export class Odd extends Schema.TaggedError<Odd>()("Odd", { name: Schema.String }) {}

/** Notes `<name> started`, and ends in one of many ways. */
export const end = Task.make("end", {
  payload: { ...Noted, how: Schema.Literals(["succeed", "sleep", "compute", "fail", "die", "exit", "loop"]) },
  success: Schema.String,
  error: Odd
})

/** Keeps so many megabytes. */
export const keep = Task.make("keep", { payload: Schema.Int })

/** Gives an array in an array in an array, so many deep. */
export const nested = Task.make("nested", { payload: Schema.Int, success: Schema.Any })

export interface Tree {
  readonly children: ReadonlyArray<Tree>
}

const Tree = Schema.Struct({ children: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree)) })

/** The same, with a schema. */
export const tree = Task.make("tree", { payload: Schema.Int, success: Tree })

/** Takes what `nested` gives. */
export const takeNested = Task.make("takeNested", { payload: Schema.Any })

/** Takes what `tree` gives. */
export const takeTree = Task.make("takeTree", { payload: Tree })

/** Wraps a value so many times. */
export const nest = <A>(depth: number, start: A, wrap: (inner: A) => A): A => {
  let value = start
  for (let n = 0; n < depth; n++) value = wrap(value)
  return value
}

export const makeNested = (depth: number): unknown => nest<unknown>(depth, 1, (inner) => [inner])

export const makeTree = (depth: number): Tree => nest<Tree>(depth, { children: [] }, (inner) => ({ children: [inner] }))
