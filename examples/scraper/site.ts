/**
 * A site to scrape: the packages that are installed here, each with a page of its own that links to what it depends on.
 * Like many sites it refuses whoever asks too often, and it is out of order now and then.
 */
import { readdirSync, readFileSync } from "node:fs"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { Effect, type Scope } from "effect"

const installed = join(import.meta.dirname, "..", "..", "node_modules")

interface Package {
  readonly name: string
  readonly version?: string
  readonly description?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const names = (): ReadonlyArray<string> =>
  readdirSync(installed)
    .filter((name) => !name.startsWith("."))
    .flatMap((name) =>
      name.startsWith("@") ? readdirSync(join(installed, name)).map((one) => `${name}/${one}`) : [name]
    )

const read = (...path: ReadonlyArray<string>): string | undefined => {
  try {
    return readFileSync(join(installed, ...path), "utf8")
  } catch {
    return undefined
  }
}

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;")

const link = (name: string): string => `<li><a href="/package/${escape(name)}">${escape(name)}</a></li>`

const page = (title: string, body: string): string =>
  `<!doctype html><html><head><title>${escape(title)}</title></head><body>${body}</body></html>`

const packagePage = (name: string): string | undefined => {
  const json = read(name, "package.json")
  if (json === undefined || !/^[\w.-]+$|^@[\w.-]+\/[\w.-]+$/.test(name)) return undefined
  const found = JSON.parse(json) as Package
  const links = Object.keys({ ...found.dependencies, ...found.peerDependencies }).map(link)
  return page(
    name,
    `<h1>${escape(name)} ${found.version ?? ""}</h1><p>${escape(found.description ?? "")}</p><ul>${links.join("")}</ul>` +
      `<pre>${escape(read(name, "README.md") ?? "")}</pre>`
  )
}

/** A site that is up. */
export interface Site {
  readonly url: string
  /** How many requests it has answered, how many of them with a refusal, and how many came in its busiest second. */
  readonly counts: { requests: number; refused: number; failed: number; busiestSecond: number }
}

/** Opens the site, until the scope ends. It answers `limit` requests in any second, and fails with each 40th. */
export const open = (limit: number): Effect.Effect<Site, never, Scope.Scope> =>
  Effect.gen(function* () {
    const counts = { requests: 0, refused: 0, failed: 0, busiestSecond: 0 }
    let recent: Array<number> = []

    const answer = (url: string, response: ServerResponse): void => {
      const now = performance.now()
      recent = [...recent.filter((at) => now - at < 1000), now]
      counts.requests++
      counts.busiestSecond = Math.max(counts.busiestSecond, recent.length)
      if (recent.length > limit) {
        counts.refused++
        return void response.writeHead(429, { "retry-after": "1" }).end()
      }
      if (counts.requests % 40 === 0) {
        counts.failed++
        return void response.writeHead(503).end()
      }
      const body =
        url === "/"
          ? page("All packages", `<ul>${names().map(link).join("")}</ul>`)
          : packagePage(decodeURIComponent(url.replace("/package/", "")))
      if (body === undefined) return void response.writeHead(404).end()
      response.writeHead(200, { "content-type": "text/html" }).end(body)
    }

    const server = yield* Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createServer>>((resume) => {
        const server = createServer((request, response) => answer(request.url ?? "/", response))
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    )
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, counts }
  })
