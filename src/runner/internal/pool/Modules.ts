/** Names of tasks modules, as a worker can import them. */
import * as path from "node:path"
import { pathToFileURL } from "node:url"

const resolveOne = (module: URL | string): string => {
  if (module instanceof URL) return module.href
  return /^(file|data|node):/.test(module) ? module : pathToFileURL(path.resolve(module)).href
}

/** The URLs of modules given as URLs or as paths. */
export const resolve = (module: URL | string | ReadonlyArray<URL | string> | undefined): ReadonlyArray<string> => {
  if (module === undefined) return []
  return (typeof module === "string" || module instanceof URL ? [module] : module).map(resolveOne)
}
