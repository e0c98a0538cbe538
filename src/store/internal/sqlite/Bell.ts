/**
 * A file beside a database that wakes the processes which watch it.
 *
 * Ringing touches the file; the system tells every watcher within a fraction of a millisecond, and nobody else has to do
 * anything. Rings that follow closely are gathered. A bell is a hint: where the system does not watch files, as on
 * network drives, its listeners' slow poll finds what it would have told.
 */
import { closeSync, type FSWatcher, futimesSync, openSync, watch } from "node:fs"

/** The least time between two rings, in milliseconds. */
const pause = 1

/** How long a ring without haste waits for others, in milliseconds. */
const delay = 5

/** A bell that can be rung and heard. */
export interface Bell {
  readonly ring: () => void
  /** Rings soon, unless somebody rings before. */
  readonly ringLater: () => void
  /** Calls back at each ring, until the function that it gives is called. */
  readonly listen: (onRing: () => void) => () => void
  readonly close: () => void
}

/** A bell for a store that only this process knows. */
export const silent: Bell = { ring: () => {}, ringLater: () => {}, listen: () => () => {}, close: () => {} }

/** The bell at a path. The file is made if need be. */
export const make = (path: string): Bell => {
  const file = openSync(path, "a")
  let rungAt = -Infinity
  let dueAt = Infinity
  let timer: NodeJS.Timeout | undefined
  let closed = false

  const touch = () => {
    clearTimeout(timer)
    dueAt = Infinity
    rungAt = performance.now()
    const now = Date.now() / 1000
    futimesSync(file, now, now)
  }

  const ringIn = (wait: number) => {
    const at = performance.now() + wait
    if (at >= dueAt) return
    clearTimeout(timer)
    dueAt = at
    timer = setTimeout(touch, wait)
  }

  return {
    ring: () => {
      if (closed) return
      if (performance.now() - rungAt >= pause) touch()
      else ringIn(pause)
    },
    ringLater: () => {
      if (!closed) ringIn(delay)
    },
    listen: (onRing) => {
      let watcher: FSWatcher | undefined
      try {
        watcher = watch(path, { persistent: false }, onRing)
        // A file system that cannot be watched, or not any more: the poll remains.
        watcher.on("error", () => watcher?.close())
      } catch {
        // The same, told at once.
      }
      return () => watcher?.close()
    },
    close: () => {
      if (dueAt < Infinity) touch()
      closed = true
      closeSync(file)
    }
  }
}
