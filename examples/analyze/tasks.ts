/**
 * The tasks module: what threads and processes load. Its default export is the Layer of the handlers.
 *
 * It imports what the work takes and no more, since every worker has to load it.
 */
import { analyze } from "./analysis.ts"
import { analyzeFile, Unreadable } from "./definition.ts"
import { withSource } from "./source.ts"

export default analyzeFile.toLayer(({ path }) =>
  withSource(path, analyze, (reason) => new Unreadable({ path, reason }))
)
