// `npm run bench:pools`: compares Strand's threads, processes and fibers with other worker pools and prints tables.
//
// Every subject measures in a process of its own (driver.ts) with a pool of two workers, made and warmed before the first
// sample; benchmark.ts takes the samples in turn. A full run takes about a quarter of an hour on two cores, a quick one
// about five minutes.
import { runBenchmark } from "./benchmark.ts"
import type { Case } from "./case.ts"
import { cases } from "./cases/index.ts"
import { judge } from "./checks.ts"
import type { Assignment } from "./driver.ts"
import { startDriver } from "./drivers.ts"
import type { Subject } from "./subject.ts"
import { subjects } from "./subjects/index.ts"
import { checks } from "./targets.ts"
import { scriptOf } from "./versions.ts"
import { burn } from "./tasks.ts"
import { writeWorkerScripts } from "./workers.ts"

/** The bare thread and process load no Strand library themselves, but their workers import its tasks module. */
const checkStrand = async (chosen: ReadonlyArray<Subject>): Promise<void> => {
  try {
    if (chosen.some(({ name }) => name.startsWith("bare "))) await import("./strandTasks.ts")
    for (const { group, load } of chosen) if (group === "strand") await load()
  } catch (error) {
    throw new Error(
      `Strand cannot be imported: ${(error as Error).message}\nTo measure the others: --subjects peers,raw`,
      { cause: error }
    )
  }
}

/** How often `burn` goes round in a millisecond when nothing else runs: the fastest of some tries, once it is compiled. */
const calibrate = (): number => {
  const iterations = 5_000_000
  for (let warmUp = 0; warmUp < 10; warmUp++) burn({ iterations })
  return iterations / Math.min(...Array.from({ length: 20 }, () => burn({ iterations })))
}

let burnPerMilli = 0

await runBenchmark<Case, Subject>({
  script: "bench:pools",
  cases,
  subjects,
  isStrand: ({ group }) => group === "strand",
  takesPart: (subject, measured) => subject.cases?.includes(measured.name) ?? measured.name !== "fibers",
  prepare: async (chosen) => {
    await checkStrand(chosen)
    writeWorkerScripts()
    burnPerMilli = calibrate()
    return chosen
  },
  startDriver: (measured, subject, quick) => {
    const subjectName = subject.original ?? subject.name
    const assignment: Assignment = { caseName: measured.name, subjectName, quick, burnPerMilli }
    return startDriver(scriptOf(subject, "driver"), assignment, measured.execArgv)
  },
  heading: `Node ${process.version}, ${process.arch}. Two workers in each pool. Medians; × is how many times better.`,
  foot: () => [],
  rival: "piscina",
  judge: (results) => judge(checks, results)
})
