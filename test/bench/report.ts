// The tables of a run: one for each case, a subject a line, with Strand's ratios below.
import type { CaseOutline } from "./benchmark.ts"
import type { Contestant, Results, Row } from "./results.ts"

/** Three significant digits, thousands separated. */
export const formatNumber = (value: number): string => {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)))
  const rounded = digits === 0 ? Number(value.toPrecision(3)) : value
  return rounded.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** How many times better `value` is than `other`: above 1 is better, for either direction. */
const timesBetter = (row: Row, value: number, other: number): string =>
  `${(row.better === "higher" ? value / other : other / value).toFixed(2)}×`

const align = (lines: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)))
  return lines
    .map((line) =>
      line.map((text, column) => (column === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[column]!)))
    )
    .map((line) => `  ${line.join("   ")}`.trimEnd())
    .join("\n")
}

const cellText = (results: Results, row: Row, subject: Contestant): string => {
  const cell = results.cell(row.name, subject)
  if (cell === undefined) return ""
  return cell.value === null ? cell.note : formatNumber(cell.value)
}

/** `rival`: the name of the subject that Strand is compared with beside the best peer. */
export const caseTable = (
  measured: CaseOutline,
  rows: ReadonlyArray<Row>,
  results: Results,
  subjects: ReadonlyArray<Contestant>,
  rival: string
) => {
  const taking = subjects.filter((subject) => rows.some((row) => results.cell(row.name, subject) !== undefined))
  if (taking.length === 0) return `${measured.title}\n  nothing was measured\n`
  const peers = taking.filter(({ group }) => group === "peer")
  const rivals = taking.filter(({ name }) => name === rival)
  const ratios = (subject: Contestant, label: string, others: ReadonlyArray<Contestant>) => [
    `${subject.name}: ${label}`,
    ...rows.map((row) => {
      const value = results.value(row.name, subject)
      const best = results.best(row.name, others)
      return value === undefined || best === undefined ? "" : timesBetter(row, value, best.value)
    })
  ]
  const lines = [
    ["", ...rows.map(({ name, unit }) => `${name}, ${unit}`)],
    ...taking.map((subject) => [subject.name, ...rows.map((row) => cellText(results, row, subject))])
  ]
  for (const subject of taking.filter(({ group, other }) => group === "strand" || other !== undefined)) {
    if (peers.length > 0 && subject.group === "strand") lines.push(ratios(subject, "against the best library", peers))
    if (subject.other !== undefined)
      lines.push(ratios(subject, `against ${subject.other.version!.name}`, [subject.other]))
    if (rivals.length > 0) lines.push(ratios(subject, `against ${rival}`, rivals))
  }
  return [measured.title, ...measured.explanation.map((line) => `  ${line}`), align(lines), ""].join("\n")
}
