// `npm run bench:store`: compares Strand's stores with other durable job queues and prints tables.
//
// Every subject measures in a driver process of its own (store/driver.ts), which is the client of its queue, with worker
// processes beside it; benchmark.ts takes the samples in turn. Redis and PostgreSQL have to be there already: REDIS_URL
// and POSTGRES_URL say where, redis://127.0.0.1:6379 and postgres://postgres@127.0.0.1:5432/test if they do not. Subjects
// whose server is missing are left out, and the run says so. All keys, schemas and files that a run makes are its own, and
// it removes them. A full run takes about half an hour on two cores, a quick one about five minutes.
import { runBenchmark } from "./benchmark.ts"
import { judge } from "./checks.ts"
import { startDriver } from "./drivers.ts"
import type { Case } from "./store/case.ts"
import { cases } from "./store/cases/index.ts"
import type { Assignment } from "./store/driver.ts"
import { addressOf, describeServer, makePlace, removeLeftovers, removePlace, type ServerName } from "./store/servers.ts"
import type { Subject } from "./store/subject.ts"
import { subjects } from "./store/subjects/index.ts"
import { checks } from "./store/targets.ts"
import { scriptOf } from "./versions.ts"

const descriptions = new Map<ServerName, string>()
const leftOut: Array<string> = []

/** Finds out which servers are there, and tells of each that is not. */
const withServer = async (chosen: ReadonlyArray<Subject>): Promise<ReadonlyArray<Subject>> => {
  for (const server of new Set(chosen.map((subject) => subject.server))) {
    try {
      descriptions.set(server, await describeServer(server))
      await removeLeftovers(server)
    } catch (error) {
      const names = chosen.filter((subject) => subject.server === server).map(({ name }) => name)
      const message = `LEFT OUT: ${names.join(", ")}: no ${server} at ${addressOf(server)} (${String(error)})`
      leftOut.push(message)
      console.error(`${message}\n`)
    }
  }
  return chosen.filter((subject) => descriptions.has(subject.server))
}

/** Lines of at most 120 columns, the further ones indented. */
const wrap = (text: string): ReadonlyArray<string> => {
  const lines = [" "]
  for (const word of text.split(" ")) {
    if (lines.at(-1)!.length + word.length > 119) lines.push("   ")
    lines.push(`${lines.pop()!} ${word}`)
  }
  return lines
}

await runBenchmark<Case, Subject>({
  script: "bench:store",
  cases,
  subjects,
  isStrand: ({ group }) => group === "strand",
  takesPart: () => true,
  prepare: withServer,
  startDriver: (measured, subject, quick) => {
    const place = makePlace(subject.server)
    const subjectName = subject.original ?? subject.name
    const driver = startDriver(scriptOf(subject, "store/driver"), {
      caseName: measured.name,
      subjectName,
      place,
      quick
    } satisfies Assignment)
    return {
      next: driver.next,
      end: async () => {
        await driver.end()
        await removePlace(subject.server, place)
      }
    }
  },
  heading:
    `Node ${process.version}, ${process.arch}. Client, workers and servers share this machine. Medians; × is how many ` +
    "times better.",
  foot: (measured) => [
    "How jobs are kept here",
    ...[...descriptions.values()].map((description) => `  ${description}`),
    ...measured.flatMap(({ name, server, setUp }) => wrap(`${name}, ${server}: ${setUp}`)),
    ...leftOut,
    ""
  ],
  rival: "BullMQ",
  judge: (results) => judge(checks, results)
})
