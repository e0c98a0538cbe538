/**
 * The conditions by which Node chooses among the files of a package: `node --conditions=name`. Workers and processes get
 * those of the program, so that an import leads to the same file there as here.
 */
const namesIn = (args: ReadonlyArray<string>): ReadonlyArray<string> =>
  args.flatMap((arg, index) => {
    if (arg === "-C" || arg === "--conditions") return args.slice(index + 1, index + 2)
    return arg.startsWith("--conditions=") ? [arg.slice("--conditions=".length)] : []
  })

/** The names of all conditions. */
export const names = (): ReadonlyArray<string> =>
  namesIn([...process.execArgv, ...(process.env["NODE_OPTIONS"] ?? "").split(" ")])

/** What a worker has to be started with. The conditions in NODE_OPTIONS reach it by themselves. */
export const execArgv = (): ReadonlyArray<string> => namesIn(process.execArgv).map((name) => `--conditions=${name}`)
