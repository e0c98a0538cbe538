// Temporary folders, which are gone when they are no longer needed.
import { afterAll } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

// On some systems the folder for temporary files is a link, which programs that run in it do not see.
const make = (): string => realpathSync(mkdtempSync(join(tmpdir(), "effect-strand-")))

const remove = (folder: string): void => rmSync(folder, { recursive: true, force: true })

/** A folder for the tests of the file that calls this. */
export const ofFile = (): string => {
  const folder = make()
  afterAll(() => remove(folder))
  return folder
}

/** A folder for as long as the scope is open. */
export const scoped: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(Effect.sync(make), (folder) =>
  Effect.sync(() => remove(folder))
)

/** Writes files into a folder that is made for them. Gives the folder. */
export const write = (folder: string, files: Readonly<Record<string, string>>): string => {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}
