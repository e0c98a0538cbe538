// The process that measures one subject of the benchmark of middlewares in one case.
import { serveSamples } from "../serveSamples.ts"
import { cases } from "./cases.ts"
import { subjects } from "./subjects.ts"

/** The first message to a driver. */
export interface Assignment {
  readonly caseName: string
  readonly subjectName: string
  readonly quick: boolean
}

serveSamples(({ caseName, quick, subjectName }: Assignment) => {
  const measured = cases.find(({ name }) => name === caseName)!
  const subject = subjects.find(({ name }) => name === subjectName)!
  return measured.prepare(subject, quick)
})
