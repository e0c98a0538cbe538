// What the benchmarks have in common: their options, the order of the samples, the output.
//
// Every subject of a case has a process of its own (drivers.ts), prepared before the first sample. In each round every
// subject takes one sample, one after the other, and each round begins with another subject; while one measures, the
// others' processes are alive but idle, and this process only waits. Cases that need a cold process or spoil it have a
// new one for each sample. A round that something else on the machine has disturbed is repeated, as long as no more rounds
// have been than the case has. Tables give medians over rounds.
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import type { Verdict } from "./checks.ts"
import type { Driver } from "./drivers.ts"
import { machineBusy, watchSteal } from "./measure.ts"
import { caseTable } from "./report.ts"
import { type Contestant, type Metric, Results } from "./results.ts"
import { inVersions, prepareVersions } from "./versions.ts"

/** A case, as far as taking its samples in turn and printing them needs to know it. */
export interface CaseOutline {
  readonly name: string
  readonly title: string
  /** What is measured and how, in a few lines under the title. */
  readonly explanation: ReadonlyArray<string>
  /**
   * case: a subject's process and what it measures live, parked, through all rounds. sample: each sample has a new
   * process, because it must be cold, or leaves a state behind that nobody should have to measure after.
   */
  readonly lifetime: "case" | "sample"
  readonly rounds: { readonly full: number; readonly quick: number }
}

export interface Benchmark<C extends CaseOutline, S extends Contestant> {
  /** The npm script that runs it. */
  readonly script: string
  readonly cases: ReadonlyArray<C>
  readonly subjects: ReadonlyArray<S>
  /** Whether a subject measures Strand, which there may be two versions of. */
  readonly isStrand: (subject: S) => boolean
  readonly takesPart: (subject: S, measured: C) => boolean
  /** Makes ready what the chosen subjects need, and gives those that can be measured here. A rejection ends the run. */
  readonly prepare: (chosen: ReadonlyArray<S>) => Promise<ReadonlyArray<S>>
  readonly startDriver: (measured: C, subject: S, quick: boolean) => Driver
  /** What is true of all tables, in the line above them. */
  readonly heading: string
  /** What is to be said below the tables. */
  readonly foot: (measured: ReadonlyArray<S>) => ReadonlyArray<string>
  /** The name of the peer that Strand is compared with beside the best one. */
  readonly rival: string
  readonly judge: (results: Results) => ReadonlyArray<Verdict>
}

/** Beyond this, something else runs on the machine, or another machine on the same one, and the numbers mean little. */
const tolerable = { busy: 0.08, stolen: 0.02 }

const fail = (message: string): never => {
  console.error(message)
  process.exit(2)
}

const usage = <C extends CaseOutline, S extends Contestant>({ cases, script, subjects }: Benchmark<C, S>): string => {
  const groups = [...new Set(subjects.map(({ group }) => (group === "strand" ? group : `${group}s`)))]
  return `Usage: npm run ${script} -- [options]

  --only <case,...>      only these cases: ${cases.map(({ name }) => name).join(", ")}
  --subjects <name,...>  only these subjects: a group (${groups.join(", ")}), a name, or how names begin;
                         names: ${subjects.map(({ name }) => name).join(", ")}
  --against <file>       measures the version of Strand in this tarball (npm pack), too, each sample beside one of this
                         version, which is packed for it; without --subjects, nothing but Strand
  --rounds <n>           samples of each subject, instead of each case's own number
  --quick                fewer and shorter samples: a look, not a measurement
  --json                 one JSON object {case, subject, unit, value} a line instead of tables; the value of something
                         that could not be measured is null, and a note says why
`
}

const list = (text: string): ReadonlyArray<string> => text.split(",").map((part) => part.trim().toLowerCase())

/** An exact name stands for that subject alone, though other names may begin with it. */
const matches = (subjects: ReadonlyArray<Contestant>, subject: Contestant, wanted: string): boolean =>
  subjects.some(({ name }) => name.toLowerCase() === wanted)
    ? subject.name.toLowerCase() === wanted
    : subject.name.toLowerCase().startsWith(wanted) || subject.group === wanted || `${subject.group}s` === wanted

const readOptions = <C extends CaseOutline, S extends Contestant>(benchmark: Benchmark<C, S>) => {
  const help = usage(benchmark)
  const parse = () => {
    try {
      return parseArgs({
        options: {
          json: { type: "boolean", default: false },
          quick: { type: "boolean", default: false },
          help: { type: "boolean", default: false },
          only: { type: "string" },
          subjects: { type: "string" },
          against: { type: "string" },
          rounds: { type: "string" }
        }
      }).values
    } catch (error) {
      return fail(`${(error as Error).message}\n\n${help}`)
    }
  }
  const chooseCases = (only: string | undefined): ReadonlyArray<C> => {
    if (only === undefined) return benchmark.cases
    const names = list(only)
    const unknown = names.filter((name) => benchmark.cases.every((measured) => measured.name !== name))
    return unknown.length > 0
      ? fail(`There is no case ${unknown.join(", ")}.\n\n${help}`)
      : benchmark.cases.filter(({ name }) => names.includes(name))
  }
  const chooseSubjects = (wanted: string | undefined): ReadonlyArray<S> => {
    const { subjects } = benchmark
    if (wanted === undefined) return subjects
    const names = list(wanted)
    const unknown = names.filter((name) => !subjects.some((subject) => matches(subjects, subject, name)))
    return unknown.length > 0
      ? fail(`There is no subject ${unknown.join(", ")}.\n\n${help}`)
      : subjects.filter((subject) => names.some((name) => matches(subjects, subject, name)))
  }

  const options = parse()
  if (options.help) {
    console.log(help)
    process.exit(0)
  }
  const rounds = options.rounds === undefined ? undefined : Number(options.rounds)
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) fail("--rounds must be a whole number above 0")
  return {
    cases: chooseCases(options.only),
    subjects:
      options.against !== undefined && options.subjects === undefined
        ? benchmark.subjects.filter(benchmark.isStrand)
        : chooseSubjects(options.subjects),
    against: options.against,
    rounds,
    quick: options.quick,
    json: options.json
  }
}

/**
 * Watches the machine during a round. What it gives tells what else the machine did: before and after the round, when it
 * should have idled, or all the time, for somebody else. Undefined: nothing worth mentioning.
 */
const watchDisturbance = async (): Promise<() => Promise<string | undefined>> => {
  const before = await machineBusy(150)
  const steal = watchSteal()
  return async () => {
    const stolen = steal.part()
    // What ends with a sample has a moment to do so.
    await sleep(50)
    const busy = Math.max(before, await machineBusy(150))
    if (busy > tolerable.busy) return `the machine was ${Math.round(100 * busy)} % busy when it should have idled`
    return stolen > tolerable.stolen ? `${Math.round(100 * stolen)} % of its time were stolen` : undefined
  }
}

const progress = (text: string): void => {
  process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : "")
}

/** Reads the command line, measures, prints, and ends the process. */
export const runBenchmark = async <C extends CaseOutline, S extends Contestant>(
  benchmark: Benchmark<C, S>
): Promise<never> => {
  const options = readOptions(benchmark)
  const prepared = await benchmark.prepare(options.subjects).catch((error: Error) => fail(error.message))
  const versions = options.against === undefined ? undefined : prepareVersions(options.against)
  const subjects =
    versions === undefined
      ? prepared
      : prepared.flatMap((subject) => (benchmark.isStrand(subject) ? inVersions(subject, versions) : [subject]))
  const results = new Results()

  /** Takes a step of a subject's driver; a subject that fails is noted and left out of the rest of the case. */
  const attempt = async <A>(measured: C, subject: S, step: () => Promise<A>): Promise<A | undefined> => {
    try {
      return await step()
    } catch (error) {
      results.fail(measured.name, subject, (error as Error).message.trim())
      return undefined
    }
  }

  /** Takes all samples of a case, and gives what disturbed those that could not be repeated any more. */
  const runCase = async (measured: C): Promise<ReadonlyArray<string>> => {
    const taking = subjects.filter((subject) => benchmark.takesPart(subject, measured))
    const drivers = new Map<S, Driver>()
    const failed = new Set<S>()
    const disturbances: Array<string> = []

    const open = async (subject: S): Promise<void> => {
      const driver = benchmark.startDriver(measured, subject, options.quick)
      drivers.set(subject, driver)
      if ((await attempt(measured, subject, driver.next)) === undefined) failed.add(subject)
    }
    const close = async (subject: S): Promise<void> => {
      await drivers.get(subject)?.end()
      drivers.delete(subject)
    }
    const sample = async (subject: S): Promise<ReadonlyArray<Metric>> => {
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
    const count = options.rounds ?? measured.rounds[options.quick ? "quick" : "full"]
    const takeRound = async (round: number): Promise<ReadonlyArray<readonly [S, Metric]>> => {
      const samples: Array<readonly [S, Metric]> = []
      for (let place = 0; place < taking.length; place++) {
        const subject = taking[(place + round) % taking.length]!
        if (failed.has(subject)) continue
        progress(`${measured.name}: round ${round + 1} of ${count}, ${subject.name}`)
        if (measured.lifetime === "sample") await open(subject)
        if (!failed.has(subject)) for (const metric of await sample(subject)) samples.push([subject, metric])
        if (measured.lifetime === "sample") await close(subject)
      }
      return samples
    }
    let repeats = count
    for (let round = 0; round < count; round++) {
      const disturbance = await watchDisturbance()
      const samples = await takeRound(round)
      const found = await disturbance()
      if (found !== undefined && repeats-- > 0) {
        round--
        continue
      }
      if (found !== undefined) disturbances.push(found)
      for (const [subject, metric] of samples) results.add(subject, metric)
    }
    for (const subject of taking) await close(subject)
    progress("")
    return disturbances
  }

  const printJson = (from: number): void => {
    for (const row of results.rows.slice(from)) {
      for (const subject of subjects) {
        const cell = results.cell(row.name, subject)
        if (cell === undefined) continue
        const line = { case: row.name, subject: subject.name, unit: row.unit, value: cell.value }
        console.log(JSON.stringify(cell.value === null ? { ...line, note: cell.note } : line))
      }
    }
  }

  if (!options.json) {
    console.log(benchmark.heading)
    if (options.quick) console.log("Quick run: a look, not a measurement.")
    console.log("")
  }

  const startedAt = performance.now()
  for (const measured of options.cases) {
    const from = results.rows.length
    const disturbances = await runCase(measured)
    if (options.json) printJson(from)
    else console.log(caseTable(measured, results.rows.slice(from), results, subjects, benchmark.rival))
    if (disturbances.length > 0) {
      console.error(
        `Disturbed: ${disturbances.length} rounds of ${measured.name}, though as many were repeated as it has: ` +
          `${disturbances.at(-1)}.\n`
      )
    }
  }

  for (const { caseName, message, subject } of results.failures) {
    console.error(`${subject.name} failed in ${caseName}: ${message}`)
  }
  if (!options.json) {
    for (const line of benchmark.foot(subjects)) console.log(line)
    const verdicts = benchmark.judge(results)
    if (verdicts.length > 0) console.log("Targets")
    for (const { measured, met, target } of verdicts) {
      console.log(`  ${met ? "met   " : "MISSED"}  ${target}\n          ${measured}`)
    }
    console.log(`Took ${Math.round((performance.now() - startedAt) / 1000)} s.`)
  }
  process.exit(0)
}
