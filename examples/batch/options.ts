/**
 * The command line of this program: what may be written, and what it means.
 */
import { availableParallelism, tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import type * as Effect from "effect/Effect"
import { onePath, type Refusal, refusing, wholeNumber } from "../analyze/options.ts"

export interface Options {
  /** A folder or a file. Without one, the sources of the installed `effect` package are processed. */
  readonly path: string | undefined
  /** The folder that holds what is to survive. */
  readonly state: string
  /** How many files are processed at most. */
  readonly limit: number
  /** How many threads work. */
  readonly size: number
  readonly retryFailed: boolean
  readonly help: boolean
}

export const help = `Analyzes source files as a batch that survives anything: kill it, start it again, and it goes on where it was.

Usage: node --conditions=strand-source examples/batch/main.ts [options] [folder or file]

Options:
  --state <folder>   where tasks and results are kept (default: effect-strand-batch among the temporary files)
  --limit <number>   how many files at most (default: 300)
  --size <number>    how many threads work (default: one for each processor)
  --retry-failed     try the files again that have failed before
  --help             print this`

const parseOptions = (args: ReadonlyArray<string>): Options => {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      state: { type: "string", default: join(tmpdir(), "effect-strand-batch") },
      limit: { type: "string", default: "300" },
      size: { type: "string", default: String(availableParallelism()) },
      "retry-failed": { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false }
    }
  })
  return {
    path: onePath(positionals),
    state: resolve(values.state),
    limit: wholeNumber("limit", values.limit),
    size: wholeNumber("size", values.size),
    retryFailed: values["retry-failed"],
    help: values.help
  }
}

/** Reads the arguments of the command line. */
export const parse = (args: ReadonlyArray<string>): Effect.Effect<Options, Refusal> =>
  refusing(() => parseOptions(args))
