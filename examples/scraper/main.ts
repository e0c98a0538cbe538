/**
 * Scrapes a site as fast as the site allows, and no faster.
 *
 * The site lets 100 requests a second in, and is out of order now and then. What keeps to that is not in the scraper but
 * in front of its runner: a rate limit, attempts again, a circuit breaker, and counters of it all. Pages are fetched in
 * fibers, since that waits, and read in threads, since that computes: a router has both.
 */
import { availableParallelism } from "node:os"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Schedule } from "effect"
import { FiberRunner, Middleware, type TaskError, TaskRouter, type TaskRunner, ThreadRunner } from "effect-strand"
import { fetchPage, readPage, SiteBusy } from "./definition.ts"
import * as Network from "./network.ts"
import * as Site from "./site.ts"

/** What the site allows in a second, and what is asked of it: steadily, since it counts when a request arrives. */
const allowed = 100
const asked = 60

/** A page that is missing will be so again. */
const isBusy = (error: unknown): boolean => error instanceof SiteBusy

const network = Middleware.stack(
  FiberRunner.layer(Network.handlers),
  Middleware.retry({ times: 5, schedule: Schedule.spaced("50 millis"), while: isBusy }),
  Middleware.circuitBreaker({ failures: 10 }),
  Middleware.rateLimit({ limit: asked, window: "1 second", algorithm: "token-bucket", burst: 10 })
)

const threads = ThreadRunner.layer({
  module: new URL("./tasks.ts", import.meta.url),
  size: Math.min(2, availableParallelism())
})

const runners = Middleware.stack(TaskRouter.layer({ network, threads, default: "network" }), Middleware.metrics())

interface Page {
  readonly path: string
  readonly title: string
  readonly words: number
  readonly links: ReadonlyArray<string>
}

/** Follows links from the front page on, each once, until so many pages have been asked for. */
const scrape = (site: string, wanted: number) =>
  Effect.gen(function* () {
    const seen = new Set(["/"])
    const pages: Array<Page> = []
    const missing: Array<string> = []

    const visit = (path: string): Effect.Effect<void, SiteBusy | TaskError.TaskError, TaskRunner.TaskRunner> =>
      fetchPage.run({ site, path }).pipe(
        Effect.flatMap((html) => readPage.run({ html })),
        Effect.flatMap((page) => {
          pages.push({ path, ...page })
          const next = page.links.filter((link) => !seen.has(link)).slice(0, wanted - seen.size)
          for (const link of next) seen.add(link)
          return Effect.forEach(next, visit, { concurrency: "unbounded", discard: true })
        }),
        Effect.catchTag("PageMissing", () => Effect.sync(() => void missing.push(path)))
      )

    yield* visit("/")
    return { pages, missing }
  })

const report = ({
  missing,
  pages
}: {
  readonly pages: ReadonlyArray<Page>
  readonly missing: ReadonlyArray<string>
}) => {
  const linked = new Map<string, number>()
  for (const { links, path } of pages) {
    if (path !== "/") for (const link of links) linked.set(link, (linked.get(link) ?? 0) + 1)
  }
  const name = (path: string) => path.replace("/package/", "")
  const most = [...linked].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).slice(0, 5)
  const longest = pages.filter(({ path }) => path !== "/").toSorted((a, b) => b.words - a.words)
  return [
    `${pages.length} pages with ${pages.reduce((sum, page) => sum + page.words, 0).toLocaleString("en-US")} words`,
    `${missing.length} links lead nowhere${missing.length === 0 ? "" : `, such as ${name(missing[0]!)}`}`,
    `most linked: ${most.map(([path, count]) => `${name(path)} (${count})`).join(", ")}`,
    `longest: ${longest
      .slice(0, 3)
      .map(({ path, words }) => `${name(path)} (${words.toLocaleString("en-US")} words)`)
      .join(", ")}`
  ].join("\n")
}

const program = Effect.gen(function* () {
  const wanted = Number(process.argv[2] ?? 240)
  const site = yield* Site.open(allowed)
  yield* Console.log(
    `Scraping ${wanted} pages of a site that allows ${allowed} requests a second, at ${asked} a second`
  )
  const start = performance.now()
  const found = yield* scrape(site.url, wanted)
  const seconds = (performance.now() - start) / 1000
  yield* Console.log(report(found))

  const { tasks } = yield* Middleware.TaskMetrics.use((metrics) => metrics.snapshot)
  const { busiestSecond, failed, refused, requests } = site.counts
  yield* Console.log(
    `\n${requests} requests in ${seconds.toFixed(1)} s, ${busiestSecond} in the busiest second: ` +
      `the site refused ${refused}, was out of order for ${failed}`
  )
  for (const [name, { completed, duration }] of Object.entries(tasks)) {
    yield* Console.log(
      `${name}: ${completed} done, ${duration.average.toFixed(0)} ms each, turns and attempts included`
    )
  }
})

NodeRuntime.runMain(program.pipe(Effect.scoped, Effect.provide(runners)))
