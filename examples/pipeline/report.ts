/**
 * Puts the weights of many files into words: a table of folders, the heaviest files, and what each pool did for it.
 */
import type { RunnerStats } from "effect-strand"

export interface Weight {
  readonly bytes: number
  readonly compressed: number
}

export interface WeighedFile {
  /** Its path below the folder, with slashes. */
  readonly name: string
  readonly code: Weight
  readonly comments: Weight
}

const heaviestShown = 5

const kilobytes = (bytes: number): string =>
  (bytes / 1000).toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 })

const percent = (part: number, whole: number): string => `${whole === 0 ? 0 : Math.round((100 * part) / whole)} %`

const sum = (files: ReadonlyArray<WeighedFile>, of: (file: WeighedFile) => number): number =>
  files.reduce((total, file) => total + of(file), 0)

const folderOf = ({ name }: WeighedFile): string => (name.includes("/") ? `${name.slice(0, name.indexOf("/"))}/` : ".")

/** Columns, the first to the left, all others to the right. */
const table = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join("   ")
  )
}

const row = (title: string, files: ReadonlyArray<WeighedFile>): ReadonlyArray<string> => {
  const code = sum(files, (file) => file.code.bytes)
  const comments = sum(files, (file) => file.comments.bytes)
  return [
    title,
    String(files.length),
    kilobytes(code),
    kilobytes(comments),
    percent(comments, code + comments),
    kilobytes(sum(files, (file) => file.code.compressed))
  ]
}

/** The folders, the one that ships the most first, and the heaviest files. */
export const describe = (files: ReadonlyArray<WeighedFile>): string => {
  const folders = Map.groupBy(files, folderOf)
  const byWeight = [...folders].toSorted(
    ([, a], [, b]) => sum(b, (file) => file.code.compressed) - sum(a, (file) => file.code.compressed)
  )
  const heaviest = files.toSorted((a, b) => b.code.compressed - a.code.compressed).slice(0, heaviestShown)
  return [
    ...table([
      ["folder", "files", "code kB", "comments kB", "comments", "shipped kB"],
      ...byWeight.map(([folder, own]) => row(folder, own)),
      row("all", files)
    ]),
    "",
    "The heaviest when shipped:",
    ...table(heaviest.map(({ code, name }) => [`  ${name}`, `${kilobytes(code.compressed)} kB`]))
  ].join("\n")
}

/** What a pool did. */
export const describePool = (
  name: string,
  kind: string,
  { completed, runTime, workers }: RunnerStats.RunnerStats
): string => `pool ${name}: ${completed} tasks in ${workers.length} ${kind}, ${runTime.mean.toFixed(1)} ms each`
