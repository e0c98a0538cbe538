// How a target is judged: a comparison within one run, or a limit for a measured value.
import { formatNumber } from "./report.ts"
import type { Contestant, Results } from "./results.ts"

export interface Verdict {
  readonly target: string
  /** What was measured, with the ratio or difference that counts. */
  readonly measured: string
  readonly met: boolean
}

export type Check = (results: Results) => Verdict | undefined

const compare =
  (
    target: string,
    row: string,
    subject: Contestant,
    others: ReadonlyArray<Contestant>,
    isMet: (own: number, other: number) => boolean,
    describe: (own: number, other: number) => string
  ): Check =>
  (results) => {
    const own = results.value(row, subject)
    const best = results.best(row, others)
    if (own === undefined || best === undefined) return undefined
    const numbers = `${formatNumber(own)} against ${formatNumber(best.value)} (${best.subject.name})`
    return { target, measured: `${describe(own, best.value)}: ${numbers}`, met: isMet(own, best.value) }
  }

const ratio = (own: number, other: number): string => `${(own / other).toFixed(2)}×`

const difference = (unit: string) => (own: number, other: number) =>
  `${own < other ? "−" : "+"}${formatNumber(Math.abs(own - other))} ${unit}`

/** At least `factor` times the best of the others. */
export const atLeast = (
  target: string,
  row: string,
  subject: Contestant,
  others: ReadonlyArray<Contestant>,
  factor: number
) => compare(target, row, subject, others, (own, other) => own >= factor * other, ratio)

/** At most `factor` times the lowest of the others. */
export const atMost = (
  target: string,
  row: string,
  subject: Contestant,
  others: ReadonlyArray<Contestant>,
  factor: number
) => compare(target, row, subject, others, (own, other) => own <= factor * other, ratio)

/** At most `more` above the lowest of the others. */
export const within = (
  target: string,
  row: string,
  subject: Contestant,
  others: ReadonlyArray<Contestant>,
  more: number,
  unit: string
) => compare(target, row, subject, others, (own, other) => own <= other + more, difference(unit))

export const limit =
  (target: string, row: string, subject: Contestant, unit: string, isMet: (own: number) => boolean): Check =>
  (results) => {
    const cell = results.cell(row, subject)
    if (cell === undefined) return undefined
    if (cell.value === null) return { target, measured: cell.note, met: false }
    return { target, measured: `${formatNumber(cell.value)} ${unit}`, met: isMet(cell.value) }
  }

/** The targets for which the run has the numbers. */
export const judge = (checks: ReadonlyArray<Check>, results: Results): ReadonlyArray<Verdict> =>
  checks.map((check) => check(results)).filter((verdict) => verdict !== undefined)
