// The process that measures one case of one subject of the benchmark of stores: the client's side of its queue. Worker
// processes are started from here.
import { serveSamples } from "../serveSamples.ts"
import { cases } from "./cases/index.ts"
import type { Place } from "./subject.ts"
import { subjects } from "./subjects/index.ts"
import { startWorker } from "./workers.ts"

/** The first message to a driver. */
export interface Assignment {
  readonly caseName: string
  readonly subjectName: string
  readonly place: Place
  readonly quick: boolean
}

serveSamples(async ({ caseName, place, quick, subjectName }: Assignment) => {
  const measured = cases.find(({ name }) => name === caseName)!
  const subject = subjects.find(({ name }) => name === subjectName)!
  const store = await subject.load()
  const client = await store.connect(place)
  return measured.prepare({ subject, client, startWorker: () => startWorker(subject, place), quick })
})
