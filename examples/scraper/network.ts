/**
 * The handler that waits: it gets a page over HTTP. A call that is interrupted drops its connection.
 */
import { Effect } from "effect"
import { fetchPage, PageMissing, SiteBusy } from "./definition.ts"

export const handlers = fetchPage.toLayer(({ path, site }) =>
  Effect.gen(function* () {
    const response = yield* Effect.tryPromise({
      try: (signal) => fetch(new URL(path, site), { signal }),
      catch: () => new SiteBusy({ path, status: 0 })
    })
    if (response.status === 404) return yield* new PageMissing({ path })
    if (!response.ok) return yield* new SiteBusy({ path, status: response.status })
    return yield* Effect.tryPromise({
      try: () => response.text(),
      catch: () => new SiteBusy({ path, status: response.status })
    })
  })
)
