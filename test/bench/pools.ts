// `npm run bench:pools`: compares Strand's threads, processes and fibers with other worker pools and prints tables.
//
// How it measures. Every subject of a case has a process of its own (driver.ts) with a pool of two workers, made and
// warmed before the first sample. In each round every subject takes one sample, one after the other, and each round
// begins with another subject; while one measures, the others' processes and pools stay alive but idle, and this process
// only waits. Cases that need a cold process or spoil it have a new one for each sample. Tables give medians over rounds.
// A full run takes about a quarter of an hour on two cores, a quick one about five minutes.
import { parseArgs } from "node:util"
import type { Case, Metric } from "./case.ts"
import { cases } from "./cases/index.ts"
import { type Driver, startDriver } from "./drivers.ts"
import { machineBusy } from "./measure.ts"
import { caseTable } from "./report.ts"
import { Results } from "./results.ts"
import type { Subject } from "./subject.ts"
import { subjects } from "./subjects/index.ts"
import { judge } from "./targets.ts"
import { burn } from "./tasks.ts"
import { writeWorkerScripts } from "./workers.ts"

const usage = `Usage: npm run bench:pools -- [options]

  --only <case,...>      only these cases: ${cases.map(({ name }) => name).join(", ")}
  --subjects <name,...>  only these subjects: a group (strand, peers, references), a name, or how names begin;
                         names: ${subjects.map(({ name }) => name).join(", ")}
  --rounds <n>           samples of each subject, instead of each case's own number
  --quick                fewer and shorter samples: a look, not a measurement
  --json                 one JSON object {case, subject, unit, value} a line instead of tables
`

const fail = (message: string): never => {
  console.error(message)
  process.exit(2)
}

const readOptions = () => {
  try {
    return parseArgs({
      options: {
        json: { type: "boolean", default: false },
        quick: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
        only: { type: "string" },
        subjects: { type: "string" },
        rounds: { type: "string" }
      }
    }).values
  } catch (error) {
    return fail(`${(error as Error).message}\n\n${usage}`)
  }
}

const list = (text: string): ReadonlyArray<string> => text.split(",").map((part) => part.trim().toLowerCase())

const chooseCases = (only: string | undefined): ReadonlyArray<Case> => {
  if (only === undefined) return cases
  const names = list(only)
  const unknown = names.filter((name) => cases.every((measured) => measured.name !== name))
  return unknown.length > 0
    ? fail(`There is no case ${unknown.join(", ")}.\n\n${usage}`)
    : cases.filter(({ name }) => names.includes(name))
}

/** An exact name stands for that subject alone, though other names may begin with it. */
const matches = (subject: Subject, wanted: string): boolean =>
  subjects.some(({ name }) => name.toLowerCase() === wanted)
    ? subject.name.toLowerCase() === wanted
    : subject.name.toLowerCase().startsWith(wanted) || subject.group === wanted || `${subject.group}s` === wanted

const chooseSubjects = (wanted: string | undefined): ReadonlyArray<Subject> => {
  if (wanted === undefined) return subjects
  const names = list(wanted)
  const unknown = names.filter((name) => !subjects.some((subject) => matches(subject, name)))
  return unknown.length > 0
    ? fail(`There is no subject ${unknown.join(", ")}.\n\n${usage}`)
    : subjects.filter((subject) => names.some((name) => matches(subject, name)))
}

const takesPart = (subject: Subject, measured: Case): boolean =>
  subject.cases?.includes(measured.name) ?? measured.name !== "fibers"

/** The bare thread and process load no Strand library themselves, but their workers import its tasks module. */
const checkStrand = async (chosen: ReadonlyArray<Subject>): Promise<void> => {
  try {
    if (chosen.some(({ name }) => name.startsWith("bare "))) await import("./strandTasks.ts")
    for (const { group, load } of chosen) if (group === "strand") await load()
  } catch (error) {
    fail(`Strand cannot be imported: ${(error as Error).message}\nTo measure the others: --subjects peers,raw`)
  }
}

/** How often `burn` goes round in a millisecond when nothing else runs: the fastest of some tries, once it is compiled. */
const calibrate = (): number => {
  const iterations = 5_000_000
  for (let warmUp = 0; warmUp < 10; warmUp++) burn({ iterations })
  return iterations / Math.min(...Array.from({ length: 20 }, () => burn({ iterations })))
}

const options = readOptions()
if (options.help) {
  console.log(usage)
  process.exit(0)
}
const chosenCases = chooseCases(options.only)
const chosenSubjects = chooseSubjects(options.subjects)
const rounds = options.rounds === undefined ? undefined : Number(options.rounds)
if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) fail(`--rounds must be a whole number above 0`)
await checkStrand(chosenSubjects)
writeWorkerScripts()

/** Beyond this, something else runs on the machine and the numbers of the case mean little. */
const tolerableBusy = 0.08

const settings = { quick: options.quick, burnPerMilli: calibrate() }
const results = new Results()

const progress = (text: string): void => {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : "")
}

/** Takes a step of a subject's driver; a subject that fails is noted and left out of the rest of the case. */
const attempt = async <A>(measured: Case, subject: Subject, step: () => Promise<A>): Promise<A | undefined> => {
  try {
    return await step()
  } catch (error) {
    results.fail(measured.name, subject, (error as Error).message.trim())
    return undefined
  }
}

/** Takes all samples of a case, and gives how busy the machine was between its rounds, when it should have idled. */
const runCase = async (measured: Case): Promise<number> => {
  const taking = chosenSubjects.filter((subject) => takesPart(subject, measured))
  const drivers = new Map<Subject, Driver>()
  const failed = new Set<Subject>()
  let busy = 0

  const open = async (subject: Subject): Promise<void> => {
    const driver = startDriver(measured, subject, settings)
    drivers.set(subject, driver)
    if ((await attempt(measured, subject, driver.next)) === undefined) failed.add(subject)
  }
  const close = async (subject: Subject): Promise<void> => {
    await drivers.get(subject)?.end()
    drivers.delete(subject)
  }
  const sample = async (subject: Subject): Promise<ReadonlyArray<Metric>> => {
    const metrics = await attempt(measured, subject, drivers.get(subject)!.next)
    if (metrics === undefined) failed.add(subject)
    return metrics ?? []
  }

  if (measured.lifetime === "case") {
    for (const subject of taking) {
      progress(`${measured.name}: preparing ${subject.name}`)
      await open(subject)
    }
  }
  const count = rounds ?? measured.rounds[options.quick ? "quick" : "full"]
  for (let round = 0; round < count; round++) {
    busy += await machineBusy(150)
    for (let place = 0; place < taking.length; place++) {
      const subject = taking[(place + round) % taking.length]!
      if (failed.has(subject)) continue
      progress(`${measured.name}: round ${round + 1} of ${count}, ${subject.name}`)
      if (measured.lifetime === "sample") await open(subject)
      if (!failed.has(subject)) for (const metric of await sample(subject)) results.add(subject, metric)
      if (measured.lifetime === "sample") await close(subject)
    }
  }
  for (const subject of taking) await close(subject)
  progress("")
  return busy / count
}

const printJson = (from: number): void => {
  for (const row of results.rows.slice(from)) {
    for (const subject of chosenSubjects) {
      const cell = results.cell(row.name, subject)
      if (cell === undefined) continue
      console.log(JSON.stringify({ case: row.name, subject: subject.name, unit: row.unit, value: cell.value }))
    }
  }
}

if (!options.json) {
  console.log(
    `Node ${process.version}, ${process.arch}. Two workers in each pool. Medians; × is how many times better.`
  )
  if (options.quick) console.log("Quick run: a look, not a measurement.")
  console.log("")
}

const startedAt = performance.now()
for (const measured of chosenCases) {
  const from = results.rows.length
  const busy = await runCase(measured)
  if (options.json) printJson(from)
  else console.log(caseTable(measured, results.rows.slice(from), results, chosenSubjects))
  if (busy > tolerableBusy) {
    console.error(
      `Disturbed: between the rounds of ${measured.name} the machine was ${Math.round(100 * busy)} % busy.\n`
    )
  }
}

for (const { caseName, message, subject } of results.failures) {
  console.error(`${subject.name} failed in ${caseName}: ${message}`)
}
if (!options.json) {
  const verdicts = judge(results)
  if (verdicts.length > 0) console.log("Targets")
  for (const { measured, met, target } of verdicts) {
    console.log(`  ${met ? "met   " : "MISSED"}  ${target}\n          ${measured}`)
  }
  console.log(`Took ${Math.round((performance.now() - startedAt) / 1000)} s.`)
}
process.exit(0)
