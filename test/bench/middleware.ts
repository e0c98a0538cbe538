// `npm run bench:middleware`: measures what middlewares add to a task, and prints tables.
//
// Every subject measures in a process of its own (middleware/driver.ts); benchmark.ts takes the samples in turn. A full run
// takes about two minutes, a quick one some twenty seconds.
import { runBenchmark } from "./benchmark.ts"
import { type Check, judge, limit, within } from "./checks.ts"
import { formatNumber } from "./report.ts"
import { startDriver } from "./drivers.ts"
import { type Case, cases, few, many, rows } from "./middleware/cases.ts"
import type { Assignment } from "./middleware/driver.ts"
import { bare, type CaseName, limits, stacked, type Subject, subjects } from "./middleware/subjects.ts"
import { scriptOf } from "./versions.ts"

/** A task of many costs as much as one of few. Half as much again is what the garbage of more tasks may cost. */
const linear =
  (subject: Subject, name: CaseName): Check =>
  (results) => {
    const one = results.value(rows.time(name, few), subject)
    const other = results.value(rows.time(name, many), subject)
    return one === undefined || other === undefined
      ? undefined
      : {
          target: `${subject.name}, ${name}: ${many / few} times as many tasks take ${many / few} times as long`,
          measured: `${(other / one).toFixed(2)}× for each: ${formatNumber(other)} against ${formatNumber(one)} µs`,
          met: other <= 1.5 * one
        }
  }

/** What has been counted is forgotten. A few hundred kilobytes are what Node has compiled meanwhile. */
const constant = (subject: Subject, name: CaseName): Check =>
  limit(
    `${subject.name}, ${name}: no more memory after many tasks than before`,
    rows.heap(name, many),
    subject,
    "kB",
    (kilobytes) => kilobytes < 512
  )

const checks: ReadonlyArray<Check> = [
  within("logging, metrics and timeout add less than 5 µs", "task", stacked, [bare], 5, "µs"),
  ...(["passing", "waiting"] as const).flatMap((name) =>
    limits.flatMap((subject) => [linear(subject, name), constant(subject, name)])
  )
]

await runBenchmark<Case, Subject>({
  script: "bench:middleware",
  cases,
  subjects,
  isStrand: () => true,
  takesPart: (subject, measured) => subject.cases.includes(measured.name),
  prepare: (chosen) => Promise.resolve(chosen),
  startDriver: (measured, subject, quick) => {
    const assignment: Assignment = { caseName: measured.name, subjectName: subject.original ?? subject.name, quick }
    return startDriver(scriptOf(subject, "middleware/driver"), assignment)
  },
  heading: `Node ${process.version}, ${process.arch}. Medians.`,
  foot: () => [],
  rival: "",
  judge: (results) => judge(checks, results)
})
