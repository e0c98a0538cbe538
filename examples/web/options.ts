/**
 * The command line of the server: what may be written, and what it means.
 */
import { dirname, join, resolve } from "node:path"
import { tmpdir } from "node:os"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

/** Where tasks are kept when nothing is said. */
export const defaultState = join(tmpdir(), "effect-strand-web")

/** The TypeScript sources that the installed `effect` package ships. */
const effectSources = () => join(dirname(fileURLToPath(import.meta.resolve("effect"))), "..", "src")

export interface Options {
  readonly port: number
  readonly state: string
  /** The folder below which the server lets its files be analyzed. */
  readonly root: string
  readonly readers: number
  readonly demo: boolean
  readonly help: boolean
}

export const help = `A web server that hands work to readers in other processes.

Usage: node --conditions=strand-source examples/web/main.ts [options]

Options:
  --port <number>    the port to listen on; 0 takes a free one (default: 3000)
  --state <folder>   where tasks and results are kept (default: effect-strand-web among the temporary files)
  --root <folder>    paths in requests are below this folder (default: the sources of the effect package)
  --readers <number> how many readers are started as processes of their own (default: 2). More can be started by hand:
                     node --conditions=strand-source examples/web/reader.ts --state <folder>
  --demo             start on a free port, with a store that is thrown away, make some requests, and end
  --help             print this`

const wholeNumber = (name: string, text: string, most: number): number => {
  if (/^\d+$/.test(text) && Number(text) <= most) return Number(text)
  throw new Error(`--${name} takes a whole number up to ${most}, not "${text}"`)
}

/** Reads the arguments of the command line. Throws an error that says what is wrong with them. */
export const parse = (args: ReadonlyArray<string>): Options => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: "string", default: "3000" },
      state: { type: "string", default: defaultState },
      root: { type: "string", default: effectSources() },
      readers: { type: "string", default: "2" },
      demo: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false }
    }
  })
  return {
    port: wholeNumber("port", values.port, 65_535),
    state: resolve(values.state),
    root: resolve(values.root),
    readers: wholeNumber("readers", values.readers, 64),
    demo: values.demo,
    help: values.help
  }
}
