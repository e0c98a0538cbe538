/**
 * The command line of this program: what may be written, what it means, and what is said about everything else.
 */
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"

/** The ways to run the task, in the order in which they are compared. */
export const runnerNames = ["inline", "fiber", "thread", "process"] as const

export type RunnerName = (typeof runnerNames)[number]

export interface Options {
  /** A folder or a file. Without one, the sources of the installed `effect` package are analyzed. */
  readonly path: string | undefined
  readonly runners: ReadonlyArray<RunnerName>
  readonly size: number
  readonly json: boolean
  readonly help: boolean
}

/** What was asked for cannot be done. The message says why, in one sentence. */
export class Refusal extends Data.TaggedError("Refusal")<{ readonly message: string }> {}

/** Makes a refusal of whatever reading a command line throws. */
export const refusing = <A>(read: () => A): Effect.Effect<A, Refusal> =>
  Effect.try({
    try: read,
    // Node's own messages go on, in further sentences, about what else might have been meant.
    catch: (error) =>
      error instanceof Refusal
        ? error
        : new Refusal({
            message: `${(error as Error).message.split(/\.(?: |$|\n)|\n/)[0]}; --help shows what there is.`
          })
  })

/** A whole number of at least 1. */
export const wholeNumber = (name: string, text: string): number => {
  if (/^\d{1,6}$/.test(text) && Number(text) >= 1) return Number(text)
  throw new Refusal({ message: `--${name} takes a whole number of at least 1, not "${text}".` })
}

/** The one path that may be given. */
export const onePath = (positionals: ReadonlyArray<string>): string | undefined => {
  if (positionals.length <= 1) return positionals[0]
  throw new Refusal({ message: `One folder or file can be given, not ${positionals.length}.` })
}

export const help = `Analyzes source code with one task, run in four ways, and compares them.

Usage: npm start -- [options] [folder or file]

Reads the TypeScript and JavaScript files of the folder (.ts .mts .cts .js .mjs .cjs; by default those of the installed
effect package), and shows the longest functions, the most used identifiers, copied code, and what each runner took.

Options:
  --runners <names>  which runners to compare, separated by commas (default: ${runnerNames.join(",")})
  --size <number>    how many fibers, threads or processes work at once (default: one for each processor)
  --json             print one JSON document instead of a report
  --help             print this`

const isRunnerName = (name: string): name is RunnerName => (runnerNames as ReadonlyArray<string>).includes(name)

const parseRunners = (text: string): ReadonlyArray<RunnerName> => {
  const names = text.split(",").map((name) => name.trim())
  const strange = names.find((name) => !isRunnerName(name))
  if (strange !== undefined) {
    throw new Refusal({ message: `There is no runner "${strange}": --runners takes ${runnerNames.join(", ")}.` })
  }
  return runnerNames.filter((name) => names.includes(name))
}

const parseSize = (text: string): number => {
  const size = Number(text)
  if (!/^\d+$/.test(text) || size < 1 || size > 1024) {
    throw new Refusal({ message: `--size takes a whole number from 1 to 1024, not "${text}".` })
  }
  return size
}

const parseOptions = (args: ReadonlyArray<string>): Options => {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      runners: { type: "string", default: runnerNames.join(",") },
      size: { type: "string", default: String(availableParallelism()) },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false }
    }
  })
  return {
    path: onePath(positionals),
    runners: parseRunners(values.runners),
    size: parseSize(values.size),
    json: values.json,
    help: values.help
  }
}

/** Reads the arguments of the command line. */
export const parse = (args: ReadonlyArray<string>): Effect.Effect<Options, Refusal> =>
  refusing(() => parseOptions(args))
