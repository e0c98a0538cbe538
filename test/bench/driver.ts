// The process that measures one case of one subject of the benchmark of pools: nothing else is imported there, so no
// library disturbs another's heap or compiled code.
import { cases } from "./cases/index.ts"
import { serveSamples } from "./serveSamples.ts"
import { subjects } from "./subjects/index.ts"

/** The first message to a driver. */
export interface Assignment {
  readonly caseName: string
  readonly subjectName: string
  readonly quick: boolean
  readonly burnPerMilli: number
}

serveSamples(async ({ burnPerMilli, caseName, quick, subjectName }: Assignment) => {
  const measured = cases.find(({ name }) => name === caseName)!
  const subject = subjects.find(({ name }) => name === subjectName)!
  const startedAt = performance.now()
  const make = await subject.load()
  const loadMillis = performance.now() - startedAt
  return measured.prepare({ subject, make, loadMillis, quick, burnPerMilli })
})
