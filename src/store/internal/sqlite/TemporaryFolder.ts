/** A folder for a store that leaves nothing behind. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { StoreFailure } from "../../../TaskError.ts"

/** A Layer that is made over a folder of its own, among the system's temporary files. Both are gone together. */
export const provide = <A, E>(make: (folder: string) => Layer.Layer<A, E>): Layer.Layer<A, E | StoreFailure> =>
  Layer.unwrap(
    Effect.map(
      Effect.acquireRelease(
        Effect.try({
          try: () => mkdtempSync(join(tmpdir(), "effect-strand-")),
          catch: (cause) => new StoreFailure({ operation: "make a temporary folder", cause })
        }),
        (folder) => Effect.sync(() => rmSync(folder, { recursive: true, force: true }))
      ),
      make
    )
  )
