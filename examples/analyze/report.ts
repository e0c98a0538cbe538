/**
 * Puts results into words: the picture of a code base, and the table of what each runner took.
 */
import { styleText } from "node:util"
import type { Place, Summary } from "./analysis.ts"
import type { Unreadable } from "./definition.ts"
import type { RunnerName } from "./options.ts"

/** What a runner took. */
export interface Measurement {
  readonly runner: RunnerName
  /** All files for the first time, the start of the runner included, in milliseconds. */
  readonly coldMillis: number
  /** All files once more, in milliseconds. */
  readonly warmMillis: number
  /** Against the inline runner, where it took part; warm. */
  readonly speedUp: number | undefined
  /** Warm. */
  readonly tasksPerSecond: number
}

/** How much of each list is shown. */
export const limits = { longest: 5, identifiers: 10, copied: 5 }

const unreadableShown = 10

const number = (value: number): string => value.toLocaleString("en-US")

const seconds = (millis: number): string => `${(millis / 1000).toFixed(2)} s`

const size = (bytes: number): string =>
  bytes < 10_000 ? `${number(bytes)} bytes` : `${number(Math.round(bytes / 1000))} kB`

const percent = (part: number, whole: number): string => `${whole === 0 ? 0 : Math.round((100 * part) / whole)} %`

const heading = (text: string): string => styleText("bold", text)

/** Columns, the first to the left, all others to the right. */
const table = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join("   ")
  )
}

const where = ({ line, path }: Place): string => `${path}:${line}`

const section = (title: string, lines: ReadonlyArray<string>): ReadonlyArray<string> => [
  "",
  heading(title),
  ...(lines.length === 0 ? ["  none"] : lines.map((line) => `  ${line}`))
]

const longestFunctions = (functions: ReadonlyArray<Place>): ReadonlyArray<string> => {
  const width = Math.max(0, ...functions.map((one) => number(one.lines).length))
  return functions.map((one) => `${number(one.lines).padStart(width)} lines  ${one.name}  ${where(one)}`)
}

const identifiers = (counts: Summary["identifiers"]): ReadonlyArray<string> =>
  counts.length === 0 ? [] : [counts.map(({ count, name }) => `${name} ${number(count)}`).join(", ")]

const copiedFunctions = (groups: Summary["copiedFunctions"]): ReadonlyArray<string> =>
  groups.map((group) => {
    const places = group.slice(0, 3).map(where).join(", ")
    const more = group.length > 3 ? ` and ${group.length - 3} more` : ""
    return `${group.length} times ${group[0]!.lines} lines  ${group[0]!.name}  ${places}${more}`
  })

const unreadableFiles = (errors: ReadonlyArray<Pick<Unreadable, "path" | "reason">>): ReadonlyArray<string> => [
  ...errors.slice(0, unreadableShown).map((error) => `${error.path}: ${error.reason}`),
  ...(errors.length > unreadableShown ? [`and ${number(errors.length - unreadableShown)} more`] : [])
]

/** What the code base looks like. */
export const describe = (
  root: string,
  summary: Summary,
  unreadable: ReadonlyArray<Pick<Unreadable, "path" | "reason">>
): string =>
  [
    heading(`${number(summary.files)} source ${summary.files === 1 ? "file" : "files"} in ${root}`),
    `  ${number(summary.lines)} lines: ` +
      `${percent(summary.codeLines, summary.lines)} code, ${percent(summary.commentLines, summary.lines)} comments, ` +
      `${percent(summary.blankLines, summary.lines)} blank`,
    `  ${size(summary.bytes)}, ${size(summary.compactBytes)} without types, comments and layout, ` +
      `${size(summary.compressedBytes)} of these when compressed`,
    `  ${number(summary.functions)} functions with ${number(summary.branches)} branches`,
    ...section("Longest functions", longestFunctions(summary.longestFunctions)),
    ...section("Most used identifiers", identifiers(summary.identifiers)),
    ...section(
      `Copied functions (${number(summary.copies)}; same code apart from types, comments and layout)`,
      copiedFunctions(summary.copiedFunctions)
    ),
    ...section(
      "Files with the same content",
      summary.duplicateFiles.map((paths) => paths.join(", "))
    ),
    ...section(`Files that could not be read or parsed (${number(unreadable.length)})`, unreadableFiles(unreadable))
  ].join("\n")

const measurementsTable = (measurements: ReadonlyArray<Measurement>): ReadonlyArray<string> =>
  table([
    ["runner", "cold", "warm", "speed-up", "tasks/s"],
    ...measurements.map(({ coldMillis, runner, speedUp, tasksPerSecond, warmMillis }) => [
      runner,
      seconds(coldMillis),
      seconds(warmMillis),
      speedUp === undefined ? "-" : speedUp.toFixed(2),
      number(Math.round(tasksPerSecond))
    ])
  ]).map((line, index) => (index === 0 ? heading(line) : line))

/** The table of what each runner took. */
export const compare = (measurements: ReadonlyArray<Measurement>): string =>
  [
    ...measurementsTable(measurements),
    "cold: all files from nothing, with the start of the runner; warm: once more, from which speed-up and tasks/s are"
  ].join("\n")
