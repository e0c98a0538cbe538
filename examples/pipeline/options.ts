/**
 * The command line of this program: what may be written, and what it means.
 */
import { availableParallelism } from "node:os"
import { parseArgs } from "node:util"
import type * as Effect from "effect/Effect"
import { onePath, type Refusal, refusing, wholeNumber } from "../analyze/options.ts"

export interface Options {
  /** A folder or a file. Without one, the sources of the installed `effect` package are weighed. */
  readonly path: string | undefined
  /** How many files are weighed at most. */
  readonly limit: number
  /** How many workers each of the two pools has. */
  readonly size: number
  readonly help: boolean
}

export const help = `Weighs source files: how much of them is code, how much comment, and what the code is when it is shipped.

Usage: node --conditions=strand-source examples/pipeline/main.ts [options] [folder or file]

Options:
  --limit <number>   how many files at most (default: all)
  --size <number>    how many processes and how many threads work (default: one for each processor)
  --help             print this`

const parseOptions = (args: ReadonlyArray<string>): Options => {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      limit: { type: "string" },
      size: { type: "string", default: String(availableParallelism()) },
      help: { type: "boolean", short: "h", default: false }
    }
  })
  return {
    path: onePath(positionals),
    limit: values.limit === undefined ? Infinity : wholeNumber("limit", values.limit),
    size: wholeNumber("size", values.size),
    help: values.help
  }
}

/** Reads the arguments of the command line. */
export const parse = (args: ReadonlyArray<string>): Effect.Effect<Options, Refusal> =>
  refusing(() => parseOptions(args))
