// The samples of a run, and their medians by row and subject.
import { median } from "./measure.ts"
import type { Version } from "./versions.ts"

/** A subject, as far as tables need to know it. */
export interface Contestant {
  readonly name: string
  /** peer: a library to compare with. reference: what the platform does without a library. */
  readonly group: "strand" | "peer" | "reference"
  /** With `--against`: the version of Strand that it measures. Its name then ends with the version, if that is the other. */
  readonly version?: Version
  /** With `--against`: what it is called in its own version, */
  readonly original?: string
  /** and the same in the other version. */
  readonly other?: Contestant
}

/** One measured number. Its row is the name of what was measured; the same row of other subjects compares with it. */
export interface Metric {
  readonly row: string
  readonly unit: string
  readonly better: "higher" | "lower"
  /** How the rounds become one number: their median unless said otherwise. */
  readonly over?: "median" | "best"
  /** Null: the subject cannot do this, and `note` says why. */
  readonly value: number | null
  readonly note?: string
}

export interface Row {
  readonly name: string
  readonly unit: string
  readonly better: "higher" | "lower"
}

/** The rounds as one number. Null with a note: the subject cannot do it, or failed at it. */
export interface Cell {
  readonly value: number | null
  readonly note: string
}

export class Results {
  readonly #rows = new Map<string, Row>()
  readonly #samples = new Map<string, Map<Contestant, Array<Metric>>>()
  readonly #failures = new Map<string, Map<Contestant, string>>()

  add(subject: Contestant, metric: Metric): void {
    const { better, row, unit } = metric
    this.#rows.set(row, { name: row, unit, better })
    const bySubject = this.#samples.get(row) ?? new Map<Contestant, Array<Metric>>()
    this.#samples.set(row, bySubject)
    bySubject.set(subject, [...(bySubject.get(subject) ?? []), metric])
  }

  fail(caseName: string, subject: Contestant, message: string): void {
    const bySubject = this.#failures.get(caseName) ?? new Map<Contestant, string>()
    this.#failures.set(caseName, bySubject.set(subject, message))
  }

  get rows(): ReadonlyArray<Row> {
    return [...this.#rows.values()]
  }

  get failures(): ReadonlyArray<{ readonly caseName: string; readonly subject: Contestant; readonly message: string }> {
    return [...this.#failures].flatMap(([caseName, bySubject]) =>
      [...bySubject].map(([subject, message]) => ({ caseName, subject, message }))
    )
  }

  /** Undefined: not measured. */
  cell(row: string, subject: Contestant): Cell | undefined {
    const samples = this.#samples.get(row)?.get(subject)
    if (samples === undefined) return undefined
    const values = samples.map(({ value }) => value).filter((value) => value !== null)
    // A pool that fails in one round fails.
    if (values.length < samples.length) {
      return { value: null, note: samples.find(({ value }) => value === null)?.note ?? "–" }
    }
    const { better, over } = samples[0]!
    if (over === "best") return { value: better === "higher" ? Math.max(...values) : Math.min(...values), note: "" }
    return { value: median(values), note: "" }
  }

  value(row: string, subject: Contestant): number | undefined {
    return this.cell(row, subject)?.value ?? undefined
  }

  /** The best measured value of some subjects in a row. */
  best(
    row: string,
    subjects: ReadonlyArray<Contestant>
  ): { readonly subject: Contestant; readonly value: number } | undefined {
    const better = this.#rows.get(row)?.better
    let best: { readonly subject: Contestant; readonly value: number } | undefined
    for (const subject of subjects) {
      const value = this.value(row, subject)
      if (value === undefined) continue
      if (best === undefined || (better === "higher" ? value > best.value : value < best.value))
        best = { subject, value }
    }
    return best
  }
}
